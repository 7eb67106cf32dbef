"""Whether two frames hold one geometry up to periodic images and the order of atoms, and a fingerprint to find them by.

Neither rotations nor another choice of lattice vectors count as the same: a file written and read again has neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from ase.geometry import complete_cell
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from sonde.records.arrays import AnyArray, FloatArray, IntArray
from sonde.records.frames import Frame

TOLERANCE_A = 1e-3
WAVES = np.array(
    [wave for wave in product((-1, 0, 1), repeat=3) if wave > (0, 0, 0)] + [(2, 0, 0), (0, 2, 0), (0, 0, 2)]
)
"""Wave vectors of the fingerprint, in reciprocal lattice vectors: enough to tell decorations of one lattice apart."""


@dataclass(frozen=True, eq=False)
class Superposition:
    """How one frame lies on another: `permutation[i]` is the atom of the second that is atom i of the first."""

    permutation: IntArray
    largest_distance_A: float


def chemical_key(frame: Frame) -> tuple[bytes, bytes]:
    """Return what superposable frames share exactly: sorted elements and periodic directions."""
    return np.sort(frame.numbers).tobytes(), np.asarray(frame.pbc, bool).tobytes()


def superposition(a: Frame, b: Frame, tolerance_A: float = TOLERANCE_A) -> Superposition | None:
    """Lay b on a: cells and all atoms within the tolerance under periodic images and permutation, else None.

    The nearest image is found by rounding fractional differences, which is exact for differences this small.
    """
    if np.abs(a.cell - b.cell).max() > tolerance_A:
        return None
    inverse = np.linalg.inv(complete_cell(a.cell))
    if np.array_equal(a.numbers, b.numbers):
        distances = _lengths(a.positions - b.positions, inverse, a)
        if distances.max() <= tolerance_A:
            return Superposition(np.arange(a.n_atoms), float(distances.max()))
    return _permuted(a, b, inverse, tolerance_A)


def _lengths(difference: FloatArray, inverse: FloatArray, frame: Frame) -> FloatArray:
    """Return the lengths, Å, of the shortest images of difference vectors of shape (…, 3)."""
    images = np.rint(difference @ inverse) * frame.pbc
    return np.linalg.norm(difference - images @ frame.cell, axis=-1)


def _permuted(a: Frame, b: Frame, inverse: FloatArray, tolerance_A: float) -> Superposition | None:
    permutation = np.empty(a.n_atoms, np.int64)
    largest = 0.0
    for number in np.unique(a.numbers):
        here, there = np.flatnonzero(a.numbers == number), np.flatnonzero(b.numbers == number)
        distances = _lengths(a.positions[here][:, None] - b.positions[there][None], inverse, a)
        if (distances.min(axis=1) > tolerance_A).any():
            return None
        rows, columns = linear_sum_assignment(distances > tolerance_A)
        chosen = distances[rows, columns]
        if chosen.max() > tolerance_A:
            return None
        permutation[here] = there[columns]
        largest = max(largest, float(chosen.max()))
    return Superposition(permutation, largest)


@dataclass(frozen=True, eq=False)
class StructureFactors:
    """Structure factors S(k) = Σ_j w_j exp(2πi k·s_j) / Σ_j w_j of frames with one number of atoms.

    They know neither images nor the order of atoms. The weight w is 1, 2, 3 … for the elements in turn, not Z, which
    hardly tells Ta from W.

    Attributes
    ----------
    values : (n_frames, n_waves), complex.
    reciprocal : (n_frames, n_waves) lengths |k·H⁻¹|, 1/Å, H the cell: a shift of every atom by d changes the value by
        at most 2π |k·H⁻¹| d.
    stretch : (n_frames,) by how much more where the cells differ as well: fractional coordinates are off by up to the
        atom's own.
    """

    values: AnyArray
    reciprocal: FloatArray
    stretch: FloatArray


def structure_factors(frames: Sequence[Frame], waves: IntArray = WAVES) -> StructureFactors:
    """Compute the structure factors of frames that have the same number of atoms."""
    inverses = np.stack([np.linalg.inv(complete_cell(frame.cell)) for frame in frames])
    fractional = np.stack([frame.positions for frame in frames]) @ inverses
    weights = np.stack([1.0 + np.searchsorted(np.unique(frame.numbers), frame.numbers) for frame in frames])
    phases = np.exp(2j * np.pi * fractional @ waves.T)
    return StructureFactors(
        values=np.einsum("fa,fak->fk", weights / weights.sum(axis=1, keepdims=True), phases),
        reciprocal=np.linalg.norm(inverses @ waves.T, axis=1),
        stretch=1 + np.abs(fractional).max(axis=(1, 2), initial=0.0) * 3,
    )


def _fingerprints(frames: Sequence[Frame]) -> FloatArray:
    """Compute cell and structure factors of each frame, scaled so that superposable frames differ by at most 1.

    All frames must have the same `chemical_key`.
    """
    cells = np.stack([frame.cell for frame in frames])
    found = structure_factors(frames)
    factors = found.values / (2 * np.pi * found.reciprocal.max(axis=0) * TOLERANCE_A * found.stretch.max())
    return np.hstack([cells.reshape(len(frames), 9) / TOLERANCE_A, factors.real, factors.imag])


def candidate_pairs(first: Sequence[Frame], second: Sequence[Frame]) -> list[tuple[int, int]]:
    """List the pairs (i, j) that may be superposable; none that is gets lost."""
    if not first or not second:
        return []
    together = _fingerprints([*first, *second])
    tree = cKDTree(together[len(first) :])
    near = tree.query_ball_point(together[: len(first)], 1.0 + 1e-6, p=np.inf)
    return [(i, j) for i, others in enumerate(near) for j in others]
