"""Real spherical harmonics of directions up to degree 4, and what the sum over their orders stands for.

(2l + 1) P_l(u·v) = Σ_m w_m S_lm(u) S_lm(v), the addition theorem, with S_lm polynomials that are left without their
norms: those stand in the weights w_m, to be applied once per atom instead of once per pair of atoms.
"""

import numpy as np

from sonde.records.arrays import FloatArray

DEGREES = (1, 2, 3, 4)
"""l = 4 is the lowest degree that tells cubic surroundings from isotropic ones."""
N_HARMONICS = 25
OF_DEGREE = {degree: slice(degree**2, (degree + 1) ** 2) for degree in DEGREES}
"""Rows of each degree; row 0 is degree 0, constant."""
WEIGHTS: FloatArray = np.array(
    [
        *(1, 3, 3, 3),
        *(15, 15, 5 / 4, 15, 15 / 4),
        *(35 / 8, 105, 21 / 8, 7 / 4, 21 / 8, 105 / 4, 35 / 8),
        *(315 / 4, 315 / 8, 45 / 4, 45 / 8, 9 / 64, 45 / 8, 45 / 16, 315 / 8, 315 / 64),
    ]
)
"""w_m (25,)."""


def harmonics(unit: FloatArray, S: FloatArray) -> FloatArray:
    """Write S_lm (25, n) of directions (3, n), m from −l to l, l after l; a zero vector has degree 0 alone.

    One polynomial is made of others: numbers come from memory no more often than they must.
    """
    x, y, z = unit
    S[0], S[1:4] = 1.0, unit
    xx, yy, zz = unit * unit
    rr = xx + yy
    rr += zz  # 1, or 0 of a zero vector: each polynomial is homogeneous
    xy, yz = np.multiply(x, y, out=S[4]), np.multiply(y, z, out=S[5])
    xz, flat = np.multiply(x, z, out=S[7]), np.subtract(xx, yy, out=S[8])
    np.subtract(3 * zz, rr, out=S[6])
    five, seven = 5 * zz - rr, 7 * zz - rr
    yyy, xxx = np.multiply(y, 3 * xx - yy, out=S[9]), np.multiply(x, xx - 3 * yy, out=S[15])
    for row, left, right in ((10, xy, z), (11, y, five), (13, x, five), (14, z, flat)):
        np.multiply(left, right, out=S[row])
    for row, left, right in ((16, xy, flat), (17, z, yyy), (18, xy, seven), (22, seven, flat), (23, z, xxx)):
        np.multiply(left, right, out=S[row])
    rr *= 2
    five -= rr
    seven -= rr
    for row, left, right in ((12, z, five), (19, yz, seven), (21, xz, seven)):
        np.multiply(left, right, out=S[row])
    # with z⁴ = zz² and r² = rr / 2 by now: 35 z⁴ − 30 z² r² + 3 r⁴
    np.add(zz * (35 * zz - 15 * rr), 0.75 * rr * rr, out=S[20])
    np.subtract(x * xxx, y * yyy, out=S[24])
    return S
