"""Plans: sizes for a target, worth of groups, data before capacity."""

import numpy as np
import pytest

from sonde.errors import WrongUse
from sonde.records.arrays import FloatArray
from sonde.records.scaling import Gain, Option, ScalingFit, ScalingPlan
from sonde.scaling_laws.averaging import Averaged, averaged_predictions
from sonde.scaling_laws.law import Settings, fit_law
from sonde.scaling_laws.noise import seed_noise
from sonde.scaling_laws.planning import Average, DataState, GroupCurve, group_value, group_weights, labels_for, plan
from sonde.scaling_laws.points import Points, points

X = np.repeat(500 * 2.0 ** np.arange(7), 3)
ALARM = "Labels lie on more than one energy surface."


def curve(alpha: float = 0.5, noise: float = 0.01, seed: int = 0) -> tuple[ScalingFit, Points]:
    """A power law that is 0.1 at 32,000 frames, with its fit."""
    loss = 0.1 * (X / 32000) ** -alpha * np.exp(noise * np.random.default_rng(seed).standard_normal(len(X)))
    return fit_law(X, loss, settings=Settings(draws=0)), points(X, loss)


def average(data: Points) -> Average:
    def predicted(x: FloatArray) -> Averaged:
        return averaged_predictions(data, seed_noise(data), x)

    return predicted


def advised(found: ScalingPlan) -> list[str]:
    return [option.kind for option in found.options if option.advised]


def option(found: ScalingPlan, kind: str) -> Option:
    return next(one for one in found.options if one.kind == kind)


def test_labels_for_a_target_are_those_of_the_power_law() -> None:
    _, data = curve(noise=1e-4)
    found = labels_for(data, average(data), 0.05)
    assert found.value == pytest.approx(4 * 32000, rel=0.05)  # 2^(1/0.5) times as many frames halve the loss
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 4 * 32000 <= found.high


def test_a_target_below_the_floor_is_not_reached() -> None:
    loss = 0.05 + 10 * X**-0.8
    data = points(X, loss)
    assert labels_for(data, average(data), 0.04).high is None


def test_a_target_that_is_reached_already_needs_no_more_than_that_size() -> None:
    _, data = curve(noise=1e-4)
    assert (labels_for(data, average(data), 0.2).value or 0) < 32000


def test_a_budget_gets_the_expected_loss_with_an_interval() -> None:
    fit, data = curve()
    at = plan(fit, data, budgets=[128000]).at_budget[0]
    assert at.low is not None
    assert at.high is not None
    assert at.low < 0.05 < at.high
    assert at.value == pytest.approx(0.05, rel=0.05)


def test_new_labels_are_advised_where_doubling_pays_and_nothing_stands_before_it() -> None:
    found = plan(*curve())
    assert advised(found) == ["new_labels"]
    assert option(found, "new_labels").change == pytest.approx(2**-0.5 - 1, abs=0.02)


def test_a_flat_curve_advises_nothing() -> None:
    found = plan(*curve(alpha=0.0))
    assert advised(found) == []
    assert "doubling changes the loss by" in found.advice or "not predictable" in found.advice


def test_labelled_frames_that_were_dropped_come_before_new_ones() -> None:
    found = plan(*curve(), state=DataState("train", (), 0, 8000, "raw"))
    assert advised(found) == ["restore_dropped"]
    assert option(found, "restore_dropped").new_labels == 0
    assert option(found, "restore_dropped").change == pytest.approx(1.25**-0.5 - 1, abs=0.02)


def test_while_a_surface_alarm_is_open_no_capacity_and_no_labels_are_advised() -> None:
    better = [Gain("data", 2, -0.01, -0.02, 0.0), Gain("parameters", 2, -0.4, -0.5, -0.3)]
    blocked = plan(*curve(), state=DataState("train", (ALARM,), 120, 8000, "raw"), gains=better)
    assert advised(blocked) == ["repair_labels"]
    assert ALARM in option(blocked, "repair_labels").why
    assert "contradict" in option(blocked, "larger_model").why
    free = plan(*curve(), gains=better)
    assert advised(free) == ["larger_model"]


def test_data_win_over_capacity_where_they_buy_more() -> None:
    gains = [Gain("data", 2, -0.3, -0.35, -0.25), Gain("parameters", 2, -0.05, -0.1, 0.0)]
    assert advised(plan(*curve(), gains=gains)) == ["new_labels"]


def test_what_is_not_predictable_is_not_planned_with() -> None:
    loss = 0.1 * (X / X[0]) ** 0.4
    fit = fit_law(X, loss, settings=Settings(draws=0))
    found = plan(fit, points(X, loss))
    assert fit.predictable is False
    assert found.advice.startswith("not predictable from these points")
    assert option(found, "new_labels").change is None


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan")])
def test_targets_budgets_and_counts_must_be_positive(wrong: float) -> None:
    fit, data = curve()
    with pytest.raises(WrongUse, match="target must be a positive number"):
        plan(fit, data, targets=[wrong])
    with pytest.raises(WrongUse, match="budget must be a positive number"):
        plan(fit, data, budgets=[wrong])


def group_curves() -> list[GroupCurve]:
    """Two groups that learn at different rates; the overall loss is their root mean square, weighed 3 to 1."""
    n = np.asarray(500 * 2.0 ** np.arange(7), np.float64)
    fast, slow = (n / 500) ** -0.7, 2 * (n / 500) ** -0.1
    overall = np.sqrt(0.75 * fast**2 + 0.25 * slow**2)
    return [GroupCurve("fast", n, fast, overall), GroupCurve("slow", n, slow, overall)]


def test_weights_of_groups_follow_from_the_points() -> None:
    assert group_weights(group_curves()) == {"fast": pytest.approx(0.75), "slow": pytest.approx(0.25)}


def test_weights_that_do_not_fit_are_not_claimed() -> None:
    wrong = 1 + np.arange(7) / 6
    odd = [GroupCurve(one.group, one.n_frames, one.loss, one.overall * wrong) for one in group_curves()]
    assert group_weights(odd) == {}


def test_the_next_thousand_frames_of_a_group_follow_its_own_law() -> None:
    fast = group_curves()[0]
    found = group_value(fast, None)
    assert found.own_change == pytest.approx((33000 / 32000) ** -0.7 - 1, abs=0.005)
    assert found.overall_change is None


def test_the_group_that_lowers_the_overall_loss_most_comes_first() -> None:
    n = np.asarray(500 * 2.0 ** np.arange(7), np.float64)
    large, small = 2 * (n / 500) ** -0.5, 0.2 * (n / 500) ** -0.5 * (1 + np.arange(7) / 20)
    overall = np.sqrt(0.5 * large**2 + 0.5 * small**2)
    curves = [GroupCurve("small", n, small, overall), GroupCurve("large", n, large, overall)]
    found = plan(*curve(), groups=curves).groups
    assert [one.group for one in found] == ["large", "small"]
    assert found[0].overall_change is not None
    assert found[0].overall_change < (found[1].overall_change or 0.0) <= 0.0
