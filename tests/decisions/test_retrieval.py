"""Search for questions in free words, in the real store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sonde.decisions.answers import why_question
from sonde.decisions.archive import Archive
from sonde.decisions.retrieval import Restricted, fuse, parse_question, retrieve, terms_of
from sonde.records.decisions import Passage
from sonde.store import Project

WHEN = datetime(2024, 10, 1, tzinfo=UTC)
TALK = (
    ("PBE or PBEsol for the bulk runs?", "a"),
    ("PBE, because the hull we compare with is PBE", "a"),
    ("Stress tensors are broken in the new build", "b"),
    ("The poster is late because the printer jammed", "c"),
    ("For the slabs we take 12 layers, since 8 layers still show a dipole", "d"),
    ("We use nitrogen cooling, the pump broke", "e"),
)


def talk() -> list[Passage]:
    return [
        Passage(f"slack:dft/{i}", text, "slack", "Mira", WHEN + timedelta(days=i), thread, "dft", source="chat")
        for i, (text, thread) in enumerate(TALK)
    ]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.create(tmp_path)
    with project.writing():
        project.sources.add("chat", kind="slack", path="chat.zip", fingerprint="0")
        project.passages.add("chat", talk())
    return project


def test_question_taken_apart() -> None:
    query = parse_question("Why is ENCUT 520 eV for CoCrNi in configs/a.yaml since 1c7d852f?")
    assert query.concepts == {"plane_wave_cutoff"}
    assert [quantity.value for quantity in query.quantities] == [520.0]
    assert query.commits == ("1c7d852f",)
    assert query.paths == ("configs/a.yaml",)
    assert query.systems == {frozenset({"Co", "Cr", "Ni"})}


def test_terms_are_stems_without_small_words() -> None:
    assert terms_of("Why did we choose the layers?") == ("layer",)


def test_fusion_prefers_what_both_rankings_find() -> None:
    a, b, c = talk()[:3]
    assert fuse([[a, b], [c, b]])[0][0].anchor == b.anchor


def test_search_finds_by_words(project: Project) -> None:
    found = retrieve(project.passages, parse_question("how many layers in the slabs?"))
    assert "12 layers" in found[0][0].text


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Why PBE over PBEsol?", "because the hull we compare with is PBE"),
        ("why do we use 12 layers for slabs?", "since 8 layers still show a dipole"),
    ],
)
def test_answers(project: Project, question: str, words: str) -> None:
    why = why_question(Archive(project.passages, ()), question)
    assert why.answered
    reason = next(quote for quote in why.quotes if quote.role == "reason")
    assert words in reason.text
    passage = project.passages.get(reason.anchor)
    assert passage is not None
    assert reason.text in passage.text


@pytest.mark.parametrize(
    "question",
    [
        "Why do we use r2SCAN?",
        "Why 16 layers for the slabs?",
        "why is the smearing 0.05 eV?",
        "why did we stop using zirconium",
        "why?",
    ],
)
def test_abstains(project: Project, question: str) -> None:
    why = why_question(Archive(project.passages, ()), question)
    assert not why.answered
    assert why.quotes == ()
    assert why.decision is None


def test_as_of_and_source(project: Project) -> None:
    archive = Archive(project.passages, ())
    question = "why do we use 12 layers for slabs?"
    assert not why_question(archive, question, as_of=WHEN + timedelta(days=3)).answered
    assert why_question(archive, question, as_of=WHEN + timedelta(days=5)).answered
    assert not why_question(archive, question, source="mail").answered


def test_undated_passages_are_not_shown_as_of_a_time(project: Project) -> None:
    with project.writing():
        project.passages.add("chat", [replace(talk()[0], anchor="slack:dft/99", time=None)])
    anchors = [passage.anchor for passage in Restricted(project.passages, as_of=WHEN + timedelta(days=90)).all()]
    assert "slack:dft/99" not in anchors


def test_five_thousand_later_passages_do_not_hide_the_few_from_before(project: Project) -> None:
    matter = "the smearing width went down"
    early = [
        replace(one, text=f"{matter}, since the forces of the hcp cells were wrong by more than we could live with")
        for one in talk()[:4]
    ]
    # Shorter, so that each of them ranks before all of those.
    late = [
        replace(talk()[0], anchor=f"slack:dft/{n}", text=matter, time=WHEN + timedelta(days=9)) for n in range(5000)
    ]
    project.passages.add("chat", early)
    project.passages.add("later", late)
    index = Restricted(project.passages, as_of=WHEN + timedelta(days=8))
    for pieces in (False, True):
        found = index.search("smearing width", limit=10, trigram=pieces)
        assert {passage.anchor for passage, _ in found} == {passage.anchor for passage in early}
    assert (index.frequency("smearing"), index.count()) == (len(early), len(TALK))


def test_a_question_as_of_a_time_finds_what_it_found_at_that_time(project: Project) -> None:
    question, then = "why was the smearing width lowered", WHEN + timedelta(days=8)
    reason = "lowered the smearing width because the forces of the hcp cells were wrong"
    project.passages.add("chat", [replace(talk()[0], text=reason)])
    before = why_question(Archive(project.passages, ()), question)
    late = [
        replace(talk()[0], anchor=f"slack:dft/{n}", text="lowered the smearing width", time=then + timedelta(days=n))
        for n in range(1, 3000)
    ]
    project.passages.add("later", late)
    assert why_question(Archive(project.passages, ()), question, as_of=then) == before
    assert before.answered
