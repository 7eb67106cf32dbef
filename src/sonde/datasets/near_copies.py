"""Frames of one cell and one order of atoms that differ by small displacements: mostly neighbours of a trajectory."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from ase.geometry import complete_cell
from scipy.spatial import cKDTree

from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame

NEAR_A = 0.05
"""Root mean square displacement per atom below which two frames teach a potential the same."""
SAME_CELL_A = 2e-3
"""Largest difference of a component of the cell: strained series are made on purpose, and are no copies."""
PROJECTED = 10
"""Dimensions in which candidates are looked up: distances there are lower bounds."""
MOST_PAIRS = 200_000


@dataclass(frozen=True, eq=False)
class NearPair:
    """Two frames, first < second, and the displacement of the second from the first, (n_atoms, 3), Å, without drift."""

    first: int
    second: int
    displacement: FloatArray


def near_pairs(frames: Sequence[Frame], within_A: float = NEAR_A) -> list[NearPair]:
    """List the pairs of frames within a root mean square displacement, at most 200,000.

    Atoms must come in one order; a shift of all atoms and periodic images do not count. Single atoms have no
    displacement: their copies are exact ones.
    """
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for place, frame in enumerate(frames):
        if frame.n_atoms > 1:
            groups[np.asarray(frame.numbers).tobytes(), np.asarray(frame.pbc, bool).tobytes()].append(place)
    found: list[NearPair] = []
    for places in groups.values():
        if len(places) > 1 and len(found) < MOST_PAIRS:
            found += _of_group([frames[place] for place in places], places, within_A)
    return found


def _of_group(frames: Sequence[Frame], places: Sequence[int], within_A: float) -> list[NearPair]:
    cells = np.stack([frame.cell for frame in frames])
    found: list[NearPair] = []
    for some in _by_cell(cells):
        if len(some) > 1:
            own = [frames[i] for i in some]
            found += [
                NearPair(places[some[a]], places[some[b]], displacement) for a, b, displacement in _close(own, within_A)
            ]
    return found


def _by_cell(cells: FloatArray) -> list[list[int]]:
    """Sort cells into groups that are alike; a cell on the border between two may be parted from its like."""
    members: dict[bytes, list[int]] = defaultdict(list)
    for place, key in enumerate(np.rint(cells / (2 * SAME_CELL_A)).astype(np.int64)):
        members[key.tobytes()].append(place)
    return list(members.values())


def _close(frames: Sequence[Frame], within_A: float) -> list[tuple[int, int, FloatArray]]:
    moved = _displacements(frames)
    flat = moved.reshape(len(frames), -1)
    radius = within_A * np.sqrt(frames[0].n_atoms)
    tree = cKDTree(_projected(flat))
    candidates = tree.query_pairs(radius * (1 + 1e-9), output_type="ndarray")
    close = []
    for start in range(0, len(candidates), 4096):
        some = candidates[start : start + 4096]
        distances = np.linalg.norm(flat[some[:, 0]] - flat[some[:, 1]], axis=1)
        close += [(int(a), int(b), moved[b] - moved[a]) for a, b in some[distances <= radius]]
        if len(close) > MOST_PAIRS:
            break
    return close


def _displacements(frames: Sequence[Frame]) -> FloatArray:
    """Positions less those of the first frame, nearest images, without the mean: (n_frames, n_atoms, 3)."""
    inverse = np.linalg.inv(complete_cell(frames[0].cell))
    difference = np.stack([frame.positions for frame in frames]) - frames[0].positions
    images = np.rint(difference @ inverse) * frames[0].pbc
    moved = difference - images @ frames[0].cell
    return np.asarray(moved - moved.mean(axis=1, keepdims=True))


def _projected(flat: FloatArray) -> FloatArray:
    """Project on the leading principal directions, which lengthens no distance."""
    if flat.shape[1] <= PROJECTED:
        return flat
    centred = flat - flat.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    return np.asarray(centred @ directions[:, -PROJECTED:])
