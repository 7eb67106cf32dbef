"""How well probabilities rank and how honest they are."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binom, rankdata

from sonde.records.arrays import BoolArray, FloatArray
from sonde.reliability.resampling import Draws, percentiles


def auroc(happened: BoolArray, scores: FloatArray) -> float | None:
    """Probability that a case where it happened scores above one where it did not, ties counting half.

    None where all cases are of one kind. (Mann–Whitney U over the number of pairs.)
    """
    happened = np.asarray(happened, bool)
    n_yes, n_no = int(happened.sum()), int((~happened).sum())
    if not n_yes or not n_no:
        return None
    ranks = rankdata(scores)
    return float((ranks[happened].sum() - n_yes * (n_yes + 1) / 2) / (n_yes * n_no))


def auroc_interval(
    happened: BoolArray, scores: FloatArray, groups: Sequence[object], *, seed: int, n_resamples: int = 400
) -> tuple[float | None, float | None]:
    """95 % interval of the AUROC by resampling whole groups with replacement (percentile bootstrap).

    None where fewer than half of the resamples hold both kinds of cases.
    """
    found = percentiles(Draws.of(groups, seed=seed, n_draws=n_resamples).auroc(np.asarray(happened, bool), scores))
    return (None, None) if found is None else found


def brier(happened: BoolArray, p: FloatArray) -> float:
    """Mean squared difference between the probability and what happened (0 best, 0.25 for always one half)."""
    return float(np.mean((p - np.asarray(happened, float)) ** 2))


def expected_calibration_error(happened: BoolArray, p: FloatArray, n_bins: int = 10) -> float:
    """Mean gap between stated probability and observed frequency over bins of equal numbers of cases.

    With few cases per bin true probabilities show a gap, too: see `calibration_error_by_chance`. There are fewer bins
    where a bin would hold fewer than 10 cases.
    """
    bins = reliability_bins(happened, p, n_bins)
    return sum(n * abs(stated - found) for stated, found, n in bins) / len(p)


def calibration_error_by_chance(bins: Sequence[tuple[float, float, int]]) -> float:
    """The gap to be expected of true probabilities in such bins of `reliability_bins`.

    In each the mean deviation of a share of independent cases, all with the mean stated probability.
    """
    gaps = []
    for stated, _, n in bins:
        happened = np.arange(n + 1)
        gaps.append(float(binom.pmf(happened, n, stated) @ np.abs(happened / n - stated)))
    return float(np.average(gaps, weights=[n for *_, n in bins]))


def reliability_bins(happened: BoolArray, p: FloatArray, n_bins: int = 10) -> list[tuple[float, float, int]]:
    """Per bin of equal numbers of cases: mean stated probability, observed frequency, number of cases."""
    bins = np.array_split(np.argsort(p, kind="stable"), max(1, min(n_bins, len(p) // 10)))
    observed = np.asarray(happened, float)
    return [(float(np.mean(p[b])), float(np.mean(observed[b])), len(b)) for b in bins]
