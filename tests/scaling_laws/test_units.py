"""Nothing but amplitudes and floors depends on the unit of the loss or of the size."""

from functools import cache

import numpy as np
import pytest

from sonde.records.scaling import Estimate, ScalingFit
from sonde.scaling_laws.law import Settings, fit_law

X = np.repeat(500 * 2.0 ** np.arange(7), 3)
NOISE = np.exp(0.02 * np.random.default_rng(8).standard_normal(len(X)))
LAWS = {
    "power": 3 * X**-0.3,
    "power_floor": 0.05 + 3 * X**-0.5,
    "broken": 3 * X**-0.2 * (1 + (X / 4000) ** 2) ** -0.25,
}
AHEAD = 100000.0


@cache
def fitted(name: str, unit_x: float, unit_loss: float) -> ScalingFit:
    """The law of the same points in other units."""
    settings = Settings(draws=30)
    return fit_law(X * unit_x, LAWS[name] * NOISE * unit_loss, predict=[AHEAD * unit_x], settings=settings)


def scaled(one: Estimate, unit: float) -> list[float | None]:
    numbers = (one.value, one.low, one.high, one.bootstrap_low, one.bootstrap_high)
    return [None if number is None else number * unit for number in numbers]


def same(one: Estimate, other: Estimate, unit: float) -> None:
    """Compare estimates with all their limits."""
    for a, b in zip(scaled(one, unit), scaled(other, 1.0), strict=True):
        assert (a is None) == (b is None)
        assert a is None or a == pytest.approx(b, rel=2e-3, abs=1e-9 * unit)


@pytest.mark.parametrize(("unit_x", "unit_loss"), [(1.0, 1e3), (1e3, 1e-6), (1e-6, 1.0)])
@pytest.mark.parametrize("name", LAWS)
def test_only_amplitudes_and_floors_are_scaled(name: str, unit_x: float, unit_loss: float) -> None:
    usual, other = fitted(name, 1.0, 1.0), fitted(name, unit_x, unit_loss)
    assert other.form == usual.form
    assert (other.established, other.predictable) == (usual.established, usual.predictable)
    first = usual.parameters.get("alpha") or usual.parameters["alpha_1"]
    for key, estimate in usual.parameters.items():
        if key == "amplitude":
            # A x^−α: the amplitude goes with x to the power of its own exponent.
            expected = estimate.value * unit_loss * unit_x**first.value
            assert other.parameters[key].value == pytest.approx(expected, rel=1e-2)
        else:
            same(estimate, other.parameters[key], {"floor": unit_loss, "x_break": unit_x}.get(key, 1.0))
    assert other.predictions[0].value == pytest.approx(unit_loss * usual.predictions[0].value, rel=1e-4)
    assert other.predictions[0].low == pytest.approx(unit_loss * (usual.predictions[0].low or 0), rel=1e-4)
    assert other.predictions[0].high == pytest.approx(unit_loss * (usual.predictions[0].high or 0), rel=1e-4)


@pytest.mark.parametrize("name", LAWS)
def test_verdicts_do_not_depend_on_the_unit_at_all(name: str) -> None:
    usual, other = fitted(name, 1.0, 1.0), fitted(name, 1e3, 1e-6)
    assert other.p_no_break == usual.p_no_break
    assert (other.p_floor is None) == (usual.p_floor is None)
    assert other.p_floor is None or other.p_floor == pytest.approx(usual.p_floor, abs=0.006)
    assert other.aicc == pytest.approx(usual.aicc or 0, abs=1e-3)
    assert [row.form for row in other.comparison] == [row.form for row in usual.comparison]
    assert other.probability_of_break == pytest.approx(usual.probability_of_break, abs=1e-6)
    assert other.probability_of_floor == pytest.approx(usual.probability_of_floor, abs=1e-6)
    assert other.backtest.relative_errors == pytest.approx(usual.backtest.relative_errors, abs=1e-6)
    assert [reading.kind for reading in other.readings] == [reading.kind for reading in usual.readings]
    assert other.seed_scatter == pytest.approx(usual.seed_scatter or 0)
