"""Intervals: the textbook's where a law is linear, coverage over noisy draws, open limits, draws over seeds."""

import numpy as np
import pytest
from scipy import stats

from sonde.records.arrays import FloatArray
from sonde.records.scaling import Estimate, Prediction
from sonde.scaling_laws.averaging import averaged_predictions
from sonde.scaling_laws.fitting import FormFit, fit_form
from sonde.scaling_laws.forms import FLOOR, FORMS, POWER
from sonde.scaling_laws.intervals import profile_limits, seed_draws
from sonde.scaling_laws.law import Settings, fit_law
from sonde.scaling_laws.noise import seed_noise
from sonde.scaling_laws.points import points
from sonde.scaling_laws.quantities_of_laws import quantities

X = np.repeat(500 * 2.0 ** np.arange(7), 3)
N_DRAWS = 24
AT_LEAST = 19
"""24 intervals of 95 % hold the truth fewer than 19 times with a probability of 0.1 %."""
LAWS = {
    "power": lambda x: 3 * x**-0.3,
    "power_floor": lambda x: 0.05 + 3 * x**-0.5,
    "broken": lambda x: 3 * x**-0.2 * (1 + x / 4000) ** -0.4,
}
TRUTH = {
    "power": {"amplitude": 3, "alpha": 0.3},
    "power_floor": {"amplitude": 3, "alpha": 0.5, "floor": 0.05},
    "broken": {"amplitude": 3, "alpha_1": 0.2, "alpha_2": 0.6, "x_break": 4000},
}


def noisy(name: str, seed: int, scatter: float = 0.02) -> FloatArray:
    """Losses of a law with the scatter of seeds."""
    return np.asarray(LAWS[name](X) * np.exp(scatter * np.random.default_rng(seed).standard_normal(len(X))))


def limits_of(fit: FormFit, predict: float) -> dict[str, tuple[float, float]]:
    """Limits by name; the prediction is called `ahead`."""
    asked = quantities(fit.points, fit.form, np.array([predict]))
    found = profile_limits(fit, asked)
    low, high = asked.shown(found.low), asked.shown(found.high)
    return dict(zip((*asked.names, "ahead"), zip(low.tolist(), high.tolist(), strict=True), strict=True))


@pytest.mark.parametrize("repeats", [1, 200])
def test_limits_of_a_straight_line_in_logarithms_are_those_of_students_t(repeats: int) -> None:
    x = np.tile(X, repeats)
    loss = 3 * x**-0.3 * np.exp(0.02 * np.random.default_rng(0).standard_normal(len(x)))
    fit = fit_form(points(x, loss), POWER)
    assert not fit.scale.inflated
    found = limits_of(fit, 64000)["alpha"]
    line = stats.linregress(np.log(x), np.log(loss))
    reach = stats.t.ppf(0.975, len(x) - 2) * line.stderr
    assert found == pytest.approx((-line.slope - reach, -line.slope + reach), rel=1e-3)


@pytest.mark.parametrize("name", TRUTH)
def test_intervals_hold_the_truth_about_as_often_as_they_say(name: str) -> None:
    truth = {**TRUTH[name], "ahead": float(LAWS[name](np.array(64000.0)))}
    held = dict.fromkeys(truth, 0)
    for seed in range(N_DRAWS):
        found = limits_of(fit_form(points(X, noisy(name, seed)), FORMS[name]), 64000)
        for one, value in truth.items():
            low, high = found[one]
            held[one] += not (low > value or high < value)  # a limit that the points do not set is NaN
    assert min(held.values()) >= AT_LEAST, held


@pytest.mark.parametrize("name", LAWS)
def test_the_averaged_prediction_holds_the_truth_about_as_often_as_it_says(name: str) -> None:
    ahead = np.array([64000.0, 320000.0])
    held = np.zeros(2)
    for seed in range(N_DRAWS):
        data = points(X, noisy(name, seed))
        found = averaged_predictions(data, seed_noise(data), ahead)
        held += (found.low <= LAWS[name](ahead)) & (LAWS[name](ahead) <= found.high)
    assert held.min() >= AT_LEAST


def test_intervals_are_not_simply_wide() -> None:
    widths = [np.diff(limits_of(fit_form(points(X, noisy("power", k)), POWER), 64000)["alpha"])[0] for k in range(9)]
    # σ/√Σ(u − ū)² = 0.02/√(3 · 28 ln² 2) = 0.0031; 2 · t(19) · that = 0.013.
    assert np.median(widths) == pytest.approx(0.0132, rel=0.25)


def test_a_limit_beyond_what_the_points_set_is_open_or_at_the_edge_of_the_search() -> None:
    found = fit_law(X, noisy("power", 1), settings=Settings(draws=0, form="broken"))
    break_ = found.parameters["x_break"]
    assert break_.at_edge
    assert (break_.low or 0) == pytest.approx(X[0]) or (break_.high or 0) == pytest.approx(X[-1])


def test_limits_lie_on_both_sides_of_the_estimate() -> None:
    for name in LAWS:
        fit = fit_law(X, noisy(name, 2), settings=Settings(draws=60, form=name))
        shown: list[Estimate | Prediction] = [*fit.parameters.values(), *fit.predictions]
        for one in shown:
            assert (one.low is None) or one.low <= one.value * (1 + 1e-9)
            assert (one.high is None) or one.high >= one.value * (1 - 1e-9)


def test_the_bootstrap_agrees_with_the_profile_where_both_hold() -> None:
    fit = fit_law(X, noisy("power", 3), settings=Settings(draws=500, form="power"))
    alpha = fit.parameters["alpha"]
    assert None not in (alpha.low, alpha.high, alpha.bootstrap_low, alpha.bootstrap_high)
    profile, bootstrap = (alpha.high or 0) - (alpha.low or 0), (alpha.bootstrap_high or 0) - (alpha.bootstrap_low or 0)
    assert bootstrap == pytest.approx(profile, rel=0.35)


def test_draws_over_seeds_keep_the_means_and_the_scatter_of_the_points() -> None:
    fit = fit_form(points(X, noisy("power_floor", 4)), FLOOR)
    drawn = seed_draws(fit, 4000, np.random.default_rng(0))
    expected = fit.points.means[fit.points.size_of]
    np.testing.assert_allclose(drawn.mean(axis=0), expected, atol=0.003)
    assert drawn.std(axis=0).mean() == pytest.approx(np.sqrt(fit.noise.variance or 0), rel=0.1)


def test_the_same_seed_gives_the_same_draws_and_another_gives_others() -> None:
    one, again, other = (
        fit_law(X, noisy("power", 5), settings=Settings(draws=40, form="power", seed=seed)).parameters["alpha"]
        for seed in (0, 0, 1)
    )
    assert one == again
    assert one.bootstrap_low != other.bootstrap_low


def test_sizes_that_scatter_more_than_their_seeds_widen_the_intervals() -> None:
    rng = np.random.default_rng(6)
    shifts = np.repeat(0.1 * rng.standard_normal(7), 3)
    even, uneven = (
        fit_law(X, loss, settings=Settings(draws=0, form="power"))
        for loss in (noisy("power", 6, 0.01), noisy("power", 6, 0.01) * np.exp(shifts))
    )
    widths = [(one.parameters["alpha"].high or 0) - (one.parameters["alpha"].low or 0) for one in (even, uneven)]
    assert widths[1] > 4 * widths[0]
    assert any(reading.kind == "misfit" for reading in uneven.readings)


def test_parameters_that_go_together_are_said_to() -> None:
    pairs = fit_law(X, noisy("broken", 7), settings=Settings(draws=0, form="broken")).correlated
    assert any({"alpha_1", "x_break"} == {a, b} or {"alpha_2", "x_break"} == {a, b} for a, b, _ in pairs)
    assert all(0.95 < abs(r) <= 1 + 1e-9 for _, _, r in pairs)


def test_draws_about_a_broken_law_from_one_seed_a_size_hold_its_exponents() -> None:
    """They are drawn about the law that is named, not about another with a lower AICc."""
    x = np.asarray(500 * 2.0 ** np.arange(7), np.float64)
    loss: FloatArray = (
        x**-0.2 * (1 + (x / 4000) ** 2) ** -0.2 * np.exp(0.004 * np.random.default_rng(0).standard_normal(7))
    )
    fit = fit_law(x, loss, settings=Settings(draws=60))
    assert fit.established
    for one in fit.parameters.values():
        assert (one.bootstrap_low or 0) <= one.value <= (one.bootstrap_high or 0)
