"""Rules with exceptions: a filter that a few survivors contradict, as where frames were put back by hand.

Considered only where no rule without survivors leaves a loss that looks random; taken on overwhelming evidence only.
"""

import math
from dataclasses import dataclass

import numpy as np

from sonde.datasets.regions import Loss, SearchTable
from sonde.datasets.search import MARGIN, Explanation, explain
from sonde.datasets.significance import log_binomial
from sonde.records.arrays import BoolArray, FloatArray, IntArray

LEAST_PRECISION = 0.95


@dataclass(frozen=True, eq=False)
class Tail:
    """A one-sided region with its survivors; worth as in Explanation, its exceptions paid for."""

    inside: BoolArray
    worth: float


def explain_with_exceptions(table: SearchTable, loss: Loss) -> Explanation:
    """Explain a loss; where more than a random loss is left, set survivors of one condition aside and try again."""
    plain = explain(table, loss)
    if plain.n_rest == 0 or (plain.rest.uniform and plain.together < 2):
        return plain
    tail = best_tail(table, loss)
    if tail is None:
        return plain
    cleared = explain(table, Loss(loss.kept & ~tail.inside, loss.dropped))
    if cleared.region is None or cleared.region.complexity > 1 or not cleared.rest.uniform:
        return plain
    enough = tail.worth / cleared.together > plain.worth + 2 * MARGIN
    return cleared if enough else plain


def best_tail(table: SearchTable, loss: Loss) -> Tail | None:
    """Find the one-sided condition that best parts dropped from kept frames, at least 95 % of it dropped."""
    tails = [_best_cut(table, loss, i) for i in range(len(table.names))]
    return max((tail for tail in tails if tail is not None), key=lambda tail: tail.worth, default=None)


def _best_cut(table: SearchTable, loss: Loss, i: int) -> Tail | None:
    """Cut one column where two loss rates, inside and outside, describe the loss in the fewest words."""
    column, order = table.columns[i], table.order[i]
    values = column[order]
    n_inside = np.arange(1, len(order))
    d_inside = np.cumsum(loss.dropped[order])[:-1]
    worth = _worth(loss, n_inside, d_inside) - math.log(len(table.names) * loss.n)
    allowed = (values[:-1] > values[1:]) & np.isfinite(values[1:]) & (d_inside >= LEAST_PRECISION * n_inside)
    if not np.any(allowed):
        return None
    best = int(np.argmax(np.where(allowed, worth, -np.inf)))
    return Tail(column > values[best + 1], float(worth[best]))


def _worth(loss: Loss, n_inside: IntArray, d_inside: IntArray) -> FloatArray:
    one_rate = log_binomial(loss.n, loss.n_dropped)
    two_rates = log_binomial(n_inside, d_inside) + log_binomial(loss.n - n_inside, loss.n_dropped - d_inside)
    return np.asarray(one_rate - two_rates - np.log(n_inside), float)
