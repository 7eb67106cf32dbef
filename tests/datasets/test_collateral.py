"""Collateral: planted on a table whose answer is on paper."""

import numpy as np
import pytest

from sonde.datasets.collateral import collateral, mantel_haenszel_ratio
from sonde.datasets.drops import explain_drops
from sonde.records.datasets import FeatureTable


def table() -> FeatureTable:
    """400 frames of Ni, 400 of NiO, 200 of O; half of each tagged md, half static."""
    oxygen = np.repeat([0.0, 0.5, 1.0], [400, 400, 200])
    words = tuple("md" if i % 2 else "static" for i in range(1000))
    numeric = {"n_atoms": np.full(1000, 4.0), "fraction_Ni": 1 - oxygen, "fraction_O": oxygen}
    return FeatureTable(numeric, dict.fromkeys(numeric), {"config_type": words}, 1000)


def test_the_region_hit_harder_is_named_with_its_ratio() -> None:
    dropped = np.zeros(1000, bool)
    dropped[400:600] = True  # half of NiO
    dropped[:40] = True  # a tenth of Ni
    found = collateral(table(), dropped)
    assert found[0].region == "composition=NiO"
    assert (found[0].n, found[0].n_dropped, found[0].dropped_fraction) == (400, 200, 0.5)
    assert found[0].elsewhere_fraction == pytest.approx(40 / 600)
    assert found[0].ratio == pytest.approx(7.5)
    half_width = 1.959964 * np.sqrt(1 / 200 - 1 / 400 + 1 / 40 - 1 / 600)
    assert found[0].ratio_low == pytest.approx(7.5 * np.exp(-half_width), rel=1e-5)
    assert found[0].ratio_high == pytest.approx(7.5 * np.exp(half_width), rel=1e-5)
    assert [region.region for region in found] == ["composition=NiO", "element=O", "element=Ni"]


def test_silent_where_drops_hit_all_alike() -> None:
    assert collateral(table(), np.random.default_rng(0).random(1000) < 0.3) == ()


def test_no_ratio_where_nothing_else_was_dropped() -> None:
    dropped = np.zeros(1000, bool)
    dropped[400:600] = True
    found = collateral(table(), dropped)
    assert found[0].region == "composition=NiO"
    assert found[0].ratio is None


def test_what_the_rule_aims_at_is_not_collateral() -> None:
    data = table()
    dropped = np.array([word == "md" for word in data.categorical["config_type"]])
    report = explain_drops(data, ~dropped)
    assert report.rules[0].feature == "config_type"
    assert collateral(data, dropped, report.rules[0]) == ()
    assert [region.region for region in collateral(data, dropped)] == ["config_type=md"]


def test_a_ratio_that_the_tag_alone_explains_is_one_at_equal_tag() -> None:
    """Hot frames lose 60 %, cold ones 10 %; element A is mostly hot. At equal temperature its rate is no other."""
    inside = np.repeat([True, False, True, False], [400, 100, 100, 400])
    hot = np.repeat([1, 1, 0, 0], [400, 100, 100, 400])
    dropped = np.concatenate(
        [np.arange(n) < share * n for n, share in ((400, 0.6), (100, 0.6), (100, 0.1), (400, 0.1))]
    )
    assert dropped[inside].mean() / dropped[~inside].mean() == pytest.approx(2.5)
    found = mantel_haenszel_ratio(inside, dropped, hot)
    assert found is not None
    assert found[0] == pytest.approx(1)
    assert found[1] < 1 < found[2]


def test_one_stratum_gives_the_plain_ratio_and_its_interval() -> None:
    inside, dropped = np.arange(500) < 200, np.arange(500) % 200 < 50
    found = mantel_haenszel_ratio(inside, dropped, np.zeros(500, np.int64))
    assert found is not None
    assert found[0] == pytest.approx((50 / 200) / (100 / 300))
    half_width = 1.959964 * np.sqrt(1 / 50 - 1 / 200 + 1 / 100 - 1 / 300)
    assert found[2] / found[0] == pytest.approx(np.exp(half_width), rel=1e-5)


def test_nothing_to_compare_gives_no_ratio() -> None:
    inside = np.arange(10) < 5
    assert mantel_haenszel_ratio(inside, inside, np.zeros(10, np.int64)) is None
