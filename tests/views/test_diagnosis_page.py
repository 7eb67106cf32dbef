"""The report shows what the record says, and nothing that a quote smuggles in."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from tests.diagnosis.cases import CHANGE, REASON, RULE, filtered_case

from sonde.diagnosis.actions import Subject, actions
from sonde.diagnosis.findings import findings, verdict
from sonde.diagnosis.headline import headline
from sonde.records.diagnosis import Confirmation, Contact, Diagnosis, DiagnosisFigures, StructureReport, TimelineEvent
from sonde.views.diagnosis import show_diagnosis
from sonde.views.diagnosis_page import diagnosis_page, panels

HOSTILE = '<script>alert("x")</script> [red]not markup[/red] {{ 7 * 7 }}'


def figures() -> DiagnosisFigures:
    rng = np.random.default_rng(0)
    return DiagnosisFigures(
        map_training=rng.normal(size=(50, 2)),
        map_dropped=rng.normal(size=(20, 2)) + 3,
        map_failing=rng.normal(size=(4, 2)) + 3,
        rule_values_kept=rng.uniform(0, 5, 50),
        rule_values_dropped=rng.uniform(5, 30, 20),
        rule_values_failing=np.array([9.0, 12.0]),
        atoms_numbers=np.array([13, 12, 3]),
        atoms_positions=np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0]]),
        atoms_cell=4 * np.eye(3),
        atoms_failing=np.array([True, False, False]),
        atoms_p_within=np.array([0.1, 0.9, 0.8]),
        atoms_true_error=np.array([2.0, 0.1, 0.2]),
        timeline=(
            TimelineEvent(CHANGE.time, "change", HOSTILE, None, None),
            TimelineEvent(CHANGE.time, "training", "alloy trained", None, None),
        ),
    )


def diagnosis(quote: str = REASON.text) -> Diagnosis:
    case = filtered_case()
    found = findings(case)
    name, finding = verdict(found)
    return Diagnosis(
        potential="alloy",
        tolerance=0.3,
        tolerance_unit="eV/Å",
        training_dataset="training",
        raw_pool="raw",
        inputs="failing.xyz",
        structures=(StructureReport(0, "AlLiMg", 0.12, "unreliable", (0, 2), 3.0, 2.0),),
        rules=(RULE,),
        findings=found,
        verdict=name,
        verdict_intent=finding.intent if finding else None,
        headline=headline(name, finding, case),
        quotes=(replace(REASON, text=quote),),
        changes=(CHANGE,),
        actions=actions(case, found, Subject("alloy", "training", "raw", "failing.xyz")),
        contacts=(Contact(("Al", "Mg"), 2.1, 2.5, 2.0),),
        collateral=(),
        confirmation=Confirmation(12, (0, 1), (2.0, 2.1), (0.5, 0.6), (1.5, 1.6), 3, 0, True),
        figures=figures(),
    )


def on_terminal(record: Diagnosis) -> str:
    text = io.StringIO()
    show_diagnosis(record, Console(file=text, width=200))
    return text.getvalue()


def test_page_and_terminal_name_verdict_rule_commit_quote_and_next_step() -> None:
    page, terminal = diagnosis_page(diagnosis()), on_terminal(diagnosis())
    for shown in ("max_force &gt; 5", CHANGE.commit, REASON.text, REASON.anchor, "Restore the 20 dropped frames"):
        assert shown in page
    for shown in ("max_force > 5", CHANGE.commit[:10], REASON.text, REASON.anchor, "Restore the 20 dropped frames"):
        assert shown in terminal


def test_page_has_all_five_plots_and_needs_no_network() -> None:
    page = diagnosis_page(diagnosis())
    assert [panel.title for panel in panels(diagnosis())] == [
        "Which atoms",
        "Where in the space of environments",
        "What was dropped",
        "Closest contacts",
        "Timeline of decisions",
    ]
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)\s*=\s*[\"']https?:", page)


def test_hostile_text_stays_text() -> None:
    page, terminal = diagnosis_page(diagnosis(HOSTILE)), on_terminal(diagnosis(HOSTILE))
    assert '<script>alert("x")' not in page
    assert "&lt;script&gt;alert(" in page
    assert "{{ 7 * 7 }}" in page
    assert HOSTILE in terminal


@pytest.mark.parametrize("empty", [None, replace(figures(), map_failing=np.zeros((0, 2)), timeline=())])
def test_page_without_numbers_leaves_plots_out(empty: DiagnosisFigures | None) -> None:
    page = diagnosis_page(replace(diagnosis(), figures=empty))
    assert "Timeline of decisions" not in page
