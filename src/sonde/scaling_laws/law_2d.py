"""The law of loss over model size and data, and what the next doubling of either buys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sonde.errors import NotFound, WrongUse
from sonde.progress import SILENT, Progress
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.scaling import ComparedForm2D, Estimate, Gain, Prediction2D, ScalingFit2D
from sonde.scaling_laws.fit_2d import Fit2D, Grid, box_2d, fit_form_2d, grid, minima_2d, refusal
from sonde.scaling_laws.forms_2d import FORMS_2D, Form2D, model_2d
from sonde.scaling_laws.least_squares import Model
from sonde.scaling_laws.profiles import Problem, covariance, profile
from sonde.scaling_laws.quantities_of_laws import known
from sonde.scaling_laws.verdict_2d import axis_verdicts, verdict_2d

BREAK_GAIN = 6.0
"""AICc by which a form with a broken term must beat every form without."""
CORRELATED = 0.95
DOUBLING = 2.0


@dataclass(frozen=True, eq=False)
class _Rows2D:
    """Parameters as the field writes them: rows (n, p) of θ, offsets, and which are logarithms."""

    names: tuple[str, ...]
    rows: FloatArray
    offsets: FloatArray
    logarithmic: FloatArray
    floor_scale: float

    def shown(self, values: FloatArray) -> FloatArray:
        """Turn rows @ θ, shape (..., n), into amplitudes, exponents, the break and the floor."""
        moved = values + self.offsets
        shown = np.where(self.logarithmic > 0, np.exp(np.where(self.logarithmic > 0, moved, 0.0)), moved)
        if self.names[-1] == "floor":
            shown[..., -1] *= self.floor_scale
        return shown


def fit_law_2d(
    N: Sequence[float] | FloatArray,
    D: Sequence[float] | FloatArray,
    loss: Sequence[float] | FloatArray,
    *,
    predict: Sequence[tuple[float, float]] = (),
    form: str | None = None,
    draws: int = 500,
    seed: int = 0,
    name: str = "loss",
    progress: Progress = SILENT,
) -> ScalingFit2D:
    """Find the law of loss over N and D that the points support; predict averaged over the forms by Akaike weights.

    Parameters
    ----------
    N, D, loss : (n,) per trained model its parameters, training frames and error on held-out data (any unit).
    predict : pairs (N, D); the doublings of the largest where none are given.
    form : take this form whatever the comparison says.

    Raises
    ------
    WrongUse : fewer than three N or D, numbers that are not finite and positive, a form the points do not support.
    NotFound : no form of that name.
    """
    data = grid(N, D, loss)
    asked = _pairs(predict, data)
    fits = _fits(data, form, progress)
    chosen = fits[form or _choose(fits)]
    progress.say("bootstrap")
    thetas = {one: _bootstrap(fit, draws, seed) for one, fit in fits.items()}
    weights = _weights(fits) if form is None else {form: 1.0}
    drawn = _drawn(data, fits, thetas, weights, asked)
    parameters, correlated = parameters_of(chosen, thetas[chosen.form.name])
    errors = {one: _held_out(data, FORMS_2D[one]) for one in fits}
    gains, data_first = _gains(data, fits, thetas, weights)
    verdicts = axis_verdicts(data.N, data.D, errors[chosen.form.name])
    refused = [said for found, said in verdicts.values() if found is False]
    predictable, why = verdict_2d(data.N, data.D, asked, verdicts)
    known_gains = tuple(gain for gain in gains if verdicts[gain.of][0] is not False)
    return ScalingFit2D(
        loss=name,
        n_points=len(data.y),
        n_pairs=len(data.cells),
        largest_n=float(data.N.max()),
        largest_d=float(data.D.max()),
        form=chosen.form.name,
        formula=chosen.form.formula,
        parameters=parameters,
        aicc=known(chosen.aicc),
        extrapolation_error=errors[chosen.form.name][0],
        established=_break_established(fits, errors),
        comparison=_table(data, fits, errors, weights),
        predictions=_predictions(asked, drawn, _losses(data, chosen, chosen.theta[None], asked)[0]),
        gains=known_gains,
        data_first=data_first if len(known_gains) == len(gains) else None,
        predictable=predictable,
        why=why,
        correlated=correlated,
        notes=(*_notes(data, chosen), *(said for said in refused if said not in why)),
    )


def _pairs(predict: Sequence[tuple[float, float]], data: Grid) -> FloatArray:
    n, d = float(data.N.max()), float(data.D.max())
    pairs = np.array(list(predict) or [(n, 2 * d), (2 * n, d), (2 * n, 2 * d)], float)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.all(np.isfinite(pairs) & (pairs > 0)):
        raise WrongUse("Each prediction asks for a pair of positive numbers: N,D.")
    return pairs


def _fits(data: Grid, form: str | None, progress: Progress) -> dict[str, Fit2D]:
    if form is not None and form not in FORMS_2D:
        raise NotFound("form", form, FORMS_2D)
    if form is not None:
        fit_form_2d(data, FORMS_2D[form])  # says why where the points are too few
    supported = [one for one in FORMS_2D.values() if refusal(one, data) is None]
    if not supported:
        why = refusal(FORMS_2D["separable"], data)
        raise WrongUse(f"The points support no law of N and D: {why}.")
    return {one.name: fit_form_2d(data, one) for one in progress.track(supported, "comparing forms", len(supported))}


def _choose(fits: Mapping[str, Fit2D]) -> str:
    """The lowest AICc; a broken term only where it is lower by BREAK_GAIN."""
    plain = min((one for one in fits if not FORMS_2D[one].broken), key=lambda one: fits[one].aicc)
    best = min(fits, key=lambda one: fits[one].aicc)
    return best if fits[best].aicc < fits[plain].aicc - BREAK_GAIN else plain


def _break_established(fits: Mapping[str, Fit2D], errors: Mapping[str, tuple[float | None, float | None]]) -> bool:
    chosen = _choose(fits)
    if not FORMS_2D[chosen].broken:
        return False
    own, plain = errors[chosen][0], errors["separable"][0]
    return own is None or plain is None or own <= plain


def _weights(fits: Mapping[str, Fit2D]) -> dict[str, float]:
    lowest = min(fit.aicc for fit in fits.values())
    if not np.isfinite(lowest):
        return dict.fromkeys(fits, 1.0 / len(fits))
    raw = {name: float(np.exp(-0.5 * (fit.aicc - lowest))) for name, fit in fits.items()}
    return {name: one / sum(raw.values()) for name, one in raw.items()}


def _bootstrap(fit: Fit2D, draws: int, seed: int) -> FloatArray:
    """θ of refits (draws, p): the law plus scatter of whole pairs (misfit) and of seeds within them."""
    data, rng = fit.data, np.random.default_rng(seed)
    law = model_2d(fit.form, data.v, data.u)(fit.theta[None])[0][0]
    within = data.seed_variance
    between = 0.0 if within is None else max(fit.variance - within, 0.0)
    y = law + rng.normal(0.0, np.sqrt(fit.variance if within is None else within), (draws, len(data.y)))
    y += rng.normal(0.0, np.sqrt(between), (draws, len(data.cells)))[:, data.cell_of]
    return minima_2d(data, fit.form, y, near=fit.theta).theta


def _losses(data: Grid, fit: Fit2D, thetas: FloatArray, pairs: FloatArray) -> FloatArray:
    """Losses (draws, n_pairs) of a form."""
    v, u = np.log(pairs[:, 0]) - data.centre[0], np.log(pairs[:, 1]) - data.centre[1]
    return np.exp(model_2d(fit.form, v, u)(thetas)[0] + data.centre[2])


def _drawn(
    data: Grid,
    fits: Mapping[str, Fit2D],
    thetas: Mapping[str, FloatArray],
    weights: Mapping[str, float],
    pairs: FloatArray,
) -> FloatArray:
    """Losses drawn from all forms in proportion to their weights, (about the number of draws, n_pairs)."""
    parts = []
    for name, weight in weights.items():
        count = round(weight * len(thetas[name]))
        parts.append(_losses(data, fits[name], thetas[name][:count], pairs))
    return np.concatenate(parts)


def _predictions(pairs: FloatArray, drawn: FloatArray, by_form: FloatArray) -> tuple[Prediction2D, ...]:
    middle, low, high = (
        np.percentile(drawn, [50, 2.5, 97.5], axis=0) if len(drawn) else np.full((3, len(pairs)), np.nan)
    )
    return tuple(
        Prediction2D(float(n), float(d), *_limits(middle[k], low[k], high[k], by_form[k]), float(by_form[k]))
        for k, (n, d) in enumerate(pairs.tolist())
    )


def _limits(middle: float, low: float, high: float, by_form: float) -> tuple[float, float | None, float | None]:
    if not np.isfinite(middle):
        return float(by_form), None, None
    return float(middle), float(low), float(high)


def _gains(
    data: Grid, fits: Mapping[str, Fit2D], thetas: Mapping[str, FloatArray], weights: Mapping[str, float]
) -> tuple[tuple[Gain, ...], float | None]:
    """What doubling the data, and doubling the model, changes at the largest of both."""
    n, d = float(data.N.max()), float(data.D.max())
    drawn = _drawn(data, fits, thetas, weights, np.array([[n, d], [n, DOUBLING * d], [DOUBLING * n, d]]))
    if not len(drawn):
        return (), None
    change = drawn[:, 1:] / drawn[:, :1] - 1.0
    middle, low, high = np.percentile(change, [50, 2.5, 97.5], axis=0)
    changes = [(float(middle[k]), float(low[k]), float(high[k])) for k in range(2)]
    gains = (Gain("data", DOUBLING, *changes[0]), Gain("parameters", DOUBLING, *changes[1]))
    return gains, float((change[:, 0] < change[:, 1]).mean())


def _held_out(data: Grid, form: Form2D) -> tuple[float | None, float | None]:
    """Errors at the largest D and at the largest N, each predicted from the other pairs."""
    largest_n, largest_d = data.cells.max(axis=0)
    return _without(data, form, largest_d > data.D), _without(data, form, largest_n > data.N)


def _without(data: Grid, form: Form2D, kept: BoolArray) -> float | None:
    part = data.only(kept)
    if min(len(np.unique(part.N)), len(np.unique(part.D))) < 3 or refusal(form, part) is not None:
        return None
    fit = fit_form_2d(part, form)
    left_out = data.only(np.logical_not(kept))
    predicted = _losses(part, fit, fit.theta[None], left_out.cells)[0]
    found = np.exp(left_out.means + left_out.centre[2])
    return float(np.sqrt(np.mean((predicted / found - 1.0) ** 2)))


def parameters_of(fit: Fit2D, thetas: FloatArray) -> tuple[dict[str, Estimate], tuple[tuple[str, str, float], ...]]:
    """Estimate a form's parameters with profile limits (and percentiles of the bootstrap's θ), and which correlate."""
    rows = _rows(fit)
    problem = _problem(fit)
    limits = profile(problem, _asked(rows.rows), _bounds(fit, rows))
    value, low, high = (rows.shown(one) for one in (limits.value, limits.low, limits.high))
    drawn = np.full((2, len(rows.names)), np.nan)
    if len(thetas):
        drawn = np.percentile(rows.shown(thetas @ rows.rows.T), [2.5, 97.5], axis=0)
    edges = np.asarray(limits.at_edge.any(axis=1)).tolist()
    estimates = {
        name: Estimate(
            float(value[k]), known(low[k]), known(high[k]), known(drawn[0, k]), known(drawn[1, k]), bool(edges[k])
        )
        for k, name in enumerate(rows.names)
    }
    return estimates, _correlated(rows, covariance(problem))


def _asked(rows: FloatArray) -> Model:
    return lambda theta: (theta @ rows.T, np.broadcast_to(rows, (len(theta), *rows.shape)))


def _problem(fit: Fit2D) -> Problem:
    data, box = fit.data, box_2d(fit.data, fit.form)
    return Problem(
        model=model_2d(fit.form, data.v, data.u),
        y=data.y,
        weights=np.ones(len(data.y)),
        box=box,
        theta=fit.theta,
        cost=fit.cost,
        variance=fit.variance,
        dof=fit.dof,
        fixed=(fit.theta <= box.low) | (fit.theta >= box.high),
    )


def _rows(fit: Fit2D) -> _Rows2D:
    """The rows that make A, α, B, β … of θ, for sizes counted from 1 and the loss in its own unit."""
    centre_n, centre_d, centre_y = fit.data.centre
    eye = np.eye(len(fit.theta))
    names = fit.form.parameter_names
    if fit.form.separable:
        whole = np.array([eye[0] + centre_n * eye[1] + centre_d * eye[2], eye[1], eye[2]])
        return _Rows2D(names, whole, np.array([centre_y, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]), 1.0)
    rows = [eye[0] + centre_n * eye[1], eye[1], eye[2] + centre_d * eye[3], eye[3]]
    offsets, logs = [centre_y, 0.0, centre_y, 0.0], [1.0, 0.0, 1.0, 0.0]
    if fit.form.broken:
        rows += [eye[3] + eye[4], eye[5]]
        offsets += [0.0, centre_d]
        logs += [0.0, 1.0]
    if fit.form.floor:
        rows.append(eye[-1])
        offsets.append(0.0)
        logs.append(0.0)
    return _Rows2D(names, np.array(rows), np.array(offsets), np.array(logs), float(np.exp(centre_y)))


def _bounds(fit: Fit2D, rows: _Rows2D) -> FloatArray:
    box = box_2d(fit.data, fit.form)
    bounds = np.tile([-np.inf, np.inf], (len(rows.names), 1))
    for position, row in enumerate(rows.rows):
        places = np.flatnonzero(row)
        if len(places) == 1:
            bounds[position] = box.low[places[0]], box.high[places[0]]
    return bounds


def _correlated(rows: _Rows2D, theta_covariance: FloatArray) -> tuple[tuple[str, str, float], ...]:
    matrix = rows.rows @ theta_covariance @ rows.rows.T
    spread = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    together = matrix / np.outer(spread, spread)
    pairs = [(a, b) for a in range(len(spread)) for b in range(a + 1, len(spread))]
    return tuple(
        (rows.names[a], rows.names[b], float(together[a, b])) for a, b in pairs if abs(together[a, b]) > CORRELATED
    )


def _table(
    data: Grid,
    fits: Mapping[str, Fit2D],
    errors: Mapping[str, tuple[float | None, float | None]],
    weights: Mapping[str, float],
) -> tuple[ComparedForm2D, ...]:
    lowest = min(fit.aicc for fit in fits.values())
    rows = []
    for name, form in FORMS_2D.items():
        if name not in fits:
            rows.append(ComparedForm2D(name, form.formula, form.n_parameters, refused=refusal(form, data)))
            continue
        criterion = fits[name].aicc
        rows.append(
            ComparedForm2D(
                name, form.formula, form.n_parameters, None, known(criterion),
                known(criterion - lowest) if np.isfinite(criterion) else None, *errors[name],
                weights.get(name),
            )
        )  # fmt: skip
    return tuple(sorted(rows, key=lambda row: float("inf") if row.aicc is None else row.aicc))


def _notes(data: Grid, chosen: Fit2D) -> tuple[str, ...]:
    notes = []
    n_full = len(np.unique(data.N)) * len(np.unique(data.D))
    if len(data.cells) < n_full:
        notes.append(
            f"{len(data.cells)} of {n_full} pairs of N and D are there: how model and data act together rests on the "
            "form, not on the points."
        )
    if data.seed_variance is None:
        notes.append("One run per pair: the scatter is taken from the law's residuals.")
    elif chosen.variance > 3.0 * data.seed_variance:
        notes.append("The pairs scatter about the law more than the seeds explain; the intervals rest on that scatter.")
    return tuple(notes)
