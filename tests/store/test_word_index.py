"""Words in memory: the same passages in the same order, with the same scores as SQLite gives, whatever was written."""

import random
from dataclasses import replace

import pytest
from tests.store.laboratory import make_passage

from sonde.records.decisions import Passage
from sonde.store import Project, word_index
from sonde.store.ledger import Ledger, Row
from sonde.store.passages import PassageStore

SPOKEN = "force cutoff forces eV Å 25.5 force-cutoff k-point the PBEsol pbesol max_force naïve ² 'forces' … absent"
WORDS = SPOKEN.split()
LIMITS = (1, 3, 20, 500)


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
    monkeypatch.setattr(word_index, "MOST_STANDING", 50)
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


@pytest.mark.parametrize(("what", "after"), [("added", "hex(sz)"), ("removed", "max(id), 0) FROM passage_words_d")])
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
