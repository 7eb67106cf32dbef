"""Intervals of a law's parameters and losses: from the profile of the cost, and from a bootstrap over seeds."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from sonde.records.arrays import BoolArray, FloatArray
from sonde.scaling_laws.fitting import FormFit, box_of, minima_of, model_of, ordered
from sonde.scaling_laws.least_squares import minimise
from sonde.scaling_laws.quantities_of_laws import Quantities

STIFF = 1e3
"""Weight of the constraint h(θ) = v, relative to a point's; stiffer ones leave the minimiser in a narrow valley."""
ROUNDS = 14
CLOSE = 0.01
FARTHEST = 40.0
"""Standard errors beyond which a limit counts as open."""


@dataclass(frozen=True, eq=False)
class Limits:
    """Lower and upper limits (n,) of h(θ); NaN where the data set none. at_edge marks limits that the box set."""

    value: FloatArray
    low: FloatArray
    high: FloatArray
    at_edge: BoolArray
    """(n, 2)."""


def covariance_of(fit: FormFit) -> FloatArray:
    """Return the linearised covariance of θ, (p, p); parameters that lie on the floor's bound count as fixed."""
    _, jacobian = model_of(fit.form, fit.points.u)(fit.theta[None])
    free = np.ones(len(fit.theta), bool)
    free[-1] = not (fit.form.floor and fit.theta[-1] <= 0.0)
    design = jacobian[0][:, free] * np.sqrt(fit.noise.weights)[:, None]
    covariance = np.zeros((len(free), len(free)))
    covariance[np.ix_(free, free)] = np.linalg.pinv(design.T @ design, rcond=1e-12) * fit.scale.variance
    return covariance


def profile_limits(fit: FormFit, asked: Quantities, level: float = 0.95) -> Limits:
    """Find where the least cost with a quantity held fixed exceeds the minimum by s² F(level; 1, dof).

    Bates and Watts, Nonlinear Regression Analysis (1988), ch. 6. Both sides of all quantities are searched together.
    """
    value, jacobian = asked.of(fit.form, fit.theta[None])
    search = _Search.begin(fit, asked, value[0], jacobian[0], level)
    for _ in range(ROUNDS):
        if search.done.all():
            break
        search.advance()
    n = len(asked)
    limit = np.where(search.open, np.nan, search.at)
    return Limits(value[0], limit[:n], limit[n:], np.stack([search.edge[:n], search.edge[n:]], axis=1))


@dataclass
class _Search:
    """Both limits of every quantity: the low sides first, then the high sides."""

    fit: FormFit
    asked: Quantities
    centre: FloatArray
    error: FloatArray
    direction: FloatArray
    """How θ moves with each quantity along the linearised profile, (2n, p)."""
    threshold: float
    bounds: FloatArray
    at: FloatArray
    inside: FloatArray
    outside: FloatArray
    root_inside: FloatArray
    root_outside: FloatArray
    done: BoolArray
    open: BoolArray
    edge: BoolArray

    @classmethod
    def begin(cls, fit: FormFit, asked: Quantities, value: FloatArray, jacobian: FloatArray, level: float) -> "_Search":
        covariance = covariance_of(fit)
        spread = np.einsum("np,pq,nq->n", jacobian, covariance, jacobian)
        step = jacobian @ covariance / np.maximum(spread, 1e-30)[:, None]
        error = np.maximum(np.sqrt(np.maximum(spread, 0.0)), 1e-9)
        n, quantile = len(value), float(stats.f.ppf(level, 1, fit.scale.dof))
        side = np.repeat([-1.0, 1.0], n)
        centre, error = np.tile(value, 2), np.minimum(np.tile(error, 2), 3.0)
        bounds = _bounds(fit, asked)
        at = np.clip(centre + side * np.sqrt(quantile) * error, np.tile(bounds[:, 0], 2), np.tile(bounds[:, 1], 2))
        blank = np.zeros(2 * n, bool)
        return cls(
            fit, asked, centre, error, np.tile(step, (2, 1)), max(fit.scale.variance, 1e-24) * quantile,
            np.where(side < 0, np.tile(bounds[:, 0], 2), np.tile(bounds[:, 1], 2)),
            at, centre.copy(), np.full(2 * n, np.nan), np.zeros(2 * n), np.full(2 * n, np.nan),
            blank.copy(), blank.copy(), blank.copy(),
        )  # fmt: skip

    def advance(self) -> None:
        """Evaluate the profile at the present limits and move those that are not yet found."""
        todo = np.flatnonzero(~self.done)
        root = self._root(todo)
        at = self.at[todo]
        short = root < 1.0
        self.inside[todo[short]], self.root_inside[todo[short]] = at[short], root[short]
        self.outside[todo[~short]], self.root_outside[todo[~short]] = at[~short], root[~short]
        at_bound = short & (at == self.bounds[todo])
        self.edge[todo[at_bound]] = True
        lost = short & (np.abs(at - self.centre[todo]) > FARTHEST * self.error[todo])
        self.open[todo[lost]] = True
        self.done[todo[at_bound | lost | (np.abs(root - 1.0) < CLOSE)]] = True
        self.at[todo] = np.where(self.done[todo], at, self._next(todo, root))

    def _root(self, todo: np.ndarray) -> FloatArray:
        """Return √(Δcost / threshold) near the present limits, and move these to where the profile was found."""
        fit, n = self.fit, len(self.asked)
        column = todo % n
        targets = np.zeros((len(todo), n))
        weights = np.zeros((len(todo), n))
        targets[np.arange(len(todo)), column] = self.at[todo]
        weights[np.arange(len(todo)), column] = STIFF
        start = fit.theta + self.direction[todo] * (self.at[todo] - self.centre[todo])[:, None]
        y = np.concatenate([np.tile(fit.points.y, (len(todo), 1)), targets], axis=1)
        w = np.concatenate([np.tile(fit.noise.weights, (len(todo), 1)), weights], axis=1)
        box = box_of(fit.points, fit.form)
        found = minimise(self.asked.beside(fit.form, fit.points.u), y, w, start, box, fit.huber)
        reached = self.asked.of(fit.form, found.theta)[0][np.arange(len(todo)), column]
        cost = found.cost - STIFF * (reached - self.at[todo]) ** 2
        on_bound = self.at[todo] == self.bounds[todo]
        self.at[todo] = np.where(on_bound, self.at[todo], reached)
        return np.sqrt(np.maximum(cost - fit.cost, 0.0) / self.threshold)

    def _next(self, todo: np.ndarray, root: FloatArray) -> FloatArray:
        """Interpolate the root linearly between the sides of a bracket, or reach farther where there is none."""
        inside, outside = self.inside[todo], self.outside[todo]
        low, high = self.root_inside[todo], self.root_outside[todo]
        share = np.clip((1.0 - low) / np.maximum(high - low, 1e-12), 0.05, 0.95)
        reach = np.clip(1.0 / np.maximum(root, 1e-6), 1.15, 3.0)
        farther = self.centre[todo] + (self.at[todo] - self.centre[todo]) * reach
        limit = self.bounds[todo]
        farther = np.where(limit < self.centre[todo], np.maximum(farther, limit), np.minimum(farther, limit))
        return np.where(np.isnan(outside), farther, inside + share * (outside - inside))


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


def bootstrap_thetas(fit: FormFit, y: FloatArray) -> FloatArray:
    """Fit the form to every draw, (draws, p), starting from the grid and from the fit."""
    found = minima_of(fit.points, fit.form, y, fit.noise.weights, near=fit.theta, huber=fit.huber)
    return np.array([ordered(fit.form, theta) for theta in found.theta])
