"""Fit, compare and extrapolate the laws of one learning curve."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.interpolate import PchipInterpolator

from sonde.errors import NotFound, WrongUse
from sonde.progress import SILENT, Progress
from sonde.records.arrays import FloatArray
from sonde.records.scaling import Estimate, Prediction, Reading, ScalingFit
from sonde.scaling_laws.averaging import Averaged, averaged_predictions
from sonde.scaling_laws.backtest import backtest_average, rms_error
from sonde.scaling_laws.break_test import BreakTest, break_test
from sonde.scaling_laws.compare import Compared, bootstrapped, choose, compare_forms, table
from sonde.scaling_laws.fitting import FormFit, fit_form
from sonde.scaling_laws.forms import FORMS, exponent_at, log_loss
from sonde.scaling_laws.intervals import covariance_of, profile_limits
from sonde.scaling_laws.noise import Noise
from sonde.scaling_laws.points import Points, points
from sonde.scaling_laws.quantities_of_laws import Quantities, known, quantities
from sonde.scaling_laws.readings import readings
from sonde.scaling_laws.taming import noise_of, tamed
from sonde.scaling_laws.verdict import backtest_of, break_statement, predictability, told_apart_by

CORRELATED = 0.95
CURVE_POINTS, CURVE_KNOTS = 120, 9
AHEAD = (2.0, 10.0)
"""Sizes to predict where none are asked for, as multiples of the largest."""


@dataclass(frozen=True)
class Settings:
    """How a curve is fitted.

    draws : of the bootstrap over seeds; 0 leaves it out.
    huber : standard deviations of a seed beyond which a point counts less (1.345 is usual); None: least squares.
    form : take this form for parameters and predictions, whatever the comparison says.
    """

    draws: int = 500
    huber: float | None = None
    seed: int = 0
    form: str | None = None


def fit_law(
    x: Sequence[float] | FloatArray,
    loss: Sequence[float] | FloatArray,
    seed: object = None,
    *,
    predict: Sequence[float] = (),
    converged: Sequence[bool | None] | None = None,
    names: tuple[str, str] = ("x", "loss"),
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> ScalingFit:
    """Find the law that a learning curve supports, with intervals, and predict with the uncertainty of the form.

    Fits are least squares in log loss on the single runs, weighted by the scatter of seeds where this is established
    to change with size. Forms are compared by AICc and by predicting each size from the smaller ones; a break must be
    established against a plain power law and against a floor.

    Parameters
    ----------
    x : (n,) training frames or parameters of each trained model. loss : (n,) its error on held-out data, any unit.
    seed : (n,) labels of the seeds, or None. converged : (n,) whether each training had settled, or None.
    predict : sizes to predict; twice and ten times the largest where none are given.
    names : what x and the loss are called.

    Raises
    ------
    WrongUse : fewer than three sizes, numbers that are not finite and positive, a form the sizes do not support.
    NotFound : no form of that name.
    """
    settings = settings or Settings()
    data = points(x, loss, seed)
    ahead = _sizes_asked(predict, data)
    noise = noise_of(data, settings.huber)
    chosen_by_user = None if settings.form is None else _form_asked(settings.form, data, noise)
    compared = compare_forms(data, noise, huber=settings.huber, progress=progress)
    progress.say("testing for a break")
    test = break_test(tamed(data, settings.huber), noise)
    chosen = compared.fits[chosen_by_user or choose(compared, test)]
    compared = bootstrapped(compared, chosen, settings.draws, settings.seed, progress)
    seen = (*readings(data, noise, _in_order(converged, x, loss)), *_misfit(chosen))
    return _record(names, settings, compared, chosen, test, seen, ahead)


def _sizes_asked(predict: Sequence[float], data: Points) -> FloatArray:
    asked = np.asarray(list(predict) or [factor * data.sizes[-1] for factor in AHEAD], float)
    if not np.all(np.isfinite(asked) & (asked > 0)):
        raise WrongUse(f"Sizes to predict must be positive numbers; found {', '.join(map(str, predict))}.")
    return asked


def _form_asked(name: str, data: Points, noise: Noise) -> str:
    """Check a form's name, and that the sizes support it."""
    if name not in FORMS:
        raise NotFound("form", name, FORMS)
    return fit_form(data, FORMS[name], noise).form.name


def _in_order(
    converged: Sequence[bool | None] | None, x: Sequence[float] | FloatArray, loss: Sequence[float] | FloatArray
) -> list[bool | None] | None:
    """Put the flags into the order that `points` gives the runs."""
    if converged is None:
        return None
    order = np.lexsort((np.asarray(loss, float).ravel(), np.asarray(x, float).ravel()))
    return [converged[k] for k in order.tolist()]


def _record(
    names: tuple[str, str],
    settings: Settings,
    compared: Compared,
    chosen: FormFit,
    test: BreakTest,
    seen: tuple[Reading, ...],
    ahead: FloatArray,
) -> ScalingFit:
    """Fill the record: long because it has many fields, each named once."""
    data, noise, huber = chosen.points, chosen.noise, settings.huber
    asked = quantities(data, chosen.form, ahead)
    limits = _estimates(chosen, asked, compared.draws[chosen.form.name])
    parameters = dict(zip(asked.names, limits, strict=False))
    flattens = _flattens(compared, test)
    average = averaged_predictions(tamed(data, huber), noise, ahead, flattens=flattens)
    backtest = backtest_of(backtest_average(data, huber), compared.origins["power"])
    predictable, why = predictability(backtest, seen, average)
    origins = compared.origins[chosen.form.name]
    along = np.geomspace(data.sizes[0], max(float(ahead.max()), 2 * float(data.sizes[-1])), CURVE_POINTS)
    return ScalingFit(
        variable=names[0],
        loss=names[1],
        n_points=data.n,
        n_sizes=len(data.sizes),
        largest_x=float(data.sizes[-1]),
        form=chosen.form.name,
        formula=chosen.form.formula,
        parameters=parameters,
        aicc=known(chosen.aicc),
        extrapolation_error=rms_error(origins),
        n_origins=len(origins),
        established=test.established,
        bend=test.bend,
        flattens=flattens,
        break_statement=break_statement(test, len(data.sizes), parameters, _told_apart(compared, test)),
        p_no_break=test.against_power,
        p_floor=test.against_floor,
        comparison=table(compared),
        predictions=_predictions(average, limits[len(asked.names) :], compared, settings.form is not None),
        predictions_by=settings.form or "average",
        predictable=predictable,
        why=why,
        backtest=backtest,
        probability_of_break=average.probability_of_break,
        probability_of_floor=average.probability_of_floor,
        exponent_now=_exponent_now(chosen),
        correlated=_correlated(chosen, asked),
        readings=seen,
        seed_scatter=None if noise.variance is None else float(np.sqrt(noise.variance)),
        n_draws=settings.draws,
        curve_x=along,
        curve=_curve(compared, chosen, along, huber, flattens),
        points_x=data.x,
        points_loss=data.loss,
    )


def _flattens(compared: Compared, test: BreakTest) -> bool:
    """Say whether the points bend to ever smaller gains, as a floor would have it."""
    broken = compared.fits.get("broken")
    if broken is None or test.bend not in ("break", "break_or_floor"):
        return False
    first, last = exponent_at(broken.form, broken.theta, compared.points.u[[0, -1]])
    return bool(last < first)


def _told_apart(compared: Compared, test: BreakTest) -> str:
    floor, broken = compared.fits.get("power_floor"), compared.fits.get("broken")
    if test.bend != "break_or_floor" or floor is None or broken is None:
        return ""
    return told_apart_by(floor, broken)


def _estimates(fit: FormFit, asked: Quantities, draws: FloatArray) -> list[Estimate]:
    """Profile limits of every quantity, with the bootstrap's percentiles beside them."""
    limits = profile_limits(fit, asked)
    value, low, high = (asked.shown(one) for one in (limits.value, limits.low, limits.high))
    drawn = np.full((2, len(asked)), np.nan)
    if len(draws):
        drawn = np.percentile(asked.shown(asked.of(fit.form, draws)[0]), [2.5, 97.5], axis=0)
    edges = np.asarray(limits.at_edge.any(axis=1)).tolist()
    return [
        Estimate(float(value[k]), known(low[k]), known(high[k]), known(drawn[0, k]), known(drawn[1, k]), bool(edge))
        for k, edge in enumerate(edges)
    ]


def _predictions(
    average: Averaged, of_form: Sequence[Estimate], compared: Compared, form_asked: bool
) -> tuple[Prediction, ...]:
    data = compared.points
    power = log_loss(FORMS["power"], compared.fits["power"].theta, np.log(average.x) - data.u_centre)
    plain = np.exp(power + data.y_centre).tolist()
    rows = []
    for k, x in enumerate(average.x.tolist()):
        one = of_form[k]
        if form_asked:
            rows.append(Prediction(x, one.value, one.low, one.high, one.value, plain[k]))
        else:
            low, high = float(average.low[k]), float(average.high[k])
            rows.append(Prediction(x, float(average.value[k]), low, high, one.value, plain[k]))
    return tuple(rows)


def _exponent_now(fit: FormFit) -> Estimate:
    """The local exponent at the largest size, with the linearised interval (numerical derivative)."""
    at = fit.points.u[-1:]
    value = float(exponent_at(fit.form, fit.theta, at)[0])
    steps = 1e-5 * np.eye(len(fit.theta))
    moved = exponent_at(fit.form, fit.theta + steps, at) - exponent_at(fit.form, fit.theta - steps, at)
    gradient = moved[:, 0] / 2e-5
    spread = float(np.sqrt(max(float(gradient @ covariance_of(fit) @ gradient), 0.0)))
    reach = float(stats.t.ppf(0.975, fit.scale.dof)) * spread
    return Estimate(value, value - reach, value + reach)


def _correlated(fit: FormFit, asked: Quantities) -> tuple[tuple[str, str, float], ...]:
    """Pairs of parameters that the points cannot tell apart well, by the linearised covariance."""
    covariance = asked.rows @ covariance_of(fit) @ asked.rows.T
    spread = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    matrix = covariance / np.outer(spread, spread)
    pairs = [(a, b) for a in range(len(spread)) for b in range(a + 1, len(spread))]
    return tuple(
        (asked.names[a], asked.names[b], float(matrix[a, b])) for a, b in pairs if abs(matrix[a, b]) > CORRELATED
    )


def _misfit(fit: FormFit) -> tuple[Reading, ...]:
    if not fit.scale.inflated:
        return ()
    message = (
        f"The sizes scatter about the law {fit.form.name} more than the seeds explain (p = {fit.scale.misfit_p:.2g}): "
        "intervals rest on that scatter."
    )
    return (Reading("misfit", message),)


def _curve(compared: Compared, chosen: FormFit, along: FloatArray, huber: float | None, flattens: bool) -> FloatArray:
    """Losses along x, rows: the chosen form, the power law, the average, its limits."""
    data = chosen.points
    u = np.log(along) - data.u_centre
    forms = [log_loss(fit.form, fit.theta, u) + data.y_centre for fit in (chosen, compared.fits["power"])]
    knots = np.geomspace(along[0], along[-1], CURVE_KNOTS)
    average = averaged_predictions(tamed(data, huber), chosen.noise, knots, flattens=flattens)
    rows = (average.value, average.low, average.high)
    smooth = [PchipInterpolator(np.log(knots), np.log(row))(np.log(along)) for row in rows]
    return np.exp(np.array([*forms, *smooth]))
