"""Intervals of the parameters and losses of a law in one variable: from the profile, and draws over seeds."""

import numpy as np

from sonde.records.arrays import FloatArray
from sonde.scaling_laws.fitting import FormFit, box_of, model_of
from sonde.scaling_laws.profiles import Limits, Problem, covariance, profile
from sonde.scaling_laws.quantities_of_laws import Quantities


def problem_of(fit: FormFit) -> Problem:
    """Return a fitted form as a problem that can be profiled; a floor of zero counts as fixed."""
    fixed = np.zeros(len(fit.theta), bool)
    fixed[-1] = fit.form.floor and fit.theta[-1] <= 0.0
    return Problem(
        model=model_of(fit.form, fit.points.u),
        y=fit.points.y,
        weights=fit.noise.weights,
        box=box_of(fit.points, fit.form),
        theta=fit.theta,
        cost=fit.cost,
        variance=fit.scale.variance,
        dof=fit.scale.dof,
        fixed=fixed,
        huber=fit.huber,
    )


def covariance_of(fit: FormFit) -> FloatArray:
    """Return the linearised covariance of θ, (p, p)."""
    return covariance(problem_of(fit))


def profile_limits(fit: FormFit, asked: Quantities, level: float = 0.95) -> Limits:
    """Find the limits of all quantities of a fitted form from the profile of its cost."""
    return profile(problem_of(fit), lambda theta: asked.of(fit.form, theta), _bounds(fit, asked), level)


def _bounds(fit: FormFit, asked: Quantities) -> FloatArray:
    """Return the ranges (n, 2) that the box leaves to each quantity."""
    box = box_of(fit.points, fit.form)
    bounds = np.tile([-np.inf, np.inf], (len(asked), 1))
    for position, row in enumerate(asked.rows):
        places = np.flatnonzero(row)
        if len(places) == 1 and places[0] >= 2:
            bounds[position] = box.low[places[0]], box.high[places[0]]
    return bounds


def seed_draws(fit: FormFit, draws: int, rng: np.random.Generator) -> FloatArray:
    """Draw log losses (draws, n) at the given sizes: the means of the sizes with deviations of seeds drawn anew.

    Deviations from their size's mean are widened by √(m/(m−1)) for the m seeds of the size and pooled over sizes (after
    division by the modelled scatter): three deviations of one size alone would say too little. Sizes with one seed, and
    sizes that scatter about the law more than seeds do, take residuals of the fit instead.
    """
    points, weights = fit.points, fit.noise.weights
    seeds = points.counts[points.size_of]
    deviations = (points.y - points.means[points.size_of]) * np.sqrt(seeds / np.maximum(seeds - 1, 1))
    pool = (deviations * np.sqrt(weights))[seeds > 1]
    if len(pool) and not fit.scale.inflated:
        return points.means[points.size_of] + rng.choice(pool, (draws, points.n)) / np.sqrt(weights)
    law = model_of(fit.form, points.u)(fit.theta[None])[0][0]
    shift = rng.normal(0.0, np.sqrt(fit.scale.variance), (draws, len(points.sizes)))
    if not fit.scale.inflated:
        return law + rng.normal(0.0, np.sqrt(fit.scale.variance), (draws, points.n)) / np.sqrt(weights)
    return law + shift[:, points.size_of] / np.sqrt(seeds)
