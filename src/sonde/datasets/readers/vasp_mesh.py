"""The regular mesh behind a list of irreducible k-points, where an output prints the points alone."""

import numpy as np

from sonde.datasets.readers.vasp_inputs import KpointMesh
from sonde.records.arrays import FloatArray

DIVISIONS = np.arange(1.0, 201.0)[:, None]
"""That are tried along an axis."""
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
    """Return the divisions along an axis, and whether they are shifted by half a step."""
    if not np.isfinite(coordinates).all():
        return None
    steps = DIVISIONS * np.unique(coordinates)
    fits = np.stack([_off(steps), _off(steps - 0.5)], axis=1) <= DIVISIONS * DIGITS
    if not fits.any():
        return None
    n, shifted = divmod(int(np.argmax(fits)), 2)  # the fewest first, of these the unshifted
    return n + 1, bool(shifted)


def _off(steps: FloatArray) -> FloatArray:
    """Return how far the worst of each row is from a whole number."""
    worst: FloatArray = np.abs(steps - np.round(steps)).max(axis=1)
    return worst
