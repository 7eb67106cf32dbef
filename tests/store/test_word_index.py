"""Words in memory: the same passages in the same order, with the same scores as SQLite gives, whatever was written."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.store.laboratory import make_passage

from sonde.records.decisions import Passage, Within
from sonde.store import Project, word_index, word_scores
from sonde.store.ledger import Ledger, Row
from sonde.store.passages import PassageStore

SPOKEN = "force cutoff forces eV Å 25.5 force-cutoff k-point the PBEsol pbesol max_force naïve ² 'forces' … absent"
WORDS = SPOKEN.split()
LIMITS = (1, 3, 20, 500)
START = datetime(2019, 3, 1, tzinfo=UTC)


def talk(size: int, seed: int = 0) -> list[Passage]:
    """Passages from none to three hundred words, half of them with a title; the first words are the most frequent."""
    rng = random.Random(seed)
    weights = [1 / rank for rank in range(1, len(WORDS) + 1)]

    def words(most: int) -> str:
        return " ".join(rng.choices(WORDS[:-1], weights[:-1], k=rng.randrange(most)))

    long = (3, 20, 300)
    return [
        replace(make_passage(n), text=words(rng.choice(long)), title=words(6) if n % 2 else None) for n in range(size)
    ]


def by_sqlite(passages: PassageStore, query: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> object:
    with monkeypatch.context() as context:
        context.setattr(word_index, "FIRST_SEARCHES", 10**9)
        return passages.search(query, limit=limit)


def assert_same(project: Project, monkeypatch: pytest.MonkeyPatch, seed: int = 1) -> None:
    rng = random.Random(seed)
    monkeypatch.setattr(word_index, "FIRST_SEARCHES", 0)
    monkeypatch.setattr(word_index, "LEAST_PASSAGES", 0)
    for _ in range(30):
        query, limit = " ".join(rng.choices(WORDS, k=rng.randint(1, 6))), rng.choice(LIMITS)
        found = project.passages.search(query, limit=limit)
        assert found == by_sqlite(project.passages, query, limit, monkeypatch), query


@pytest.fixture
def archive(project: Project) -> Project:
    project.passages.add("chat", talk(400))
    return project


def test_words_and_phrases_score_as_sqlite_scores_them(archive: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same(archive, monkeypatch)


def test_nothing_is_kept_over_what_this_connection_writes(archive: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same(archive, monkeypatch)
    archive.passages.add("chat", talk(420, seed=2))  # revises 400, adds 20
    assert_same(archive, monkeypatch)
    archive.passages.discard("chat", [passage.anchor for passage in talk(400)[::3]])
    assert_same(archive, monkeypatch)


def test_nothing_is_kept_over_what_another_connection_writes(archive: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same(archive, monkeypatch)
    other = Project.open(archive.root)
    other.passages.add("mail", talk(50, seed=3))
    other.close()
    assert_same(archive, monkeypatch)


def test_nothing_is_found_where_there_is_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same(project, monkeypatch)


def test_little_memory_changes_no_answer(archive: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_scores, "MOST_STANDING", 50)
    assert_same(archive, monkeypatch)
    monkeypatch.setattr(word_index, "MOST_PASSAGES", 100)
    archive.passages.add("mail", talk(3))
    assert_same(archive, monkeypatch)


def test_a_search_in_memory_asks_sqlite_for_no_scores(archive: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_index, "LEAST_PASSAGES", 400)
    asked: list[str] = []
    rows = type(archive.ledger).rows
    monkeypatch.setattr(type(archive.ledger), "rows", lambda *a: asked.append(a[1]) or rows(*a))  # type: ignore[func-returns-value]
    for _ in range(word_index.FIRST_SEARCHES + 1):
        asked.clear()
        archive.passages.search("force cutoff", limit=5)
    assert asked
    assert not any("bm25" in query for query in asked)


def test_counts_are_asked_once_until_somebody_writes(archive: Project) -> None:
    before = archive.passages.frequency("forces")
    assert archive.passages.frequency("forces") == before > 0
    archive.passages.add("mail", [replace(make_passage(0), text="forces")])
    assert archive.passages.frequency("forces") == before + 1


@pytest.mark.parametrize(("what", "after"), [("added", "group_concat(sz"), ("removed", "passage_words_d")])
def test_what_is_written_in_the_midst_of_a_search_is_found_by_sqlite(
    archive: Project, monkeypatch: pytest.MonkeyPatch, what: str, after: str
) -> None:
    monkeypatch.setattr(word_index, "FIRST_SEARCHES", 0)
    monkeypatch.setattr(word_index, "LEAST_PASSAGES", 0)
    other, rows = Project.open(archive.root), type(archive.ledger).rows
    written: list[str] = []
    late = [replace(make_passage(n), text="force") for n in range(500)]

    def writing(ledger: Ledger, query: str, *values: object) -> list[Row]:
        found = rows(ledger, query, *values)
        if ledger is archive.ledger and after in query and not written:
            written.append(what)
            other.passages.add("mail", late) if what == "added" else other.sources.remove("chat")
        return found

    monkeypatch.setattr(type(archive.ledger), "rows", writing)
    found = archive.passages.search("force", limit=1000)
    monkeypatch.undo()
    other.close()
    assert found == by_sqlite(archive.passages, "force", 1000, monkeypatch)
    assert (len(found) >= 500) == (what == "added")


def spread(passages: list[Passage]) -> list[Passage]:
    """Half an hour apart, in no order of time; every tenth undated."""
    rng = random.Random(5)
    order = rng.sample(range(len(passages)), len(passages))
    return [
        replace(one, time=None if n % 10 == 0 else START + timedelta(minutes=30 * place))
        for n, (one, place) in enumerate(zip(passages, order, strict=True))
    ]


PARTS = [
    Within(START + timedelta(hours=30)),
    Within(START + timedelta(hours=199), "chat"),
    Within(source="mail"),
    Within(START - timedelta(hours=1)),
]


@pytest.mark.parametrize("asked_before", [False, True])
@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_part_is_searched_as_if_it_were_all_there_is(
    archive: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: Within, asked_before: bool
) -> None:
    monkeypatch.setattr(word_index, "FIRST_SEARCHES", 0)
    monkeypatch.setattr(word_index, "LEAST_PASSAGES", 0)
    archive.passages.add("chat", spread(talk(400)))
    archive.passages.add("mail", spread(talk(90, seed=4)))
    alone = Project.create(tmp_path / "alone")
    for source in ("chat", "mail"):
        alone.passages.add(source, (passage for passage in archive.passages.all(source) if part.holds(passage)))
    rng = random.Random(2)
    if asked_before:
        archive.passages.count(Within(START + timedelta(hours=3), "mail"))
    assert archive.passages.count(part) == alone.passages.count()
    for query in (" ".join(rng.choices(WORDS, k=rng.randint(1, 6))) for _ in range(30)):
        assert archive.passages.frequency(query, part) == alone.passages.frequency(query)
        for limit in LIMITS:
            found = archive.passages.search(query, limit=limit, within=part)
            assert found == alone.passages.search(query, limit=limit)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_in_a_huge_project_all_of_a_part_is_found(
    archive: Project, monkeypatch: pytest.MonkeyPatch, part: Within
) -> None:
    archive.passages.add("chat", spread(talk(400)))
    query = "force cutoff PBEsol"
    in_memory = archive.passages.search(query, limit=500, within=part)
    pieces = archive.passages.search("utof", limit=500, within=part, trigram=True)
    counted = archive.passages.frequency("force", part), archive.passages.count(part)
    monkeypatch.setattr(word_index, "MOST_PASSAGES", 100)
    archive.passages.add("mail", [replace(make_passage(n), text="of no matter", time=None) for n in range(3)])
    found = archive.passages.search(query, limit=500, within=part)
    assert {passage for passage, _ in found} == {passage for passage, _ in in_memory}
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    by_sqlite_ = archive.passages.search("utof", limit=500, within=part, trigram=True)
    assert {passage for passage, _ in by_sqlite_} == {passage for passage, _ in pieces}
    n_new = 3 if part == Within(source="mail") else 0
    assert (archive.passages.frequency("force", part), archive.passages.count(part) - n_new) == counted


@pytest.mark.parametrize("part", PARTS[:3], ids=str)
def test_pieces_of_words_are_held_within_a_part(archive: Project, part: Within) -> None:
    archive.passages.add("chat", spread(talk(400)))
    archive.passages.add("mail", spread(talk(90, seed=4)))
    found = archive.passages.search("utof", limit=500, within=part, trigram=True)
    assert {passage for passage, _ in found} == {
        passage
        for passage in archive.passages.all()
        if "utof" in f"{passage.title} {passage.text}" and part.holds(passage)
    }
    held = archive.passages.holding("utof", limit=3, within=part)
    assert held == [passage for passage in archive.passages.all() if "utof" in passage.text and part.holds(passage)][:3]
