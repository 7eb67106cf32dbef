"""What is needed stays; what goes takes along all that hangs on it."""

from pathlib import Path

import pytest
from tests.operations.group import checkpoint, every_source, frames_file, project_in, sources

from sonde.decisions.sources import SOURCES
from sonde.errors import NotFound, SondeError
from sonde.operations.add_dataset import add_dataset
from sonde.operations.add_potential import PotentialOptions, add_potential
from sonde.operations.add_source import add_source
from sonde.operations.contents import contents
from sonde.operations.evaluations import evaluations_of_dataset
from sonde.operations.remove import remove
from sonde.potentials.linear import load
from sonde.progress import SILENT
from sonde.store import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """raw → training → alloy."""
    project = project_in(tmp_path)
    file = frames_file(tmp_path / "raw.xyz")
    add_dataset(project, "raw", [file])
    add_dataset(project, "training", [frames_file(tmp_path / "training.xyz", n=10)], child_of="raw")
    options = PotentialOptions(trained_on="training")
    add_potential(project, "alloy", checkpoint(tmp_path / "alloy.npz"), adapter="linear", options=options)
    return project


def evaluated(project: Project, dataset: str) -> list[float]:
    """Energies of a dataset by the registered potential, kept in the project."""
    potential = load(Path(project.potentials.get("alloy").checkpoint))
    frames = list(project.datasets.frames(dataset))
    return [e.energy_eV for e in evaluations_of_dataset(project, potential, dataset, frames, SILENT)]


def kept_evaluations(project: Project) -> list[Path]:
    return list(project.lake.embeddings_folder.iterdir())


@pytest.mark.parametrize(("name", "needed_by"), [("raw", "training"), ("training", "alloy")])
def test_what_is_needed_stays(name: str, needed_by: str, project: Project) -> None:
    before = contents(project)
    with pytest.raises(SondeError, match=f"{name} is needed by {needed_by}"):
        remove(project, name)
    assert contents(project) == before


def test_from_the_end_of_the_chain(project: Project) -> None:
    for name in ("alloy", "training", "raw"):
        remove(project, name)
    assert contents(project).items == ()


def test_an_unknown_name(project: Project) -> None:
    with pytest.raises(NotFound, match="did you mean 'training'"):
        remove(project, "trainign")


def test_a_source_takes_its_passages_changes_and_links_along(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    names = {kind: add_source(project, kind, path).name for kind, path in sources(tmp_path).items()}
    linked = {link.passage.partition(":")[0] for link in project.links.all()}
    assert {"slack", "mail"} <= linked
    remove(project, names["slack"])
    assert names["slack"] not in project.sources.names()
    assert list(project.passages.all(names["slack"])) == []
    assert project.passages.search("unconverged", limit=5) == []
    assert {link.passage.partition(":")[0] for link in project.links.all()} == linked - {"slack"}
    remove(project, names["git"])
    assert [*project.changes.all(), *project.links.all()] == []
    assert set(project.sources.names()) == {names["mail"], names["notes"], names["slides"]}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_kind_of_source_leaves_nothing(kind: str, tmp_path: Path) -> None:
    project, given = project_in(tmp_path), every_source(tmp_path)
    names = {other: add_source(project, other, given[other]).name for other in dict.fromkeys([kind, "git", "slack"])}
    own = {passage.anchor for passage in project.passages.all(names[kind])}
    assert own
    linked = own & {link.passage for link in project.links.all()}
    assert linked or kind in ("git", "slides"), "a word on the value is linked with its change"
    remove(project, names[kind])
    assert list(project.passages.all(names[kind])) == []
    assert not [change for change in project.changes.all() if change.source == names[kind]]
    left = {passage.anchor for passage in project.passages.all()}
    assert {link.passage for link in project.links.all()} <= left
    assert not own & {passage.anchor for passage, _ in project.passages.search("force_cutoff", limit=50)}
    assert not own & {passage.anchor for passage, _ in project.passages.search("cutoff", limit=50, trigram=True)}


def test_a_source_comes_back_as_it_was(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    given = sources(tmp_path)
    for kind in ("git", "slack"):
        name = add_source(project, kind, given[kind]).name
    links = {(link.passage, link.score) for link in project.links.all()}
    remove(project, name)
    add_source(project, "slack", given["slack"])
    assert {(link.passage, link.score) for link in project.links.all()} == links


def test_evaluations_go_with_their_dataset(project: Project) -> None:
    evaluated(project, "raw")
    evaluated(project, "training")
    assert len(kept_evaluations(project)) == 2
    remove(project, "alloy")
    assert kept_evaluations(project) == []


def test_a_dataset_that_comes_again_with_other_frames_is_evaluated_anew(project: Project, tmp_path: Path) -> None:
    """As many frames of as many atoms under the same name: kept evaluations would fit, and be wrong."""
    add_dataset(project, "held_out", [frames_file(tmp_path / "a.xyz", first=0, n=4)])
    before = evaluated(project, "held_out")
    remove(project, "held_out")
    assert kept_evaluations(project) == []
    add_dataset(project, "held_out", [frames_file(tmp_path / "b.xyz", first=200, n=4)])
    after = evaluated(project, "held_out")
    assert len(before) == len(after)
    assert before != after


def test_a_probe_goes_with_its_potential(project: Project, tmp_path: Path) -> None:
    project.artifacts.put("probe", "alloy", b"fitted on another potential", {})
    remove(project, "alloy")
    assert project.artifacts.get("probe", "alloy") is None
