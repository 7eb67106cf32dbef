"""Batched least squares against scipy's, one problem at a time."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from sonde.records.arrays import FloatArray
from sonde.scaling_laws.fitting import model_of
from sonde.scaling_laws.forms import BROKEN, FLOOR, POWER, Form
from sonde.scaling_laws.least_squares import Box, cost_of, minimise

U = np.linspace(-2, 2, 21)
TRUTH = {"power": [0.1, 0.3], "power_floor": [0.1, 0.5, 0.3], "broken": [0.1, 0.2, 0.6, 0.2]}
LOW = {"power": [-9.0, -6], "power_floor": [-9.0, -6, 0], "broken": [-9.0, -6, -6, -2]}
HIGH = {"power": [9.0, 6], "power_floor": [9.0, 6, 0.5], "broken": [9.0, 6, 6, 2]}


def problems(form: Form, n: int = 8) -> tuple[FloatArray, FloatArray]:
    """Noisy data sets about one law (n, 21), and weights (21,)."""
    rng = np.random.default_rng(5)
    law = model_of(form, U)(np.array([TRUTH[form.name]]))[0]
    return law + 0.03 * rng.standard_normal((n, len(U))), rng.uniform(0.5, 2.0, len(U))


def by_scipy(form: Form, y: FloatArray, weights: FloatArray, start: FloatArray, huber: float | None) -> FloatArray:
    """θ of one data set."""
    model, root = model_of(form, U), np.sqrt(weights)
    found = least_squares(
        lambda theta: root * (y - model(theta[None])[0][0]),
        start,
        bounds=(LOW[form.name], HIGH[form.name]),
        loss="linear" if huber is None else "huber",
        f_scale=huber or 1.0,
        xtol=1e-14,
        ftol=1e-14,
        gtol=1e-14,
    )
    return np.asarray(found.x)


@pytest.mark.parametrize("huber", [None, 0.03])
@pytest.mark.parametrize("form", [POWER, FLOOR, BROKEN], ids=lambda form: form.name)
def test_minima_are_those_of_scipy(form: Form, huber: float | None) -> None:
    y, weights = problems(form)
    y[:, 4] += 0.5 if huber else 0.0
    start, box = np.array(TRUTH[form.name]), Box(np.array(LOW[form.name]), np.array(HIGH[form.name]))
    found = minimise(model_of(form, U), y, weights, np.tile(start, (len(y), 1)), box, huber)
    theirs = np.array([by_scipy(form, one, weights, start, huber) for one in y])
    their_cost = cost_of(y - model_of(form, U)(theirs)[0], weights, huber)
    assert found.converged.all()
    assert (found.cost <= their_cost * (1 + 1e-7)).all()
    np.testing.assert_allclose(found.theta, theirs, atol=2e-4)


def test_a_straight_line_is_that_of_the_normal_equations() -> None:
    y, weights = problems(POWER, 1)
    box = Box(np.array(LOW["power"]), np.array(HIGH["power"]))
    found = minimise(model_of(POWER, U), y, weights, np.zeros((1, 2)), box)
    slope, intercept = np.polyfit(U, y[0], 1, w=np.sqrt(weights))
    np.testing.assert_allclose(found.theta[0], [intercept, -slope], atol=1e-7)


def test_a_limit_of_the_box_holds_and_the_rest_is_the_best_there() -> None:
    y, weights = problems(POWER, 1)
    box = Box(np.array([-9.0, 0.4]), np.array([9.0, 6.0]))
    found = minimise(model_of(POWER, U), y, weights, np.array([[0.0, 1.0]]), box)
    assert found.theta[0, 1] == 0.4
    assert found.theta[0, 0] == pytest.approx(float(np.average(y[0] + 0.4 * U, weights=weights)), abs=1e-9)


def test_huber_costs_as_its_definition_says() -> None:
    # |r| = 1 within the limit 2: 1; |r| = 5 beyond: 2 · 2 · 5 − 2² = 16.
    assert cost_of(np.array([[1.0, -5.0]]), np.ones((1, 2)), 2.0)[0] == 17.0
    assert cost_of(np.array([[1.0, -5.0]]), np.ones((1, 2)), None)[0] == 26.0


def test_a_cost_that_is_not_finite_is_never_taken_for_a_minimum() -> None:
    assert cost_of(np.array([[np.nan]]), np.ones((1, 1)), None)[0] == np.inf
