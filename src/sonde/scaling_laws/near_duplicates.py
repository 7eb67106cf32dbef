"""Near-duplicates: frames of the same atoms that lie within a small displacement of each other.

Snapshots of one trajectory are such frames. On both sides of a split they let a potential look better than it is on
anything new, and inside a learning curve they pretend to be new data.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from ase.geometry import complete_cell
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.frames import Frame

_AT_ONCE = 2000
"""Frames compared with one at a time: bounds the memory."""


class _Alike:
    """Frames of the same elements in the same order, in fractional coordinates."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.pbc = np.asarray(frames[0].pbc, bool)
        self.cells = np.array([complete_cell(frame.cell) for frame in frames])
        self.fractional = np.array([f.positions @ np.linalg.inv(c) for f, c in zip(frames, self.cells, strict=True)])

    def displacements_A(self, cell: FloatArray, fractional: FloatArray, of: slice) -> FloatArray:  # noqa: N802
        """Root mean square displacement per atom of some of the frames from one, strain of the cell included.

        The drift of all atoms together is taken off; images are the nearest ones. Of a strain ε the part ‖ε‖ d counts,
        with d the cube root of the volume per atom.
        """
        moved = self.fractional[of] - fractional
        moved -= np.rint(moved) * self.pbc
        moved -= moved.mean(axis=1, keepdims=True)
        squared = ((moved @ cell) ** 2).sum(axis=2).mean(axis=1)
        strain = np.linalg.norm(np.linalg.inv(cell) @ self.cells[of] - np.eye(3), axis=(1, 2))
        spacing = np.cbrt(abs(np.linalg.det(cell)) / len(fractional))
        return np.sqrt(squared + (strain * spacing) ** 2)

    def near(self, cell: FloatArray, fractional: FloatArray, within_A: float, first: int = 0) -> Iterator[int]:
        """Yield the places, from `first` on, of frames within a displacement of one."""
        for start in range(first, len(self.cells), _AT_ONCE):
            found = self.displacements_A(cell, fractional, slice(start, start + _AT_ONCE)) < within_A
            yield from (start + np.flatnonzero(found)).tolist()


def displacement_groups(frames: Sequence[Frame], within_A: float) -> IntArray:
    """Number the groups of frames that a chain of displacements below `within_A` connects: (n_frames,).

    Only frames of the same elements in the same order are compared; neither rotations nor exchanged atoms are looked
    for. Chaining joins a trajectory sampled densely enough; it also joins all snapshots of one cold crystal, whatever
    trajectory they are from. The time grows with the square of the frames of one composition.
    """
    rows, columns = [], []
    for ordinals in _by_atoms(frames).values():
        alike = _Alike([frames[k] for k in ordinals])
        for i, ordinal in enumerate(ordinals):
            for j in alike.near(alike.cells[i], alike.fractional[i], within_A, first=i + 1):
                rows.append(ordinal)
                columns.append(ordinals[j])
    n = len(frames)
    graph = coo_array((np.ones(len(rows)), (np.array(rows, int), np.array(columns, int))), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def has_near_duplicate(frames: Sequence[Frame], others: Sequence[Frame], within_A: float) -> BoolArray:
    """Say for each frame whether one of the others lies within a displacement of it: (n_frames,)."""
    places = _by_atoms(others)
    found = np.zeros(len(frames), bool)
    for key, ordinals in _by_atoms(frames).items():
        if key not in places:
            continue
        alike = _Alike([others[k] for k in places[key]])
        for k in ordinals:
            cell = complete_cell(frames[k].cell)
            near = alike.near(cell, frames[k].positions @ np.linalg.inv(cell), within_A)
            found[k] = next(near, None) is not None
    return found


def _by_atoms(frames: Sequence[Frame]) -> dict[tuple[bytes, bytes], list[int]]:
    places: dict[tuple[bytes, bytes], list[int]] = defaultdict(list)
    for ordinal, frame in enumerate(frames):
        key = np.asarray(frame.numbers, np.int64).tobytes(), np.asarray(frame.pbc, bool).tobytes()
        places[key].append(ordinal)
    return places
