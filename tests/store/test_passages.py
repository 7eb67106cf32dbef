"""Passages: stored once, found by words and by pieces of words, whatever the query holds."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store import laboratory
from tests.store.laboratory import make_change, make_passage

from sonde.errors import BadInput, NotFound, WrongUse
from sonde.records.decisions import Link, Passage
from sonde.store import Project, vocabulary

ODD_QUERIES = [
    '"',
    '""',
    '"unbalanced',
    "AND",
    "force AND",
    "OR OR OR",
    "NOT force",
    "NEAR(force cutoff, 2)",
    "force NEAR cutoff",
    "-force",
    "force*",
    "*",
    "text:force",
    "^force",
    "{text title}: force",
    "(force",
    "force + cutoff",
    "'; DROP TABLE passages; --",
    "🔥",
    "🔥 force",
    "eV/Å",
    "\0force\0",
    "\ud83d",
    "25.5",
    "",
    "   ",
    "…—–",
]


def texts(found: list[tuple[Passage, float]]) -> list[str]:
    return [passage.text for passage, _ in found]


@pytest.fixture
def archive(project: Project) -> Project:
    project.passages.add("chat", (make_passage(i) for i in range(60)))
    lines = [
        "We drop frames with large forces because of failed SCF cycles 🔥",
        "max_force was 25.5 eV/Å, not 255",
        "The cutoffs follow the basis set; NEAR and AND are words here",
    ]
    anchored = [(f"file:notes.md#line={i}", line) for i, line in enumerate(lines)]
    notes = [Passage(anchor, line, "notes", None, None, title="Curation") for anchor, line in anchored]
    project.passages.add("notes", notes)
    return project


def test_passages_come_back_exactly_and_in_order(project: Project) -> None:
    assert project.passages.add("chat", (make_passage(i) for i in range(1203))) == 1203
    assert list(project.passages.all()) == [make_passage(i) for i in range(1203)]
    assert project.passages.get("slack:curation/17") == make_passage(17)
    assert project.passages.get("slack:curation/x") is None


def test_times_of_other_zones_are_the_same_moment_in_utc(project: Project) -> None:
    east = datetime(2024, 1, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    project.passages.add("chat", [replace(make_passage(0), time=east)])
    (found,) = project.passages.all()
    assert found.time == east
    assert found.time is not None
    assert found.time.tzinfo is UTC


def test_time_without_a_zone_is_refused(project: Project) -> None:
    with pytest.raises(WrongUse, match="must carry its zone"):
        project.passages.add("chat", [replace(make_passage(0), time=datetime(2024, 1, 1))])
    assert list(project.passages.all()) == []


def test_adding_again_adds_nothing(project: Project) -> None:
    project.passages.add("chat", (make_passage(i) for i in range(5)))
    assert project.passages.add("chat", (make_passage(i) for i in range(7))) == 2
    assert len(list(project.passages.all("chat"))) == 7
    assert project.passages.add("copy", [make_passage(0)]) == 1
    assert [passage.source for passage in project.passages.all("copy")] == ["copy"]


def test_text_that_changed_is_revised_in_place_and_in_the_index(project: Project) -> None:
    project.passages.add("chat", (make_passage(i) for i in range(3)))
    revised = replace(make_passage(1), text="a smaller threshold")
    assert project.passages.add("chat", [revised]) == 0
    assert list(project.passages.all())[1] == revised
    assert texts(project.passages.search("threshold", limit=5)) == ["a smaller threshold"]
    assert project.passages.search("word1", limit=5) == []
    laboratory.assert_index_in_step(project)


def test_a_failing_source_adds_nothing(project: Project) -> None:
    project.passages.add("chat", [make_passage(0)])
    project.ledger.batch_rows = 2

    def failing() -> Iterator[Passage]:
        yield from (make_passage(i) for i in range(7))
        raise BadInput("export.zip", None, "cut off", "export it again.")

    with pytest.raises(BadInput, match="cut off"):
        project.passages.add("chat", failing())
    assert list(project.passages.all()) == [make_passage(0)]
    laboratory.assert_index_in_step(project)


def test_words_are_found_by_their_stem(archive: Project) -> None:
    assert texts(archive.passages.search("dropping failures", limit=5))[0].startswith("We drop frames")
    assert texts(archive.passages.search("cutoff", limit=5))[0].startswith("The cutoffs follow")


def test_identifiers_are_one_word_and_trigrams_look_inside(archive: Project) -> None:
    assert texts(archive.passages.search("max_force", limit=5)) == ["max_force was 25.5 eV/Å, not 255"]
    assert archive.passages.search("x_forc", limit=5) == []
    assert texts(archive.passages.search("x_forc", limit=5, trigram=True)) == ["max_force was 25.5 eV/Å, not 255"]
    assert archive.passages.search("x_", limit=5, trigram=True) == []


def test_numbers_with_a_point_are_phrases_first(archive: Project) -> None:
    assert texts(archive.passages.search("25.5", limit=3))[0] == "max_force was 25.5 eV/Å, not 255"


def test_titles_are_searched_and_limit_holds(archive: Project) -> None:
    assert len(archive.passages.search("curation", limit=50)) == 3
    found = archive.passages.search("force_cutoff", limit=7)
    assert len(found) == 7
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0


@pytest.mark.parametrize("trigram", [False, True])
@pytest.mark.parametrize("query", ODD_QUERIES)
def test_no_query_is_syntax(archive: Project, query: str, trigram: bool) -> None:
    found = archive.passages.search(query, limit=100, trigram=trigram)
    if not trigram:
        bare = archive.passages.search(" ".join(re.findall(r"\w+", query)), limit=100)
        assert set(texts(found)) == set(texts(bare)), "punctuation decided what is found"
    assert len(list(archive.passages.all())) == 63


def test_operators_are_words(archive: Project) -> None:
    assert texts(archive.passages.search("NEAR", limit=5)) == [
        "The cutoffs follow the basis set; NEAR and AND are words here"
    ]
    with_not = archive.passages.search("NOT max_force", limit=100)
    assert "max_force was 25.5 eV/Å, not 255" in texts(with_not)


@given(st.text(max_size=60), st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_can_be_searched_for(archive: Project, query: str, trigram: bool) -> None:
    archive.passages.search(query, limit=3, trigram=trigram)


def test_long_queries_can_be_searched_for(archive: Project) -> None:
    assert archive.passages.search(" ".join(f"w{i}" for i in range(3000)) + " max_force", limit=3)


def test_text_that_is_not_quite_text_is_stored(project: Project) -> None:
    project.passages.add("chat", [replace(make_passage(0), text="cut \ud83d off\0 and 👍 whole")])
    assert [passage.text for passage in project.passages.all()] == ["cut � off\0 and 👍 whole"]
    assert len(project.passages.search("whole", limit=3)) == 1


def test_remove_takes_everything_of_a_source_along(project: Project) -> None:
    project.sources.add("chat", kind="slack", path="a", fingerprint="1")
    project.passages.add("chat", (make_passage(i) for i in range(4)))
    project.passages.add("copy", [make_passage(3)])
    project.changes.add("chat", [make_change(0)])
    project.changes.add("repository", [make_change(1), make_change(2)])
    pairs = [(0, 0), (1, 1), (3, 2)]
    project.links.replace([Link(f"slack:curation/{passage}", change, 1.0, ()) for passage, change in pairs])
    project.passages.remove("chat")
    assert project.sources.names() == []
    assert [passage.source for passage in project.passages.all()] == ["copy"]
    assert project.passages.search("word0", limit=5) == []
    assert project.passages.search("ord1", limit=5, trigram=True) == []
    assert project.changes.all() == [make_change(1), make_change(2)]
    # The change that was third is second now, and the copied passage keeps its link.
    assert project.links.all() == [Link("slack:curation/3", 1, 1.0, ())]
    laboratory.assert_index_in_step(project)
    with pytest.raises(NotFound, match="No source is called 'chat'"):
        project.sources.remove("chat")


def test_flags_of_a_message_come_back(project: Project) -> None:
    given = replace(make_passage(0), edited=True, pinned=True, visibility="direct")
    project.passages.add("chat", [given])
    assert list(project.passages.all()) == [given]


def test_discarded_passages_are_gone_from_the_index_and_their_links_with_them(project: Project) -> None:
    project.passages.add("chat", (make_passage(i) for i in range(5)))
    project.passages.add("copy", [make_passage(1)])
    project.changes.add("repository", [make_change(0)])
    project.links.replace([Link(f"slack:curation/{i}", 0, 1.0, ("same value",)) for i in range(3)])
    assert project.passages.discard("chat", [f"slack:curation/{i}" for i in (0, 1, 77)]) == 2
    assert [p.anchor for p in project.passages.all("chat")] == [f"slack:curation/{i}" for i in (2, 3, 4)]
    assert [link.passage for link in project.links.all()] == ["slack:curation/1", "slack:curation/2"]
    assert project.passages.search("word0", limit=5) == []
    laboratory.assert_index_in_step(project)


def words_of(project: Project) -> set[str]:
    return {row["word"] for row in project.ledger.rows("SELECT word FROM words")}


def test_words_that_no_passage_holds_any_more_are_forgotten(project: Project) -> None:
    first, second = make_passage(0), make_passage(1)
    said = replace(second, text="perovskite slabs", title="Ångström bounds")
    project.passages.add("chat", [replace(first, text="rocksalt Slabs"), said])
    assert {"rocksalt", "slabs", "perovskite", "ångström", "bounds"} <= words_of(project)
    project.passages.add("chat", [replace(said, text="wurtzite slabs")])
    assert "perovskite" not in words_of(project)
    project.passages.discard("chat", [said.anchor])
    assert not {"wurtzite", "ångström", "bounds"} & words_of(project)
    assert project.passages.search("ocksal", limit=5, trigram=True)
    project.passages.remove("chat")
    assert words_of(project) == set()
    laboratory.assert_index_in_step(project)


def test_the_words_of_many_passages_are_forgotten_page_by_page(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: object) -> None:
        pytest.fail("there are more passages than words: these are looked through, not the passages")

    kept = [replace(make_passage(n), text="rocksalt slabs", title=None) for n in range(3)]
    gone = [replace(make_passage(n), text="perovskite slabs of zincblende", title=None) for n in range(9)]
    project.passages.add("kept", kept)
    project.passages.add("gone", gone)
    assert words_of(project) == {"rocksalt", "slabs", "perovskite", "zincblende"}
    monkeypatch.setattr(vocabulary, "PAGE", 2)
    monkeypatch.setattr(vocabulary, "words_in", read)
    project.passages.remove("gone")
    assert words_of(project) == {"rocksalt", "slabs"}
    project.passages.remove("kept")
    assert words_of(project) == set()
