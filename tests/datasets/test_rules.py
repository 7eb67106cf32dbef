"""Rules: planted on numbers whose answer is on paper, and on real features."""

from dataclasses import replace

import numpy as np
import pytest
from tests.datasets import planted_filters as planted

from sonde.datasets.drops import explain_drops
from sonde.datasets.regions import largest_corner
from sonde.datasets.rules import holds
from sonde.datasets.significance import evidence, loss_interval, most_lost_by_chance
from sonde.datasets.thresholds import likeliest_threshold, plausible_edges, roundest
from sonde.records.arrays import BoolArray
from sonde.records.datasets import FeatureTable


@pytest.fixture(scope="module")
def grid() -> FeatureTable:
    """Two independent numbers, 0 … 99 each in other orders, and a word, for 1,000 frames."""
    rng = np.random.default_rng(11)
    numbers = {"max_force": rng.permutation(1000) / 100, "pressure": rng.permutation(1000) / 10}
    words = tuple(rng.choice(["bulk", "slab", "liquid", "gas"], 1000).tolist())
    units = {"max_force": "eV/Å", "pressure": "GPa"}
    return FeatureTable(numbers, units, {"config_type": words}, 1000)


def words_of(table: FeatureTable, *values: str) -> BoolArray:
    return np.isin(np.array(table.categorical["config_type"]), values)


def random_loss(table: FeatureTable, share: float, seed: int) -> BoolArray:
    return np.random.default_rng([99, seed]).random(table.n_frames) < share


def test_one_threshold_alone(grid: FeatureTable) -> None:
    report = explain_drops(grid, ~(grid.numeric["max_force"] > 6.995))
    rule = report.rules[0]
    assert (rule.feature, rule.op, rule.threshold) == ("max_force", ">", 6.99)
    assert (rule.threshold_low, rule.threshold_high) == (6.99, 7.0)
    assert (rule.precision, rule.recall, rule.n_matched, rule.unit) == (1, 1, 300, "eV/Å")
    assert rule.rule == "max_force > 6.99 eV/Å"
    assert not report.random_split
    assert report.random_fraction == 0


def test_threshold_and_split_are_told_apart(grid: FeatureTable) -> None:
    dropped = (grid.numeric["max_force"] > 6.995) | random_loss(grid, 0.2, 1)
    report = explain_drops(grid, ~dropped)
    rule = report.rules[0]
    assert rule.feature == "max_force"
    assert rule.threshold_low is not None
    assert rule.threshold_high is not None
    assert rule.threshold_low <= 6.995 <= rule.threshold_high
    assert rule.precision == 1
    assert rule.recall == 1
    assert report.random_split
    low, high = report.random_interval
    assert low is not None
    assert high is not None
    assert low < 0.2 < high


def test_a_random_split_has_no_rule(grid: FeatureTable) -> None:
    report = explain_drops(grid, ~random_loss(grid, 0.5, 3))
    assert report.rules == ()
    assert report.random_split
    assert "no rule" in report.notes[0].lower()


def test_words(grid: FeatureTable) -> None:
    rule = explain_drops(grid, ~(words_of(grid, "slab", "gas") | random_loss(grid, 0.2, 4))).rules[0]
    assert rule.op == "in"
    assert rule.conditions[0].values == ("gas", "slab")
    assert rule.threshold is None
    assert rule.rule == "config_type in {gas, slab}"


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_two_conditions(grid: FeatureTable, share: float) -> None:
    force, pressure = grid.numeric["max_force"], grid.numeric["pressure"]
    cases = {
        "and": (force > 5.005) & words_of(grid, "slab", "gas"),
        "corner": (force > 5.005) & (pressure < 40.05),
        "or": (force > 8.005) | (pressure < 10.05),
        "band": (force > 3.005) & (force < 5.005),
    }
    for name, dropped in cases.items():
        report = explain_drops(grid, ~(dropped | random_loss(grid, share, 5)))
        wrong = holds(report.rules[0], grid) ^ dropped
        assert len(report.rules[0].conditions) == 2, name
        assert report.rules[0].joined_by == ("or" if name == "or" else "and")
        assert wrong.sum() <= (0 if share == 0 else 8), name
        assert report.random_split == (share > 0)


def test_a_rule_with_the_same_drops_is_equivalent_and_another_is_not(grid: FeatureTable) -> None:
    twin = replace(grid, numeric={**grid.numeric, "rms_force": np.sqrt(grid.numeric["max_force"])})
    rule = explain_drops(twin, grid.numeric["max_force"] < 8.005).rules[0]
    assert [other.feature for other in rule.equivalent] == ["rms_force"]
    assert np.array_equal(holds(rule.equivalent[0], twin), holds(rule, twin))


def test_survivors_that_were_put_back_cost_precision_not_the_rule(grid: FeatureTable) -> None:
    dropped = grid.numeric["max_force"] > 5.005
    dropped[np.flatnonzero(dropped)[:3]] = False
    report = explain_drops(grid, ~dropped)
    assert report.rules[0].feature == "max_force"
    assert report.rules[0].precision == pytest.approx(497 / 500, abs=0.003)
    assert any("contradict" in note for note in report.notes)


def test_too_few_drops_are_no_evidence(grid: FeatureTable) -> None:
    report = explain_drops(grid, ~(grid.numeric["max_force"] > 9.985))
    assert report.rules == ()
    assert not report.random_split
    assert "too few" in " ".join(report.notes)


def test_nothing_dropped_and_nothing_kept(grid: FeatureTable) -> None:
    assert explain_drops(grid, np.ones(1000, bool)).rules == ()
    assert "No frame was kept" in explain_drops(grid, np.zeros(1000, bool)).notes[0]


def test_unknown_values_satisfy_no_condition(grid: FeatureTable) -> None:
    force = grid.numeric["max_force"].copy()
    dropped = force > 7.005
    force[:50] = np.nan
    gaps = replace(grid, numeric={**grid.numeric, "max_force": force})
    rule = explain_drops(gaps, ~(dropped & np.isfinite(force))).rules[0]
    assert rule.feature == "max_force"
    assert not holds(rule, gaps)[:50].any()


def test_the_fullest_corner_is_found() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 30, (2, 150)).astype(float)
    kept = (rng.random(150) < 0.3) & (a + b < 35)
    order = np.argsort(-a, kind="stable")
    found = largest_corner(a, b, order[kept[order]], np.flatnonzero(~kept))
    brute = max(
        int((~kept & (a > x) & (b > y)).sum())
        for x in a[kept]
        for y in b[kept]
        if not np.any(kept & (a > x) & (b > y)) and np.any(kept & (a > x)) and np.any(kept & (b > y))
    )
    assert found is not None
    assert found[2] == brute


def test_chance_on_paper() -> None:
    assert evidence(10, 3, 3) == pytest.approx(np.log(120))
    assert most_lost_by_chance(0.1) == 3
    assert most_lost_by_chance(0.0) == 0
    assert loss_interval(0, 10) == pytest.approx((0, 1 - 0.025**0.1))


def test_round_numbers_are_preferred_but_not_against_the_evidence() -> None:
    assert roundest(2.9, 3.1)[0] == 3
    assert roundest(0.0, 0.0625)[0] == 0
    assert roundest(-2.6, -2.4)[0] == -2.5
    edges = plausible_edges(2.98, np.array([2.995, 3.01, 3.2]), 0.2)
    assert edges[:2] == [2.98, 2.995]
    assert likeliest_threshold(edges, 0.2) == 3
    assert likeliest_threshold(edges[:2], 0.0) == 2.99


def test_planted_filters_on_real_features(real_table: FeatureTable) -> None:
    table = planted.with_flags(real_table, 0)
    filters = list(planted.planted_filters(table, 28, seed=1))
    assert [text for f in filters if (text := planted.failure_of_filter(table, f))] == []
    failures = [planted.failure_of_filter_and_split(table, f, 0.2, i) for i, f in enumerate(filters[::2])]
    assert sum(text is not None for text in failures) <= 1, failures


def test_random_splits_of_real_features(real_table: FeatureTable) -> None:
    found = [
        planted.false_rule_of_split(real_table, share, seed) for seed, share in enumerate((0.05, 0.2, 0.4, 0.6) * 2)
    ]
    assert sum(text is not None for text in found) <= 1, found


@pytest.mark.parametrize("n_frames", [12, 30, 100])
def test_small_parents_raise_no_false_rule(real_table: FeatureTable, n_frames: int) -> None:
    rng = np.random.default_rng(n_frames)
    for _ in range(15):
        small = planted.part_of(real_table, np.sort(rng.choice(real_table.n_frames, n_frames, replace=False)))
        assert planted.false_rule(small, rng.random(n_frames) < rng.uniform(0.05, 0.6)) is None


def test_trajectories_split_as_a_whole_have_no_rule(real_table: FeatureTable) -> None:
    groups = np.arange(real_table.n_frames) // 10
    found = [planted.false_rule(real_table, planted.group_split(groups, share, 7)) for share in (0.1, 0.3, 0.5)]
    assert found == [None, None, None]


def test_the_check_of_planted_rules_can_fail(real_table: FeatureTable) -> None:
    planting = next(planted.planted_filters(real_table, 1, seed=1))
    assert planting.threshold is not None
    wrong = replace(planting, threshold=planting.threshold + 1.0)
    assert planted.failure_of_filter(real_table, wrong) is not None
