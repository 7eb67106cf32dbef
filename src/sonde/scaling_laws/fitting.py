"""Fit one form to the points of a curve: many starts from a grid, then least squares in log loss."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sonde.errors import WrongUse
from sonde.records.arrays import FloatArray
from sonde.scaling_laws.forms import Form, log_loss_and_jacobian, sizes_needed
from sonde.scaling_laws.least_squares import Box, Minima, Model, minimise
from sonde.scaling_laws.noise import MAD_TO_SD, Noise, Scale, scale_of, seed_noise
from sonde.scaling_laws.points import Points

SHARPEST, WIDEST = np.log(0.1), np.log(2.0)
"""log f between a kink within a tenth of a factor e, and a transition wider than the usual range of sizes."""
STEEPEST = 6.0
FLOOR_SHARES = (0.0, 0.3, 0.6, 0.85, 0.97)
PLACES = 9
KEPT_STARTS = 6
HUBER_TURNS = 4
LEAST_SCATTER = 1e-3
"""Relative scatter below which no point counts as an outlier."""
MOST_AT_ONCE = 1_000_000
"""Numbers in the data sets that are fitted together: bounds the memory of a bootstrap over many points."""


@dataclass(frozen=True, eq=False)
class FormFit:
    """The best law of a form: θ in centred units, its cost Σ w r², and what its intervals rest on."""

    form: Form
    theta: FloatArray
    cost: float
    points: Points
    noise: Noise
    scale: Scale
    converged: bool
    huber: float | None = None

    @property
    def aicc(self) -> float:
        """Akaike's criterion with the correction for few points; the variance is counted as a parameter."""
        return aicc(self.cost, self.points.n, self.form.n_parameters)


def aicc(cost: float, n: int, n_parameters: int) -> float:
    """Return n log(cost/n) + 2K + 2K(K+1)/(n−K−1) with K = n_parameters + 1, infinite where n ≤ K + 1.

    Hurvich and Tsai, doi 10.1093/biomet/76.2.297; cost is a sum of (weighted) squares in log loss.
    """
    k = n_parameters + 1
    if n <= k + 1:
        return float("inf")
    return float(n * np.log(max(cost, 1e-24) / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1))


def supports(form: Form, n_sizes: int) -> bool:
    """Say whether that many sizes are enough for the form."""
    return n_sizes >= sizes_needed(form)


def fit_form(points: Points, form: Form, noise: Noise | None = None, huber: float | None = None) -> FormFit:
    """Fit a form by weighted least squares in log loss.

    Raises
    ------
    WrongUse : fewer sizes than the form needs.
    """
    if not supports(form, len(points.sizes)):
        raise WrongUse(
            f"The form {form.name} has {form.n_parameters} parameters and needs {sizes_needed(form)} sizes; found "
            f"{len(points.sizes)}. Add sizes, or fit a form with fewer parameters."
        )
    noise = noise or seed_noise(points)
    limit = None if huber is None else _huber_limit(points, form, noise, huber)
    minima = minima_of(points, form, points.y[None], noise.weights, huber=limit)
    return FormFit(
        form=form,
        theta=ordered(form, minima.theta[0]),
        cost=float(minima.cost[0]),
        points=points,
        noise=noise,
        scale=scale_of(points, noise, float(minima.cost[0]), form.n_parameters),
        converged=bool(minima.converged[0]),
        huber=limit,
    )


def _huber_limit(points: Points, form: Form, noise: Noise, huber: float) -> float:
    """Turn Huber's limit from standard deviations of a run into a weighted residual.

    The standard deviation is that of the median absolute residual, found in turns with the fit: an outlier would
    inflate the scatter of seeds, and with one seed a size there is none.
    """
    spare = np.sqrt(points.n / max(points.n - form.n_parameters, 1))
    limit = LEAST_SCATTER  # least absolute deviations, near enough, which no single outlier moves far
    for _ in range(HUBER_TURNS):
        theta = minima_of(points, form, points.y[None], noise.weights, huber=limit).theta
        residual = points.y - model_of(form, points.u)(theta)[0][0]
        scatter = MAD_TO_SD * spare * float(np.median(np.sqrt(noise.weights) * np.abs(residual)))
        limit = huber * max(scatter, LEAST_SCATTER)
    return limit


def model_of(form: Form, u: FloatArray) -> Model:
    """Return the function θ (batch, p) → log losses at u and their derivatives."""
    return lambda theta: log_loss_and_jacobian(form, theta, u)


def box_of(points: Points, form: Form) -> Box:
    """Limits of θ: breaks lie within the sizes, the floor below the smallest mean loss, exponents within ±6."""
    low, high = np.full(form.n_parameters, -STEEPEST), np.full(form.n_parameters, STEEPEST)
    low[0], high[0] = -50.0, 50.0
    low[form.places], high[form.places] = points.u[0], points.u[-1]
    low[form.sharpnesses], high[form.sharpnesses] = SHARPEST, WIDEST
    if form.floor:
        low[-1], high[-1] = 0.0, float(np.exp(points.means.min()))
    return Box(low, high)


def minima_of(
    points: Points,
    form: Form,
    y: FloatArray,
    weights: FloatArray,
    near: FloatArray | None = None,
    huber: float | None = None,
) -> Minima:
    """Fit the form to many sets of log losses y (batch, n) at the same sizes; the best of several starts each.

    near : θ to start from as well, (p,) or (batch, p).
    """
    if near is not None:
        near = np.broadcast_to(near, (len(y), form.n_parameters))
    if huber is None and points.n > len(points.sizes):
        return _minima_by_means(points, form, y, weights, near)
    most = max(1, MOST_AT_ONCE // points.n)
    if len(y) > most:
        parts = [slice(k, k + most) for k in range(0, len(y), most)]
        return _joined(
            [minima_of(points, form, y[part], weights, None if near is None else near[part], huber) for part in parts]
        )
    starts = _starts(points, form, y, weights, KEPT_STARTS if near is None else 2)
    if near is not None:
        starts = np.concatenate([starts, near[:, None]], axis=1)
    batch, tries, p = starts.shape
    found = minimise(
        model_of(form, points.u),
        np.repeat(y, tries, axis=0),
        weights,
        starts.reshape(-1, p),
        box_of(points, form),
        huber,
    )
    best = found.cost.reshape(batch, tries).argmin(axis=1) + tries * np.arange(batch)
    return Minima(found.theta[best], found.cost[best], found.converged[best])


def _minima_by_means(points: Points, form: Form, y: FloatArray, weights: FloatArray, near: FloatArray | None) -> Minima:
    """Fit weighted means of the sizes instead of single runs: the same minima, as squares add up."""
    which = _averaging(points) * points.counts * weights[:, None]
    total = which.sum(axis=0)
    means = y @ (which / total)
    within = (weights * (y - means[:, points.size_of]) ** 2).sum(axis=1)
    found = minima_of(points.of_means, form, means, total, near)
    return Minima(found.theta, found.cost + within, found.converged)


def _joined(parts: Sequence[Minima]) -> Minima:
    return Minima(
        np.concatenate([part.theta for part in parts]),
        np.concatenate([part.cost for part in parts]),
        np.concatenate([part.converged for part in parts]),
    )


def _starts(points: Points, form: Form, y: FloatArray, weights: FloatArray, keep: int) -> FloatArray:
    """Return the best starts per data set, (batch, keep, p): the non-linear parts from a grid, the rest solved for.

    This is variable projection on a grid: for given floor, places and sharpness log(L − E) is linear in the others.
    """
    costs, thetas = [], []
    for share in FLOOR_SHARES if form.floor else (0.0,):
        floor = share * np.exp(y @ _averaging(points)).min(axis=1, keepdims=True)
        above = np.log(np.maximum(np.exp(y) - floor, 0.02 * np.exp(y)))
        for nonlinear in _grid(points, form):
            theta, cost = _linear_part(points, form, nonlinear, above, weights)
            thetas.append(np.concatenate([theta, floor], axis=1) if form.floor else theta)
            costs.append(cost)
    order = np.argsort(np.array(costs).T, axis=1)[:, :keep]
    return np.take_along_axis(np.stack(thetas, axis=1), order[..., None], axis=1)


def _averaging(points: Points) -> FloatArray:
    """The matrix (n, n_sizes) that turns values per point into means per size."""
    matrix = np.zeros((points.n, len(points.sizes)))
    matrix[np.arange(points.n), points.size_of] = 1.0 / points.counts[points.size_of]
    return matrix


def _grid(points: Points, form: Form) -> list[tuple[float, ...]]:
    """Places (and sharpness) of the breaks to start from: places[, log f] per break, places ascending."""
    if not form.breaks:
        return [()]
    inner = np.linspace(points.u[0], points.u[-1], PLACES + 2)[1:-1]
    sharpness = (0.0, -1.5) if form.free_sharpness else (0.0,)
    one: list[tuple[float, ...]] = [(float(place), f) for place in inner for f in sharpness]
    if form.breaks == 1:
        return one
    return [(*a, *b) for a in one[::2] for b in one[::2] if a[0] < b[0] and a[1] == b[1]]


def _linear_part(
    points: Points, form: Form, nonlinear: tuple[float, ...], y: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Solve for b, a and the changes of the exponent; return θ without floor (batch, p) and the cost (batch,)."""
    places, widths = nonlinear[::2], nonlinear[1::2]
    columns = [np.ones(points.n), -points.u]
    for place, width in zip(places, widths, strict=True):
        f = np.exp(width)
        columns.append(-f * np.logaddexp(0.0, (points.u - place) / f))
    root = np.sqrt(weights)
    design = np.stack(columns, axis=1) * root[:, None]
    solution = (y * root) @ np.linalg.pinv(design).T
    cost = ((y * root - solution @ design.T) ** 2).sum(axis=1)
    parts = [solution[:, :2]]
    for k, (place, width) in enumerate(zip(places, widths, strict=True)):
        fixed = [place, width] if form.free_sharpness else [place]
        parts += [solution[:, 2 + k : 3 + k], np.tile(fixed, (len(y), 1))]
    return np.concatenate(parts, axis=1), cost


def ordered(form: Form, theta: FloatArray) -> FloatArray:
    """Return the same law with its breaks in ascending order."""
    if form.breaks < 2:
        return theta
    parts = theta[2 : 2 + form.breaks * form.per_break].reshape(form.breaks, form.per_break)
    rest = theta[2 + form.breaks * form.per_break :]
    return np.concatenate([theta[:2], parts[np.argsort(parts[:, 1])].ravel(), rest])
