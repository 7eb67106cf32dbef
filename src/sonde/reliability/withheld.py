"""Compositions withheld on purpose: what is new to a model in the way that tomorrow's structures will be.

Frames of held-out trajectories of known compositions look like the training frames; limits and thresholds set on them
are too tight for a composition that was never seen, where an unsupervised distance mostly says that it is new.
"""

from collections import Counter
from collections.abc import Sequence
from math import gcd

import numpy as np

from sonde.local_environments.grouping import group_folds, group_numbers
from sonde.records.arrays import IntArray

FEWEST_KINDS = 4


def withheld_folds(numbers: Sequence[IntArray], groups: Sequence[object], n_folds: int, seed: int) -> IntArray:
    """Folds (n_frames,) that hold out whole sets of elements; formulas, or groups, where that cannot be.

    It cannot where there are too few of them, or where an element would occur in one fold only.
    """
    member = group_numbers(groups)
    first = dict(zip(reversed(member.tolist()), reversed(range(len(member))), strict=True))
    for kind in (_elements, _formula):
        kinds = [kind(numbers[first[group]]) for group in member.tolist()]
        if len(set(kinds)) >= FEWEST_KINDS:
            fold = group_folds(kinds, n_folds, seed)
            if _every_element_twice(numbers, fold):
                return fold
    return group_folds(groups, n_folds, seed)


def _every_element_twice(numbers: Sequence[IntArray], fold: IntArray) -> bool:
    """Whether every element occurs in two folds at least."""
    found = {(z, out) for own, out in zip(numbers, fold.tolist(), strict=True) for z in _elements(own)}
    return min(Counter(element for element, _ in found).values()) > 1


def _elements(numbers: IntArray) -> tuple[int, ...]:
    return tuple(np.unique(numbers).tolist())


def _formula(numbers: IntArray) -> tuple[tuple[int, int], ...]:
    elements, counts = np.unique(numbers, return_counts=True)
    common = gcd(*counts.tolist())
    return tuple(zip(elements.tolist(), (counts // common).tolist(), strict=True))
