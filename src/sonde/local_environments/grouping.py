"""Folds that never part a group: a trajectory, a relaxation, a prototype with its distorted copies."""

from collections.abc import Sequence

import numpy as np

from sonde.errors import WrongUse
from sonde.records.arrays import IntArray


def group_numbers(groups: Sequence[object]) -> IntArray:
    """Number the groups: (n_frames,), equal where the labels are equal."""
    _, member = np.unique(np.array([repr(group) for group in groups]), return_inverse=True)
    return member.astype(np.int64)


def group_folds(groups: Sequence[object], n_folds: int, seed: int) -> IntArray:
    """Put frames into folds (n_frames,) by whole groups, at random, the largest groups first to even out the folds.

    There are as many folds as groups where there are fewer groups than folds.

    Raises
    ------
    WrongUse
        Fewer than two groups.
    """
    member = group_numbers(groups)
    sizes = np.bincount(member)
    if len(sizes) < 2:
        raise WrongUse(f"Holding out whole groups needs frames of at least 2 groups, found {len(sizes)}.")
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    fold_of_group = np.zeros(len(sizes), np.int64)
    filled = np.zeros(min(n_folds, len(sizes)))
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        fold_of_group[group] = np.argmin(filled)
        filled[fold_of_group[group]] += sizes[group]
    return fold_of_group[member]
