"""Laws in two variables: parameters N of the model and training frames D.

    separable        L = A N^(−α) D^(−β)                                        the plain power law of both
    hoffmann         L = E + A N^(−α) + B D^(−β)                                Hoffmann et al., arXiv 2203.15556
    hoffmann_broken  L = E + A N^(−α) + B D^(−β₁) (1 + D/d)^(−(β₂−β₁))
    kaplan           L = ((A N^(−α))^(1/β) + (B D^(−β))^(1/β))^β                Kaplan et al., arXiv 2001.08361
    kaplan_broken    the same with the broken term of D and 1/β₂                arXiv 2602.05702

The broken forms of arXiv 2602.05702 have no amplitude beside the break, so that their fit depends on the unit of the
loss; here the term of D keeps its amplitude B, and no result does. Inside, θ = (log A, α, log B, β₁, [β₂ − β₁, log d],
[E]) in centred logarithms v = log N, u = log D.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sonde.records.arrays import FloatArray
from sonde.scaling_laws.least_squares import Model


@dataclass(frozen=True)
class Form2D:
    """Which parts a law of N and D has."""

    name: str
    formula: str
    floor: bool = False
    broken: bool = False
    joined: bool = False
    """Terms joined by a power (Kaplan) instead of added (Hoffmann)."""
    separable: bool = False

    @property
    def n_parameters(self) -> int:
        return 3 if self.separable else 4 + 2 * self.broken + self.floor

    @property
    def parameter_names(self) -> tuple[str, ...]:
        if self.separable:
            return ("A", "alpha", "beta")
        data = ("B", "beta_1", "beta_2", "d_break") if self.broken else ("B", "beta")
        return ("A", "alpha", *data, *(("floor",) if self.floor else ()))


SEPARABLE = Form2D("separable", "L = A N^-α D^-β", separable=True)
HOFFMANN = Form2D("hoffmann", "L = E + A N^-α + B D^-β", floor=True)
HOFFMANN_BROKEN = Form2D("hoffmann_broken", "L = E + A N^-α + B D^-β₁ (1 + D/d)^-(β₂-β₁)", floor=True, broken=True)
KAPLAN = Form2D("kaplan", "L = ((A N^-α)^(1/β) + (B D^-β)^(1/β))^β", joined=True)
KAPLAN_BROKEN = Form2D(
    "kaplan_broken", "L = ((A N^-α)^(1/β₂) + (B D^-β₁ (1 + D/d)^-(β₂-β₁))^(1/β₂))^β₂", joined=True, broken=True
)
FORMS_2D: Mapping[str, Form2D] = {
    form.name: form for form in (SEPARABLE, HOFFMANN, HOFFMANN_BROKEN, KAPLAN, KAPLAN_BROKEN)
}


def sizes_needed_2d(form: Form2D) -> tuple[int, int, int]:
    """Return how many different N, different D and different pairs (N, D) a form needs."""
    pairs = form.n_parameters + (1 if form.n_parameters < 4 else 2)
    return 3, 6 if form.broken else 3, pairs


def model_2d(form: Form2D, v: FloatArray, u: FloatArray) -> Model:
    """Return the function θ (batch, p) → log losses (batch, n) at v = log N, u = log D, and their derivatives."""

    def model(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        if form.separable:
            design = np.stack([np.ones_like(v), -v, -u], axis=1)
            return theta @ design.T, np.broadcast_to(design, (len(theta), *design.shape))
        of_n, grad_n = _of_parameters(theta, v)
        of_d, grad_d = _of_data(form, theta, u)
        if form.joined:
            return _joined(form, theta, of_n, of_d, np.concatenate([grad_n, grad_d], axis=-1))
        return _added(theta, of_n, of_d, np.concatenate([grad_n, grad_d], axis=-1))

    return model


def _of_parameters(theta: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
    z = theta[:, :1] - theta[:, 1:2] * v
    return z, np.stack([np.ones_like(z), np.broadcast_to(-v, z.shape)], axis=-1)


def _of_data(form: Form2D, theta: FloatArray, u: FloatArray) -> tuple[FloatArray, FloatArray]:
    z = theta[:, 2:3] - theta[:, 3:4] * u
    parts = [np.ones_like(z), np.broadcast_to(-u, z.shape)]
    if form.broken:
        change, distance = theta[:, 4:5], u - theta[:, 5:6]
        soft = np.logaddexp(0.0, distance)
        z = z - change * soft
        parts += [-soft, change * 0.5 * (1.0 + np.tanh(0.5 * distance))]
    return z, np.stack(parts, axis=-1)


def _added(
    theta: FloatArray, of_n: FloatArray, of_d: FloatArray, gradient: FloatArray
) -> tuple[FloatArray, FloatArray]:
    terms = np.logaddexp(of_n, of_d)
    with np.errstate(divide="ignore"):
        value = np.logaddexp(terms, np.log(np.maximum(theta[:, -1:], 0.0)))
    share_n, share_d = np.exp(of_n - value), np.exp(of_d - value)
    shares = np.concatenate(
        [np.repeat(share_n[..., None], 2, axis=-1), np.repeat(share_d[..., None], gradient.shape[-1] - 2, axis=-1)],
        axis=-1,
    )
    return value, np.concatenate([shares * gradient, np.exp(-value)[..., None]], axis=-1)


def _joined(
    form: Form2D, theta: FloatArray, of_n: FloatArray, of_d: FloatArray, gradient: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """L = (n^(1/β) + d^(1/β))^β with β the exponent of D at the largest sizes."""
    beta = _joining_exponent(form, theta)
    raised = np.logaddexp(of_n / beta, of_d / beta)
    share_n = np.exp(of_n / beta - raised)
    share_d = np.exp(of_d / beta - raised)
    of_beta = raised - (share_n * of_n + share_d * of_d) / beta
    jacobian = np.concatenate([share_n[..., None] * gradient[..., :2], share_d[..., None] * gradient[..., 2:]], axis=-1)
    jacobian[..., 3] += of_beta
    if form.broken:
        jacobian[..., 4] += of_beta
    return beta * raised, jacobian


def _joining_exponent(form: Form2D, theta: FloatArray) -> FloatArray:
    beta = theta[:, 3:4] + (theta[:, 4:5] if form.broken else 0.0)
    return np.maximum(beta, 1e-3)
