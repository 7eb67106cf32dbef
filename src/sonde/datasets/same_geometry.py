"""Frames of one dataset that hold the same geometry."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sonde.datasets.identity import geometry_id
from sonde.datasets.superposition import candidate_pairs, chemical_key, superposition
from sonde.records.frames import Frame


def same_geometry_groups(frames: Sequence[Frame]) -> list[tuple[int, ...]]:
    """List the groups of two or more frames with one geometry, as ordinals; buckets first, then within 1e-3 Å.

    Being within 1e-3 Å is chained: of three snapshots of a slow trajectory the outer two may be farther apart.
    """
    buckets: dict[str, list[int]] = defaultdict(list)
    for ordinal, frame in enumerate(frames):
        buckets[geometry_id(frame)].append(ordinal)
    members = list(buckets.values())
    joined = _joined(frames, [bucket[0] for bucket in members])
    groups: dict[int, list[int]] = defaultdict(list)
    for bucket, group in zip(members, joined, strict=True):
        groups[group] += bucket
    return sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1)


def _joined(frames: Sequence[Frame], first_of_bucket: Sequence[int]) -> list[int]:
    """Number the groups of buckets whose first frames can be laid on each other."""
    by_key: dict[Hashable, list[int]] = defaultdict(list)
    for bucket, ordinal in enumerate(first_of_bucket):
        by_key[chemical_key(frames[ordinal])].append(bucket)
    pairs = []
    for alike in by_key.values():
        some = [frames[first_of_bucket[bucket]] for bucket in alike]
        for i, j in candidate_pairs(some, some):
            if i < j and superposition(some[i], some[j]):
                pairs.append((alike[i], alike[j]))
    n = len(first_of_bucket)
    rows, columns = np.array(pairs, int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    return connected_components(graph, directed=False)[1].tolist()
