"""Nested, stratified subsets of a dataset, for learning curves.

Largest remainders at every size would not nest: a stratum can lose a frame when the size grows (the Alabama paradox).
So the frames are put into one order of which every beginning is proportional: whose turn it is follows Tijdeman, The
chairman assignment problem, Discrete Math. 32, 323 (1980), doi:10.1016/0012-365X(80)90269-1, which never leaves a
stratum further than 1 − 1/(2m − 2) of a turn from its exact share among m strata (half a turn for two strata, where it
is the largest remainder). Which frame of the stratum comes is random.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from itertools import pairwise

import numpy as np

from sonde.errors import WrongUse
from sonde.records.arrays import FloatArray, IntArray


def nested_subsets(
    strata: Sequence[str], sizes: Sequence[int], seed: int, groups: Sequence[Hashable] | None = None
) -> tuple[IntArray, ...]:
    """Choose subsets of the given sizes, each of which begins with the one before.

    Every subset holds each stratum within less than one frame of its share in the whole. A stratum too rare to be due
    a frame has none: nothing is added for its sake, so that the subset stays a smaller version of the same data; what
    each subset holds is for the caller to say. Strata of equal size take turns in random order.

    With `groups` (one label per frame: its trajectory, say) a group enters whole before the next one begins. Snapshots
    of one trajectory are nearly the same frame: a curve over single snapshots says what more snapshots of the *same*
    trajectories buy, one over whole groups what new trajectories buy. Only the last group of a subset may be cut, at
    random, so that all seeds have the same sizes. Proportions then hold for numbers of groups, each counted in the
    stratum of most of its frames.

    Parameters
    ----------
    strata : a label per frame.
    sizes : numbers of frames, ascending.
    seed : of the order; another seed gives other subsets of the same proportions.

    Returns
    -------
    Ordinals of the frames per size, in the order in which they enter.

    Raises
    ------
    WrongUse : sizes that do not ascend, are below one or above the number of frames; labels that do not fit.
    """
    _check_sizes(sizes, len(strata))
    order = np.concatenate(stratified_order(strata, seed, groups))
    return tuple(order[:size] for size in sizes)


def stratified_order(
    strata: Sequence[str], seed: int, groups: Sequence[Hashable] | None = None
) -> tuple[IntArray, ...]:
    """Put all frames into an order of which every beginning is proportional: ordinals, group by group.

    Without groups each frame is one of its own; within a group the order is random. Raises WrongUse for no frames or
    labels that do not fit.
    """
    if not len(strata):
        raise WrongUse("Subsets need at least one frame; none was given.")
    if groups is not None and len(groups) != len(strata):
        raise WrongUse(f"Each frame needs a stratum and a group; found {len(strata)} strata and {len(groups)} groups.")
    rng = np.random.default_rng(seed)
    units = _by_stratum(strata, range(len(strata)) if groups is None else groups)
    names = sorted(units)
    shuffled = [names[k] for k in rng.permutation(len(names))]
    waiting = [[units[name][k] for k in rng.permutation(len(units[name]))] for name in shuffled]
    turns = _turns(np.array([len(one) for one in waiting]))
    return tuple(rng.permutation(waiting[stratum].pop()) for stratum in turns)


def _by_stratum(strata: Sequence[str], groups: Sequence[Hashable]) -> dict[str, list[IntArray]]:
    """Gather the groups of each stratum, in the order of their first frames."""
    members: dict[Hashable, list[int]] = defaultdict(list)
    for ordinal, group in enumerate(groups):
        members[group].append(ordinal)
    units: dict[str, list[IntArray]] = defaultdict(list)
    for ordinals in members.values():
        counts = Counter(strata[k] for k in ordinals)
        most = max(sorted(counts), key=lambda name: counts[name])
        units[most].append(np.array(ordinals, np.int64))
    return units


def _turns(counts: IntArray) -> list[int]:
    """Say whose turn it is, until all have had as many turns as `counts` (n_strata,) says.

    A stratum may have a turn when its share is ahead of its turns by 1/(2m − 2); the one whose next turn is due first
    has it.
    """
    n, m = int(counts.sum()), len(counts)
    scale = max(2 * m - 2, 1)
    had = np.zeros(m, np.int64)
    turns = []
    for turn in range(1, n + 1):
        may = scale * (counts * turn - n * had) >= n
        due: FloatArray = np.where(may, (scale - 1 + scale * had) / counts, np.inf)
        chosen = int(np.argmin(due))
        had[chosen] += 1
        turns.append(chosen)
    return turns


def _check_sizes(sizes: Sequence[int], n_frames: int) -> None:
    if not len(sizes):
        raise WrongUse("Subsets need at least one size.")
    if any(later <= earlier for earlier, later in pairwise(sizes)):
        raise WrongUse(f"Sizes must ascend, each once; found {', '.join(map(str, sizes))}.")
    if sizes[0] < 1 or sizes[-1] > n_frames:
        raise WrongUse(
            f"Sizes must lie between 1 and the {n_frames} frames there are; found {sizes[0]} to {sizes[-1]}."
        )


def geometric_sizes(largest: int, smallest: int, factor: float = 2.0, most: int = 9) -> tuple[int, ...]:
    """Choose sizes by a constant factor down from the largest, as far as the smallest and at most so many.

    Raises WrongUse where the largest is below the smallest.
    """
    if largest < smallest:
        raise WrongUse(f"A learning curve from {smallest} frames on needs more than the {largest} there are.")
    sizes = [round(largest / factor**k) for k in range(most)]
    return tuple(sorted({size for size in sizes if size >= max(smallest, 1)}))
