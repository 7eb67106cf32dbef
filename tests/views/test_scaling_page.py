"""Pages of scaling laws show what the record says, and nothing that a name smuggles in."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from sonde.records.scaling import GroupValue, Option, ScalingFit, ScalingPlan, ScalingTable, TableCurve
from sonde.scaling_laws.law import Settings, fit_law
from sonde.scaling_laws.law_2d import fit_law_2d
from sonde.scaling_laws.planning import DataState, plan
from sonde.scaling_laws.points import points
from sonde.views.scaling import show_fit, show_fit2d, show_plan, show_table
from sonde.views.scaling_page import scaling_page

HOSTILE = '<script>alert("x")</script> [red]not markup[/red] {{ 7 * 7 }}'
X = np.repeat(100.0 * 2.0 ** np.arange(6), 2)
LOSS = 2 * X**-0.4 * np.exp(0.01 * np.random.default_rng(0).standard_normal(12))


@pytest.fixture(scope="module")
def fit() -> ScalingFit:
    return fit_law(X, LOSS, settings=Settings(draws=20), names=(HOSTILE, "loss"))


def shown(view, record) -> str:  # type: ignore[no-untyped-def]
    out = io.StringIO()
    view(record, Console(file=out, width=400))
    return out.getvalue()


def harmless(page: str) -> bool:
    return "<script>alert" not in page and "&lt;script&gt;alert" in page and "{{ 7 * 7 }}" in page


def test_a_law_on_page_and_terminal(fit: ScalingFit) -> None:
    page, terminal = scaling_page(fit), shown(show_fit, fit)
    assert harmless(page)
    assert "[red]not markup[/red]" in terminal
    value = f"{fit.predictions[0].value:.4g}"
    assert value in page
    assert value in terminal
    assert page.count("plotly-graph-div") == 3


def test_a_refused_form_says_why(fit: ScalingFit) -> None:
    refused = next(one for one in fit.comparison if one.refused)
    assert refused.refused
    assert refused.refused in scaling_page(fit)
    assert refused.refused in shown(show_fit, fit)


@pytest.mark.parametrize("flattens", [True, False])
def test_limits_that_span_floor_and_no_floor_are_said_to(fit: ScalingFit, flattens: bool) -> None:
    record = replace(fit, flattens=flattens)
    for text in (scaling_page(record), shown(show_fit, record)):
        assert ("The curve flattens" in text) is flattens


def test_a_table_marks_what_is_odd(fit: ScalingFit) -> None:
    curves = (
        TableCurve(HOSTILE, 12, fit),
        TableCurve("copy", 12, fit, same_as=HOSTILE),
        TableCurve("short", 2, None, "fewer than three sizes"),
    )
    table = ScalingTable("curves.csv", "model", "n", "loss", curves)
    page, terminal = scaling_page(table), shown(show_table, table)
    assert harmless(page)
    for text in (page, terminal):
        assert "fewer than three sizes" in text
        assert "he same numbers as" in text
    assert "pathological: 2 of 3 curves" in terminal


def test_a_law_in_two_variables() -> None:
    n, d = (one.ravel() for one in np.meshgrid([1e4, 4e4, 16e4, 64e4], [500.0, 1000, 2000, 4000, 8000]))
    law = fit_law_2d(n, d, 0.02 + 30 * n**-0.5 + 10 * d**-0.6, draws=20, name=HOSTILE)
    page, terminal = scaling_page(law), shown(show_fit2d, law)
    assert harmless(page)
    assert law.predictable
    assert f"{law.gains[0].value:+.1%}" in terminal
    assert page.count("plotly-graph-div") == 1


def test_a_plan_says_what_comes_first(fit: ScalingFit) -> None:
    blocked = plan(fit, points(X, LOSS), state=DataState("train", (HOSTILE,), 12, None), targets=[0.05], budgets=[9e3])
    page, terminal = scaling_page(blocked), shown(show_plan, blocked)
    assert harmless(page)
    assert blocked.advice in terminal
    assert "12" in page
    assert f"{blocked.at_budget[0].value:.4g}" in page


def test_unknown_numbers_are_dashes_not_zeros(fit: ScalingFit) -> None:
    unknown = Option("new_labels", "compute more", None, None, None, None, None, False, "not tested")
    group = GroupValue("slab", 10, 1000, None, None, None, None, None, "fewer than three sizes")
    bare = replace(plan(fit, points(X, LOSS)), options=(unknown,), groups=(group,), labels_for=(), at_budget=())
    assert isinstance(bare, ScalingPlan)
    page, terminal = scaling_page(bare), shown(show_plan, bare)
    assert "— … —" in page
    assert "+0.0%" not in terminal
    assert "plotly-graph-div" not in page
