"""Limits from the profile of the cost, for any law that least squares can fit.

A limit of a quantity h(θ) is where the least cost with h held fixed exceeds the minimum by s² F(level; 1, dof) (Bates
and Watts, Nonlinear Regression Analysis, 1988, ch. 6). Both limits of all quantities are searched together.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.scaling_laws.least_squares import Box, Model, cost_of, minimise

STIFF = 50.0
"""Weight of the constraint h(θ) = v over that of all points; stiffer ones leave the minimiser in a narrow valley."""
ROUNDS = 14
CLOSE, CLOSE_ENOUGH = 0.01, 0.1
"""How far √(Δcost / threshold) may be from 1 at a limit: where the search ends early, and after all rounds."""
FARTHEST = 40.0
"""Standard errors beyond which a limit counts as open."""

Asked = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""θ (batch, p) → quantities h (batch, n) and their derivatives (batch, n, p)."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A fitted law: its model at the points, y and weights (n,), the minimum, and the variance limits rest on."""

    model: Model
    y: FloatArray
    weights: FloatArray
    box: Box
    theta: FloatArray
    cost: float
    variance: float
    dof: int
    fixed: BoolArray
    """(p,) parameters that lie on a bound and count as fixed in the linearised covariance."""
    huber: float | None = None


@dataclass(frozen=True, eq=False)
class Limits:
    """Lower and upper limits (n,) of h(θ); NaN where the points set none. at_edge (n, 2): the box set them."""

    value: FloatArray
    low: FloatArray
    high: FloatArray
    at_edge: BoolArray


def covariance(problem: Problem) -> FloatArray:
    """Return the linearised covariance of θ, (p, p)."""
    _, jacobian = problem.model(problem.theta[None])
    free = ~problem.fixed
    design = jacobian[0][:, free] * np.sqrt(problem.weights)[:, None]
    full = np.zeros((len(free), len(free)))
    full[np.ix_(free, free)] = np.linalg.pinv(design.T @ design, rcond=1e-12) * problem.variance
    return full


def profile(problem: Problem, asked: Asked, bounds: FloatArray, level: float = 0.95) -> Limits:
    """Find the limits of all quantities; bounds (n, 2) are the ranges that the box leaves to them."""
    search = _begin(problem, asked, bounds, level)
    for _ in range(ROUNDS):
        if search.done.all():
            break
        search.advance()
    unknown = search.open | ~(search.done | (search.off < CLOSE_ENOUGH))
    limit = np.where(unknown, np.nan, search.at).reshape(2, -1)
    return Limits(search.centre[: limit.shape[1]], limit[0], limit[1], search.edge.reshape(2, -1).T)


def _begin(problem: Problem, asked: Asked, bounds: FloatArray, level: float) -> "_Search":
    value, jacobian = (one[0] for one in asked(problem.theta[None]))
    spread = np.einsum("np,pq,nq->n", jacobian, covariance(problem), jacobian)
    direction = jacobian @ covariance(problem) / np.maximum(spread, 1e-30)[:, None]
    error = np.tile(np.clip(np.sqrt(np.maximum(spread, 0.0)), 1e-9, 3.0), 2)
    quantile = float(stats.f.ppf(level, 1, problem.dof))
    side, limit = np.repeat([-1.0, 1.0], len(value)), bounds.T.ravel()
    first = np.tile(value, 2) + side * np.sqrt(quantile) * error
    first = np.where(side < 0, np.maximum(first, limit), np.minimum(first, limit))
    return _Search(
        problem, asked, np.tile(value, 2), error, np.tile(direction, (2, 1)),
        max(problem.variance, 1e-24) * quantile, limit, first, *_blank(np.tile(value, 2)),
    )  # fmt: skip


def _blank(
    centre: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, BoolArray, BoolArray, BoolArray, FloatArray]:
    """Nothing found yet: the bracket's ends, the roots there, and done, open, edge, off."""
    nowhere, no = np.full(len(centre), np.nan), np.zeros(len(centre), bool)
    return (
        centre.copy(),
        nowhere.copy(),
        np.zeros(len(centre)),
        nowhere.copy(),
        no.copy(),
        no.copy(),
        no.copy(),
        nowhere.copy(),
    )


@dataclass
class _Search:
    """Both limits of every quantity: the low sides first, then the high sides."""

    problem: Problem
    asked: Asked
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
    off: FloatArray
    """How far the root at the last place looked at was from 1."""

    def advance(self) -> None:
        """Evaluate the profile at the present limits and move those that are not yet found."""
        todo = np.flatnonzero(~self.done)
        root = self._root(todo)
        at = self.at[todo]
        short = root < 1.0
        self.off[todo] = np.abs(root - 1.0)
        self.inside[todo[short]], self.root_inside[todo[short]] = at[short], root[short]
        self.outside[todo[~short]], self.root_outside[todo[~short]] = at[~short], root[~short]
        at_bound = short & (at == self.bounds[todo])
        self.edge[todo[at_bound]] = True
        lost = short & (np.abs(at - self.centre[todo]) > FARTHEST * self.error[todo])
        self.open[todo[lost]] = True
        self.done[todo[at_bound | lost | (np.abs(root - 1.0) < CLOSE)]] = True
        self.at[todo] = np.where(self.done[todo], at, self._next(todo, root))

    def _root(self, todo: IntArray) -> FloatArray:
        """Return √(Δcost / threshold) near the present limits, and move these to where the profile was found."""
        problem, n, k = self.problem, len(self.centre) // 2, np.arange(len(todo))
        targets, weights = np.zeros((len(todo), n)), np.zeros((len(todo), n))
        stiff = STIFF * float(problem.weights.sum())
        targets[k, todo % n], weights[k, todo % n] = self.at[todo], stiff
        start = problem.theta + self.direction[todo] * (self.at[todo] - self.centre[todo])[:, None]
        y = np.concatenate([np.tile(problem.y, (len(todo), 1)), targets], axis=1)
        w = np.concatenate([np.tile(problem.weights, (len(todo), 1)), weights], axis=1)
        found = minimise(self._beside, y, w, start, problem.box, problem.huber)
        reached = self.asked(found.theta)[0][k, todo % n]
        cost = cost_of(problem.y - problem.model(found.theta)[0], problem.weights, problem.huber)
        self.at[todo] = np.where(self.at[todo] == self.bounds[todo], self.at[todo], reached)
        return np.sqrt(np.maximum(cost - problem.cost, 0.0) / self.threshold)

    def _beside(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The model's predictions followed by all quantities."""
        value, jacobian = self.problem.model(theta)
        asked, of_asked = self.asked(theta)
        return np.concatenate([value, asked], axis=1), np.concatenate([jacobian, of_asked], axis=1)

    def _next(self, todo: IntArray, root: FloatArray) -> FloatArray:
        """Interpolate the root linearly between the sides of a bracket, or reach farther where there is none."""
        inside, outside = self.inside[todo], self.outside[todo]
        low, high = self.root_inside[todo], self.root_outside[todo]
        share = np.clip((1.0 - low) / np.maximum(high - low, 1e-12), 0.05, 0.95)
        reach = np.clip(1.0 / np.maximum(root, 1e-6), 1.15, 3.0)
        farther = self.centre[todo] + (self.at[todo] - self.centre[todo]) * reach
        limit = self.bounds[todo]
        farther = np.where(limit < self.centre[todo], np.maximum(farther, limit), np.minimum(farther, limit))
        return np.where(np.isnan(outside), farther, inside + share * (outside - inside))
