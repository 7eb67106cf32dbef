"""Predictions averaged over all laws that the points leave possible.

One law has to be named, but a prediction need not rest on it: with few sizes a floor and a break look alike, and beyond
the largest size they part. Here every law L = E + A x^(−α) (1 + x/d)^(−c) on a grid of E and d, with or without floor
and break, is given the probability of its points (Bayesian model averaging, Hoeting et al., doi
10.1214/ss/1009212519): given E, d, the scatter σ of seeds and the ratio κ of the variance between sizes to that of
seeds, log(L − E) is linear in log A, α and c with Gaussian priors, so evidence and prediction are in closed form.

The priors, in words (all in natural logarithms, none depends on the unit of the loss or of x):
α 0.4 ± 0.6; a break with probability 1/2, as gentle as x/d itself or three times as sharp, the exponent's change of
scale 0.1, 0.3 or 0.9, d anywhere from the smallest size to twice the largest; a floor with probability 0.3, anywhere
below the smallest mean loss (one just below it would end the curve at once: a coincidence); κ 0, 1/2, 2 or 8 with
probability 0.7, 0.2, 0.07, 0.03.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from sonde.records.arrays import BoolArray, FloatArray
from sonde.scaling_laws.noise import Noise
from sonde.scaling_laws.points import Points

EXPONENT, EXPONENT_SPREAD = 0.4, 0.6
AMPLITUDE_SPREAD = 2.0
CHANGES = (0.1, 0.3, 0.9)
"""Prior standard deviations of the exponent's change at a break."""
SHARPNESSES = (1.0, 0.35)
"""Widths f of a break."""
P_BREAK, P_FLOOR = 0.5, 0.3
FLOOR_SHARES = (0.1, 0.3, 0.5, 0.65, 0.78, 0.87, 0.93, 0.97, 0.99)
"""Floors, as shares of the smallest mean loss; each stands for the losses nearest to it."""
BETWEEN_SIZES = (0.0, 0.5, 2.0, 8.0)
"""Variance between sizes over variance of seeds."""
BETWEEN_PRIOR = (0.7, 0.2, 0.07, 0.03)
PLACES, BEYOND = 10, np.log(2.0)
"""Breaks are looked for up to a doubling beyond the largest size, whatever sizes are asked for."""
SEED_SCATTERS = np.exp(np.linspace(-0.7, 0.7, 5))
"""Scatter of seeds relative to its estimate."""
UNKNOWN_SCATTERS = np.exp(np.linspace(np.log(0.003), np.log(0.3), 12))
"""Relative scatter where each size has one seed."""
LEAST_SCATTER = 0.002
NEGLIGIBLE = 1e-7
NODES = np.sqrt(2.0) * special.erfinv(2.0 * (np.arange(41) + 0.5) / 41 - 1.0)
"""Standard normal quantiles of equal weight that stand for one law's prediction."""


@dataclass(frozen=True, eq=False)
class Averaged:
    """The averaged prediction at each size asked for, in the unit of the loss, and what it was averaged over."""

    x: FloatArray
    value: FloatArray
    """Medians, (n,)."""
    low: FloatArray
    high: FloatArray
    probability_of_break: float
    probability_of_floor: float


@dataclass(frozen=True, eq=False)
class _Breaks:
    """Laws without floor: for each the place and width of the break and the prior variance of its change."""

    place: FloatArray
    sharpness: FloatArray
    variance: FloatArray
    log_prior: FloatArray

    @property
    def broken(self) -> BoolArray:
        return self.variance > 0


@dataclass(frozen=True, eq=False)
class _Scatter:
    """Variances of the sizes' means (n_scatters, n_sizes), of a new size about its law, and their log weight."""

    of_means: FloatArray
    of_new: FloatArray
    log_weight: FloatArray


def averaged_predictions(
    points: Points, noise: Noise, x: FloatArray, level: float = 0.95, *, flattens: bool = False
) -> Averaged:
    """Predict the mean loss at sizes x, over many seeds; of a single run where the points have one a size.

    The interval holds the uncertainty of the law's form and parameters and the scatter between sizes.

    Parameters
    ----------
    flattens : the points bend to ever smaller gains. The interval then reaches from that of the laws with a floor to
        that of the laws without: how probable either is would be the prior's word alone.
    """
    asked = np.asarray(x, float).ravel()
    u = np.log(asked) - points.u_centre
    scatter = _scatter(points, noise)
    breaks = _breaks(points)
    weights, means, spreads, floors = _evidence(points, u, breaks, scatter)
    tails = (1.0 - level) / 2.0

    def quantiles(some: FloatArray, wanted: tuple[float, ...]) -> FloatArray:
        return np.exp(_mixture_quantiles(some, means, spreads, floors, scatter, wanted) + points.y_centre)

    shown = quantiles(weights, (0.5, tails, 1.0 - tails))
    low, high = shown[1:]
    if flattens:
        limits = [quantiles(weights * of[:, None, None], (tails, 1.0 - tails)) for of in (floors > 0, floors == 0)]
        low, high = np.min(limits, axis=0)[0], np.max(limits, axis=0)[1]
    by_law = weights.sum(axis=2)
    return Averaged(
        asked,
        value=shown[0],
        low=low,
        high=high,
        probability_of_break=float(by_law[:, breaks.broken].sum()),
        probability_of_floor=float(by_law[floors > 0].sum()),
    )


def _breaks(points: Points) -> _Breaks:
    places = np.linspace(points.u[0], points.u[-1] + BEYOND, PLACES)
    grid = np.meshgrid(places, SHARPNESSES, np.square(CHANGES), indexing="ij")
    place, sharpness, variance = (
        np.concatenate([[none], one.ravel()]) for none, one in zip((0, 1, 0), grid, strict=True)
    )
    n = len(place) - 1
    return _Breaks(place, sharpness, variance, np.log(np.array([1.0 - P_BREAK, *n * [P_BREAK / n]])))


def _scatter(points: Points, noise: Noise) -> _Scatter:
    if noise.variance is None:
        sigma, log_weight = UNKNOWN_SCATTERS, np.zeros(len(UNKNOWN_SCATTERS))
    else:
        estimate = max(np.sqrt(noise.variance), LEAST_SCATTER)
        sigma = estimate * SEED_SCATTERS
        log_weight = -noise.dof * (np.log(sigma) + 0.5 * (estimate / sigma) ** 2)
    sigmas, ratios = (grid.ravel() for grid in np.meshgrid(sigma, BETWEEN_SIZES, indexing="ij"))
    relative = 1.0 / (np.bincount(points.size_of, noise.weights) / points.counts)
    of_means = sigmas[:, None] ** 2 * relative * (ratios[:, None] + 1.0 / points.counts)
    of_one = 1.0 if points.counts.max() == 1 else 0.0  # its scatter is in part that between sizes
    of_new = sigmas**2 * relative[-1] * (ratios + of_one)
    log_prior = np.tile(np.log(BETWEEN_PRIOR), len(sigma))
    return _Scatter(of_means, of_new, np.repeat(log_weight, len(BETWEEN_SIZES)) + log_prior)


def _evidence(
    points: Points, u: FloatArray, breaks: _Breaks, scatter: _Scatter
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return weights (floors, laws, scatters), predicted means and spreads (…, n) of log(L − E), and the floors."""
    at_sizes = np.log(points.sizes) - points.u_centre
    prior = np.stack([np.full_like(breaks.variance, v) for v in (AMPLITUDE_SPREAD**2, EXPONENT_SPREAD**2)], axis=1)
    scale = np.sqrt(np.concatenate([prior, breaks.variance[:, None]], axis=1))[:, None]
    old, new = scale * _features(at_sizes, breaks), scale * _features(u, breaks)
    floors = np.concatenate([[0.0], np.array(FLOOR_SHARES) * np.exp(points.means.min())])
    log_prior = np.log([1.0 - P_FLOOR, *(P_FLOOR * _spans(FLOOR_SHARES))])
    logs, means, spreads = [], [], []
    for floor, log_prior_of_floor in zip(floors, log_prior, strict=True):
        stretch = 1.0 / (1.0 - floor * np.exp(-points.means))
        excess = np.log(np.exp(points.means) - floor) + EXPONENT * at_sizes
        log, mean, spread = _linear_laws(old, new, excess, 1.0 / (scatter.of_means * stretch**2))
        logs.append(log + np.log(stretch).sum() + log_prior_of_floor + breaks.log_prior[:, None] + scatter.log_weight)
        means.append(mean - EXPONENT * u)
        spreads.append(spread)
    weights = np.exp(np.array(logs) - np.max(logs))
    return weights / weights.sum(), np.array(means), np.array(spreads), floors


def _linear_laws(
    old: FloatArray, new: FloatArray, y: FloatArray, precision: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return log evidence (laws, scatters), means and spreads (laws, scatters, n) of y = features @ N(0, 1) + noise.

    old, new : features (laws, n_sizes or n, 3), scaled by their prior. precision : (scatters, n_sizes) of the noise.
    Only matrices of 3 × 3 are solved, so that the cost grows linearly with the number of sizes.
    """
    inner = np.eye(3) + np.einsum("lspq,vs->lvpq", old[..., :, None] * old[..., None, :], precision, optimize=True)
    projected = np.einsum("lsp,vs->lvp", old, precision * y, optimize=True)
    inverse = np.linalg.inv(inner)
    coefficients = np.einsum("lvpq,lvq->lvp", inverse, projected)
    squares = (precision * y**2).sum(axis=1) - np.einsum("lvp,lvp->lv", coefficients, projected)
    log = -0.5 * (squares + np.linalg.slogdet(inner)[1] - np.log(precision).sum(axis=1))
    variance = np.einsum("lnp,lvpq,lnq->lvn", new, inverse, new, optimize=True)
    return log, np.einsum("lnp,lvp->lvn", new, coefficients), np.sqrt(np.maximum(variance, 0.0))


def _spans(shares: tuple[float, ...]) -> FloatArray:
    """The parts of the range from 0 to 1 that are nearest to each share."""
    between = (np.array(shares[1:]) + np.array(shares[:-1])) / 2.0
    return np.diff(np.concatenate([[0.0], between, [1.0]]))


def _features(u: FloatArray, breaks: _Breaks) -> FloatArray:
    """Columns of log A, α and c for every law, (laws, n, 3)."""
    width = breaks.sharpness[:, None]
    bend = -width * np.logaddexp(0.0, (u - breaks.place[:, None]) / width)
    return np.stack([np.ones_like(bend), np.broadcast_to(-u, bend.shape), bend], axis=-1)


def _mixture_quantiles(
    weights: FloatArray,
    means: FloatArray,
    spreads: FloatArray,
    floors: FloatArray,
    scatter: _Scatter,
    wanted: tuple[float, ...],
) -> FloatArray:
    """Return quantiles (n_wanted, n) of the log loss over all laws, floor and scatter added."""
    kept = weights > NEGLIGIBLE * weights.max()
    which_floor, _, which_scatter = np.nonzero(kept)
    mean, spread = means[kept][..., None], spreads[kept][..., None]
    with np.errstate(divide="ignore"):
        log_floor = np.log(floors)[which_floor][:, None, None]
    nodes = np.logaddexp(mean + spread * NODES, log_floor)
    middle = nodes[..., len(NODES) // 2, None]
    width = (nodes[..., -3:-2] - nodes[..., 2:3]) / (NODES[-3] - NODES[2])
    wider = np.sqrt(width**2 + scatter.of_new[which_scatter][:, None, None]) / np.maximum(width, 1e-12)
    nodes = middle + (nodes - middle) * wider
    flat = nodes.transpose(1, 0, 2).reshape(nodes.shape[1], -1)
    mass = np.repeat(weights[kept] / len(NODES), len(NODES))
    return np.array([_weighted_quantiles(values, mass, wanted) for values in flat]).T


def _weighted_quantiles(values: FloatArray, mass: FloatArray, wanted: tuple[float, ...]) -> FloatArray:
    order = np.argsort(values)
    cumulative = np.cumsum(mass[order])
    places = np.searchsorted(cumulative, np.array(wanted) * cumulative[-1])
    return values[order][np.minimum(places, len(values) - 1)]
