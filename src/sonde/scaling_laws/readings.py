"""What a curve says before any law is fitted: rises, outliers, flat or unfinished runs."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.scaling import Reading
from sonde.scaling_laws.noise import MAD_TO_SD, Noise
from sonde.scaling_laws.points import Points

OUTLYING = 0.01
"""p-value, corrected for the number looked at, below which a point or a size is called an outlier."""
LARGE_FALL = 1.5
"""Exponent between the two smallest sizes beyond which the smallest may not have learnt at all."""
FLAT, FLAT_P = 1e-9, 0.05
MOST_RISES = 5
"""Steps at which the loss rises, beyond which they are told together."""
SERIOUS_RISE = np.log(1.15)


def readings(points: Points, noise: Noise, converged: Sequence[bool | None] | None = None) -> tuple[Reading, ...]:
    """List what stands out in the points themselves.

    converged : for each point, in the order of `points`, whether its training had settled; None is unknown.
    """
    found = [
        _rises(points, noise),
        *_not_monotone(points, noise),
        _runaway(points),
        *_outlying_seeds(points, noise),
        *_outlying_sizes(points),
        _flat(points, noise),
        _not_converged(points, converged),
        _one_seed(points),
        _unequal_scatter(noise),
    ]
    return tuple(reading for reading in found if reading is not None)


def _scatter_of_difference(points: Points, noise: Noise) -> FloatArray | None:
    """Standard deviation of the difference between the means of neighbouring sizes; None without replicates."""
    if noise.variance is None:
        return None
    weight = np.bincount(points.size_of, noise.weights) / points.counts
    variance = noise.variance / weight / points.counts
    return np.sqrt(variance[1:] + variance[:-1])


def _rises(points: Points, noise: Noise) -> Reading | None:
    """The loss rises over the whole curve, or from its smallest to its largest size."""
    if not np.ptp(points.means):
        return None
    rank = stats.spearmanr(points.sizes, points.means).statistic
    rise = points.means[-1] - points.means[0]
    scatter = _scatter_of_difference(points, noise)
    beyond = rise > (0.0 if scatter is None else 2.0 * float(scatter.max(initial=0.0)))
    if not (beyond and rank > 0):
        return None
    times = np.exp(rise)
    message = f"The loss rises with size: {times:.2g} times as large at the largest size as at the smallest."
    return Reading(
        "rises",
        message + " Something else than the amount of data decides; no law of learning holds.",
        tuple(points.sizes.tolist()),
        serious=True,
    )


def _not_monotone(points: Points, noise: Noise) -> list[Reading]:
    """Steps at which the mean loss rises by more than seeds explain (with one seed: at all)."""
    steps = np.diff(points.means)
    scatter = _scatter_of_difference(points, noise)
    if scatter is None:
        rising = steps > 0
        why = "there is one seed per size, so chance cannot be told from a rise"
    else:
        limit = stats.t.ppf(1.0 - OUTLYING / len(steps), max(noise.dof, 1))
        rising = steps > limit * scatter
        why = "that is more than the seeds scatter"
    if rising.sum() > MOST_RISES:
        return [_many_rises(points, steps, rising, why)]
    return [
        Reading(
            "not_monotone",
            f"From {points.sizes[k]:g} to {points.sizes[k + 1]:g} the loss rises by {np.expm1(steps[k]):.1%}; {why}.",
            (float(points.sizes[k]), float(points.sizes[k + 1])),
            serious=bool(steps[k] > SERIOUS_RISE),
        )
        for k in np.flatnonzero(rising)
    ]


def _many_rises(points: Points, steps: FloatArray, rising: BoolArray, why: str) -> Reading:
    k = int(np.argmax(steps))
    message = (
        f"The loss rises at {rising.sum()} of {len(steps)} steps, most from {points.sizes[k]:g} to "
        f"{points.sizes[k + 1]:g}, by {np.expm1(steps[k]):.1%}; {why}."
    )
    sizes = tuple(points.sizes[1:][rising].tolist())
    return Reading("not_monotone", message, sizes, serious=bool(steps[k] > SERIOUS_RISE))


def _runaway(points: Points) -> Reading | None:
    """The smallest size lies far above where the others point: its training failed, or a regime before learning."""
    if len(points.sizes) < 4:
        return None
    falls = -np.diff(points.means) / np.diff(np.log(points.sizes))
    rest = float(np.median(falls[1:]))
    if falls[0] < LARGE_FALL or falls[0] < 4.0 * max(rest, 0.1):
        return None
    return Reading(
        "runaway",
        f"From {points.sizes[0]:g} to {points.sizes[1]:g} the loss falls {falls[0] / max(rest, 0.1):.0f} times as "
        f"steeply as later: the smallest size may not have learnt at all. Fit without it (--from {points.sizes[1]:g}).",
        (float(points.sizes[0]),),
        serious=True,
    )


def _outlying_seeds(points: Points, noise: Noise) -> list[Reading]:
    """Single runs far from the other seeds of their size (externally studentised deviation, Bonferroni)."""
    if not noise.variance or noise.dof < 3:
        return []
    deviation = (points.y - points.means[points.size_of]) * np.sqrt(noise.weights)
    seeds = points.counts[points.size_of]
    leverage = 1.0 - 1.0 / seeds
    with np.errstate(divide="ignore", invalid="ignore"):
        others = (noise.variance * noise.dof - deviation**2 / leverage) / (noise.dof - 1)
        size = np.abs(deviation) / np.sqrt(np.maximum(others, 1e-300) * leverage)
    size = np.where(seeds > 1, size, 0.0)
    limit = stats.t.ppf(1.0 - OUTLYING / (2 * points.n), noise.dof - 1)
    return [
        Reading(
            "outlier",
            f"At {points.x[k]:g} one run has a loss of {points.loss[k]:.4g}, {size[k]:.0f} standard deviations from "
            "the other seeds: did it finish?",
            (float(points.x[k]),),
        )
        for k in np.flatnonzero(size > limit)
    ]


def _outlying_sizes(points: Points) -> list[Reading]:
    """Sizes far off the line through their two neighbours, against the median of such distances."""
    if len(points.sizes) < 6:
        return []
    u = np.log(points.sizes)
    share = (u[1:-1] - u[:-2]) / (u[2:] - u[:-2])
    between = points.means[:-2] + share * (points.means[2:] - points.means[:-2])
    off = points.means[1:-1] - between
    far = np.abs(off - np.median(off))
    beside = np.pad(far, 1)  # a size far off bends the lines of its neighbours, too
    scale = MAD_TO_SD * float(np.median(far)) + 0.01
    return [
        Reading(
            "outlier",
            f"At {points.sizes[k + 1]:g} the loss lies {np.expm1(off[k]):+.0%} off the line between its neighbours.",
            (float(points.sizes[k + 1]),),
        )
        for k in np.flatnonzero((far > 6.0 * scale) & (far >= np.maximum(beside[:-2], beside[2:])))
    ]


def _flat(points: Points, noise: Noise) -> Reading | None:
    """Neither the means of the sizes nor their trend differ from chance (without replicates: from rounding)."""
    if not noise.variance:
        if np.ptp(points.means) > FLAT:
            return None
    elif min(_p_of_differences(points, noise, noise.variance)) < FLAT_P:
        return None
    return Reading(
        "flat",
        "The loss does not change with size beyond its scatter: more of this buys nothing that these points show.",
        tuple(points.sizes.tolist()),
    )


def _p_of_differences(points: Points, noise: Noise, variance: float) -> tuple[float, float]:
    """p-values of F tests against the scatter of seeds: of any difference between sizes, and of a straight trend."""
    weights = np.bincount(points.size_of, noise.weights)
    log_size = np.log(points.sizes)
    off, along = (
        points.means - np.average(points.means, weights=weights),
        log_size - np.average(log_size, weights=weights),
    )
    between = float((weights * off**2).sum()) / (len(weights) - 1)
    trend = float((weights * off * along).sum() ** 2 / (weights * along**2).sum())
    dof = max(noise.dof, 1)
    return float(stats.f.sf(between / variance, len(weights) - 1, dof)), float(stats.f.sf(trend / variance, 1, dof))


def _not_converged(points: Points, converged: Sequence[bool | None] | None) -> Reading | None:
    if converged is None:
        return None
    unfinished = [k for k, one in enumerate(converged) if one is False]
    if not unfinished:
        return None
    sizes = tuple(sorted({float(points.x[k]) for k in unfinished}))
    words = ", ".join(f"{size:g}" for size in sizes)
    return Reading(
        "not_converged",
        f"{len(unfinished)} of {points.n} runs had not settled (sizes {words}): their loss measures the training time, "
        "too. Train them longer before reading a law off the curve.",
        sizes,
        serious=len(unfinished) > points.n / 4,
    )


def _one_seed(points: Points) -> Reading | None:
    if points.counts.max() > 1:
        return None
    message = (
        "One run per size: the scatter is taken from the law's residuals; a second seed would show what is chance."
    )
    return Reading("one_seed", message)


def _unequal_scatter(noise: Noise) -> Reading | None:
    if noise.trend == 0.0 or noise.trend_p is None:
        return None
    way = "grows" if noise.trend > 0 else "falls"
    message = f"The scatter of seeds {way} with size (variance ∝ x^{noise.trend:.2f}, p = {noise.trend_p:.2g})"
    return Reading("unequal_scatter", message + ": points are weighted by it.")
