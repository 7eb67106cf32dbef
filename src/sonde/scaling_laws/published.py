"""The smoothly broken law of Großmann, Grunert and Runge (arXiv 2602.05702) as its authors fit it, beside ours.

    L(x) = (x_c/x)^α₂ (1 + x_c/x)^(α₁ − α₂)          and the same times an amplitude A

α₁ holds below the crossover x_c, α₂ above. Without A the law is tied to the unit of the loss: at the crossover it is
2^(α₁ − α₂), a bare number. Multiply the losses by a constant, and crossover and exponents change.

Their protocol: the means over replicates (the loss, not its logarithm), weights from the standard deviation of the
replicates (divided by their number), one start (exponents 0.1, crossover at the smallest size, A = 1), standard errors
from the curvature, AICc of unweighted residuals without counting the variance.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit

from sonde.errors import SondeError, WrongUse
from sonde.records.arrays import FloatArray
from sonde.records.scaling import ScalingFit
from sonde.scaling_laws.fitting import fit_form
from sonde.scaling_laws.forms import FORMS, Form
from sonde.scaling_laws.law import Settings, fit_law
from sonde.scaling_laws.points import Points, points
from sonde.scaling_laws.quantities_of_laws import quantities

START = 0.1
CALLS = 20_000
UNITS = (0.1, 10.0, 1000.0)
"""Factors by which losses are multiplied to show what depends on the unit."""


@dataclass(frozen=True)
class PublishedFit:
    """The law by the published protocol, with one standard error each."""

    alpha_1: float
    alpha_2: float
    x_break: float
    amplitude: float | None
    """None: the form without one."""
    alpha_1_error: float
    alpha_2_error: float
    x_break_error: float
    aicc: float | None
    """Without the variance, on unweighted residuals, as published; None with too few sizes."""

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the loss at sizes x."""
        return _law(x, self.x_break, self.alpha_1, self.alpha_2, 1.0 if self.amplitude is None else self.amplitude)


@dataclass(frozen=True)
class InUnit:
    """Both fits of the same points with every loss multiplied by `factor`."""

    factor: float
    published: PublishedFit | None
    """None where the published protocol finds no law."""
    ours: Mapping[str, float]
    """Parameters by name."""


@dataclass(frozen=True)
class BesideOurs:
    """The published form and ours on the same points, in several units of the loss, and why they differ."""

    published: PublishedFit
    with_amplitude: PublishedFit | None
    """The published protocol with an amplitude."""
    ours: ScalingFit
    in_units: tuple[InUnit, ...]
    reason: str


def fit_published(
    x: Sequence[float] | FloatArray, loss: Sequence[float] | FloatArray, *, with_amplitude: bool = False
) -> PublishedFit:
    """Fit the published form as its authors did.

    Parameters
    ----------
    x : (n,) sizes. loss : (n,) of single runs, at least two a size.

    Raises
    ------
    WrongUse : points that `points` refuses, or a size whose runs do not differ (its weight would be infinite).
    SondeError : the single start leads nowhere.
    """
    data = points(x, loss)
    means, spread = _means(data, data.loss), _spread(data)
    start = [float(data.sizes[0]), START, START, *([1.0] if with_amplitude else [])]
    found, covariance = _curve_fit(_law if with_amplitude else _law_without_amplitude, data.sizes, means, spread, start)
    errors = np.sqrt(np.diag(covariance)).tolist()
    residual = means - _law(data.sizes, *found)
    return PublishedFit(
        alpha_1=found[1],
        alpha_2=found[2],
        x_break=found[0],
        amplitude=found[3] if with_amplitude else None,
        alpha_1_error=errors[1],
        alpha_2_error=errors[2],
        x_break_error=errors[0],
        aicc=_their_aicc(residual, len(start)),
    )


def beside_ours(
    x: Sequence[float] | FloatArray, loss: Sequence[float] | FloatArray, *, form: str = "broken"
) -> BesideOurs:
    """Fit the published form and one of ours, in the given unit of the loss and in others.

    Raises
    ------
    WrongUse, SondeError : as `fit_published` and `fit_law`.
    """
    losses, settings = np.asarray(loss, float), Settings(draws=0, form=form)
    published, ours = fit_published(x, losses), fit_law(x, losses, settings=settings)
    units = tuple(InUnit(f, _or_none(x, f * losses), _parameters(points(x, f * losses), FORMS[form])) for f in UNITS)
    with_amplitude = _or_none(x, losses, with_amplitude=True)
    return BesideOurs(published, with_amplitude, ours, units, _reason(published, ours, units))


def _parameters(data: Points, form: Form) -> dict[str, float]:
    """Our best parameters of a form, by name."""
    asked, fit = quantities(data, form, np.empty(0)), fit_form(data, form)
    return dict(zip(asked.names, asked.shown(asked.of(form, fit.theta[None])[0][0]).tolist(), strict=True))


def _law(x: FloatArray, x_break: float, alpha_1: float, alpha_2: float, amplitude: float = 1.0) -> FloatArray:
    ratio = x_break / x
    return np.asarray(amplitude * ratio**alpha_2 * (1.0 + ratio) ** (alpha_1 - alpha_2))


def _law_without_amplitude(x: FloatArray, x_break: float, alpha_1: float, alpha_2: float) -> FloatArray:
    return _law(x, x_break, alpha_1, alpha_2)


def _means(data: Points, loss: FloatArray) -> FloatArray:
    return np.bincount(data.size_of, loss) / data.counts


def _spread(data: Points) -> FloatArray:
    """Standard deviation of the runs of each size, divided by their number and not by one less."""
    deviations = data.loss - _means(data, data.loss)[data.size_of]
    spread = np.sqrt(_means(data, deviations**2))
    same = np.flatnonzero(spread <= 1e-12 * _means(data, data.loss))
    if len(same):
        raise WrongUse(
            f"The published weights need runs that differ at every size; those at {data.sizes[same[0]]:g} do not. "
            "Fit with sonde scaling fit, which takes one run a size, too."
        )
    return np.asarray(spread)


def _curve_fit(
    law: Callable[..., FloatArray], x: FloatArray, y: FloatArray, spread: FloatArray, start: Sequence[float]
) -> tuple[list[float], FloatArray]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error", OptimizeWarning)  # no covariance: the search came to rest on a plateau
        try:
            found, covariance = curve_fit(law, x, y, p0=start, sigma=spread, maxfev=CALLS)
        except (RuntimeError, OptimizeWarning) as error:
            raise SondeError(f"The published fit leads nowhere from its single start: {error}") from error
        fitted = law(x, *found)
    if not (np.isfinite(fitted).all() and found[0] > 0):
        raise SondeError("The published fit ends at a law that is not finite, or at a crossover below zero.")
    return found.tolist(), covariance


def _their_aicc(residual: FloatArray, k: int) -> float | None:
    n = len(residual)
    if n <= k + 1:
        return None
    return float(n * np.log(max(float((residual**2).sum()), 1e-300) / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1))


def _or_none(x: Sequence[float] | FloatArray, loss: FloatArray, with_amplitude: bool = False) -> PublishedFit | None:
    try:
        return fit_published(x, loss, with_amplitude=with_amplitude)
    except WrongUse:
        raise
    except SondeError:
        return None


def _reason(published: PublishedFit, ours: ScalingFit, units: Sequence[InUnit]) -> str:
    """Say in words and numbers why the two differ."""
    height = 2.0 ** (published.alpha_1 - published.alpha_2)
    moved = "; ".join(f"times {one.factor:g}: {_exponents(one.published)}" for one in units)
    return (
        f"The published form has no amplitude: its crossover is where the law passes {height:.3g} in the unit of the "
        f"loss, which is chance. With every loss multiplied, its exponents of {_exponents(published)} become "
        f"{moved}; ours stay {_ours(ours)} in all of them. It also fits means over replicates in the loss itself, "
        "weighted by the spread of a few replicates each; ours fits single runs in log loss, weighted by size only "
        "where their scatter is established to change."
    )


def _exponents(fit: PublishedFit | None) -> str:
    return "no law found" if fit is None else f"{fit.alpha_1:.2f} and {fit.alpha_2:.2f}"


def _ours(fit: ScalingFit) -> str:
    named = [f"{one.value:.2f}" for name, one in fit.parameters.items() if name.startswith("alpha")]
    return " and ".join(named)
