"""The scatter of seeds: how large it is, whether it changes with the size, and whether it explains a misfit."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from sonde.records.arrays import FloatArray
from sonde.scaling_laws.points import Points

TREND_ESTABLISHED = 0.05
"""p-value below which seed scatter counts as depending on size, and points are weighted by it."""
LARGEST_TREND = 3.0
"""Bound of |d log variance / d log x|."""
MAD_TO_SD = 1.4826
ROUNDING = 1e-12
"""Relative deviations below which seeds count as equal: they are rounding, and have no trend."""


@dataclass(frozen=True, eq=False)
class Noise:
    """Scatter of the log loss over seeds.

    weights (n,) are relative, of mean 1: one over the variance. variance is the pooled within-size variance at weight
    1, None without replicates; dof its degrees of freedom.
    """

    weights: FloatArray
    variance: float | None
    dof: int
    trend: float
    """d log variance / d log x that the weights follow; 0 where no trend is established."""
    trend_p: float | None


def robust_seed_noise(points: Points) -> Noise:
    """Estimate the scatter within sizes from the median absolute deviation, which a few outliers do not inflate.

    No trend with size is looked for: one outlier would make one.
    """
    found = seed_noise(points)
    replicated = points.counts[points.size_of] > 1
    if found.variance is None:
        return found
    deviations = np.abs(points.y - points.means[points.size_of])[replicated]
    scatter = MAD_TO_SD * float(np.median(deviations))
    return Noise(np.ones(points.n), scatter**2 * len(deviations) / found.dof, found.dof, 0.0, None)


def seed_noise(points: Points) -> Noise:
    """Estimate the scatter within sizes; weigh points by it only where it is established that it changes with size.

    The variance is modelled as σ² x^γ (restricted likelihood; γ tested against 0 by its likelihood ratio): with three
    seeds a size the variance of one size alone is known to a factor of four, too badly to weigh by.
    """
    deviations = points.y - points.means[points.size_of]
    deviations = np.where(np.abs(deviations) < ROUNDING, 0.0, deviations)
    spare = points.counts - 1
    squares: FloatArray = np.bincount(points.size_of, deviations**2).astype(float)
    replicated = spare > 0
    dof = int(spare.sum())
    if replicated.sum() < 2 or not squares.any():
        variance = float(squares.sum() / dof) if dof else None
        return Noise(np.ones(points.n), variance, dof, 0.0, None)
    log_size = np.log(points.sizes) - points.u_centre
    trend, p = _lasting_trend(squares[replicated], spare[replicated].astype(float), log_size[replicated])
    trend = trend if p < TREND_ESTABLISHED else 0.0
    relative = np.exp(trend * log_size)
    weights = (1.0 / relative)[points.size_of]
    weights /= weights.mean()
    variance = float((weights * deviations**2).sum() / dof)
    return Noise(weights, variance, dof, trend, p)


def _lasting_trend(squares: FloatArray, spare: FloatArray, log_size: FloatArray) -> tuple[float, float]:
    """Return γ and the p-value of γ = 0, the larger of those with and without the size that scatters most.

    A single run that failed at one end of the curve looks like a trend; it is an outlier and has to be told as one.
    """
    trend, p = _trend(squares, spare, log_size)
    others = np.arange(len(squares)) != np.argmax(squares / spare)
    if p >= TREND_ESTABLISHED or others.sum() < 2 or not squares[others].any():
        return trend, p if others.sum() >= 2 else 1.0
    return trend, max(p, _trend(squares[others], spare[others], log_size[others])[1])


def _trend(squares: FloatArray, spare: FloatArray, log_size: FloatArray) -> tuple[float, float]:
    """Return γ and the p-value of γ = 0; squares ~ σ² x^γ χ²(spare)."""

    def deviance(gamma: float) -> float:
        relative = np.exp(gamma * log_size)
        return float(spare.sum() * np.log((squares / relative).sum()) + (spare * gamma * log_size).sum())

    best = optimize.minimize_scalar(deviance, bounds=(-LARGEST_TREND, LARGEST_TREND), method="bounded")
    return float(best.x), float(stats.chi2.sf(max(deviance(0.0) - best.fun, 0.0), 1))


@dataclass(frozen=True)
class Scale:
    """The variance per unit weight that intervals rest on, its degrees of freedom, and the test of the misfit."""

    variance: float
    dof: int
    misfit_p: float | None
    """p-value of the sizes' scatter about the law against that of the seeds; None without replicates or spare sizes."""
    inflated: bool
    """True where the sizes scatter more than the seeds explain: intervals then rest on the sizes' scatter."""


def scale_of(points: Points, noise: Noise, cost: float, n_parameters: int, limit: float = 0.05) -> Scale:
    """Return the variance about a fitted law whose weighted squares sum to `cost`.

    Where the law misses the sizes' means by more than the seeds explain (F test), points of one size do not count as
    independent: the variance is that of the misfit, with n_sizes − n_parameters degrees of freedom.
    """
    spare_sizes = len(points.sizes) - n_parameters
    pooled = cost / max(points.n - n_parameters, 1)
    if noise.variance is None or noise.dof == 0 or spare_sizes <= 0 or noise.variance <= 0:
        return Scale(pooled, max(points.n - n_parameters, 1), None, False)
    misfit = max(cost - noise.variance * noise.dof, 0.0) / spare_sizes
    p = float(stats.f.sf(misfit / noise.variance, spare_sizes, noise.dof))
    if p < limit:
        return Scale(misfit, spare_sizes, p, True)
    return Scale(pooled, points.n - n_parameters, p, False)
