"""Names can be typed back, and mean one thing."""

from pathlib import Path

import pytest
from tests.operations.group import chat, checkpoint, frames_file, history, project_in

from sonde.errors import SondeError, WrongUse
from sonde.operations.add_dataset import add_dataset
from sonde.operations.add_potential import PotentialOptions, add_potential
from sonde.operations.add_source import SourceOptions, add_source


@pytest.mark.parametrize("name", ["", " ", " raw", "--json", "two\nlines", "\x1b[31mred"])
def test_names_that_cannot_be_typed_back(name: str, tmp_path: Path) -> None:
    project = project_in(tmp_path)
    for dry_run in (False, True):
        with pytest.raises(WrongUse, match="visible characters"):
            add_dataset(project, name, [frames_file(tmp_path / "raw.xyz")], dry_run=dry_run)
        with pytest.raises(WrongUse, match="visible characters"):
            add_source(project, "slack", chat(tmp_path), options=SourceOptions(name), dry_run=dry_run)
        with pytest.raises(WrongUse, match="visible characters"):
            add_potential(project, name, checkpoint(tmp_path / "a.npz"), adapter="linear", dry_run=dry_run)


@pytest.mark.parametrize("name", ["raw", "r2SCAN+U, 520 eV", "Rohdaten Ä"])
def test_names_that_can(name: str, tmp_path: Path) -> None:
    project = project_in(tmp_path)
    add_dataset(project, name, [frames_file(tmp_path / "raw.xyz")])
    assert project.datasets.names() == [name]


def test_one_name_for_two_things(tmp_path: Path) -> None:
    """`sonde remove` goes by the name alone."""
    project = project_in(tmp_path)
    add_dataset(project, "chat", [frames_file(tmp_path / "raw.xyz")])
    with pytest.raises(SondeError, match="A dataset is called 'chat' already"):
        add_source(project, "slack", chat(tmp_path))
    with pytest.raises(SondeError, match="A dataset is called 'chat' already"):
        add_potential(project, "chat", checkpoint(tmp_path / "a.npz"), adapter="linear")
    assert project.sources.names() == project.potentials.names() == []


def test_two_sources_of_different_kinds(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    add_source(project, "slack", chat(tmp_path), options=SourceOptions("lab"))
    with pytest.raises(SondeError, match=r"'lab' is there already \(slack"):
        add_source(project, "git", history(tmp_path))
    assert project.sources.row("lab").kind == "slack"
    assert project.changes.all() == []


@pytest.mark.parametrize("time", ["2024-02-07", "2024-02-07T19:00:00+00:00", "4c6c0568", "a" * 40])
def test_training_times(time: str, tmp_path: Path) -> None:
    options = PotentialOptions(trained_at=time)
    add_potential(project_in(tmp_path), "a", checkpoint(tmp_path / "a.npz"), adapter="linear", options=options)


@pytest.mark.parametrize("time", ["last May", "2024-13-01", "main", ""])
def test_training_times_that_are_none(time: str, tmp_path: Path) -> None:
    options = PotentialOptions(trained_at=time)
    with pytest.raises(WrongUse, match="--trained-at takes a date"):
        add_potential(project_in(tmp_path), "a", checkpoint(tmp_path / "a.npz"), adapter="linear", options=options)
