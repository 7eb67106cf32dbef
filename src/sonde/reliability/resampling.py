"""Grouped bootstrap of rankings: whole groups are drawn with replacement, all scores are judged on the same draws.

A draw is a weight per case, so that a score is sorted once and not once per draw.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sonde.local_environments.grouping import group_numbers
from sonde.records.arrays import BoolArray, FloatArray, IntArray

N_DRAWS = 400
LEAST_SHARE = 0.5
"""Of the draws in which there are cases of both kinds: with fewer there is no interval."""


@dataclass(frozen=True, eq=False)
class Draws:
    """weights (n_draws, n_cases): how often each case was drawn."""

    weights: FloatArray

    @classmethod
    def of(cls, groups: Sequence[object], *, seed: int, n_draws: int = N_DRAWS) -> "Draws":
        """Draw as many groups as there are."""
        member = group_numbers(groups)
        n_groups = int(member.max()) + 1
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_draws)
        return cls(counts[:, member].astype(float))

    def auroc(self, happened: BoolArray, scores: FloatArray) -> FloatArray:
        """AUROC in each draw (n_draws,); not a number where a draw holds cases of one kind only."""
        won, pairs = _won(happened, scores, self.weights)
        return _over(won, pairs)

    def auroc_within(self, happened: BoolArray, scores: FloatArray, bins: Sequence[IntArray]) -> FloatArray:
        """AUROC among the cases of each bin, weighed by pairs, in each draw (n_draws,)."""
        found = [_won(happened[one], scores[one], self.weights[:, one]) for one in bins if len(one)]
        return _over(np.sum([won for won, _ in found], axis=0), np.sum([pairs for _, pairs in found], axis=0))


def percentiles(drawn: FloatArray) -> tuple[float, float] | None:
    """95 % interval of what was found in the draws (n_draws,)."""
    known = drawn[np.isfinite(drawn)]
    if len(known) < LEAST_SHARE * len(drawn):
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def _won(happened: BoolArray, scores: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Pairs in which the case where it happened scores higher (ties count half), and pairs in all, per draw."""
    order = np.argsort(scores, kind="stable")
    sorted_scores = scores[order]
    starts = np.flatnonzero(np.append(True, sorted_scores[1:] != sorted_scores[:-1]))
    yes = np.add.reduceat(weights[:, order] * happened[order], starts, axis=1)
    no = np.add.reduceat(weights[:, order] * ~happened[order], starts, axis=1)
    below = np.cumsum(no, axis=1) - no
    return (yes * (below + 0.5 * no)).sum(axis=1), yes.sum(axis=1) * no.sum(axis=1)


def _over(won: FloatArray, pairs: FloatArray) -> FloatArray:
    return np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
