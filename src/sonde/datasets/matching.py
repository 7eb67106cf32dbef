"""Which frame of a child dataset is which frame of its parent."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sonde.datasets.identity import geometry_id, same_labels
from sonde.datasets.superposition import candidate_pairs, chemical_key, superposition
from sonde.records.arrays import IntArray
from sonde.records.frames import Frame


@dataclass(frozen=True, eq=False)
class Matching:
    """Pairs of frames that hold one geometry, and those left over on either side.

    kept_parent[i] and kept_child[i] are ordinals of one pair, ascending in the parent. dropped: ordinals in the parent
    without partner. added: ordinals in the child without partner. relabelled: those of kept_parent whose partner
    carries other labels.
    """

    kept_parent: IntArray
    kept_child: IntArray
    dropped: IntArray
    added: IntArray
    relabelled: IntArray


@dataclass(frozen=True, order=True)
class _Pair:
    """A possible pair; the best sort first: same labels, then the smallest distance."""

    relabelled: bool
    distance_A: float
    parent: int
    child: int


def match(parent: Sequence[Frame], child: Sequence[Frame]) -> Matching:
    """Match two datasets as multisets of geometries: n copies in one and m in the other make min(n, m) pairs.

    First by `geometry_id` among frames with the same labels; what is left over, within 1e-3 Å under periodic images and
    permutations of atoms, frames with the same labels before others. So a child that went through a file with five
    decimals, another order of atoms or wrapped positions loses nothing. Ordinals are places in the given sequences.
    """
    pairs = _exact_pairs(parent, child)
    parents, children = _left_over(pairs, len(parent), len(child))
    pairs += _chosen(_close_pairs(parent, child, parents, children))
    pairs.sort(key=lambda pair: pair.parent)
    dropped, added = _left_over(pairs, len(parent), len(child))
    return Matching(
        kept_parent=np.array([pair.parent for pair in pairs], np.int64),
        kept_child=np.array([pair.child for pair in pairs], np.int64),
        dropped=np.array(dropped, np.int64),
        added=np.array(added, np.int64),
        relabelled=np.array([pair.parent for pair in pairs if pair.relabelled], np.int64),
    )


def _exact_pairs(parent: Sequence[Frame], child: Sequence[Frame]) -> list[_Pair]:
    """Pair frames of one bucket with the same labels, in order."""
    waiting: dict[str, list[int]] = defaultdict(list)
    for ordinal, frame in enumerate(child):
        waiting[geometry_id(frame)].append(ordinal)
    pairs = []
    for ordinal, frame in enumerate(parent):
        bucket = waiting.get(geometry_id(frame), [])
        partner = next((other for other in bucket if same_labels(frame, child[other])), None)
        if partner is not None:
            bucket.remove(partner)
            pairs.append(_Pair(False, 0.0, ordinal, partner))
    return pairs


def _left_over(pairs: Iterable[_Pair], n_parent: int, n_child: int) -> tuple[list[int], list[int]]:
    pairs = list(pairs)
    parents, children = {pair.parent for pair in pairs}, {pair.child for pair in pairs}
    return (
        [ordinal for ordinal in range(n_parent) if ordinal not in parents],
        [ordinal for ordinal in range(n_child) if ordinal not in children],
    )


def _close_pairs(
    parent: Sequence[Frame], child: Sequence[Frame], parents: Sequence[int], children: Sequence[int]
) -> list[_Pair]:
    """List all pairs of leftovers that can be laid on each other."""
    by_key = _grouped(child, children)
    found = []
    for key, here in _grouped(parent, parents).items():
        there = by_key.get(key, [])
        for i, j in candidate_pairs([parent[o] for o in here], [child[o] for o in there]):
            a, b = parent[here[i]], child[there[j]]
            laid = superposition(a, b)
            if laid:
                differ = not same_labels(a, b, laid.permutation)
                found.append(_Pair(differ, laid.largest_distance_A, here[i], there[j]))
    return found


def _grouped(frames: Sequence[Frame], ordinals: Iterable[int]) -> dict[Hashable, list[int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for ordinal in ordinals:
        groups[chemical_key(frames[ordinal])].append(ordinal)
    return groups


def _chosen(candidates: Iterable[_Pair]) -> list[_Pair]:
    """Take the best pairs first, each frame once."""
    parents, children, chosen = set(), set(), []
    for pair in sorted(candidates):
        if pair.parent not in parents and pair.child not in children:
            parents.add(pair.parent)
            children.add(pair.child)
            chosen.append(pair)
    return chosen
