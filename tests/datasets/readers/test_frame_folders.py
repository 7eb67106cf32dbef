"""Folders of datasets: every file is read by its own reader, and nothing is passed over in silence."""

import gzip
import json
from pathlib import Path

import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from ase.io import write

from sonde.datasets.readers import read_frames
from sonde.datasets.readers.frame_folders import frame_files
from sonde.errors import BadInput
from sonde.operations.add_dataset import add_dataset
from sonde.store import Project


def labelled(name: str, energy: float) -> Atoms:
    atoms = molecule(name)
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=atoms.positions * 0.1)
    return atoms


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three formats, one of them packed and one level down, beside a page of text and a report in JSON."""
    root = tmp_path / "sets"
    (root / "deeper").mkdir(parents=True)
    write(root / "part_10.xyz", [labelled("H2O", -10.0)])
    write(root / "part_2.xyz", [labelled("H2", -2.0), labelled("CO", -3.0)])
    with gzip.open(root / "deeper" / "more.xyz.gz", "wt") as packed:
        write(packed, [labelled("NH3", -4.0)], format="extxyz")
    connect(root / "rows.db").write(labelled("CH4", -5.0))
    (root / "README.md").write_text("What these are.")
    (root / "report.json").write_text(json.dumps({"paths": 5}))
    return root


def test_every_file_is_read_in_the_order_of_its_number(folder: Path) -> None:
    frames = list(read_frames(folder))
    assert [frame.energy_eV for frame in frames] == [-2.0, -3.0, -10.0, -5.0, -4.0]
    assert [frame.ordinal for frame in frames] == list(range(5))
    read = [Path(str(frame.source_file)).relative_to(folder).as_posix() for frame in frames]
    assert read == ["part_2.xyz", "part_2.xyz", "part_10.xyz", "rows.db", "deeper/more.xyz.gz"]


def test_what_holds_no_frame_is_named_with_its_reason(folder: Path) -> None:
    project = Project.create(folder.parent / "project")
    added = add_dataset(project, "all", [folder])
    (said,) = added.left_out
    assert added.n_frames == 5
    assert said.startswith("report.json: a record must hold a pymatgen structure")
    assert add_dataset(project, "all", [folder]).left_out == added.left_out


def test_a_file_that_breaks_off_is_an_error_and_nothing_is_stored(folder: Path) -> None:
    text = (folder / "part_2.xyz").read_text().splitlines()
    (folder / "part_2.xyz").write_text("\n".join(text[:-1]))
    project = Project.create(folder.parent / "project")
    with pytest.raises(BadInput, match=r"part_2\.xyz"):
        add_dataset(project, "all", [folder])
    assert not project.datasets.names()


def test_a_damaged_archive_among_sound_files_is_named(folder: Path) -> None:
    packed = folder / "deeper" / "more.xyz.gz"
    packed.write_bytes(packed.read_bytes()[:30])
    frames = list(read_frames(folder))
    assert len(frames) == 4
    assert any("more.xyz.gz: the gzip archive is truncated" in str(frame.tags.get("left_out")) for frame in frames)


def test_a_folder_without_frames_says_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"paths": 5}))
    with pytest.raises(BadInput, match=r"no file in this folder holds a frame: report\.json"):
        list(read_frames(tmp_path))


def test_a_folder_of_other_files_is_known_to_no_reader(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("Nothing to see.")
    with pytest.raises(BadInput, match="no reader knows"):
        list(read_frames(tmp_path))


def test_hidden_files_and_folders_are_not_looked_at(folder: Path) -> None:
    (folder / ".trash").mkdir()
    (folder / "part_2.xyz").rename(folder / ".trash" / "part_2.xyz")
    (folder / "rows.db").rename(folder / ".rows.db")
    assert [file.name for file in frame_files(folder)] == ["part_10.xyz", "report.json", "more.xyz.gz"]


def test_sets_among_runs_are_named_and_not_mixed_with_them(shared_data: Path) -> None:
    frames = list(read_frames(shared_data / "cr_sb2te3"))
    said = "; ".join(str(frame.tags["left_out"]) for frame in frames if frame.tags.get("left_out"))
    assert len(frames) == 10
    assert said.count("a file of frames, not of a run") == 4
    assert "data_600K/test.xyz.gz: a file of frames" in said
