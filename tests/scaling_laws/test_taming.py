"""Huber's option: a run that went wrong moves neither the prediction, the back-test nor the verdict on a break."""

import numpy as np
import pytest

from sonde.records.scaling import ScalingFit
from sonde.scaling_laws.law import Settings, fit_law
from sonde.scaling_laws.points import points
from sonde.scaling_laws.taming import tamed

SIZES = np.asarray(500 * 2.0 ** np.arange(7), np.float64)
X = np.repeat(SIZES, 3)
LOSS = 3 * X**-0.3 * np.exp(0.02 * np.random.default_rng(4).standard_normal(len(X)))
FAILED = np.where(np.arange(len(X)) == 20, 2.0 * LOSS, LOSS)
"""One seed of the largest size did not train."""
HUBER = 1.345


def fitted(loss: np.ndarray, huber: float | None) -> ScalingFit:
    return fit_law(X, loss, predict=(128000,), settings=Settings(draws=0, huber=huber))


def test_a_run_far_off_is_pulled_to_the_limit_about_the_median_and_the_others_stay() -> None:
    data = points(X, FAILED)
    kept = tamed(data, 4.0)
    moved = np.flatnonzero(kept.loss != data.loss)
    assert moved.tolist() == [20]
    middle = np.median(FAILED[-3:])
    assert middle < kept.loss[20] < 1.2 * middle
    assert tamed(data, None) is data


def test_without_seeds_the_law_outvotes_one_size_and_three_sizes_do_not() -> None:
    exact = 3 * SIZES**-0.3
    data = points(SIZES, np.where(SIZES == 4000, 2 * exact, exact))
    np.testing.assert_allclose(tamed(data, HUBER).loss, exact, rtol=0.02)
    few = data.below(4)
    np.testing.assert_array_equal(tamed(few, HUBER).loss, few.loss)


def test_the_averaged_prediction_and_its_back_test_withstand_a_failed_run() -> None:
    clean, plain, robust = fitted(LOSS, None), fitted(FAILED, None), fitted(FAILED, HUBER)
    expected = 3 * 128000**-0.3
    assert clean.predictions[0].value == pytest.approx(expected, rel=0.05)
    assert abs(plain.predictions[0].value / expected - 1) > 0.1
    assert robust.predictions[0].value == pytest.approx(expected, rel=0.05)
    assert (plain.backtest.error or 0) > 0.08
    assert (robust.backtest.error or 1) < 0.05
    assert robust.comparison[0].extrapolation_error == pytest.approx(0.0, abs=0.05)


def test_a_failed_run_makes_no_break() -> None:
    assert fitted(FAILED, HUBER).bend == "none"
