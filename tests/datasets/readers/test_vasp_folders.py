"""Folders of VASP runs: the best output of each, what the others add or contradict, snapshots, and what is left out."""

import gzip
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from tests.datasets.readers.samples import assert_same
from tests.datasets.readers.test_vasp_h5 import STEPS, write_vaspout
from tests.datasets.readers.vasp_samples import PrintedRun, outcar, rock_salt, write_outcar

from sonde.datasets.audit import audit
from sonde.datasets.readers import read_frames, reader_for, readers
from sonde.errors import BadInput
from sonde.operations.add_dataset import add_dataset
from sonde.records.frames import Frame
from sonde.store import Project
from sonde.store.folder_content import END_BYTES, folder_content
from sonde.testing.readers import LAWS, Law, ReaderCase

VASP = Path("dft_outputs/nomad/vasp")
SILICON = Path("dft_outputs/emmet_raw_vasp")
N_FRAMES_OF_NOMAD = 16


def frames_of(folder: Path) -> list[Frame]:
    """Read a folder; the names in it decide which reader does it."""
    assert reader_for(folder).name == "vasp_folder"
    frames = list(read_frames(folder))
    assert [frame.ordinal for frame in frames] == list(range(len(frames)))
    return frames


def started(text: str, time: str) -> str:
    """Set when a printed run began."""
    return text.replace("13:05:18", time)


# ---- real runs -------------------------------------------------------------------------------------------------------


def test_two_outputs_of_one_run_give_its_frames_once(shared_data: Path) -> None:
    frames = frames_of(shared_data / SILICON)
    assert [Path(str(frame.source_file)).name for frame in frames] == ["vasprun.xml.gz"] * 3
    assert all(frame.tags["confirmed_by"] == "OUTCAR.gz" for frame in frames)
    assert not any("defects" in frame.tags for frame in frames)
    assert frames[0].tags["absolute_magnetic_moment"] == 0.0, "only OUTCAR holds moments"
    assert str(frames[0].tags["pseudopotential_hashes"]).startswith("Si:79d9987ad8750f62")
    assert frames[-1].tags["relaxation_converged"] is True


def test_two_runs_in_one_folder_are_told_apart(shared_data: Path) -> None:
    frames = frames_of(shared_data / VASP / "AgAc_relax")
    assert [frame.tags["run"] for frame in frames] == [0, 1, 1, 1]
    assert [frame.tags["source_format"] for frame in frames] == ["OUTCAR", *["vasprun.xml"] * 3]
    assert all(
        "2 runs in one folder differ in cutoff_eV, spin_polarized, smearing" in str(f.tags["defects"]) for f in frames
    )


def test_runs_of_other_elements_have_other_potentials(shared_data: Path) -> None:
    frames = [frame for frame in frames_of(shared_data / VASP) if frame.tags["folder"] == "."]
    assert len(frames) == 3
    assert not any("pseudopotential" in str(frame.tags["defects"]) for frame in frames)
    assert all("3 runs in one folder differ in xc, cutoff_eV" in str(f.tags["defects"]) for f in frames)


def test_a_tree_of_runs(shared_data: Path) -> None:
    frames = frames_of(shared_data / VASP)
    assert len(frames) == N_FRAMES_OF_NOMAD
    assert {frame.tags["folder"] for frame in frames} >= {".", "dftu/multi_parameter", "booleans/dotted"}
    (aln,) = [frame for frame in frames if str(frame.tags["folder"]).endswith("AlN")]
    assert (aln.tags["confirmed_by"], aln.tags["source_format"]) == ("OUTCAR", "vasprun.xml")


# ---- one run, several outputs ----------------------------------------------------------------------------------------


def test_the_output_that_was_finished_wins(shared_data: Path, tmp_path: Path) -> None:
    for name in ("OUTCAR.gz", "vasprun.xml.gz"):
        shutil.copyfile(shared_data / SILICON / name, tmp_path / name)
    xml = gzip.decompress((tmp_path / "vasprun.xml.gz").read_bytes())
    (tmp_path / "vasprun.xml.gz").write_bytes(gzip.compress(xml[: xml.rindex(b"<calculation>")]))
    frames = frames_of(tmp_path)
    assert [frame.tags["source_format"] for frame in frames] == ["OUTCAR"] * 3
    assert [frame.tags.get("confirmed_by") for frame in frames] == ["vasprun.xml.gz", "vasprun.xml.gz", None]
    assert "vasprun.xml.gz ends before this step" in str(frames[2].tags["defects"])


def test_an_output_that_contradicts_is_told(tmp_path: Path) -> None:
    images, others = rock_salt(3), rock_salt(3)
    others[1].calc.results["energy"] += 0.25
    moved = np.array([atoms.get_scaled_positions(wrap=False) for atoms in others])
    moved[2, 0, 0] += 0.01
    write_vaspout(tmp_path / "vaspout.h5", others, instead={f"{STEPS}/position_ions": moved})
    write_outcar(tmp_path, images)
    first, second, third = frames_of(tmp_path)
    assert "OUTCAR disagrees" in str(first.tags["defects"]), "the settings differ: spin"
    assert "energy -0.25 eV" in str(second.tags["defects"])
    assert "OUTCAR disagrees: another geometry" in str(third.tags["defects"])


def test_an_output_that_goes_further_is_told(tmp_path: Path) -> None:
    write_vaspout(tmp_path / "vaspout.h5", rock_salt(2))
    write_outcar(tmp_path, rock_salt(3))
    frames = frames_of(tmp_path)
    assert len(frames) == 2
    assert "OUTCAR holds further steps" in str(frames[-1].tags["defects"])


def test_runs_appended_to_outcar_are_all_read_once(tmp_path: Path) -> None:
    first, second = rock_salt(2, seed=1), rock_salt(2, seed=2)
    later = started(outcar(second), "14:00:00")
    (tmp_path / "OUTCAR").write_text(outcar(first) + later)
    (tmp_path / "OUTCAR.last").write_text(later)
    frames = frames_of(tmp_path)
    assert_same(frames, [*first, *second], tolerance=1e-8)
    assert [frame.tags["run"] for frame in frames] == [0, 0, 1, 1]


# ---- snapshots -------------------------------------------------------------------------------------------------------


def test_snapshots_keep_their_history(tmp_path: Path) -> None:
    names = {"Ni_1/run_v1": "09:00:00", "Ni_1/run_v2": "10:00:00", "Ni_1/final": "11:00:00", "Ni_10": "08:00:00"}
    for seed, (name, time) in enumerate(names.items()):
        path = write_outcar(tmp_path / name, rock_salt(1, seed=seed))
        path.write_text(started(path.read_text(), time))
    frames = frames_of(tmp_path)
    assert [frame.tags["folder"] for frame in frames] == ["Ni_1/final", "Ni_1/run_v1", "Ni_1/run_v2", "Ni_10"]
    assert [frame.tags.get("folder_role") for frame in frames] == ["final", "run_v1", "run_v2", None]
    history = sorted(frames[:3], key=lambda frame: str(frame.tags["started"]))
    assert [frame.tags["folder_role"] for frame in history] == ["run_v1", "run_v2", "final"]


def test_outputs_kept_under_other_names_are_runs_in_their_order(tmp_path: Path) -> None:
    parts = {name: rock_salt(1, seed=seed) for seed, name in enumerate(("OUTCAR.relax1", "OUTCAR.relax2", "OUTCAR"))}
    for hour, (name, images) in enumerate(parts.items(), start=10):
        (tmp_path / name).write_text(started(outcar(images), f"{hour}:00:00"))
    (tmp_path / "INCAR.relax1").write_text("ENCUT = 450\nIVDW = 12\n")
    frames = frames_of(tmp_path)
    assert_same(frames, [images[0] for images in parts.values()], tolerance=1e-8)
    assert [frame.tags.get("folder_role") for frame in frames] == ["relax1", "relax2", None]
    assert all(frame.tags["runs"] == 3 and "defects" not in frame.tags for frame in frames)


def test_links_and_hidden_folders_are_not_followed(tmp_path: Path) -> None:
    write_outcar(tmp_path / "run", rock_salt(1))
    write_outcar(tmp_path / ".cache", rock_salt(1))
    (tmp_path / "run" / "loop").symlink_to(tmp_path)
    (tmp_path / "run" / "OUTCAR~").write_text("an editor's copy")
    assert len(frames_of(tmp_path)) == 1


# ---- what holds nothing ----------------------------------------------------------------------------------------------


def test_runs_without_a_frame_are_named(tmp_path: Path) -> None:
    write_outcar(tmp_path / "a", rock_salt(1))
    for name, content in {"b": "", "c": outcar(rock_salt(1))[:400], "d": "slurm: out of memory\n"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "OUTCAR").write_text(content)
    (frame,) = frames_of(tmp_path)
    for words in ("b/OUTCAR: the file is empty", "c/OUTCAR: the run ends before", "d/OUTCAR: is no output of VASP"):
        assert words in str(frame.tags["left_out"])


def test_the_audit_tells_of_them(tmp_path: Path) -> None:
    write_outcar(tmp_path / "a", rock_salt(2))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "OUTCAR").write_text("")
    (told,) = [one for one in audit(frames_of(tmp_path), "runs").alarms if one.kind == "left_out_runs"]
    assert "1 files among these gave no frame: the file is empty (b/OUTCAR)." in told.message
    shutil.rmtree(tmp_path / "b")
    assert "left_out_runs" not in [one.kind for one in audit(frames_of(tmp_path), "runs").alarms]


def test_a_folder_whose_runs_hold_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "OUTCAR").write_text("")
    with pytest.raises(BadInput, match=r"no run in this folder holds a frame: \./OUTCAR: the file is empty"):
        frames_of(tmp_path)


def test_a_folder_without_runs_is_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "POSCAR").write_text("no run yet")
    with pytest.raises(BadInput, match="a folder that no reader knows"):
        reader_for(tmp_path)


def sample(folder: Path, images: Sequence[Atoms]) -> Path:
    """A folder with one run in it."""
    write_outcar(folder / "run", images, PrintedRun())
    return folder


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, tmp_path: Path) -> None:
    (tmp_path / "law").mkdir()
    runs = sample(tmp_path / "runs", rock_salt(3))
    law(ReaderCase(readers()["vasp_folder"], runs, 3, frozenset({8, 28}), truncates=False), tmp_path / "law")


# ---- into a project --------------------------------------------------------------------------------------------------


def test_a_folder_becomes_a_dataset(tmp_path: Path) -> None:
    runs = sample(tmp_path / "runs", rock_salt(3))
    project = Project.create(tmp_path / "project")
    added = add_dataset(project, "runs", [runs])
    assert (added.n_frames, added.stored) == (3, True)
    stored = list(project.datasets.frames("runs"))
    assert_same(stored, rock_salt(3), tolerance=1e-8)
    assert stored[0].tags["folder"] == "run"
    again = add_dataset(project, "runs", [runs])
    assert again.n_frames == 3, "the same command again takes nothing in twice"


def test_what_a_folder_holds_shows_in_its_measure(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "WAVECAR").write_bytes(bytes(3 * END_BYTES))
    before = folder_content(tmp_path)
    assert before[0] == 3 * END_BYTES
    (tmp_path / "a" / "WAVECAR").write_bytes(bytes(3 * END_BYTES - 1) + b"x")
    assert folder_content(tmp_path)[1] != before[1]
    (tmp_path / "a").rename(tmp_path / "b")
    assert folder_content(tmp_path)[1] != before[1]
