"""Points that no learning curve should have, and some do: every result is a number or an error that says what to do."""

import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from itertools import pairwise

import numpy as np
import pytest

from sonde.errors import NotFound, WrongUse
from sonde.records.scaling import ScalingFit
from sonde.scaling_laws.law import Settings, fit_law

SIZES = np.asarray(500 * 2.0 ** np.arange(7), np.float64)
X = np.repeat(SIZES, 3)
LOSS = 3 * X**-0.3 * np.exp(0.02 * np.random.default_rng(0).standard_normal(len(X)))
QUICK = Settings(draws=40)


def numbers(record: object) -> list[float]:
    """All numbers in a record, however deep."""
    if isinstance(record, bool | int) or record is None:
        return []
    if isinstance(record, float):
        return [record]
    if isinstance(record, np.ndarray):
        return list(map(float, record.ravel()))
    if is_dataclass(record):
        return [number for one in fields(record) for number in numbers(getattr(record, one.name))]
    if isinstance(record, dict):
        return [number for one in record.values() for number in numbers(one)]
    return [number for one in record for number in numbers(one)] if isinstance(record, tuple | list) else []


def sound(fit: ScalingFit) -> ScalingFit:
    """Check that a record holds finite numbers only."""
    assert all(math.isfinite(number) for number in numbers(fit))
    assert all(one.value > 0 for one in fit.predictions)
    assert all((one.low or 0) <= one.value <= (one.high or math.inf) for one in fit.predictions)
    return fit


def test_the_check_sees_a_number_that_is_not_one() -> None:
    assert not all(map(math.isfinite, numbers(((1.0, {"a": [math.nan]}),))))


@pytest.mark.parametrize(
    ("x", "loss", "said"),
    [
        ([], [], "at least 3 different sizes, found 0"),
        ([500], [1.0], "at least 3 different sizes, found 1"),
        ([500, 500, 500], [1.0, 1.1, 0.9], "at least 3 different sizes, found 1: train at more sizes"),
        ([500, 1000, 500, 1000], [2.0, 1.0, 2.1, 1.1], "at least 3 different sizes, found 2"),
        ([1, 2, 4], [3, 2], "found 3 sizes and 2 losses"),
        ([1, 2, 4], [3, 0, 1], "The loss of point 2 is 0: laws are fitted to its logarithm"),
        ([1, 2, 4], [3, 2, -1], "The loss of point 3 is -1"),
        ([1, 2, 4], [math.nan, 2, 1], "The loss of point 1 is nan"),
        ([1, 2, 4], [3, math.inf, 1], "The loss of point 2 is inf"),
        ([0, 2, 4], [3, 2, 1], "The size of point 1 is 0: it counts training frames or parameters"),
        ([1, -2, 4], [3, 2, 1], "The size of point 2 is -2"),
        ([1, 2, math.nan], [3, 2, 1], "The size of point 3 is nan"),
        ([1, 2, 1e40], [3, 2, 1], r"The size of point 3 is 1e\+40: it must lie between 1e-30 and 1e\+30"),
        ([1, 2, 4], [3, 2, 1e-310], "The loss of point 3 is 1e-310: it must lie between .* another unit"),
    ],
)
def test_points_that_carry_no_law_are_refused_by_their_place(x: list[float], loss: list[float], said: str) -> None:
    with pytest.raises(WrongUse, match=said):
        fit_law(x, loss)


def test_a_training_log_is_not_a_learning_curve() -> None:
    steps = np.arange(1, 602, dtype=np.float64)
    with pytest.raises(WrongUse, match="found 601 different sizes, 500 are the most"):
        fit_law(steps, steps**-0.3)


@pytest.mark.parametrize("wrong", [0.0, -5.0, math.nan, math.inf])
def test_sizes_to_predict_must_be_positive_numbers(wrong: float) -> None:
    with pytest.raises(WrongUse, match="Sizes to predict must be positive numbers"):
        fit_law(X, LOSS, predict=[wrong])


def test_seeds_must_be_as_many_as_points() -> None:
    with pytest.raises(WrongUse, match="found 2 seeds for 21 points"):
        fit_law(X, LOSS, [1, 2])


def test_forms_are_known_by_name_and_refused_where_the_sizes_are_too_few() -> None:
    with pytest.raises(NotFound, match="did you mean 'power'"):
        fit_law(X, LOSS, settings=Settings(form="powr"))
    with pytest.raises(WrongUse, match="bnsl_2 has 8 parameters and needs 10 sizes; found 7"):
        fit_law(X, LOSS, settings=Settings(form="bnsl_2"))


@pytest.mark.parametrize("seeds", [1, 3])
def test_three_sizes_carry_a_power_law_and_nothing_else(seeds: int) -> None:
    x = np.repeat(SIZES[:3], seeds)
    fit = sound(fit_law(x, LOSS[: len(x)] if seeds == 3 else LOSS[:9:3], settings=QUICK))
    assert fit.form == "power"
    assert fit.predictable is None
    assert "not tested" in fit.why
    assert [row.form for row in fit.comparison if row.refused is None] == ["power"]
    assert "4 parameters need 6 sizes, there are 3" in {row.refused for row in fit.comparison}


@pytest.mark.parametrize("seeds", [1, 3])
def test_equal_losses_are_a_flat_curve(seeds: int) -> None:
    fit = sound(fit_law(np.repeat(SIZES, seeds), np.full(7 * seeds, 0.2), settings=QUICK))
    assert fit.form == "power"
    assert fit.parameters["alpha"].value == pytest.approx(0.0, abs=1e-9)
    assert fit.predictions[0].value == pytest.approx(0.2, rel=0.01)
    assert "flat" in {reading.kind for reading in fit.readings}
    assert not fit.established


@pytest.mark.parametrize("seeds", [1, 3])
def test_points_without_scatter_are_fitted_exactly_and_nothing_is_read_into_their_rounding(seeds: int) -> None:
    x = np.repeat(SIZES, seeds)
    fit = sound(fit_law(x, 0.05 + 3 * x**-0.4, settings=QUICK))
    assert fit.form == "power_floor"
    assert fit.parameters["floor"].value == pytest.approx(0.05, rel=1e-6)
    assert fit.predictions[0].value == pytest.approx(0.05 + 3 * 64000**-0.4, rel=0.02)
    assert {reading.kind for reading in fit.readings} <= {"one_seed"}


def test_the_order_of_the_points_is_of_no_importance() -> None:
    order = np.random.default_rng(1).permutation(len(X))
    seeds = np.tile([1, 2, 3], 7)
    one = fit_law(X, LOSS, seeds, settings=QUICK)
    other = fit_law(X[order], LOSS[order], seeds[order], settings=QUICK)
    assert one.parameters == other.parameters
    assert one.predictions == other.predictions


def test_the_order_of_the_flags_goes_with_the_points() -> None:
    order = np.random.default_rng(1).permutation(len(X))
    settled = [True] * 20 + [False]
    fit = fit_law(X[order], LOSS[order], converged=[settled[k] for k in order], settings=Settings(draws=0))
    reading = next(one for one in fit.readings if one.kind == "not_converged")
    assert reading.x == (32000.0,)


def test_one_seed_is_said_to_be_one() -> None:
    fit = sound(fit_law(SIZES, LOSS[::3], settings=QUICK))
    assert fit.seed_scatter is None
    assert "one_seed" in {reading.kind for reading in fit.readings}


def test_seeds_at_one_size_only_are_enough_for_a_scatter() -> None:
    x = np.concatenate([SIZES, SIZES[-1:], SIZES[-1:]])
    fit = sound(fit_law(x, np.concatenate([LOSS[::3], LOSS[-2:]]), settings=QUICK))
    assert fit.seed_scatter is not None


def test_the_same_points_given_twice_change_no_estimate() -> None:
    twice = sound(fit_law(np.repeat(SIZES, 2), np.repeat(LOSS[::3], 2), settings=Settings(draws=0, form="power")))
    assert twice.seed_scatter == 0.0
    slope = np.polyfit(np.log(SIZES), np.log(LOSS[::3]), 1)[0]
    assert twice.parameters["alpha"].value == pytest.approx(-slope)


def test_a_hundred_thousand_points_take_seconds() -> None:
    x = np.tile(X, 5000)
    loss = 3 * x**-0.3 * np.exp(0.02 * np.random.default_rng(3).standard_normal(len(x)))
    fit = sound(fit_law(x, loss, settings=Settings(draws=0)))
    alpha = fit.parameters["alpha"]
    assert (alpha.low or 0) < 0.3 < (alpha.high or 0)
    assert (alpha.high or 0) - (alpha.low or 0) < 2e-4


@pytest.mark.parametrize("scatter", [1.0, 20.0])
def test_losses_without_any_order_are_not_predictable(scatter: float) -> None:
    fit = sound(fit_law(X, np.exp(scatter * np.random.default_rng(4).standard_normal(len(X))), settings=QUICK))
    assert fit.predictable is False
    assert fit.why.startswith("not predictable from these points")


def test_sizes_that_hardly_differ_give_an_interval_as_wide_as_they_deserve() -> None:
    fit = sound(fit_law(1000 + np.arange(7) / 10, LOSS[::3] / LOSS[0], settings=QUICK))
    ahead = fit.predictions[-1]
    assert (ahead.high or math.inf) / (ahead.low or 1e-300) > 3


@pytest.mark.parametrize("alpha", [-1.0, 5.0])
def test_steep_laws_are_recovered(alpha: float) -> None:
    fit = sound(fit_law(X, X**-alpha, settings=Settings(draws=0)))
    assert fit.parameters["alpha"].value == pytest.approx(alpha)


@pytest.mark.parametrize(("unit_x", "unit_loss"), [(1e-20, 1e-80), (1e20, 1e80)])
def test_huge_and_tiny_units_change_no_exponent(unit_x: float, unit_loss: float) -> None:
    fit = sound(fit_law(unit_x * X, unit_loss * LOSS, settings=Settings(draws=0, form="power")))
    usual = fit_law(X, LOSS, settings=Settings(draws=0, form="power"))
    assert fit.parameters["alpha"].value == pytest.approx(usual.parameters["alpha"].value, rel=1e-6)


def test_a_step_down_at_the_last_size_is_not_a_reason_for_an_error() -> None:
    sound(fit_law(X, np.where(X > 20000, LOSS / 1e6, LOSS), settings=QUICK))


def rising(steps: Sequence[float]) -> bool:
    return all(b > a for a, b in pairwise(steps))


def test_a_rising_curve_is_not_extrapolated() -> None:
    fit = sound(fit_law(X, 0.1 * (X / 500) ** 0.4, settings=QUICK))
    assert rising([one.value for one in fit.predictions])
    assert fit.predictable is False
    assert "rises with size" in fit.why
