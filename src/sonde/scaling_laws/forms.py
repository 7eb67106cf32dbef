"""The forms of a scaling law in one variable: number of training frames D, or of parameters N.

All are the broken neural scaling law of Caballero et al. (arXiv 2210.14891) with parts left out:

    L(x) = E + A x^(−α₁) ∏ᵢ (1 + (x/dᵢ)^(1/fᵢ))^(−(αᵢ₊₁ − αᵢ) fᵢ)

floor E ≥ 0, amplitude A, exponents αᵢ between the breaks dᵢ, sharpness fᵢ (small = sharp; 1 in the form `broken`, which
is that of Großmann, Grunert and Runge, arXiv 2602.05702, with an amplitude).

Inside, a law is a vector θ = (b, a, [c, t, (log f)] per break, E): with u = log x and z = b − a u − Σ cᵢ fᵢ
softplus((u − tᵢ)/fᵢ) the log loss is log(E + exp z). It is linear in b, a and c where there is no floor.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sonde.records.arrays import FloatArray


@dataclass(frozen=True)
class Form:
    """Which parts a law has."""

    name: str
    formula: str
    breaks: int = 0
    floor: bool = False
    free_sharpness: bool = False

    @property
    def per_break(self) -> int:
        return 3 if self.free_sharpness else 2

    @property
    def n_parameters(self) -> int:
        return 2 + self.breaks * self.per_break + self.floor

    @property
    def changes(self) -> list[int]:
        """Places in θ of the changes of the exponent, one per break."""
        return [2 + k * self.per_break for k in range(self.breaks)]

    @property
    def places(self) -> list[int]:
        """Places in θ of log d, one per break."""
        return [3 + k * self.per_break for k in range(self.breaks)]

    @property
    def sharpnesses(self) -> list[int]:
        """Places in θ of log f, one per break where it is free."""
        return [4 + k * self.per_break for k in range(self.breaks)] if self.free_sharpness else []

    @property
    def parameter_names(self) -> tuple[str, ...]:
        if not self.breaks:
            return ("amplitude", "alpha", *(("floor",) if self.floor else ()))
        many = self.breaks > 1
        names = ["amplitude", "alpha_1"]
        for k in range(1, self.breaks + 1):
            tail = f"_{k}" if many else ""
            names += [f"alpha_{k + 1}", f"x_break{tail}", *([f"sharpness{tail}"] if self.free_sharpness else [])]
        return (*names, *(("floor",) if self.floor else ()))


POWER = Form("power", "L = A x^-α")
FLOOR = Form("power_floor", "L = E + A x^-α", floor=True)
BROKEN = Form("broken", "L = A x^-α₁ (1 + x/d)^-(α₂-α₁)", breaks=1)
BNSL1 = Form("bnsl_1", "L = A x^-α₁ (1 + (x/d)^(1/f))^-(α₂-α₁)f", breaks=1, free_sharpness=True)
BROKEN_FLOOR = Form("broken_floor", "L = E + A x^-α₁ (1 + x/d)^-(α₂-α₁)", breaks=1, floor=True)
BNSL1_FLOOR = Form(
    "bnsl_1_floor", "L = E + A x^-α₁ (1 + (x/d)^(1/f))^-(α₂-α₁)f", breaks=1, floor=True, free_sharpness=True
)
BNSL2 = Form("bnsl_2", "L = A x^-α₁ ∏ᵢ (1 + (x/dᵢ)^(1/fᵢ))^-(αᵢ₊₁-αᵢ)fᵢ, i = 1, 2", breaks=2, free_sharpness=True)
FORMS: Mapping[str, Form] = {
    form.name: form for form in (POWER, FLOOR, BROKEN, BNSL1, BROKEN_FLOOR, BNSL1_FLOOR, BNSL2)
}


def sizes_needed(form: Form) -> int:
    """Return how many different sizes a form needs: one more than its parameters, two more from four parameters on.

    With as many parameters as sizes a curve goes through every point and says nothing; four parameters on five sizes
    extrapolate badly on real curves (up to −65 % at one doubling, arXiv 2602.05702's data).
    """
    return form.n_parameters + (1 if form.n_parameters < 4 else 2)


def log_loss(form: Form, theta: FloatArray, u: FloatArray) -> FloatArray:
    """Return the log loss, shape (..., n), of laws θ (..., n_parameters) at u = log x, shape (n,)."""
    z = _exponent(form, theta, u)
    return np.logaddexp(z, _log_floor(theta)) if form.floor else z


def log_loss_and_jacobian(form: Form, theta: FloatArray, u: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the log loss (batch, n) and its derivatives (batch, n, n_parameters) with respect to θ (batch, …)."""
    z = theta[:, :1] - theta[:, 1:2] * u
    parts = [np.ones_like(z), -np.broadcast_to(u, z.shape)]
    for k in range(form.breaks):
        c, t, f = _break(form, theta, k)
        distance = (u - t) / f
        soft, step = np.logaddexp(0.0, distance), _logistic(distance)
        z = z - c * f * soft
        parts += [-f * soft, c * step]
        if form.free_sharpness:
            parts.append(-c * f * (soft - step * distance))
    jacobian = np.stack(parts, axis=-1)
    if not form.floor:
        return z, jacobian
    value = np.logaddexp(z, _log_floor(theta))
    share = np.exp(z - value)
    return value, np.concatenate([share[..., None] * jacobian, np.exp(-value)[..., None]], axis=-1)


def _exponent(form: Form, theta: FloatArray, u: FloatArray) -> FloatArray:
    z = theta[..., :1] - theta[..., 1:2] * u
    for k in range(form.breaks):
        c, t, f = _break(form, theta, k)
        z = z - c * f * np.logaddexp(0.0, (u - t) / f)
    return z


def _break(form: Form, theta: FloatArray, k: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    at = 2 + k * form.per_break
    width = np.exp(theta[..., at + 2 : at + 3]) if form.free_sharpness else np.ones_like(theta[..., :1])
    return theta[..., at : at + 1], theta[..., at + 1 : at + 2], width


def _logistic(x: FloatArray) -> FloatArray:
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def _log_floor(theta: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(theta[..., -1:], 0.0))


def slopes(form: Form, theta: FloatArray) -> FloatArray:
    """Return the exponents between the breaks, shape (..., breaks + 1), of the part above the floor."""
    changes = theta[..., form.changes]
    return theta[..., 1:2] + np.concatenate([np.zeros_like(theta[..., :1]), np.cumsum(changes, axis=-1)], axis=-1)


def exponent_at(form: Form, theta: FloatArray, u: FloatArray) -> FloatArray:
    """Return −d log L / d log x, the local exponent of the whole law (with its floor), shape (..., n)."""
    value = theta[..., 1:2] + np.zeros_like(u)
    for k in range(form.breaks):
        c, t, f = _break(form, theta, k)
        value = value + c * _logistic((u - t) / f)
    if not form.floor:
        return value
    z = _exponent(form, theta, u)
    return value * np.exp(z - np.logaddexp(z, _log_floor(theta)))
