"""Weighted least squares for many data sets and many starts at once.

A Levenberg-Marquardt iteration (Marquardt's scaling of the damping, a box by an active set) in which every array has a
leading axis: a bootstrap of 500 draws is one call. scipy.optimize.least_squares solves one problem a call; the tests
compare with it, `make speed` measures against it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sonde.records.arrays import BoolArray, FloatArray

Model = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""θ (batch, p) → predictions (batch, n) and their derivatives (batch, n, p)."""
_SETTLED = 1e-9
"""A step that lowers the cost by a smaller share ends the iteration."""
_MOST_DAMPED = 1e10
_NEXT_TO_NOTHING = 1e-26


@dataclass(frozen=True)
class Box:
    """Limits of θ, each of shape (p,)."""

    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, eq=False)
class Minima:
    """θ (batch, p), the cost Σ w ρ(r) there (batch,), and whether the iteration came to rest."""

    theta: FloatArray
    cost: FloatArray
    converged: BoolArray


@dataclass
class _State:
    """Where the iteration stands; the one place that is written to."""

    theta: FloatArray
    residual: FloatArray
    jacobian: FloatArray
    cost: FloatArray
    damping: FloatArray
    resting: BoolArray


def minimise(
    model: Model,
    y: FloatArray,
    weights: FloatArray,
    start: FloatArray,
    box: Box,
    huber: float | None = None,
    *,
    steps: int = 100,
) -> Minima:
    """Minimise Σ w ρ(y − model(θ)) from every start.

    Parameters
    ----------
    y, weights : (batch, n), or (n,) where all are alike; a weight is one over a variance.
    start : (batch, p).
    huber : beyond that many standard deviations ρ grows linearly (Huber 1964); None: ρ(r) = r².
    """
    y, weights = np.broadcast_to(y, (len(start), y.shape[-1])), np.broadcast_to(weights, (len(start), y.shape[-1]))
    state = _begin(model, y, weights, np.clip(start, box.low, box.high), huber)
    for _ in range(steps):
        at = np.flatnonzero(~state.resting)
        if not len(at):
            break
        _advance(state, at, model, (y[at], weights[at]), box, huber)
    return Minima(state.theta, state.cost, state.resting)


def _begin(model: Model, y: FloatArray, weights: FloatArray, theta: FloatArray, huber: float | None) -> _State:
    value, jacobian = model(theta)
    residual = y - value
    cost = cost_of(residual, weights, huber)
    return _State(theta, residual, np.array(jacobian), cost, np.full(len(theta), 1e-2), cost <= _NEXT_TO_NOTHING)


def _advance(
    state: _State, at: np.ndarray, model: Model, data: tuple[FloatArray, FloatArray], box: Box, huber: float | None
) -> None:
    """Try one step for the problems `at`; take it where it lowers the cost."""
    y, weights = data
    theta = state.theta[at]
    step = _step(state, at, _robust_weights(state.residual[at], weights, huber), box)
    tried = np.clip(theta + step, box.low, box.high)
    with np.errstate(over="ignore", invalid="ignore"):
        value, jacobian = model(tried)
        residual = y - value
        cost = cost_of(residual, weights, huber)
    gain = state.cost[at] - cost
    better = gain > 0
    won = at[better]
    state.theta[won], state.residual[won] = tried[better], residual[better]
    state.jacobian[won], state.cost[won] = jacobian[better], cost[better]
    state.damping[at] *= np.where(better, 0.15, 6.0)
    settled = better & (gain <= _SETTLED * state.cost[at])
    state.resting[at] = settled | (state.damping[at] > _MOST_DAMPED) | (state.cost[at] <= _NEXT_TO_NOTHING)


def _step(state: _State, at: np.ndarray, weights: FloatArray, box: Box) -> FloatArray:
    jacobian, theta = state.jacobian[at], state.theta[at]
    weighted = jacobian * weights[..., None]
    gradient = np.einsum("bnp,bn->bp", weighted, state.residual[at])
    held = ((theta <= box.low) & (gradient < 0)) | ((theta >= box.high) & (gradient > 0))
    normal = np.einsum("bnp,bnq->bpq", weighted, jacobian)
    scale = np.einsum("bpp->bp", normal)
    scale = np.maximum(scale, 1e-12 * scale.max(axis=-1, keepdims=True) + 1e-300)
    normal[held] = 0.0
    normal = np.where(held[:, None, :], 0.0, normal)
    diagonal = np.arange(theta.shape[1])
    normal[:, diagonal, diagonal] += np.where(held, 1.0, state.damping[at, None] * scale)
    return np.linalg.solve(normal, np.where(held, 0.0, gradient)[..., None])[..., 0]


def _robust_weights(residual: FloatArray, weights: FloatArray, huber: float | None) -> FloatArray:
    if huber is None:
        return weights
    size = np.sqrt(weights) * np.abs(residual)
    return weights * np.minimum(1.0, huber / np.maximum(size, 1e-300))


def cost_of(residual: FloatArray, weights: FloatArray, huber: float | None) -> FloatArray:
    """Return Σ w ρ(r), shape (batch,); infinite where it is not finite."""
    square = weights * residual**2
    if huber is not None:
        size = np.sqrt(square)
        square = np.where(size <= huber, square, 2.0 * huber * size - huber**2)
    total = square.sum(axis=-1)
    return np.where(np.isfinite(total), total, np.inf)
