"""The regular mesh behind a list of irreducible k-points, where an output prints the points alone."""

import numpy as np

from sonde.datasets.readers.vasp_inputs import KpointMesh
from sonde.records.arrays import FloatArray

MOST_DIVISIONS = 200
DIGITS = 2e-6
"""Coordinates are printed with six decimals."""


def mesh_behind(coordinates: FloatArray, weights: FloatArray) -> KpointMesh | None:
    """Find the mesh of which points (n, 3) in reciprocal coordinates are the irreducible ones.

    Along each axis the divisions are the fewest of which all coordinates are multiples, shifted by half a step or not.
    Proof is that the weights, which count the points that each stands for, sum up to the points of that mesh: without
    it, as for lines or lists, the answer is None. Both time reversal and symmetry leave that sum as it is.
    """
    axes = [_axis(coordinates[:, axis]) for axis in range(3)]
    total = float(weights.sum())
    if any(axis is None for axis in axes) or not np.isfinite(total) or total != round(total):
        return None
    divisions, shifted = zip(*(axis for axis in axes if axis is not None), strict=True)
    if np.prod(divisions, dtype=float) != total:
        return None
    return KpointMesh((divisions[0], divisions[1], divisions[2]), not any(shifted), len(weights))


def _axis(coordinates: FloatArray) -> tuple[int, bool] | None:
    """Return the fewest divisions along an axis, and whether they are shifted by half a step."""
    if not np.isfinite(coordinates).all():
        return None
    different = sorted(set(coordinates.tolist()), key=abs)
    for n in range(1, MOST_DIVISIONS + 1):
        for shift in (0.0, 0.5):
            if all(abs((x * n - shift) - round(x * n - shift)) <= n * DIGITS for x in different):
                return n, shift > 0
    return None
