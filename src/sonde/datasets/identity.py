"""When two frames hold the same geometry, and when the same labels."""

import hashlib

import numpy as np

from sonde.records.arrays import IntArray
from sonde.records.frames import Frame

GRID_A = 1e-4
"""Cell and positions are counted in this unit, Å, for the bucket."""
ENERGY_TOLERANCE_EV_PER_ATOM = 1e-5
FORCE_TOLERANCE_EV_PER_A = 1e-4
ROUNDING_SLACK = 1e-9
"""Floating-point noise of the comparison itself, relative to the tolerance."""


def geometry_id(frame: Frame) -> str:
    """Return the sha256 of species in file order, pbc, and cell and positions as integers round(x / 1e-4 Å).

    Nothing is wrapped or sorted. It is a bucket, not the truth: two roundings of one geometry can fall into
    neighbouring buckets, which `matching.match` makes up for.
    """
    digest = hashlib.sha256(np.asarray(frame.numbers, "<i8").tobytes())
    digest.update(np.asarray(frame.pbc, "u1").tobytes())
    digest.update(_on_grid(frame.cell).tobytes())
    digest.update(_on_grid(frame.positions).tobytes())
    return digest.hexdigest()


def _on_grid(lengths: object) -> IntArray:
    return np.rint(np.asarray(lengths, float) / GRID_A).astype("<i8")


def same_labels(a: Frame, b: Frame, permutation: IntArray | None = None) -> bool:
    """Tell whether two frames of one geometry carry the same labels.

    Energies may differ by 1e-5 eV/atom, force components by 1e-4 eV/Å. A label that only one of them carries is no
    difference: an export that drops forces relabels nothing. `permutation[i]` is the atom of b that is atom i of a.
    """
    return not (_energies_differ(a, b) or _forces_differ(a, b, permutation))


def _energies_differ(a: Frame, b: Frame) -> bool:
    if a.energy_eV is None or b.energy_eV is None:
        return False
    allowed = ENERGY_TOLERANCE_EV_PER_ATOM * a.n_atoms
    return abs(a.energy_eV - b.energy_eV) > allowed * (1 + ROUNDING_SLACK)


def _forces_differ(a: Frame, b: Frame, permutation: IntArray | None) -> bool:
    if a.forces_eV_per_A is None or b.forces_eV_per_A is None:
        return False
    other = b.forces_eV_per_A if permutation is None else b.forces_eV_per_A[permutation]
    largest = float(np.abs(a.forces_eV_per_A - other).max(initial=0.0))
    return largest > FORCE_TOLERANCE_EV_PER_A * (1 + ROUNDING_SLACK)
