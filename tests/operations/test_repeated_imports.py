"""The same import twice adds nothing; one that has grown adds what is new; a dry run stores nothing."""

from pathlib import Path

import pytest
from tests.decisions.build import commit, said
from tests.operations.group import TALK, chat, checkpoint, frames_file, history, project_in, sources

from sonde.errors import SondeError
from sonde.operations.add_dataset import add_dataset
from sonde.operations.add_potential import add_potential
from sonde.operations.add_source import add_source
from sonde.operations.contents import contents


@pytest.mark.parametrize("kind", ["git", "slack", "mail", "notes", "slides"])
def test_a_source_twice(kind: str, tmp_path: Path) -> None:
    project, path = project_in(tmp_path), sources(tmp_path)[kind]
    first = add_source(project, kind, path)
    held = list(project.passages.all()), project.changes.all(), project.links.all()
    second = add_source(project, kind, path)
    assert first.n_new_passages == first.n_passages == second.n_passages > 0
    assert second.n_new_passages == 0
    assert (list(project.passages.all()), project.changes.all(), project.links.all()) == held
    assert project.sources.names() == [first.name]


def test_a_chat_that_went_on(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    add_source(project, "slack", chat(tmp_path))
    later = chat(tmp_path, [*TALK, said("U2", "and what of the strained cells?", 30)])
    assert add_source(project, "slack", later).n_new_passages == 1
    assert len(list(project.passages.all())) == len(TALK) + 1


def test_a_repository_that_went_on(tmp_path: Path) -> None:
    project, path = project_in(tmp_path), history(tmp_path)
    before = add_source(project, "git", path)
    commit(path, {"filters.yaml": "force_cutoff: 10.0  # eV/Å\n"}, "again", hours=4)
    assert add_source(project, "git", path).n_changes == before.n_changes + 1
    assert [change.new for change in project.changes.all()][-1] == "10.0"


def test_links_do_not_depend_on_the_order_of_imports(tmp_path: Path) -> None:
    """A chat may explain a change that is known already, and one that comes later."""
    given = sources(tmp_path)
    found = []
    for order in (("git", "slack"), ("slack", "git")):
        project = project_in(tmp_path / order[0])
        for kind in order:
            added = add_source(project, kind, given[kind])
        found.append({(link.passage, project.changes.all()[link.change].new) for link in project.links.all()})
        assert added.n_links == len(project.links.all()) > 0
    assert found[0] == found[1]


def test_a_dataset_twice(tmp_path: Path) -> None:
    project, file = project_in(tmp_path), frames_file(tmp_path / "raw.xyz")
    first = add_dataset(project, "raw", [file])
    assert add_dataset(project, "raw", [file]) == first
    assert (first.n_frames, project.datasets.names()) == (12, ["raw"])


def test_a_dataset_of_other_frames(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    add_dataset(project, "raw", [frames_file(tmp_path / "raw.xyz")])
    with pytest.raises(SondeError, match="is there already, with other files or another parent"):
        add_dataset(project, "raw", [frames_file(tmp_path / "raw.xyz", n=13)])
    assert project.datasets.row("raw").n_frames == 12


def test_a_potential_twice(tmp_path: Path) -> None:
    project, file = project_in(tmp_path), checkpoint(tmp_path / "a.npz")
    for _ in range(2):
        add_potential(project, "alloy", file, adapter="linear")
    with pytest.raises(SondeError, match="registered otherwise"):
        add_potential(project, "alloy", checkpoint(tmp_path / "b.npz", seed=1), adapter="linear")
    assert project.potentials.names() == ["alloy"]


def test_dry_runs_store_nothing(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    held = {path: path.stat().st_mtime_ns for path in (project.root / ".sonde").rglob("*")}
    added = [add_source(project, kind, path, dry_run=True) for kind, path in sources(tmp_path).items()]
    dataset = add_dataset(project, "raw", [frames_file(tmp_path / "raw.xyz")], dry_run=True)
    potential = add_potential(project, "alloy", checkpoint(tmp_path / "a.npz"), adapter="linear", dry_run=True)
    assert [source.stored for source in added] == [False] * 5
    assert (dataset.stored, potential.stored) == (False, False)
    assert dataset.n_frames == 12
    assert all(source.n_passages for source in added)
    assert contents(project).items == ()
    assert [*project.passages.all(), *project.changes.all(), *project.links.all()] == []
    assert {path: path.stat().st_mtime_ns for path in (project.root / ".sonde").rglob("*")} == held
