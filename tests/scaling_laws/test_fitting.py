"""Fits of one form: criterion by hand, exact recovery, weights, outliers, refusals."""

import numpy as np
import pytest

from sonde.errors import WrongUse
from sonde.records.arrays import FloatArray
from sonde.scaling_laws.fitting import aicc, fit_form, minima_of
from sonde.scaling_laws.forms import BNSL1, BNSL1_FLOOR, BNSL2, BROKEN, BROKEN_FLOOR, FLOOR, FORMS, POWER, Form
from sonde.scaling_laws.noise import robust_seed_noise, seed_noise
from sonde.scaling_laws.points import points
from sonde.scaling_laws.quantities_of_laws import quantities

SIZES = np.asarray(500 * 2.0 ** np.arange(10), np.float64)
X = np.repeat(SIZES, 3)
SHARP = (1 + (SIZES / 8000) ** 2) ** (-0.5 * 0.5)
EXACT: dict[str, tuple[FloatArray, dict[str, float]]] = {
    "power": (3 * SIZES**-0.3, {"amplitude": 3, "alpha": 0.3}),
    "power_floor": (0.05 + 3 * SIZES**-0.4, {"amplitude": 3, "alpha": 0.4, "floor": 0.05}),
    "broken": (
        3 * SIZES**-0.2 * (1 + SIZES / 8000) ** -0.4,
        {"amplitude": 3, "alpha_1": 0.2, "alpha_2": 0.6, "x_break": 8000},
    ),
    "bnsl_1": (
        3 * SIZES**-0.2 * SHARP,
        {"amplitude": 3, "alpha_1": 0.2, "alpha_2": 0.7, "x_break": 8000, "sharpness": 0.5},
    ),
    "broken_floor": (
        0.02 + 3 * SIZES**-0.2 * (1 + SIZES / 8000) ** -0.6,
        {"amplitude": 3, "alpha_1": 0.2, "alpha_2": 0.8, "x_break": 8000, "floor": 0.02},
    ),
    "bnsl_1_floor": (
        0.02 + 3 * SIZES**-0.2 * SHARP,
        {"amplitude": 3, "alpha_1": 0.2, "alpha_2": 0.7, "x_break": 8000, "sharpness": 0.5, "floor": 0.02},
    ),
}


def test_the_criterion_is_the_one_on_paper() -> None:
    # n = 10, Σ r² = 10 e⁻²: n log(Σ r²/n) = −20. Two parameters and the variance: K = 3, 2K = 6,
    # 2K(K + 1)/(n − K − 1) = 24/6 = 4. Together −10.
    assert aicc(10 * np.exp(-2), 10, 2) == pytest.approx(-10.0)


def test_one_point_more_than_parameters_and_variance_has_no_criterion() -> None:
    assert aicc(1.0, 4, 2) == np.inf
    assert np.isfinite(aicc(1.0, 5, 2))


@pytest.mark.parametrize("name", EXACT)
def test_every_form_is_recovered_from_its_own_points(name: str) -> None:
    loss, expected = EXACT[name]
    data = points(SIZES, loss)
    fit = fit_form(data, FORMS[name])
    asked = quantities(data, fit.form, np.empty(0))
    found = dict(zip(asked.names, asked.shown(asked.of(fit.form, fit.theta[None])[0][0]), strict=True))
    assert fit.cost < 1e-9
    assert found == {parameter: pytest.approx(value, rel=2e-2) for parameter, value in expected.items()}


def test_two_breaks_are_recovered_in_ascending_order() -> None:
    sizes = np.asarray(500 * 2.0 ** np.arange(14), np.float64)
    bends = (1 + (sizes / 4e3) ** 4) ** (-0.5 / 4) * (1 + (sizes / 2.5e5) ** 4) ** (0.4 / 4)
    data = points(sizes, 3 * sizes**-0.1 * bends)
    fit = fit_form(data, BNSL2)
    at = np.exp(fit.theta[[3, 6]] + data.u_centre)
    np.testing.assert_allclose(at, [4e3, 2.5e5], rtol=0.05)
    assert fit.cost < 1e-6


@pytest.mark.parametrize("form", [POWER, FLOOR, BROKEN], ids=lambda form: form.name)
def test_fitting_means_of_sizes_is_fitting_single_runs(form: Form) -> None:
    rng = np.random.default_rng(2)
    data = points(X, EXACT["broken"][0].repeat(3) * np.exp(0.02 * rng.standard_normal(len(X))))
    weights = np.exp(0.3 * data.u)
    means = minima_of(data, form, data.y[None], weights)
    # A Huber limit that nothing reaches leaves least squares, on the single runs.
    runs = minima_of(data, form, data.y[None], weights, huber=1e6)
    np.testing.assert_allclose(means.theta, runs.theta, atol=2e-4)
    np.testing.assert_allclose(means.cost, runs.cost, rtol=1e-7)


def test_many_data_sets_at_once_are_the_same_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    data = points(X, EXACT["broken"][0].repeat(3))
    y = data.y + 0.02 * rng.standard_normal((7, data.n))
    weights = np.ones(data.n)
    together = minima_of(data, BROKEN, y, weights)
    monkeypatch.setattr("sonde.scaling_laws.fitting.MOST_AT_ONCE", 25)
    np.testing.assert_allclose(minima_of(data, BROKEN, y, weights).theta, together.theta, rtol=1e-6)


@pytest.mark.parametrize(
    ("form", "n_sizes", "said"),
    [
        (FLOOR, 3, "power_floor has 3 parameters and needs 4 sizes; found 3"),
        (BROKEN, 5, "broken has 4 parameters and needs 6 sizes; found 5"),
        (BNSL1, 6, "bnsl_1 has 5 parameters and needs 7 sizes; found 6"),
        (BROKEN_FLOOR, 6, "broken_floor has 5 parameters and needs 7 sizes"),
        (BNSL1_FLOOR, 7, "bnsl_1_floor has 6 parameters and needs 8 sizes"),
        (BNSL2, 9, "bnsl_2 has 8 parameters and needs 10 sizes"),
    ],
)
def test_more_parameters_than_the_sizes_support_are_refused(form: Form, n_sizes: int, said: str) -> None:
    data = points(np.repeat(SIZES[:n_sizes], 3), (3 * SIZES[:n_sizes] ** -0.3).repeat(3))
    with pytest.raises(WrongUse, match=said):
        fit_form(data, form)


def test_points_weigh_by_the_scatter_of_their_size_where_it_changes() -> None:
    rng = np.random.default_rng(0)
    scatter = 0.001 * (X / X[0]) ** 0.75
    noisy = points(X, 3 * X**-0.3 * np.exp(scatter * rng.standard_normal(len(X))))
    noise = seed_noise(noisy)
    assert noise.trend == pytest.approx(1.5, abs=0.6)  # variance ∝ x^1.5
    assert noise.weights[0] > 100 * noise.weights[-1]
    even = seed_noise(points(X, 3 * X**-0.3 * np.exp(0.02 * rng.standard_normal(len(X)))))
    assert even.trend == 0.0
    assert np.ptp(even.weights) == 0.0


def test_one_failed_run_at_the_end_is_no_trend_of_the_scatter() -> None:
    for seed in range(10):
        loss = 3 * X**-0.3 * np.exp(0.02 * np.random.default_rng(seed).standard_normal(len(X)))
        loss[-1] *= 5
        assert seed_noise(points(X, loss)).trend == 0.0


def test_weights_bring_the_exponent_closer_to_the_truth() -> None:
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(40):
        scatter = 0.002 * (X / X[0]) ** 0.75
        data = points(X, 3 * X**-0.3 * np.exp(scatter * rng.standard_normal(len(X))))
        weighted, plain = seed_noise(data).weights, np.ones(data.n)
        errors.append([minima_of(data, POWER, data.y[None], w).theta[0, 1] - 0.3 for w in (weighted, plain)])
    weighted_rms, plain_rms = np.sqrt(np.mean(np.square(errors), axis=0))
    assert weighted_rms < 0.5 * plain_rms


def test_the_scatter_of_seeds_is_the_pooled_one_within_sizes() -> None:
    # Two seeds each, ±10 %, ±20 %, ±10 % in log: Σ dev² = 2 (0.01 + 0.04 + 0.01) = 0.12 with 3 degrees of freedom.
    logs = np.array([0.1, -0.1, 0.2, -0.2, 0.1, -0.1])
    noise = seed_noise(points([1, 1, 2, 2, 4, 4], np.exp(logs)))
    assert noise.variance == pytest.approx(0.04)
    assert noise.dof == 3
    assert seed_noise(points([1, 2, 4], [3, 2, 1])).variance is None


@pytest.mark.parametrize(("seeds", "within"), [(3, 0.02), (1, 0.08)])
@pytest.mark.parametrize("place", [0, -1])
def test_huber_holds_against_an_outlier_that_least_squares_follows(seeds: int, within: float, place: int) -> None:
    x = np.repeat(SIZES[:7], seeds)
    for seed in range(5):
        loss = 3 * x**-0.3 * np.exp(0.02 * np.random.default_rng(seed).standard_normal(len(x)))
        loss[place] *= 5
        data = points(x, loss)
        noise = robust_seed_noise(data)
        assert abs(fit_form(data, POWER, noise).theta[1] - 0.3) > 0.07
        assert fit_form(data, POWER, noise, huber=1.345).theta[1] == pytest.approx(0.3, abs=within)


def test_without_outliers_huber_is_nearly_least_squares() -> None:
    loss = 3 * X**-0.3 * np.exp(0.02 * np.random.default_rng(1).standard_normal(len(X)))
    data = points(X, loss)
    plain, robust = fit_form(data, POWER), fit_form(data, POWER, huber=1.345)
    assert robust.theta[1] == pytest.approx(plain.theta[1], abs=0.005)
    assert fit_form(data, POWER, huber=100.0).theta[1] == pytest.approx(plain.theta[1], abs=1e-6)


def test_the_robust_scatter_of_seeds_is_the_usual_one_without_outliers_and_holds_with_one() -> None:
    loss = 3 * X**-0.3 * np.exp(0.02 * np.random.default_rng(4).standard_normal(len(X)))
    assert np.sqrt(robust_seed_noise(points(X, loss)).variance or 0) == pytest.approx(0.02, rel=0.5)
    loss[15] *= 5
    assert np.sqrt(robust_seed_noise(points(X, loss)).variance or 0) == pytest.approx(0.02, rel=0.5)
    assert (seed_noise(points(X, loss)).variance or 0) > 50 * 0.02**2
