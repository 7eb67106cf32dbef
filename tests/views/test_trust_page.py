"""The page of an evaluation shows what the record says, also where a baseline wins, and nothing a name smuggles in."""

import io
import re
from dataclasses import replace

from rich.console import Console

from sonde.records.trust_evaluation import (
    Better,
    FlagRow,
    LabelPoint,
    ReliabilityBin,
    ScoreRow,
    ShiftTable,
    TrustEvaluation,
)
from sonde.views.trust_evaluation import show_evaluation
from sonde.views.trust_page import trust_page

HOSTILE = '<script>alert("x")</script> [red]not markup[/red] {{ 7 * 7 }}'


def row(name: str, auroc: float, within: Better | None) -> ScoreRow:
    return ScoreRow(
        name=name,
        auroc=auroc,
        auroc_low=auroc - 0.05,
        auroc_high=auroc + 0.05,
        auroc_by_part=(auroc, None),
        probe_better=None if within is None else Better(0.01, -0.02, 0.04),
        auroc_within_force_bins=0.71,
        within_low=0.65,
        within_high=0.77,
        probe_better_within=within,
        auroc_within_pooled=0.64,
        probe_better_pooled=None if within is None else Better(-0.03, -0.05, -0.01),
        auprc=0.5,
        aurc=0.123,
        excess_aurc=0.02,
        augrc=0.05,
        brier=0.1,
        ece=0.017,
        recall_of_worst=(None, 0.6, 0.4),
        spearman=0.8,
        atom_auroc=None,
        us_per_atom=12.0,
        peak_MB=0.34,
        labels=True,
        kept_loss=tuple(0.1 * k for k in range(len(TrustEvaluation.COVERAGES))),
    )


ROWS = (
    row("local probe", 0.9, None),
    row("largest predicted force", 0.8, Better(0.2, 0.1, 0.3)),
    row("Q residual", 0.93, Better(-0.06, -0.1, -0.02)),
)
TABLE = ShiftTable(
    shift="random",
    held_out=("fold 1", "fold 2"),
    tolerance_eV_per_A=0.25,
    n_test=120,
    n_groups=30,
    prevalence_beyond=0.5,
    rows=ROWS,
    flags=FlagRow(0.97, 0.12, 60, 0.43, 0.08, 0.05),
    bins=(ReliabilityBin(0.1, 0.15, 60), ReliabilityBin(0.9, 0.88, 60)),
)
RECORD = TrustEvaluation(
    potential=HOSTILE,
    dataset="alloys",
    n_frames=120,
    n_groups=30,
    seeds=(0,),
    force_slope=1.08,
    tables=(TABLE, replace(TABLE, softened=True)),
    labels=(LabelPoint("local probe", 50, 0, 0.8, 0.6), LabelPoint("local probe", 100, 0, 0.85, None)),
    notes=("a note",),
)


def test_the_page_says_who_wins() -> None:
    page = trust_page(RECORD)
    assert "<script>alert" not in page
    assert "{{ 7 * 7 }}" in page
    assert page.count("plotly-graph-div") == 5
    in_short = page[page.index("In short") : page.index("Fair tables")]
    assert "1 of 2" in in_short  # beaten beyond the interval
    assert "Q residual" in in_short
    assert "97%" in in_short
    assert "largest predicted force; Q residual" in in_short  # better when pooled
    assert "0.43" in in_short  # the gate is worse than chance, and said to be
    assert "after the force-slope correction" in page
    assert re.search(r"--supported\)\">-0.06</span><br><span class=\"soft\">-0.10 … -0.02<", page)  # it loses: red
    assert "a note" in page


def test_the_terminal_says_the_same() -> None:
    out = io.StringIO()
    show_evaluation(RECORD, Console(file=out, width=220, force_terminal=True))
    said = out.getvalue()
    assert "\x1b[31m-0.06 (-0.10 … -0.02)" in said
    assert "\x1b[32m+0.20 (+0.10 … +0.30)" in said
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    assert "its distance ranks with AUROC 0.43" in plain
    assert "[red]not markup[/red]" in plain


def test_a_narrow_terminal_gets_the_columns_that_decide_each_row_on_one_line() -> None:
    name = "boosted trees on embedding and force"  # the longest there is
    record = replace(RECORD, tables=(replace(TABLE, rows=(row(name, 0.8, Better(0.12, -0.01, 0.25)),)),))
    out = io.StringIO()
    show_evaluation(record, Console(file=out, width=80))
    rows = [line for line in out.getvalue().splitlines() if name in line]
    assert [" ".join(line.split()) for line in rows] == [f"{name} 0.80 0.71 +0.12 (-0.01 … +0.25) 0.017"]
    assert "on 150 columns, with --report or --json" in out.getvalue()


def test_a_table_without_probe_or_states_has_a_page() -> None:
    bare = replace(TABLE, rows=ROWS[1:], flags=None, bins=())
    assert "Fair tables" in trust_page(replace(RECORD, tables=(bare,), labels=()))
