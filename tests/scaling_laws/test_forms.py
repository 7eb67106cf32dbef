"""Forms of a scaling law: values worked out by hand, derivatives against finite differences."""

import numpy as np
import pytest

from sonde.scaling_laws.forms import (
    BNSL1,
    BNSL2,
    BROKEN,
    FLOOR,
    FORMS,
    POWER,
    Form,
    exponent_at,
    log_loss,
    log_loss_and_jacobian,
    sizes_needed,
    slopes,
)

LN = np.log
PLACES = np.array([-3.0, -0.7, 0.0, 0.4, 2.5])


def some_theta(form: Form) -> np.ndarray:
    """Two laws of a form with nothing special about them."""
    parts = [0.3, 0.4]
    for k in range(form.breaks):
        parts += [0.5 - 0.3 * k, -0.8 + 1.5 * k, *([-0.6] if form.free_sharpness else [])]
    parts += [0.2] if form.floor else []
    return np.array([parts, [0.9 * one for one in parts]])


@pytest.mark.parametrize(
    ("form", "theta", "x", "loss"),
    [
        (POWER, [LN(2), 0.5], 4, 1.0),  # 2 / √4
        (FLOOR, [LN(2), 0.5, 1.0], 4, 2.0),
        (BROKEN, [LN(2), 0.5, 1.0, LN(4)], 4, 0.5),  # at the break: half, as the exponent grows by 1
        (BROKEN, [LN(2), 0.5, 1.0, LN(4)], 12, 2 / np.sqrt(12) / 4),
        (BNSL1, [LN(2), 0.5, 1.0, LN(4), LN(0.5)], 4, np.sqrt(0.5)),  # (1 + 1²)^(−1 · 1/2)
        (BNSL1, [LN(2), 0.5, 1.0, LN(4), LN(0.5)], 4 * np.sqrt(3), 2 / np.sqrt(4 * np.sqrt(3)) / 2),  # (1 + 3)^(−1/2)
        (BNSL2, [LN(8), 1.0, 1.0, LN(2), 0.0, -2.0, LN(4), 0.0], 4, 8 / 4 / 3 * 4),  # (1+2)^−1, (1+1)^2
    ],
)
def test_values_are_those_worked_out_by_hand(form: Form, theta: list[float], x: float, loss: float) -> None:
    assert np.exp(log_loss(form, np.array(theta), LN(np.array([x]))))[0] == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.name)
def test_derivatives_are_those_of_finite_differences(form: Form) -> None:
    theta, step = some_theta(form), 1e-6
    value, jacobian = log_loss_and_jacobian(form, theta, PLACES)
    np.testing.assert_allclose(value, log_loss(form, theta, PLACES), atol=1e-14)
    for place in range(form.n_parameters):
        shift = step * np.eye(form.n_parameters)[place]
        slope = (log_loss(form, theta + shift, PLACES) - log_loss(form, theta - shift, PLACES)) / (2 * step)
        np.testing.assert_allclose(jacobian[..., place], slope, atol=1e-8)


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.name)
def test_the_local_exponent_is_the_slope_in_logarithms(form: Form) -> None:
    theta, step = some_theta(form)[0], 1e-6
    slope = (log_loss(form, theta, PLACES + step) - log_loss(form, theta, PLACES - step)) / (2 * step)
    np.testing.assert_allclose(exponent_at(form, theta, PLACES), -slope, atol=1e-8)


def test_exponents_between_the_breaks_are_the_limits_of_the_local_one() -> None:
    theta = some_theta(BNSL2)[0]
    np.testing.assert_allclose(slopes(BNSL2, theta), [0.4, 0.9, 1.1])
    np.testing.assert_allclose(exponent_at(BNSL2, theta, np.array([-40.0, 40.0])), [0.4, 1.1], atol=1e-12)


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.name)
def test_far_from_the_data_nothing_overflows(form: Form) -> None:
    value, jacobian = log_loss_and_jacobian(form, some_theta(form), np.array([-700.0, 700.0]))
    assert np.isfinite(value).all()
    assert np.isfinite(jacobian).all()


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.name)
def test_every_parameter_has_a_name_and_more_sizes_than_parameters_are_asked_for(form: Form) -> None:
    assert len(form.parameter_names) == form.n_parameters == len(set(form.parameter_names))
    assert sizes_needed(form) > form.n_parameters


def test_four_parameters_need_six_sizes() -> None:
    assert [sizes_needed(form) for form in (POWER, FLOOR, BROKEN)] == [3, 4, 6]
