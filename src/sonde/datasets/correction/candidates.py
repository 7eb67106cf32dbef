"""Which frames may share their geometry with one on the other surface, told without holding them.

Of every frame with an energy the cell and a few structure factors are kept, some 90 bytes. Frames that can be laid on
each other within 1e-3 Å never differ in these by more than that allows, so none is lost; those few that agree by chance
are told apart when they are looked at.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from sonde.datasets.superposition import TOLERANCE_A, chemical_key, structure_factors
from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.frames import Frame

WAVES = np.array([(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)])
AT_ONCE = 512
"""Frames that wait for those of the same number of atoms."""
SLACK = 1.05
"""For the rounding to single precision."""
NO_GROUP = -1


@dataclass(frozen=True, eq=False)
class CandidateGroups:
    """Groups of frames that may share a geometry, both surfaces in each.

    group_of : (n_places,) number of a frame's group, −1 where it stands alone.
    sizes : frames per group.
    """

    group_of: IntArray
    sizes: IntArray


@dataclass(frozen=True, eq=False)
class _Part:
    """Some frames: places in the stream, chemistry as hashes, surface, cells, structure factors and their bounds."""

    places: IntArray
    chemistry: IntArray
    is_source: BoolArray
    cells: FloatArray
    factors: FloatArray
    bounds: FloatArray


class Candidates:
    """Takes the frames of both surfaces one by one."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[tuple[int, Frame, bool]]] = defaultdict(list)
        self._n_waiting = 0
        self._parts: list[_Part] = []

    def add(self, place: int, frame: Frame, is_source: bool) -> None:
        """Take up a frame with at least one atom by its place in the stream."""
        self._waiting[frame.n_atoms].append((place, frame, is_source))
        self._n_waiting += 1
        if self._n_waiting >= AT_ONCE:
            self._settle()

    def groups(self, n_places: int) -> CandidateGroups:
        """Group the frames by geometry; only groups with frames on both surfaces are named."""
        self._settle()
        group_of: IntArray = np.full(n_places, NO_GROUP, np.int64)
        n_groups = 0
        for places, components, is_source in _components(self._parts):
            on_both = np.flatnonzero(np.bincount(components, is_source) * np.bincount(components, ~is_source))
            number = np.full(int(components.max()) + 1, NO_GROUP)
            number[on_both] = n_groups + np.arange(len(on_both))
            group_of[places] = number[components]
            n_groups += len(on_both)
        return CandidateGroups(group_of, np.bincount(group_of[group_of >= 0], minlength=n_groups))

    def _settle(self) -> None:
        self._parts += [_part(*zip(*waiting, strict=True)) for waiting in self._waiting.values()]
        self._waiting.clear()
        self._n_waiting = 0


def _part(places: Sequence[int], frames: Sequence[Frame], is_source: Sequence[bool]) -> _Part:
    found = structure_factors(frames, WAVES)
    bounds = 2 * np.pi * found.reciprocal * TOLERANCE_A * found.stretch[:, None]
    return _Part(
        places=np.array(places, np.int32),
        chemistry=np.array([_chemistry(frame) for frame in frames], np.int64),
        is_source=np.array(is_source, bool),
        cells=np.stack([frame.cell.ravel() for frame in frames]).astype(np.float32),
        factors=np.hstack([found.values.real, found.values.imag]).astype(np.float32),
        bounds=bounds.astype(np.float32),
    )


def _chemistry(frame: Frame) -> int:
    """Hash the elements and periodic directions; a collision costs a look, nothing else."""
    numbers, pbc = chemical_key(frame)
    return int.from_bytes(blake2b(pbc + numbers, digest_size=8).digest(), "little", signed=True)


def _components(parts: Sequence[_Part]) -> Iterator[tuple[IntArray, IntArray, BoolArray]]:
    """Yield places, number of the geometry, and surface of the frames of each chemistry that stands on both."""
    if not parts:
        return
    chemistry = np.concatenate([part.chemistry for part in parts])
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("places", "is_source")}
    rows = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("cells", "factors", "bounds")}
    order = np.lexsort((whole["places"], chemistry))
    changes = np.flatnonzero(np.diff(chemistry[order].view(np.uint64)) != 0)
    for members in np.split(order, changes + 1):
        is_source = whole["is_source"][members]
        if is_source.any() and not is_source.all():
            cells, factors, bounds = (rows[name][members].astype(float) for name in ("cells", "factors", "bounds"))
            factors /= np.tile(bounds.max(axis=0), 2)
            yield whole["places"][members], _joined(np.hstack([cells / TOLERANCE_A, factors])), is_source


def _joined(rows: FloatArray) -> IntArray:
    """Number the components of rows that are near each other in every column."""
    distinct, row_of = np.unique(rows, axis=0, return_inverse=True)
    near = cKDTree(distinct).query_pairs(SLACK, p=np.inf, output_type="ndarray")
    graph = coo_array((np.ones(len(near)), (near[:, 0], near[:, 1])), shape=(len(distinct), len(distinct)))
    components: IntArray = connected_components(graph, directed=False)[1][row_of.ravel()]
    return components
