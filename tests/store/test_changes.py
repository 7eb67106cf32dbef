"""Changes and links."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.store.laboratory import make_change, make_links, make_passage

from sonde.errors import BadInput, NotFound, WrongUse
from sonde.records.decisions import Change, Link
from sonde.store import Project


@pytest.fixture
def linked(project: Project) -> Project:
    project.passages.add("chat", (make_passage(i) for i in range(4)))
    project.changes.add("repository", (make_change(i) for i in range(4)))
    project.links.replace(make_links())
    return project


def test_changes_come_back_exactly_and_once(project: Project) -> None:
    bare = replace(make_change(7), old=None, new=None, unit=None, line=None, author=None)
    changes = [make_change(0), bare, make_change(1)]
    assert project.changes.add("repository", changes) == 3
    assert project.changes.add("repository", [*changes, make_change(2)]) == 1
    assert project.changes.all() == [*changes, make_change(2)]


def test_failing_changes_add_nothing(project: Project) -> None:
    project.ledger.batch_rows = 2

    def failing() -> Iterator[Change]:
        yield from (make_change(i) for i in range(5))
        raise BadInput("repo", None, "broken", "mend it.")

    with pytest.raises(BadInput, match="broken"):
        project.changes.add("repository", failing())
    assert project.changes.all() == []


def test_replaced_changes_are_exactly_those_given(project: Project) -> None:
    project.changes.add("repository", [make_change(0), make_change(1)])
    project.changes.add("other", [make_change(7, "other")])
    project.links.replace([Link("slack:curation/0", 0, 1.0, ("same value",))])
    assert project.changes.replace("repository", [make_change(1), make_change(2)]) == 1
    held = [make_change(1), make_change(7, "other"), make_change(2)]
    assert (project.changes.all(), project.links.all()) == (held, [])


def test_links_come_back_exactly(linked: Project) -> None:
    assert linked.links.all() == make_links()


def test_new_suggestions_replace_old_ones_and_spare_judgements(linked: Project) -> None:
    linked.links.set_status("slack:curation/1", 1, "confirmed")
    linked.links.set_status("slack:curation/2", 2, "rejected")
    linked.links.replace([Link("slack:curation/1", 1, 0.9, ("new words",)), Link("slack:curation/3", 0, 0.1, ())])
    assert {(link.passage[-1], link.change): (link.status, link.score) for link in linked.links.all()} == {
        ("1", 1): ("confirmed", 0.9),
        ("2", 2): ("rejected", 0.52),
        ("3", 0): ("suggested", 0.1),
    }


def test_links_to_what_is_not_there_are_refused(linked: Project) -> None:
    with pytest.raises(WrongUse, match="names change 4, but the project holds 4"):
        linked.links.replace([Link("slack:curation/1", 4, 1.0, ())])
    assert linked.links.all() == make_links(), "a refused call changed something"
    with pytest.raises(NotFound, match="No link is called"):
        linked.links.set_status("slack:curation/1", 3, "confirmed")


def test_what_was_made_is_kept_until_somebody_writes(tmp_path: Path) -> None:
    """Also where another process writes."""
    project, made = Project.create(tmp_path), list[int]()

    def make() -> int:
        made.append(len(made))
        return made[-1]

    assert [project.remembered("count", make) for _ in range(3)] == [0, 0, 0]
    project.changes.add("repo", [])
    project.sources.add("repo", kind="git", path="/repo", fingerprint="1")
    assert project.remembered("count", make) == 1
    other = Project.open(tmp_path)
    other.sources.add("repo", kind="git", path="/repo", fingerprint="2")
    assert project.remembered("count", make) == 2
    assert project.remembered("count", make) == 2
