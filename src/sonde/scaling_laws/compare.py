"""All forms beside each other: AICc, back-test, bootstrap over seeds; and which one to name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from sonde.progress import Progress
from sonde.records.arrays import FloatArray
from sonde.records.scaling import ComparedForm
from sonde.scaling_laws.backtest import Origin, backtest_form, rms_error
from sonde.scaling_laws.break_test import BreakTest
from sonde.scaling_laws.fitting import FormFit, aicc, fit_form, minima_of, supports
from sonde.scaling_laws.forms import FLOOR, FORMS, POWER, Form, sizes_needed
from sonde.scaling_laws.intervals import seed_draws
from sonde.scaling_laws.noise import Noise
from sonde.scaling_laws.points import Points

NO_WORSE = 1.1
"""A form is vetoed where its back-test error exceeds the plain power law's by more than this factor …"""
WITHIN_SCATTER = 2.0
"""… and this many standard deviations of a seed."""


@dataclass(frozen=True, eq=False)
class Compared:
    """What was found for every form that the sizes support."""

    points: Points
    fits: Mapping[str, FormFit]
    origins: Mapping[str, tuple[Origin, ...]]
    draws: Mapping[str, FloatArray]
    """θ of the bootstrap, (draws, p); empty arrays without a bootstrap."""
    shares: Mapping[str, float | None]
    """Share of draws in which a form has the lowest AICc."""

    def power_error(self, name: str) -> float | None:
        """Back-test error of the plain power law on the origins of another form."""
        asked = {origin.x for origin in self.origins[name]}
        return rms_error(tuple(origin for origin in self.origins["power"] if origin.x in asked))

    def vetoed(self, name: str) -> bool:
        """Say whether a form extrapolates worse than the plain power law, by more than chance."""
        error, plain = rms_error(self.origins[name]), self.power_error(name)
        if error is None or plain is None:
            return False
        variance = self.fits[name].noise.variance or 0.0
        return error > NO_WORSE * plain and error - plain > WITHIN_SCATTER * float(np.sqrt(variance))


def compare_forms(points: Points, noise: Noise, *, huber: float | None, progress: Progress) -> Compared:
    """Fit and back-test every form that the sizes support."""
    supported = [form for form in FORMS.values() if supports(form, len(points.sizes))]
    fits, origins = {}, {}
    for form in progress.track(supported, "comparing forms", len(supported)):
        fits[form.name] = fit_form(points, form, noise, huber)
        origins[form.name] = backtest_form(points, form, huber)
    none = {form.name: np.empty((0, form.n_parameters)) for form in supported}
    return Compared(points, fits, origins, none, dict.fromkeys(fits))


def bootstrapped(compared: Compared, chosen: FormFit, draws: int, seed: int, progress: Progress) -> Compared:
    """Fit every form again to draws of seeds about the sizes' means, or about the chosen law with one seed a size."""
    if not draws:
        return compared
    y = seed_draws(chosen, draws, np.random.default_rng(seed))
    fits = progress.track(compared.fits.values(), "seeds drawn anew", len(compared.fits))
    found = {fit.form.name: _bootstrap(fit, y) for fit in fits}
    thetas = {name: theta for name, (theta, _) in found.items()}
    return replace(compared, draws=thetas, shares=_shares({name: one for name, (_, one) in found.items()}))


def _bootstrap(fit: FormFit, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return θ and AICc of a form for every draw."""
    found = minima_of(fit.points, fit.form, y, fit.noise.weights, near=fit.theta, huber=fit.huber)
    criterion = [aicc(cost, fit.points.n, fit.form.n_parameters) for cost in found.cost.tolist()]
    return found.theta, np.array(criterion)


def _shares(criteria: Mapping[str, FloatArray]) -> dict[str, float | None]:
    names = list(criteria)
    lowest = np.argmin(np.array([criteria[name] for name in names]), axis=0)
    return {name: float((lowest == k).mean()) for k, name in enumerate(names)}


def choose(compared: Compared, test: BreakTest) -> str:
    """Name the law: the lowest AICc among the forms without a break, or with one where a break is established.

    A form that predicts held-out sizes worse than the plain power law does is not taken, whatever its AICc.
    """
    wanted = [name for name in compared.fits if bool(FORMS[name].breaks) == test.established]
    fair = [name for name in wanted if not compared.vetoed(name)]
    if not fair:
        fair = [name for name in (POWER.name, FLOOR.name) if name in compared.fits and not compared.vetoed(name)]
    return min(fair, key=lambda name: compared.fits[name].aicc)


def table(compared: Compared) -> tuple[ComparedForm, ...]:
    """List all forms, the refused ones with the reason, the lowest AICc first."""
    lowest = min(fit.aicc for fit in compared.fits.values())
    n_sizes = len(compared.points.sizes)
    rows = [
        _row(compared, form, lowest) if form.name in compared.fits else _refused(form, n_sizes)
        for form in FORMS.values()
    ]
    return tuple(sorted(rows, key=lambda row: float("inf") if row.aicc is None else row.aicc))


def _refused(form: Form, n_sizes: int) -> ComparedForm:
    why = f"{form.n_parameters} parameters need {sizes_needed(form)} sizes, there are {n_sizes}"
    return ComparedForm(form.name, form.formula, form.n_parameters, refused=why)


def _row(compared: Compared, form: Form, lowest: float) -> ComparedForm:
    fit, origins = compared.fits[form.name], compared.origins[form.name]
    finite = np.isfinite(fit.aicc)
    return ComparedForm(
        form=form.name,
        formula=form.formula,
        n_parameters=form.n_parameters,
        aicc=fit.aicc if finite else None,
        delta_aicc=fit.aicc - lowest if finite else None,
        extrapolation_error=rms_error(origins),
        n_origins=len(origins),
        power_law_error=compared.power_error(form.name),
        misfit_p=fit.scale.misfit_p,
        share_of_draws=compared.shares[form.name],
    )
