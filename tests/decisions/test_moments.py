"""Times that questions name, and what was written until then."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from sonde.decisions.answers import why_question
from sonde.decisions.archive import Archive
from sonde.decisions.moments import moment_in
from sonde.records.decisions import Passage
from sonde.store import Project


def passage(
    name: str, text: str, year: int, title: str | None = None, kind: Literal["commit", "file"] = "commit"
) -> Passage:
    return Passage(f"{kind}:{name}", text, kind, "Mira", datetime(year, 6, 1, tzinfo=UTC), title=title or text)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    said = [
        passage("a" * 40, "Labels come from PBE, because all older sets have it", 2021),
        passage("b" * 40, "Release v1.2.0", 2022),
        passage("c" * 40, "Labels come from r2SCAN, because PBE labels overbind water", 2023),
        passage("notes", "Faster reading.", 2023, title="1.3.0 (2022-11-05)", kind="file"),
    ]
    project = Project.create(tmp_path)
    with project.writing():
        project.sources.add("repository", kind="git", path="lab", fingerprint="0")
        project.passages.add("repository", said)
    return project


@pytest.mark.parametrize(
    ("question", "until"),
    [
        ("Why PBE as of 2022-03-08?", "2022-03-08 23:59:59"),
        ("Why PBE before 8 March 2022?", "2022-03-07 23:59:59"),
        ("Why PBE in March 2022?", "2022-03-31 23:59:59"),
        ("Why PBE until December 2022?", "2022-12-31 23:59:59"),
        ("Why PBE before the 2023 switch?", "2022-12-31 23:59:59"),
        ("Why PBE as of v1.2.0?", "2022-06-01 00:00:01"),
        ("Why PBE at the time of release 1.3.0?", "2022-11-05 23:59:59"),
    ],
)
def test_times_in_questions(project: Project, question: str, until: str) -> None:
    moment = moment_in(question, project.passages)
    assert moment is not None
    assert str(moment.until.replace(tzinfo=None)) == until
    assert moment.question.startswith("Why PBE")
    assert moment.words in question


@pytest.mark.parametrize(
    "question",
    [
        "Why PBE?",
        "Why is the cutoff 520 eV?",
        "Why was the spacing before 0.25 Å?",
        "Why filter on 2000 frames?",
        "Why PBE as of v9.9?",
        "Why PBE as of v1.2.0.1?",
        "Why does it need Python 3.11 in 2-dimensional cells?",
    ],
)
def test_what_names_no_time_that_resolves(project: Project, question: str) -> None:
    assert moment_in(question, project.passages) is None


def test_what_was_written_later_is_left_aside_and_told(project: Project) -> None:
    archive = Archive(project.passages, ())
    before = why_question(archive, "Why do labels come from PBE before 2022?")
    assert [quote.text for quote in before.quotes] == ["Labels come from PBE, because all older sets have it"]
    assert before.understood == "“before 2022” taken as: until 31 Dec 2021"
    assert before.question == "Why do labels come from PBE before 2022?"
    assert not why_question(archive, "Why do labels come from r2SCAN as of v1.2.0?").answered


def test_a_given_time_goes_before_words(project: Project) -> None:
    asked = "Why do labels come from r2SCAN before 2022?"
    why = why_question(Archive(project.passages, ()), asked, as_of=datetime(2024, 1, 1, tzinfo=UTC))
    assert why.understood is None


def test_when_something_was_done_hides_no_later_reason(project: Project) -> None:
    why = why_question(Archive(project.passages, ()), "Why do labels come from r2SCAN in 2022?")
    assert why.understood is None
    assert any("overbind" in quote.text for quote in (*why.quotes, *why.nearest))
