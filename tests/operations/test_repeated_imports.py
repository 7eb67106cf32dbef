"""The same import twice adds nothing; one that has grown adds what is new; a dry run stores nothing."""

from pathlib import Path

import pytest
from tests.decisions import chats
from tests.decisions.build import commit, mail, mbox, said
from tests.operations.group import TALK, chat, checkpoint, every_source, frames_file, history, project_in, sources

from sonde.decisions.sources import SOURCES
from sonde.errors import SondeError
from sonde.operations.add_dataset import add_dataset
from sonde.operations.add_potential import add_potential
from sonde.operations.add_source import SourceOptions, add_source
from sonde.operations.contents import contents


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_twice(kind: str, tmp_path: Path) -> None:
    project, path = project_in(tmp_path), every_source(tmp_path)[kind]
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


GROWN = {
    "mattermost": lambda folder: chats.mattermost_file(
        folder / "matter.zip", [chats.post("mira", "15?", 0), chats.post("jonas", "and the strained cells?", 30)]
    ),
    "zulip": lambda folder: chats.zulip_export(
        folder / "zulip.zip", chats.zulip_files([chats.zulip_message(n, f"part {n}", n) for n in (1, 2)])
    ),
    "mail": lambda folder: mbox(
        folder / "group.mbox", [mail("mira@l", "Q", f"part {n}\n", n, message_id=f"<{n}@l>") for n in (1, 2)]
    ),
}


@pytest.mark.parametrize("kind", GROWN)
def test_an_export_of_a_later_span_of_time_adds_to_what_is_there(kind: str, tmp_path: Path) -> None:
    """What a second export no longer reaches back to is not taken for deleted."""
    project, path = project_in(tmp_path), every_source(tmp_path)[kind]
    n_before = add_source(project, kind, path, options=SourceOptions(name="talk")).n_passages
    later = add_source(project, kind, GROWN[kind](tmp_path), options=SourceOptions(name="talk"))
    held = len(list(project.passages.all("talk")))
    assert (later.n_passages, later.n_removed) == (2, 0)
    assert held == n_before + later.n_new_passages


@pytest.mark.parametrize("kind", [kind for kind, source in SOURCES.items() if source.complete])
def test_what_a_complete_source_no_longer_holds_leaves(kind: str, tmp_path: Path) -> None:
    project, given = project_in(tmp_path), every_source(tmp_path)
    add_source(project, kind, given[kind], options=SourceOptions(name="all"))
    before = {passage.anchor for passage in project.passages.all("all")}
    other = every_source(tmp_path / "later")[kind]
    if other.is_dir():
        for file in [file for file in other.rglob("*") if file.is_file()]:
            file.rename(file.with_name(f"moved-{file.name}") if kind != "mlflow" else file)
    else:
        other = other.rename(other.with_stem("moved"))
    added = add_source(project, kind, other, options=SourceOptions(name="all"))
    after = {passage.anchor for passage in project.passages.all("all")}
    assert added.n_removed == len(before - after)
    assert len(after) == added.n_passages


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


def test_files_that_git_does_not_follow_are_no_part_of_a_repository(tmp_path: Path) -> None:
    """A working tree holds environments and caches by the ten thousand, and they come and go."""
    project, path = project_in(tmp_path), every_source(tmp_path)["git"]
    add_source(project, "git", path, options=SourceOptions(name="repository"))
    before = project.sources.row("repository")
    (path / ".cache").mkdir()
    (path / ".cache" / "scratch").write_text("of no account")
    add_source(project, "git", path, options=SourceOptions(name="repository"))
    assert project.sources.row("repository") == before
    commit(path, {"input.yaml": "cutoff: 6.0\n"}, "Cutoff 6", hours=40)
    add_source(project, "git", path, options=SourceOptions(name="repository"))
    assert project.sources.row("repository") != before
