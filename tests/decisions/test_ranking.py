"""Free questions: stems, synonyms, ranking, and silence, in the real store."""

import re
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sonde.decisions.answers import why_question
from sonde.decisions.archive import Archive
from sonde.decisions.free_answers import log_odds
from sonde.decisions.ranking import asked_of, document_of, ranked
from sonde.decisions.retrieval import parse_question
from sonde.decisions.stemming import porter
from sonde.decisions.synonyms import meanings
from sonde.decisions.wording import BY_SYNONYM, how_held, parted_stems, spoken_words, synonyms_of, terms_in
from sonde.records.decisions import Change, Passage, Why
from sonde.store import Project

WHEN = datetime(2024, 10, 1, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
SPELLED = ("neighbour", "neighbor")
NOTES = (
    ("Input", "Run files are written in TOML, because people edit them by hand and JSON takes no comments."),
    ("Input", "The reader keeps the order of the keys."),
    ("Input", "YAML was rejected: an unquoted `no` turns into a boolean."),
    ("Neighbours", "Neighbour lists are rebuilt every ten steps."),
    ("Neighbours", "The skin is 0.5 Å, so that a rebuild is not needed at each step."),
    ("Precision", "Training runs in float32 since the gain of double precision was below the noise of the labels."),
    ("Queue", "`max_retries` is 3 because a fourth attempt never succeeded, and the queue punishes failing jobs."),
    ("Install", "Install with pip. Python 3.11 is needed."),
    ("Tests", "The tests need four minutes on a laptop."),
    ("Contact", "Write to the list before opening a ticket."),
)


def passages() -> list[Passage]:
    return [
        Passage(f"file:guide.md#line={line}", text, "notes", "Mira", WHEN, f"guide#{heading}", heading, source="notes")
        for line, (heading, text) in enumerate(NOTES, start=1)
    ]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.create(tmp_path)
    with project.writing():
        project.sources.add("notes", kind="notes", path="guide.md", fingerprint="0")
        project.passages.add("notes", passages())
    return project


def asked(project: Project, question: str) -> Why:
    return why_question(Archive(project.passages, ()), question)


def test_stems_are_those_of_the_index() -> None:
    text = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/method.md"))
    words = sorted(set(re.findall(r"[a-z]{3,}", text.lower())) - {"ies"})
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5(word, tokenize='porter unicode61')")
    connection.execute("CREATE VIRTUAL TABLE stems USING fts5vocab(words, 'instance')")
    connection.executemany("INSERT INTO words (rowid, word) VALUES (?, ?)", enumerate(words))
    stems = dict(connection.execute("SELECT doc, term FROM stems"))
    assert len(words) > 500
    assert [porter(word) for word in words] == [stems[place] for place in range(len(words))]


def test_telling_words_of_a_question() -> None:
    assert [term.word for term in terms_in("Why did we choose TOML over JSON?")] == ["toml", "json"]
    assert [term.word for term in terms_in("why is max_retries 3?")] == ["max_retries", "max", "retries", "3"]


def test_words_count_whole_by_part_and_by_synonym() -> None:
    terms = terms_in("retries dropped boundaries")
    whole, part, synonym = how_held(terms, "retry"), how_held(terms, "maxRetries"), how_held(terms, "removed")
    assert whole == (1.0, 0.0, 0.0)
    assert 0.0 < part[0] < 1.0
    assert 0.0 < synonym[1] < 1.0


def test_turns_of_several_words_stand_for_one() -> None:
    assert [term.word for term in terms_in("Why was the Fortran driver given up?")] == [
        "fortran",
        "driver",
        "abandoned",
    ]
    turned = terms_in("why are names left out on purpose?")
    assert how_held(turned, "names are skipped deliberately") == (1.0, BY_SYNONYM, BY_SYNONYM)
    assert how_held(turned, "names left on the table") == (1.0, 0.0, 0.0)


def test_synonyms_hold_both_ways_and_are_told_by_their_stems() -> None:
    for group in meanings():
        stems = {porter(word) for word in group}
        assert len(group) > 1
        for stem in stems:
            assert stems - {stem} <= synonyms_of(stem)


def test_words_that_are_searched_and_counted_in_order() -> None:
    assert spoken_words("Why is it no longer used by the reader?") == ("no", "longer", "used", "reader")
    assert parted_stems("maxRetries of add_message") == ("max", "retri", "of", "add", "messag")


def test_what_stands_close_together_is_said_together(project: Project) -> None:
    apart = " ".join(
        ["Barostats are slow."] + ["Nothing else is known here."] * 8 + ["Damping is kept, because it works."]
    )
    close = " ".join(["Barostats need damping, because they ring."] + ["Nothing else is known here."] * 9)
    said = [Passage(f"file:{n}", text, "notes", None, WHEN, f"t{n}") for n, text in enumerate((apart, close))]
    with project.writing():
        project.passages.add("notes", said)
    found = ranked(project.passages, asked_of(project.passages, parse_question("Why do barostats need damping?")))
    by_anchor = {item.passage.anchor: item.signs for item in found}
    assert by_anchor["file:0"].close < 0.5 < by_anchor["file:1"].close == pytest.approx(1.0)
    assert found[0].passage.anchor == "file:1"


def test_talk_is_trusted_less_than_what_was_written_down(project: Project) -> None:
    query = parse_question("Why train in single precision?")
    asked = asked_of(project.passages, query)
    written = ranked(project.passages, asked)
    spoken = [replace(item, passage=replace(item.passage, kind="slack")) for item in written]
    odds = [log_odds(project.passages, asked, found) for found in (written, spoken)]
    assert odds[1] < odds[0] - 1


def test_documents_of_anchors() -> None:
    note, commit = passages()[0], Passage("commit:" + "a" * 40, "x", "commit", None, None)
    line = Passage("docs/a.md:12@" + "b" * 40, "x", "file", None, None, thread="docs/a.md#Input")
    assert [document_of(passage) for passage in (note, line)] == ["guide.md", "docs/a.md"]
    assert document_of(commit) == commit.anchor


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Why are run files TOML and not JSON?", "JSON takes no comments"),
        ("Why not YAML?", "turns into a boolean"),
        ("Why is the skin of the neighbor list 0.05 nm?", "a rebuild is not needed"),
        ("Why train in single precision?", "below the noise of the labels"),
        ("Why is the maximum of retries 3?", "a fourth attempt never succeeded"),
    ],
)
def test_the_first_quote_gives_the_reason(project: Project, question: str, words: str) -> None:
    why = asked(project, question)
    assert why.answered
    assert words in why.quotes[0].text
    assert any(quote.role == "reason" for quote in why.quotes)
    for quote in why.quotes:
        passage = project.passages.get(quote.anchor)
        assert passage is not None
        assert quote.text in passage.text


@pytest.mark.parametrize(
    "question",
    [
        "Why is the skin 2 Å?",
        "Why do the tests need a GPU?",
        "Why was the thermostat changed to Langevin?",
        "Why are labels stored in HDF5?",
        "Why is CoCrNi left out of the training?",
    ],
)
def test_silence_where_nothing_is_recorded(project: Project, question: str) -> None:
    why = asked(project, question)
    assert not why.answered
    assert why.quotes == ()
    assert why.decision is None


def test_another_spelling_is_found_and_weighs_as_the_word_itself(project: Project) -> None:
    american = asked(project, "Why are neighbor lists not rebuilt at each step?")
    british = asked(project, "Why are neighbour lists not rebuilt at each step?")
    assert british.answered
    assert american.quotes == british.quotes
    weights = [asked_of(project.passages, parse_question(f"Why are {w} lists rebuilt?")).weights for w in SPELLED]
    assert weights[0] == weights[1]


def test_words_that_no_passage_holds_are_named(project: Project) -> None:
    """Passages with the other words of a question that is mostly of something else are beside the point."""
    why = asked(project, "Why was the thermostat changed to Langevin?")
    assert why.unmentioned == ("langevin",)
    assert why.nearest == ()
    near = asked(project, "Why are training labels checked for moisture?")
    assert "moisture" in near.unmentioned
    assert near.nearest
    assert asked(project, "Why is the skin 0.5 Å?").unmentioned == ()


def test_neighbours_bring_in_what_does_not_repeat_the_question(project: Project) -> None:
    talk = [
        ("Should slabs keep the vacuum of 15 Å?", "Mira"),
        ("yes, otherwise the images feel each other's dipole", "Jonas"),
    ]
    said = [Passage(f"slack:dft/{n}", text, "slack", who, WHEN, "t", "dft") for n, (text, who) in enumerate(talk)]
    with project.writing():
        project.sources.add("chat", kind="slack", path="chat.zip", fingerprint="0")
        project.passages.add("chat", said)
    query = parse_question("Why is the vacuum of slabs 15 Å?")
    found = ranked(project.passages, asked_of(project.passages, query))
    assert "dipole" in {p.passage.text.split()[-1] for p in found[:2]}


def test_an_ordinary_word_names_no_key(project: Project) -> None:
    changes = [Change("tool.tests", "1", "2", None, "c" * 40, "a.toml", 1, "Mira", WHEN, "tests", source="notes")]
    why = why_question(Archive(project.passages, changes), "Why are run files TOML, and who tests them?")
    assert why.changes == ()


def test_frequencies_and_neighbours(project: Project) -> None:
    store = project.passages
    assert store.count() == len(NOTES)
    assert store.frequency("steps") == 2
    assert store.frequency("nowhere") == store.frequency("?") == 0
    beside = store.beside(passages()[0], 1)
    assert [passage.text for passage in beside] == [NOTES[1][1]]
    assert store.beside(Passage("file:none", "x", "notes", None, None, source="notes"), 2) == []
