"""Copies of a geometry that were turned, shifted, mirrored, put in another order of atoms or cut into another cell.

Two frames are alike where every atom of one sees, element by element, the distances up to 5 Å that an atom of the other
sees. Sums over pairs find candidates; the sorted distances of all atoms decide. Left out are crystals in which many
atoms see the same, whose decorations may differ beyond 5 Å only, and frames with an atom that sees nothing.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from sonde.local_environments.neighbours import Neighbours, neighbour_list
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame

WITHIN_A = 5.0
SHELLS_A = (0.7, 1.5, 4.0)
SUMS_AGREE = 1e-4
"""Relative; coordinates rounded to 1e-4 Å leave a tenth of it."""
SAME_A = 2e-3
MOST_ATOMS = 400
"""Atoms of a frame beyond which it is not looked at."""
KEPT = 1000
"""Frames whose surroundings are kept while pairs of their composition are looked at."""
MOST = 0.75
NOTHING = 1e4
"""Stands for a neighbour that is not there."""
ELEMENT_STEP = 10.0
"""Added to distances per element, so that neighbours of different elements are never taken for each other."""


def moved_copies(frames: Sequence[Frame]) -> list[tuple[int, int]]:
    """List pairs (earlier, later) of frames that hold one geometry but for its place, order of atoms and cell."""
    buckets: dict[Hashable, list[int]] = defaultdict(list)
    for place, frame in enumerate(frames):
        if 1 < frame.n_atoms <= MOST_ATOMS:
            elements, counts = np.unique(frame.numbers, return_counts=True)
            shares = counts // np.gcd.reduce(counts)
            periodic = np.count_nonzero(frame.pbc)
            buckets[elements.tobytes(), shares.tobytes(), periodic, 0 if periodic else frame.n_atoms].append(place)
    found = []
    for places in buckets.values():
        if len(places) > 1:
            some = [frames[place] for place in places]
            found += [(places[a], places[b]) for a, b in _alike(some)]
    return sorted(found)


def _alike(frames: Sequence[Frame]) -> Iterator[tuple[int, int]]:
    """Pairs of candidates that are the same; what a frame's atoms see is found once for all pairs it is in."""
    seen = lru_cache(KEPT)(lambda place: _Seen.of(frames[place]))
    return ((a, b) for a, b in _candidates(frames) if _same(seen(a), seen(b)))


def _candidates(frames: Sequence[Frame]) -> list[tuple[int, int]]:
    sums = np.array([_sums(frame) for frame in frames])
    size = np.maximum(np.abs(sums).max(axis=0), 1e-9)
    pairs = cKDTree(sums / size).query_pairs(SUMS_AGREE, p=np.inf, output_type="ndarray")
    return [(int(a), int(b)) for a, b in np.sort(pairs, axis=1)]


def _sums(frame: Frame) -> FloatArray:
    """Sums over all pairs of smooth functions of their distance, per atom, as they are and weighted by elements."""
    near = neighbour_list(frame, WITHIN_A)
    weighted = frame.numbers[near.i] * frame.numbers[near.j] / float(np.mean(frame.numbers)) ** 2
    waves = _waves(near)
    return np.concatenate([waves.sum(axis=0), (waves * weighted[:, None]).sum(axis=0)]) / frame.n_atoms


def _waves(near: Neighbours) -> FloatArray:
    fade = np.maximum(1 - (near.distances / WITHIN_A) ** 2, 0) ** 2
    return np.stack([fade * np.exp(-near.distances / shell) for shell in SHELLS_A], axis=1)


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the atoms of a frame see, a row each, and how many of them see something of their own."""

    n_atoms: int
    table: FloatArray
    n_different: int
    periodic: bool

    @classmethod
    def of(cls, frame: Frame) -> "_Seen":
        table = _surroundings(frame)
        return cls(frame.n_atoms, table, len(np.unique(np.rint(table / (5 * SAME_A)), axis=0)), bool(np.any(frame.pbc)))


def _same(a: _Seen, b: _Seen) -> bool:
    """Tell whether the atoms of both see the same distances, each something, and in a crystal most their own."""
    if a.periodic and a.n_different < MOST * min(a.n_atoms, b.n_atoms):
        return False
    if a.table.shape[1] < 2 or (a.table[:, 1] == NOTHING).any():
        return False
    common, width = int(np.lcm(a.n_atoms, b.n_atoms)), max(a.table.shape[1], b.table.shape[1])
    first, second = (np.repeat(_padded(one.table, width), common // one.n_atoms, axis=0) for one in (a, b))
    return bool((np.abs(first - second) <= SAME_A).all())


def _surroundings(frame: Frame) -> FloatArray:
    """Own element, then per neighbour, by element and distance, what tells both; atoms by element and all they see."""
    near = neighbour_list(frame, WITHIN_A - SAME_A)
    told = near.distances + ELEMENT_STEP * frame.numbers[near.j]
    order = np.lexsort((told, near.i))
    i, told = near.i[order], told[order]
    counts = np.bincount(i, minlength=frame.n_atoms)
    rank = np.arange(len(i)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.full((frame.n_atoms, 1 + int(counts.max(initial=0))), NOTHING)
    table[:, 0] = ELEMENT_STEP * frame.numbers
    table[i, 1 + rank] = told
    seen = np.bincount(near.i, _waves(near)[:, 1] * (1 + frame.numbers[near.j]), frame.n_atoms)
    return np.asarray(table[np.lexsort((seen, frame.numbers))])


def _padded(table: FloatArray, width: int) -> FloatArray:
    return np.pad(table, ((0, 0), (0, width - table.shape[1])), constant_values=NOTHING)
