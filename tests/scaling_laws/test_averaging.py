"""The average over forms: against Gaussian processes written out in full, and what it leaves possible."""

import numpy as np
import pytest
from scipy import stats

from sonde.records.arrays import FloatArray
from sonde.scaling_laws import averaging
from sonde.scaling_laws.averaging import averaged_predictions
from sonde.scaling_laws.backtest import MOST_ORIGINS, backtest_average, backtest_form, rms_error
from sonde.scaling_laws.forms import POWER
from sonde.scaling_laws.law import Settings, fit_law
from sonde.scaling_laws.noise import seed_noise
from sonde.scaling_laws.points import Points, points

SIZES = np.asarray(500 * 2.0 ** np.arange(7), np.float64)
X = np.repeat(SIZES, 3)


def noisy(loss: FloatArray, scatter: float = 0.02, seed: int = 0) -> Points:
    return points(X, loss * np.exp(scatter * np.random.default_rng(seed).standard_normal(len(X))))


def test_evidence_and_prediction_are_those_of_the_gaussian_written_out() -> None:
    """A law linear in its parameters is a Gaussian process: joint covariance features @ features.T + noise."""
    rng = np.random.default_rng(1)
    old, new, y = rng.standard_normal((1, 6, 3)), rng.standard_normal((1, 2, 3)), rng.standard_normal(6)
    variance = rng.uniform(0.1, 1.0, 6)
    log, mean, spread = averaging._linear_laws(old, new, y, 1.0 / variance[None])
    covariance = old[0] @ old[0].T + np.diag(variance)
    gain = new[0] @ old[0].T @ np.linalg.inv(covariance)
    expected = stats.multivariate_normal(np.zeros(6), covariance).logpdf(y) + 3 * np.log(2 * np.pi)
    assert log[0, 0] == pytest.approx(expected)
    np.testing.assert_allclose(mean[0, 0], gain @ y)
    np.testing.assert_allclose(spread[0, 0] ** 2, np.diag(new[0] @ new[0].T - gain @ old[0] @ new[0].T))


@pytest.mark.parametrize(
    ("law", "breaks", "floors"),
    [
        (3 * X**-0.3, (0.0, 0.5), (0.0, 0.5)),
        (0.1 + 30 * X**-0.7, (0.0, 1.0), (0.9, 1.0)),
        (X**-0.1 * (1 + X / 4000) ** -0.6, (0.9, 1.0), (0.0, 1.0)),
    ],
    ids=["power", "floor", "broken"],
)
def test_what_the_points_show_gets_the_weight(
    law: FloatArray, breaks: tuple[float, float], floors: tuple[float, float]
) -> None:
    data = noisy(law, 0.01)
    found = averaged_predictions(data, seed_noise(data), np.array([64000.0]))
    assert breaks[0] <= found.probability_of_break <= breaks[1]
    assert floors[0] <= found.probability_of_floor <= floors[1]


def test_the_interval_widens_with_the_distance() -> None:
    data = noisy(3 * X**-0.3)
    found = averaged_predictions(data, seed_noise(data), np.geomspace(64000.0, 4e6, 7).astype(float))
    assert (np.diff(np.log(found.high / found.low)) > 0).all()


def test_where_a_curve_flattens_the_interval_spans_floor_and_no_floor() -> None:
    def flattening(x: FloatArray) -> FloatArray:
        return np.asarray(3 * x**-0.8 * (1 + (x / 4000) ** 2) ** 0.2)

    ahead = 10 * SIZES[-1:]
    held = np.zeros(2)
    for seed in range(20):
        data = noisy(flattening(X), seed=seed)
        noise, truth = seed_noise(data), float(flattening(ahead)[0])
        for k, flattens in enumerate((False, True)):
            found = averaged_predictions(data, noise, ahead, flattens=flattens)
            held[k] += found.low[0] <= truth <= found.high[0]
    assert held[0] < 18
    assert held[1] >= 19


@pytest.mark.parametrize(("low", "high", "flattens"), [(0.8, 0.4, True), (0.3, 0.3, False), (0.2, 0.6, False)])
def test_only_shrinking_gains_count_as_flattening(low: float, high: float, flattens: bool) -> None:
    data = noisy(3 * X**-low * (1 + (X / 4000) ** 2) ** ((low - high) / 2))
    assert fit_law(data.x, data.loss, settings=Settings(draws=0)).flattens is flattens


def test_fewer_sizes_say_less() -> None:
    widths = np.zeros(3)
    for seed in range(8):
        data = noisy(3 * X**-0.3, seed=seed)
        for k, n_sizes in enumerate((3, 5, 7)):
            part = data.below(n_sizes)
            found = averaged_predictions(part, seed_noise(part), np.array([4 * part.sizes[-1]]))
            widths[k] += float(np.log(found.high / found.low)[0])
    assert widths[0] > widths[1] > widths[2]


def test_the_back_test_predicts_each_size_from_the_smaller_ones() -> None:
    data = points(X, 3 * X**-0.3)
    origins = backtest_form(data, POWER)
    assert [(origin.largest_used, origin.x) for origin in origins] == [
        (2000, 4000), (4000, 8000), (8000, 16000), (16000, 32000)
    ]  # fmt: skip
    assert rms_error(origins) == pytest.approx(0.0, abs=1e-9)
    # One size off by 10 % is predicted 1/1.1 − 1 too low.
    off = points(X, 3 * X**-0.3 * np.where(X == 32000.0, 1.1, 1.0))
    assert backtest_form(off, POWER)[-1].relative_error == pytest.approx(1 / 1.1 - 1)
    assert rms_error(()) is None


def test_the_back_test_of_a_long_curve_stays_at_its_end() -> None:
    sizes = np.asarray(np.geomspace(100, 1e6, 40))
    origins = backtest_average(points(sizes, 3 * sizes**-0.3))
    assert len(origins) == MOST_ORIGINS
    assert origins[-1].x == sizes[-1]
    assert all(origin.inside for origin in origins)
