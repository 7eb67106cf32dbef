"""Runs that went wrong, pulled to where they do no harm: what Huber's loss does to a fit, done to the points.

A least-squares fit to points whose residuals are cut at Huber's limit is the fit by Huber's loss (Huber, Robust
Statistics, 1981, ch. 7.8, "metrically Winsorized residuals"). The average over forms and the test of a break need
squares; they see the points so.
"""

import numpy as np

from sonde.records.arrays import FloatArray
from sonde.scaling_laws.fitting import LEAST_SCATTER, fit_form, model_of, supports
from sonde.scaling_laws.forms import BROKEN, FLOOR, POWER
from sonde.scaling_laws.noise import Noise, robust_seed_noise, seed_noise
from sonde.scaling_laws.points import Points

FEWEST_SEEDS = 3
"""Seeds of a size that can outvote one; with fewer a law through all sizes has to."""
FEWEST_SIZES = 5


def noise_of(points: Points, huber: float | None) -> Noise:
    """Return the scatter of seeds; with Huber's loss that which outliers do not inflate."""
    return seed_noise(points) if huber is None else robust_seed_noise(points)


def tamed(points: Points, huber: float | None) -> Points:
    """Pull runs that lie beyond `huber` standard deviations of a run to that distance; none without a limit.

    The distance is that from the median of the seeds, or from the law by Huber's loss where a size has fewer than
    three seeds (and there are at least five sizes: fewer cannot outvote one of them).
    """
    if huber is None:
        return points
    many = points.counts[points.size_of] >= FEWEST_SEEDS
    centre, limit = _medians(points), np.full(points.n, _limit_of_seeds(points, huber))
    if not many.all() and len(points.sizes) >= FEWEST_SIZES:
        law, of_law = _law(points, huber)
        centre, limit = np.where(many, centre, law), np.where(many, limit, of_law)
        many = np.ones(points.n, bool)
    off = points.y - centre
    pulled = np.where(many, np.clip(off, -limit, limit), off)
    loss = np.where(pulled == off, points.loss, np.exp(centre + pulled + points.y_centre))
    return Points(points.x, loss, points.seed)


def _medians(points: Points) -> FloatArray:
    medians = np.array([np.median(points.y[points.size_of == k]) for k in range(len(points.sizes))])
    return medians[points.size_of]


def _limit_of_seeds(points: Points, huber: float) -> float:
    variance = robust_seed_noise(points).variance
    return huber * max(0.0 if variance is None else float(np.sqrt(variance)), LEAST_SCATTER)


def _law(points: Points, huber: float) -> tuple[FloatArray, float]:
    """Return the log losses of the best law by Huber's loss, and its limit."""
    noise = robust_seed_noise(points)
    forms = [form for form in (POWER, FLOOR, BROKEN) if supports(form, len(points.sizes))]
    best = min((fit_form(points, form, noise, huber) for form in forms), key=lambda fit: fit.aicc)
    return model_of(best.form, points.u)(best.theta[None])[0][0], best.huber or LEAST_SCATTER
