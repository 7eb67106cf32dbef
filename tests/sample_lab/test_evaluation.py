"""A sample of `make eval-diagnosis`: one laboratory of every class, and the counting itself on paper."""

from collections import Counter
from pathlib import Path

import pytest

from sonde.sample_lab.evaluation import CASES, Outcome, run_case, table, wilson


@pytest.mark.slow
def test_one_laboratory_of_every_class(tmp_path: Path) -> None:
    quick = [case for case in CASES if case.adapter == "linear"]
    outcomes = [run_case(case, 41 + 1000 * k, tmp_path / str(k)) for k, case in enumerate(quick)]
    wrong = [o for o in outcomes if not o.right and o.verdict != "cannot_tell"]
    right = Counter(o.right for o in outcomes)[True]
    assert len(wrong) <= 2, table(CASES, outcomes)
    assert right >= len(quick) - 3, table(CASES, outcomes)
    assert all(o.silent_about_unexplained for o in outcomes)


def test_wilson_interval_on_paper() -> None:
    low, high = wilson(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_table_counts_cannot_tell_apart_from_wrong() -> None:
    case = CASES[0]
    verdicts = ("filtered", "cannot_tell", "thin")
    outcomes = [
        Outcome(case.name, k, verdict, None, verdict == "filtered", None, None, None, True)  # type: ignore[arg-type]
        for k, verdict in enumerate(verdicts)
    ]
    text = table([case], outcomes)
    assert "wrong definite verdicts overall:   1/3" in text
    assert "cannot tell:                       1/3" in text


def test_every_class_of_the_evaluation_has_its_own_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 16
