"""How close the atoms of a frame stand, in units of their covalent radii."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import covalent_radii

from sonde.local_environments.neighbours import neighbour_list
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame

WITHIN_A = 6.0


@dataclass(frozen=True, eq=False)
class Crowding:
    """Per frame: distances to the nearest neighbour over the sum of covalent radii, mean over atoms and the smallest.

    NaN where no atom has a neighbour within 6 Å. volume : per atom, Å³, NaN without a cell.
    """

    mean: FloatArray
    closest: FloatArray
    volume: FloatArray


def crowding(frames: Sequence[Frame]) -> Crowding:
    """Measure all frames."""
    nearest = [_nearest(frame) for frame in frames]
    return Crowding(
        mean=np.array([float(np.mean(one)) if len(one) else np.nan for one in nearest]),
        closest=np.array([float(np.min(one)) if len(one) else np.nan for one in nearest]),
        volume=np.array([abs(float(np.linalg.det(f.cell))) / f.n_atoms if np.all(f.pbc) else np.nan for f in frames]),
    )


def _nearest(frame: Frame) -> FloatArray:
    near = neighbour_list(frame, WITHIN_A)
    radii = covalent_radii[frame.numbers]
    nearest = np.full(frame.n_atoms, np.inf)
    np.minimum.at(nearest, near.i, near.distances / (radii[near.i] + radii[near.j]))
    return nearest[np.isfinite(nearest)]
