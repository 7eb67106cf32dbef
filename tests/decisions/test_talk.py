"""Conversations and mentions looked up in the project's indexes: the same as found by reading everything."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sonde.decisions.answers import why_at, why_commit, why_key
from sonde.decisions.archive import Archive, ListedLinks
from sonde.decisions.linking import link
from sonde.decisions.mentions import mentions_in, read
from sonde.decisions.talk import Listing, Stored
from sonde.decisions.threads import LONGEST_BURST, threads_of
from sonde.operations.add_source import add_sources
from sonde.operations.initialise import initialise
from sonde.operations.why import open_archive
from sonde.records.decisions import Passage
from sonde.sample_lab.build import build_laboratory
from sonde.sample_lab.frames import sample_frames
from sonde.sample_lab.plan import contested_plan
from sonde.sample_lab.registration import SOURCES
from sonde.store import Project

MONDAY = datetime(2024, 5, 13, tzinfo=UTC)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    laboratory, _ = build_laboratory(contested_plan(3), tmp_path_factory.mktemp("laboratory"), sample_frames())
    made = initialise(laboratory.folder)
    places = (laboratory.repository, laboratory.slack, laboratory.mail, laboratory.notes, laboratory.slides)
    add_sources(made, list(zip(SOURCES, places, strict=True)))
    return made


@pytest.fixture(scope="module")
def scanned(project: Project) -> Archive:
    """The same archive, all of it read and linked in memory."""
    changes, everything = project.changes.all(), list(project.passages.all())
    links = link(changes, everything, project.identities.all())
    return Archive(project.passages, changes, ListedLinks(changes, links))


def test_links_are_those_of_a_scan(project: Project, scanned: Archive) -> None:
    assert isinstance(scanned.links, ListedLinks)
    assert project.links.all() == list(scanned.links.links)
    assert len(scanned.links.links) >= 2 * len(scanned.changes)


def test_answers_are_those_of_a_scan(project: Project, scanned: Archive) -> None:
    archive = open_archive(project)
    for change in archive.changes[::4]:
        assert why_key(archive, change.key) == why_key(scanned, change.key)
        assert why_commit(archive, change.commit) == why_commit(scanned, change.commit)
        assert why_at(archive, change.path, change.line) == why_at(scanned, change.path, change.line)
        then = change.time - timedelta(days=1)
        assert why_key(archive.at(then, None), change.key) == why_key(scanned.at(then, None), change.key)


def test_commits_without_changes_are_answered_as_by_a_scan(project: Project, scanned: Archive) -> None:
    archive = open_archive(project)
    commits = [passage.anchor[7:19] for passage in project.passages.beginning("commit:")]
    answers = [why_commit(archive, commit) for commit in commits]
    assert answers == [why_commit(scanned, commit) for commit in commits]
    assert any(not answer.changes for answer in answers)


def test_conversations_are_those_of_a_scan(project: Project) -> None:
    talk, threads = Stored(project.passages, project.mentions), threads_of(project.passages.all())
    for passage in project.passages.all():
        assert talk.thread(passage) == threads[passage.anchor]
    earlier = MONDAY.replace(year=2023)
    then = Listing(list(project.passages.all())).at(earlier, None)
    for passage in then.everything[::7]:
        assert talk.at(earlier, None).thread(passage) == then.thread(passage)


def chatter(minutes: Sequence[float], channel: str = "fit") -> Iterator[Passage]:
    for number, minute in enumerate(minutes):
        yield Passage(f"slack:{channel}/{number}.0", f"message {number}", "slack", "Ada", MONDAY
                      + timedelta(minutes=minute), None, channel, source="chat")  # fmt: skip


def with_pauses() -> list[float]:
    return [10 * n + 30 * (n // 30) for n in range(300)]


@pytest.mark.parametrize("minutes", [with_pauses(), [9.0 * n for n in range(400)], [0, 1, 1, 1, 30, 31, 500]])
def test_bursts_of_one_message_are_those_of_all(tmp_path: Path, minutes: list[float]) -> None:
    """Chat with pauses, a channel that never rests for a week, and messages of one moment."""
    project = Project.create(tmp_path)
    said = [*chatter(minutes), *chatter(minutes[:50], "other")]
    project.passages.add("chat", [*said, replace(said[0], anchor="slack:fit/undated", time=None)])
    threads = threads_of(project.passages.all())
    for passage in list(project.passages.all())[::3]:
        talk = Stored(project.passages, project.mentions)  # afresh: what is at hand is not looked up
        assert talk.thread(passage) == threads[passage.anchor]
        assert len(talk.thread(passage).passages) <= LONGEST_BURST


def test_only_a_day_without_a_pause_ends_at_midnight() -> None:
    """Talk goes on over midnight; a program that writes all day is cut there."""
    people = threads_of(chatter([23 * 60 + 50, 24 * 60 + 5]))
    assert len({thread.name for thread in people.values()}) == 1
    program = threads_of(chatter([15.0 * n for n in range(300)]))
    first_of_day = "slack:fit/192.0"
    assert program[first_of_day].name == first_of_day


def test_what_a_passage_mentions() -> None:
    text = "fmax of 15 eV/Å for Al-Mg, see configs/curate.yaml and 1c7d852"
    passage = Passage("commit:" + "a" * 40, text, "commit", "Ada", MONDAY, source="alloys")
    assert mentions_in(passage) >= {
        "concept max_force", "commit 1c7d852", "commit aaaaaaa", "file curate.yaml", "system Al-Mg",
        "home alloys Al-Mg",
    }  # fmt: skip
    assert any(name.startswith("value") for name in mentions_in(passage))
    assert not mentions_in(replace(passage, anchor="slack:fit/1.0", kind="slack", text="lunch?"))


def test_mentions_follow_passages(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    first, second = list(chatter([0, 1]))
    project.passages.add("chat", [replace(first, text="force cutoff"), replace(second, text="see curate.yaml")])
    assert project.mentions.update(read) == 2
    assert project.mentions.update(read) == 0
    assert [place for place, *_ in project.mentions.of("concept max_force")] == [1]
    project.passages.add("chat", [replace(first, text="the learning rate"), replace(second, text="see curate.yaml")])
    assert project.mentions.update(read) == 1
    assert not project.mentions.of("concept max_force")
    assert project.mentions.of("concept learning_rate")
    project.passages.discard("chat", [first.anchor])
    names = [row["name"] for row in project.ledger.rows("SELECT name FROM entities")]
    assert names == ["file curate.yaml"]
    project.passages.remove("chat")
    assert not project.ledger.rows("SELECT name FROM entities")
