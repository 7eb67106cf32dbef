"""Values are followed through renamed files."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.decisions import build
from tests.decisions.test_answers import Listed

from sonde.decisions.answers import why_change
from sonde.decisions.archive import Archive
from sonde.decisions.changes.file_names import names_of
from sonde.decisions.renamed_files import first_names
from sonde.decisions.sources import git
from sonde.decisions.watched import standing
from sonde.operations.add_source import add_source
from sonde.operations.why import Asked, why
from sonde.records.decisions import Change
from sonde.store import Project

WHEN = datetime(2024, 1, 1, tzinfo=UTC)


def set_to(path: str, key: str, old: str | None, new: str | None, days: float) -> Change:
    return Change(key, old, new, None, "3f" * 20, path, 1, "Mei", WHEN + timedelta(days=days), "update", "lab")


FIRST = (set_to("curate.yaml", "max_force", None, "50", 0), set_to("curate.yaml", "min_distance", None, "1.2", 0))
LATER = set_to("config/filters.yaml", "min_distance", "1.20", "1.5", 9)


def test_a_value_that_was_never_set_here_came_from_where_it_was() -> None:
    moved = ("lab", "config/filters.yaml")
    assert first_names([*FIRST, LATER]) == {moved: ("lab", "curate.yaml")}
    again = set_to("filters.yaml", "min_distance", "1.5", "1.6", 12)
    assert first_names([*FIRST, LATER, again])["lab", "filters.yaml"] == ("lab", "curate.yaml")
    assert standing([*FIRST, LATER]) == [FIRST[0], LATER]


def test_a_file_that_lives_on_or_held_another_value_is_no_origin() -> None:
    alive = set_to("curate.yaml", "max_force", "50", "15", 10)
    assert first_names([*FIRST, LATER, alive]) == {}
    assert first_names([*FIRST, replace(LATER, old="1.3")]) == {}
    assert first_names([*FIRST, replace(LATER, old=None)]) == {}
    assert first_names([*FIRST, replace(LATER, source="other")]) == {}


def test_a_decision_is_superseded_under_the_new_name() -> None:
    archive = Archive(Listed(()), [*FIRST, LATER])
    decisions = [why_change(archive, change).decision for change in (FIRST[1], LATER)]
    assert [decision.status for decision in decisions if decision] == ["superseded", "in_force"]
    assert archive.same_setting(FIRST[1]) == archive.same_setting(LATER) == [FIRST[1], LATER]


def renamed_and_reformatted(path: Path) -> Path:
    build.repository(path)
    build.commit(path, {"curate.yaml": "filters:\n  max_force: 50\n  min_distance: 1.2\n"}, "a")
    build.git(path, "mv", "curate.yaml", "filters.yaml")
    build.commit(path, {}, "move", hours=1)
    build.commit(path, {"filters.yaml": "filters: {max_force: 50.0, min_distance: 1.20}\n"}, "format", hours=2)
    build.commit(path, {"filters.yaml": "filters: {max_force: 50.0, min_distance: 1.5}\n"}, "b", hours=3)
    return path


def test_a_renamed_and_reformatted_file_in_a_repository(tmp_path: Path) -> None:
    path = renamed_and_reformatted(tmp_path / "lab")
    found = {change.key: change.new for change in standing(list(git.changes(path)))}
    assert found == {"filters.max_force": "50", "filters.min_distance": "1.5"}
    assert names_of(path, "filters.yaml") == ("filters.yaml", "curate.yaml")
    for unknown in ("gone.yaml", "--output=x", ":(glob)**"):
        assert names_of(path, unknown) == (unknown,)


def test_a_line_is_asked_about_whose_value_stands_since_before_the_file_was_renamed(tmp_path: Path) -> None:
    path = renamed_and_reformatted(tmp_path / "lab")
    project = Project.create(tmp_path)
    add_source(project, "git", path)
    changes = why(project, Asked(at="filters.yaml:1")).changes
    assert {(change.key, change.new) for change in changes} == {
        ("filters.max_force", "50"),
        ("filters.min_distance", "1.5"),
    }
