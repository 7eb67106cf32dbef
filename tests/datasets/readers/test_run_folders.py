"""Folders of runs of several codes: outputs of one run confirm one another, what is broken is named."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sonde.datasets.readers import read_frames, reader_for, readers
from sonde.errors import BadInput
from sonde.records.frames import Frame
from sonde.testing.readers import LAWS, Law, ReaderCase

CASES = "dft_outputs/aiida_qe_pw"
TIO2 = "dft_outputs/nomad/quantumespresso/TiO2_opt"
NOT_CONVERGED = {
    "failed_scf_not_converged",
    "failed_scf_not_converged_intentional",
    "relax_failed_electronic",
    "vcrelax_failed_electronic",
    "vcrelax_failed_electronic_final_scf",
    "vcrelax_failed_bfgs_history_final_scf",
}
CUT = {"failed_interrupted", "failed_interrupted_stdout", "failed_out_of_walltime_interrupted"}
EMPTY = 14


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> list[Frame]:
    return list(read_frames(shared_data / CASES))


@pytest.fixture
def case(shared_data: Path) -> ReaderCase:
    return ReaderCase(readers()["run_folder"], shared_data / TIO2, 6, frozenset({8, 22}), truncates=False)


OF_FOLDERS = [law for law in LAWS if law.__name__ != "refuses_an_empty_file"]
"""Where one file of a folder is empty, the others are read, and the tag `left_out` says so."""


@pytest.mark.parametrize("law", OF_FOLDERS, ids=lambda law: law.__name__)
def test_law(law: Law, case: ReaderCase, tmp_path: Path) -> None:
    law(case, tmp_path)


def left_out(frames: list[Frame]) -> list[str]:
    return [words for frame in frames for words in str(frame.tags.get("left_out") or "").split("; ") if words]


def test_output_and_xml_of_one_run_are_read_once(shared_data: Path) -> None:
    assert reader_for(shared_data / TIO2).name == "run_folder"
    together = list(read_frames(shared_data / TIO2))
    alone = list(read_frames(shared_data / TIO2 / "TiO2.save/data-file-schema.xml"))
    assert [frame.energy_eV for frame in together] == [frame.energy_eV for frame in alone]
    assert {frame.tags["confirmed_by"] for frame in together} == {"pw.out"}
    assert "Ti:md5-88a00a67" in str(together[0].tags["pseudopotential_hashes"])  # which only the output prints
    assert together[0].tags["kpoints"] == "mesh 7x7x12 Gamma"


def test_a_contradiction_between_the_two_is_told(shared_data: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(shared_data / TIO2, tmp_path / "TiO2")
    text = (folder / "pw.out").read_text()
    (folder / "pw.out").write_text(text.replace("-0.00001090    0.00000000", "-0.00051090    0.00000000"))
    last = list(read_frames(folder))[-1]
    assert last.tags["defects"] == "pw.out disagrees: other forces"


def test_two_runs_in_one_folder_are_both_kept(shared_data: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(shared_data / CASES / "relax_success", tmp_path / "relax")
    shutil.copy(shared_data / CASES / "scf_success_rVV10/data-file-schema.xml", folder)
    found = list(read_frames(folder))
    assert sorted(str(frame.tags["xc"]) for frame in found) == ["PBE", "rVV10"]
    assert sorted((int(f.tags["run"] or 0), f.tags["runs"]) for f in found) == [(0, 2), (1, 2)]


def test_every_run_that_did_not_converge_is_found(frames: list[Frame]) -> None:
    """All six end with JOB DONE; two of them show it in their XML only."""
    found = {frame.tags["folder"] for frame in frames if frame.tags.get("scf_converged") is False}
    assert found >= NOT_CONVERGED
    assert found - NOT_CONVERGED == {"failed_out_of_walltime", "failed_out_of_walltime_interrupted"}


def test_every_run_that_was_cut_is_found(frames: list[Frame]) -> None:
    found = {frame.tags["folder"] for frame in frames if frame.tags.get("run_complete") is False}
    assert found >= CUT
    assert found - CUT == {"finished_npools_too_high", "initialization_xml_new"}  # their outputs stop too


def test_every_file_that_holds_no_frame_is_named_with_its_reason(frames: list[Frame]) -> None:
    words = left_out(frames)
    assert sum("the file is empty" in text for text in words) == EMPTY
    assert sum("CRASH beside it says" in text for text in words) == EMPTY - 1
    assert "failed_base_exception/aiida.out: the file is empty" in words
    assert any(text.startswith("failed_interrupted_xml/data-file-schema.xml: the file ends") for text in words)
    assert any("cdiaghg (668): problems computing cholesky" in text for text in words)


def test_good_runs_raise_no_word(frames: list[Frame]) -> None:
    words = Counter(str(frame.tags["folder"]) for frame in frames if frame.tags.get("defects"))
    good = {
        "default",
        "default_xml_190304",
        "scf_electric_field",
        "vcrelax_success",
        "relax_success",
    }
    assert not good & set(words)


def test_two_units_of_u_in_one_run_are_told(frames: list[Frame]) -> None:
    (cobalt,) = (frame for frame in frames if frame.tags["folder"] == "default_xml_230310")
    assert cobalt.tags["hubbard_u"] == "Co:5"
    words = "U is written in Hartree in data-file-schema.xml, in eV in aiida.out (converted)"
    assert cobalt.tags["defects"] == words


def test_runs_of_several_codes_stand_side_by_side(shared_data: Path) -> None:
    found = list(read_frames(shared_data / "dft_outputs/nomad"))
    assert {frame.tags["code"] for frame in found} == {"CP2K", "FHI-aims", "Quantum ESPRESSO", "VASP"}
    assert [frame.ordinal for frame in found] == list(range(len(found)))
    oxides = [frame for frame in found if frame.tags["folder"] == "quantumespresso/TiO2_opt"]
    assert len(oxides) == 6


def test_snapshots_keep_their_history(shared_data: Path, tmp_path: Path) -> None:
    for name in ("run_v1", "run_v2", "final"):
        shutil.copytree(shared_data / CASES / "relax_success", tmp_path / "lab" / name)
    roles = [frame.tags["folder_role"] for frame in read_frames(tmp_path / "lab")]
    assert roles == ["final", "run_v1", "run_v2"]


def test_trajectories_are_read_where_nothing_else_is(tmp_path: Path) -> None:
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io.trajectory import Trajectory

    atoms = Atoms("Al", cell=np.eye(3) * 4, pbc=True)
    atoms.calc = SinglePointCalculator(atoms, energy=-3.7)
    with Trajectory(tmp_path / "al.traj", "w") as written:
        written.write(atoms)
    assert [frame.energy_eV for frame in read_frames(tmp_path)] == [-3.7]
    shutil.copy(Path(__file__).parent / "gpaw/al2_relaxation.txt", tmp_path)
    assert [frame.tags["source_format"] for frame in read_frames(tmp_path)] == ["GPAW output"] * 3


def test_a_folder_without_any_frame_is_refused(shared_data: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(shared_data / CASES / "failed_computing_cholesky", tmp_path / "failed")
    with pytest.raises(BadInput, match="cdiaghg"):
        list(read_frames(folder))
