"""What `make demo` shows is true: rule, commit, reason, true errors, and silence where nothing is recorded."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from sonde.errors import BadInput
from sonde.operations.why import Asked, why
from sonde.progress import SILENT
from sonde.records.diagnosis import Diagnosis
from sonde.sample_lab.build import build_laboratory
from sonde.sample_lab.demo import TOLERANCE, run_demo
from sonde.sample_lab.frames import sample_frames
from sonde.sample_lab.laboratory import Truth
from sonde.sample_lab.plan import sample_plan
from sonde.store import Project


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "sonde-demo"


@pytest.fixture(scope="module")
def shown(folder: Path) -> tuple[Diagnosis, str]:
    text = io.StringIO()
    record = run_demo(folder, Console(file=text, width=160), SILENT)
    return record, text.getvalue()


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return build_laboratory(sample_plan(), tmp_path_factory.mktemp("truth") / "laboratory", sample_frames())[1]


@pytest.mark.slow
def test_the_demo_names_verdict_rule_commit_and_reason(shown: tuple[Diagnosis, str], truth: Truth) -> None:
    record, text = shown
    assert (record.verdict, record.verdict_intent) == ("filtered", "collateral")
    rule = record.rules[0]
    assert rule.feature == truth.feature
    assert rule.threshold_low is not None
    assert rule.threshold_high is not None
    assert rule.threshold_low <= truth.threshold <= rule.threshold_high
    assert truth.change is not None
    assert [change.commit for change in record.changes] == [truth.change.commit]
    first = record.quotes[0]
    assert any(line.is_quoted_by(first.text, first.anchor) for line in truth.reasons)
    misleading = (*truth.decoys, *truth.superseded)
    assert not any(line.is_quoted_by(quote.text, quote.anchor) for line in misleading for quote in record.quotes)
    assert truth.change.commit[:10] in text


@pytest.mark.slow
def test_the_potential_really_fails_there(shown: tuple[Diagnosis, str]) -> None:
    record, text = shown
    errors = [structure.true_error_eV_per_A for structure in record.structures]
    assert all(error is not None and error > TOLERANCE for error in errors)
    assert record.actions[0].n_labels_needed == 0
    assert "Restore the" in text


@pytest.mark.slow
def test_the_change_without_a_reason_stays_without(shown: tuple[Diagnosis, str], folder: Path, truth: Truth) -> None:
    answer = why(Project.open(folder), Asked(commit=truth.unexplained.commit))
    assert not answer.answered
    assert not answer.quotes


@pytest.mark.slow
def test_a_folder_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(BadInput, match="holds something else"):
        run_demo(tmp_path, Console(file=io.StringIO()), SILENT)
    assert (tmp_path / "thesis.tex").exists()
