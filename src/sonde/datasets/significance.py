"""Chance: could a random loss have emptied this region, and does what is left of a loss look random?

A filter leaves no survivors in its region; a random loss leaves some everywhere. If d of n frames are lost at random,
all k frames of a region given beforehand are lost with probability C(n−k, d−k) / C(n, d), exactly. Searching N rules
multiplies that by at most N (union bound), which is the cost that every rule pays.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import gammaln
from scipy.stats import binomtest, chi2, norm, rankdata

from sonde.records.arrays import AnyArray, BoolArray, FloatArray, IntArray

CHANCE = 1e-3
"""A more complex explanation must be this unlikely to be chance, after the correction for the number searched."""
LIKELY_CHANCE = 0.05
"""A group of frames that random loss empties this often or more is no evidence for a rule."""
MOST_NEIGHBOURS = 64
NEGLIGIBLE_CORRELATION = 0.05
NOISE_SIGMA = 3.0
TOO_FEW_TO_TEST = 5
MOST_UNSEEN_TOGETHER = 20.0
"""Unequal loss rates of strata can come from groups lost as a whole; of no more frames, without other signs."""


def log_binomial(n: AnyArray | float | np.integer[Any], k: AnyArray | float | np.integer[Any]) -> FloatArray:
    """Return ln C(n, k)."""
    return np.asarray(gammaln(np.add(n, 1.0)) - gammaln(np.add(k, 1.0)) - gammaln(np.subtract(n, k) + 1.0), float)


def evidence(n: int, d: int, k: AnyArray | int) -> FloatArray:
    """Return −ln of the probability that a random loss of d of n frames takes all k frames of a region."""
    k = np.asarray(k, float)
    return log_binomial(n, d) - log_binomial(n - k, d - k)


def most_lost_by_chance(loss_rate: float) -> int:
    """Return the longest run of frames that random loss takes with a probability of CHANCE or more."""
    if loss_rate <= 0:
        return 0
    return math.floor(math.log(CHANCE) / math.log(loss_rate)) if loss_rate < 1 else 10**9


def loss_interval(lost: int, n: int) -> tuple[float, float]:
    """Return the 95 % Clopper-Pearson interval of a loss rate (doi:10.1093/biomet/26.4.404)."""
    interval = binomtest(lost, n).proportion_ci(0.95, method="exact")
    return float(interval.low), float(interval.high)


# ---- frames that are lost together ----


def near_frames(columns: FloatArray) -> IntArray:
    """Return the nearest frames of every frame in the ranks of all features: (n_frames, MOST_NEIGHBOURS)."""
    n = columns.shape[1]
    ranks = np.array([rankdata(column) / n for column in columns]).T
    _, nearest = cKDTree(ranks).query(ranks, k=range(2, min(MOST_NEIGHBOURS, n - 1) + 2))
    return np.asarray(nearest, np.int64)


def frames_lost_together(lost: BoolArray, inside: BoolArray, strata: IntArray, nearest: IntArray) -> float:
    """Return how many frames count as one in a loss: 1 where each is lost on its own.

    Trajectories or relaxations that a split takes as a whole make neighbours, in file order or in their features, share
    their fate. The sum of these correlations, of what a frame's stratum does not foretell, is the design effect by
    which counts overstate the evidence.
    """
    if np.count_nonzero(inside) < 2 * TOO_FEW_TO_TEST:
        return 1.0
    rates = _stratum_rates(lost & inside, inside, strata)
    variance = rates * (1 - rates)
    excess = np.divide(lost - rates, np.sqrt(variance), out=np.zeros(len(lost)), where=inside & (variance > 0))
    in_order = 2 * _sum_until_noise(_shifted(excess, inside))
    in_features = _sum_until_noise(
        (excess * excess[column], inside & inside[column]) for column in np.ascontiguousarray(nearest.T)
    )
    return 1.0 + max(in_order, in_features)


def _stratum_rates(lost: BoolArray, inside: BoolArray, strata: IntArray) -> FloatArray:
    """Return the loss rate of every frame's stratum."""
    totals = np.bincount(strata[inside], minlength=int(strata.max()) + 1)
    losses = np.bincount(strata[lost], minlength=len(totals))
    return np.asarray((losses / np.maximum(totals, 1))[strata], float)


def stratified_evidence(loss: tuple[BoolArray, BoolArray], region: BoolArray, strata: IntArray) -> float:
    """Return −ln of the probability that random loss, at each stratum's own rate, takes all frames of a region.

    `loss` is (kept, dropped). A region that is a whole stratum has no evidence beyond the stratum's rate.
    """
    kept, dropped = (np.bincount(strata[mask], minlength=int(strata.max()) + 1) for mask in loss)
    taken = np.bincount(strata[region & loss[1]], minlength=len(kept))
    n = kept + dropped
    return float(np.sum(log_binomial(n, dropped) - log_binomial(n - taken, dropped - taken)))


def _shifted(excess: FloatArray, inside: BoolArray) -> Iterable[tuple[FloatArray, BoolArray]]:
    for lag in range(1, min(4 * MOST_NEIGHBOURS, len(excess) - 1)):
        yield excess[lag:] * excess[:-lag], inside[lag:] & inside[:-lag]


def _sum_until_noise(products: Iterable[tuple[FloatArray, BoolArray]]) -> float:
    """Add up correlations until the first that noise can explain."""
    total = 0.0
    for product, pairs in products:
        n_pairs = int(np.count_nonzero(pairs))
        correlation = float(product[pairs].sum()) / n_pairs if n_pairs else 0.0
        if correlation < NEGLIGIBLE_CORRELATION or correlation * math.sqrt(n_pairs) < NOISE_SIGMA:
            break
        total += correlation
    return total


# ---- does a loss depend on anything? ----


@dataclass(frozen=True)
class LossTest:
    """Result of testing a loss against every feature; feature is the one it depends on most."""

    uniform: bool
    feature: str | None
    p_value: float


def uniform_loss(
    lost: BoolArray, numeric: Mapping[str, FloatArray], categorical: Mapping[str, IntArray], together: float
) -> LossTest:
    """Test that a loss hits all frames alike: rank-sum per number, chi-square per category, Bonferroni-corrected.

    `together` is the design effect of frames_lost_together; statistics are divided by it.
    """
    p_values = {name: _rank_sum_p(lost, values, together) for name, values in numeric.items()}
    p_values |= {name: _chi_square_p(lost, codes, together) for name, codes in categorical.items()}
    if not p_values:
        return LossTest(True, None, 1.0)
    feature = min(p_values, key=lambda name: p_values[name])
    corrected = min(1.0, p_values[feature] * len(p_values))
    return LossTest(corrected > CHANCE, feature, corrected)


def _rank_sum_p(lost: BoolArray, values: FloatArray, together: float) -> float:
    """Two-sided rank-sum test with ties, normal approximation."""
    known = np.isfinite(values)
    n, d = int(known.sum()), int((known & lost).sum())
    if d < TOO_FEW_TO_TEST or n - d < TOO_FEW_TO_TEST:
        return 1.0
    ranks = rankdata(values[known])
    sd = math.sqrt(float(np.var(ranks)) * d * (n - d) / (n - 1) * together)
    z = (float(ranks[lost[known]].sum()) - d * (n + 1) / 2) / sd if sd > 0 else 0.0
    return float(2 * norm.sf(abs(z)))


def _chi_square_p(lost: BoolArray, codes: IntArray, together: float) -> float:
    statistic, freedom = _chi_square(lost, codes)
    return float(chi2.sf(statistic / together, freedom)) if freedom else 1.0


def dispersion(lost: BoolArray, codes: IntArray) -> float:
    """Return by how much the loss rates of categories scatter more than those of frames lost one by one."""
    statistic, freedom = _chi_square(lost, codes)
    return statistic / freedom if freedom else 1.0


def _chi_square(lost: BoolArray, codes: IntArray) -> tuple[float, int]:
    """Chi-square and its degrees of freedom; categories expected to lose or keep fewer than five are left out."""
    known = codes >= 0
    totals = np.bincount(codes[known])
    losses = np.bincount(codes[known & lost], minlength=len(totals))
    rate = losses.sum() / max(totals.sum(), 1)
    large = totals * min(rate, 1 - rate) >= TOO_FEW_TO_TEST
    totals, losses = totals[large], losses[large]
    rate = losses.sum() / max(totals.sum(), 1)
    if len(totals) < 2 or not 0 < rate < 1:
        return 0.0, 0
    return float(np.sum((losses - totals * rate) ** 2 / (totals * rate * (1 - rate)))), len(totals) - 1
