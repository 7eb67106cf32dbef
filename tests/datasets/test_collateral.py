"""Collateral: planted on a table whose answer is on paper."""

import numpy as np
import pytest

from sonde.datasets.collateral import collateral
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
