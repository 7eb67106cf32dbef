"""OUTCAR: every number against ase and pymatgen on real files, and what befalls real runs against printed ones."""

import gzip
import re
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress
from pymatgen.io.vasp import Outcar
from tests.datasets.readers.samples import assert_same, peak_growth_in_mib
from tests.datasets.readers.vasp_samples import PrintedRun, outcar, rock_salt, write_outcar

from sonde.datasets.readers import read_frames, reader_for, readers
from sonde.datasets.surfaces import surface_of
from sonde.errors import BadInput
from sonde.records.frames import Frame
from sonde.testing.readers import LAWS, Law, ReaderCase

NOMAD = Path("dft_outputs/nomad/vasp")
NUMBERS_IN_TAGS = (
    "free_energy_eV",
    "energy_without_entropy_eV",
    "total_magnetic_moment",
    "absolute_magnetic_moment",
)
SILICON = Path("dft_outputs/emmet_raw_vasp/OUTCAR.gz")
WITH_FORCES = (
    SILICON,
    NOMAD / "AgAc_relax/OUTCAR",
    NOMAD / "alternative_pseudopotentials/AlN/OUTCAR",
    NOMAD / "booleans/dotted/OUTCAR",
)
FINAL_ENERGIES_EV = {
    SILICON: -17.54958326,
    NOMAD / "AgAc_relax/OUTCAR": -6.97148118,
    NOMAD / "alternative_pseudopotentials/AlN/OUTCAR": -1048.73893371,
    NOMAD / "booleans/single_char/OUTCAR": -43.31038586,
    NOMAD / "dftu/multi_parameter/OUTCAR": -130.40703524,
    NOMAD / "dftu/single_parameter/OUTCAR.gz": -0.91507,
}


def frames_of(path: Path) -> list[Frame]:
    """Read a file; the content decides which reader does it."""
    assert reader_for(path).name == "vasp_outcar"
    return list(read_frames(path))


def printed(folder: Path, run: PrintedRun, n_steps: int = 3) -> tuple[list[Frame], list[Atoms]]:
    """Print a run and read it back."""
    images = rock_salt(n_steps)
    return frames_of(write_outcar(folder, images, run)), images


# ---- real files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WITH_FORCES, ids=str)
def test_every_step_agrees_with_ase(path: Path, shared_data: Path) -> None:
    theirs = ase.io.read(shared_data / path, ":", format="vasp-out")
    ours = frames_of(shared_data / path)
    assert len(ours) == len(theirs)
    for frame, atoms in zip(ours, theirs, strict=True):
        assert frame.numbers.tolist() == atoms.numbers.tolist()
        np.testing.assert_allclose(frame.cell, atoms.cell.array, atol=1e-9)
        np.testing.assert_allclose(frame.positions, atoms.positions, atol=1e-5)
        assert frame.energy_eV == pytest.approx(atoms.calc.results["energy"], abs=1e-9)
        assert frame.tags["free_energy_eV"] == pytest.approx(atoms.calc.results["free_energy"], abs=1e-9)
        assert frame.forces_eV_per_A is not None
        assert frame.stress_eV_per_A3 is not None
        np.testing.assert_allclose(frame.forces_eV_per_A, atoms.calc.results["forces"], atol=1e-9)
        theirs_full = voigt_6_to_full_3x3_stress(atoms.calc.results["stress"])
        np.testing.assert_allclose(frame.stress_eV_per_A3, theirs_full, atol=1e-9)


@pytest.mark.parametrize("path", FINAL_ENERGIES_EV, ids=str)
def test_last_energies_agree_with_pymatgen_and_the_readme(path: Path, shared_data: Path) -> None:
    last = frames_of(shared_data / path)[-1]
    assert last.energy_eV == pytest.approx(FINAL_ENERGIES_EV[path], abs=1e-8)
    theirs = Outcar(str(shared_data / path))
    assert last.energy_eV == pytest.approx(theirs.final_energy, abs=1e-8)
    assert last.tags["free_energy_eV"] == pytest.approx(theirs.final_fr_energy, abs=1e-8)
    assert last.tags["energy_kind"] == "sigma to 0"
    assert last.tags["run_complete"] is True
    assert last.tags.get("total_magnetic_moment") == (None if theirs.total_mag is None else theirs.total_mag)


def test_a_potential_of_another_functional_than_the_run(shared_data: Path) -> None:
    tags = frames_of(shared_data / SILICON)[0].tags
    assert (tags["xc"], tags["pseudopotential_functional"]) == ("r2SCAN", "PBE")
    assert str(tags["pseudopotential_hashes"]).startswith("Si:79d9987ad8750f62")
    assert tags["pseudopotential"] == "Si:PAW_PBE_Si_05Jan2001"
    assert (tags["cutoff_eV"], tags["aspherical"], tags["largest_mixed_l"]) == (680.0, True, 6)
    assert (tags["kpoints"], tags["kpoint_spacing_per_A"]) == ("mesh 10x10x10 Gamma", 0.2002)
    assert tags["relaxation_converged"] is True


def test_gga_is_not_what_decides(shared_data: Path) -> None:
    for path in FINAL_ENERGIES_EV:
        tags = frames_of(shared_data / path)[0].tags
        assert tags["xc"] == ("r2SCAN" if path == SILICON else "PBE")


def test_u_comes_from_incar_and_is_marked_as_rounded_without_it(shared_data: Path) -> None:
    with_incar = frames_of(shared_data / NOMAD / "dftu/multi_parameter/OUTCAR")[0]
    alone = frames_of(shared_data / NOMAD / "dftu/multi_parameter_no_incar/OUTCAR")[0]
    assert (with_incar.tags["hubbard_u"], with_incar.tags["hubbard_u_rounded"]) == ("Bi:2, V:3.25", False)
    assert (alone.tags["hubbard_u"], alone.tags["hubbard_u_rounded"]) == ("Bi:2, V:3.2", True)
    assert with_incar.tags["hubbard_j"] == alone.tags["hubbard_j"] == "Bi:1, V:0"
    assert surface_of(with_incar)["hubbard_u[Mg]"] == "none"
    assert with_incar.forces_eV_per_A is None


def test_the_oldest_layout(shared_data: Path) -> None:
    (frame,) = frames_of(shared_data / NOMAD / "dftu/single_parameter/OUTCAR.gz")
    assert (frame.tags["code_version"], frame.tags["hubbard_u"]) == ("4.6.35", "Zn:7.5")
    assert frame.tags["cutoff_eV"] == 387.4178


def test_a_many_body_run_has_no_label_of_its_functional(shared_data: Path) -> None:
    (frame,) = frames_of(shared_data / NOMAD / "alternative_pseudopotentials/F_GW/OUTCAR.gz")
    assert (frame.tags["xc"], frame.energy_eV) == ("HF", None)
    assert "many-body run (ALGO = RPAR)" in str(frame.tags["defects"])


@pytest.mark.parametrize("spelling", ["dotted", "lowercase", "mixed_case", "single_char"])
def test_every_spelling_of_a_switch_fits_its_run(spelling: str, shared_data: Path) -> None:
    frame = frames_of(shared_data / NOMAD / "booleans" / spelling / "OUTCAR")[0]
    assert "defects" not in frame.tags


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, shared_data: Path, tmp_path: Path) -> None:
    law(ReaderCase(readers()["vasp_outcar"], shared_data / SILICON, 3, frozenset({14}), truncates=False), tmp_path)


# ---- what befalls runs -----------------------------------------------------------------------------------------------


def test_printed_numbers_come_back(tmp_path: Path) -> None:
    frames, images = printed(tmp_path, PrintedRun())
    assert_same(frames, images, tolerance=1e-8)
    assert [frame.tags["ionic_step"] for frame in frames] == [0, 1, 2]
    assert frames[0].tags["free_energy_eV"] == pytest.approx(images[0].get_potential_energy() - 0.004, abs=1e-8)
    without_entropy = images[0].get_potential_energy() + 0.004
    assert frames[0].tags["energy_without_entropy_eV"] == pytest.approx(without_entropy, abs=1e-8)
    assert "defects" not in frames[0].tags


def test_a_step_whose_electrons_did_not_converge_is_marked(tmp_path: Path) -> None:
    frames, _ = printed(tmp_path, PrintedRun(unconverged=(1,)))
    assert [frame.tags["scf_converged"] for frame in frames] == [True, False, True]
    assert [frame.tags["electronic_steps"] for frame in frames] == [7, 60, 7]


def test_vasp_5_says_reached_also_where_it_was_not(tmp_path: Path) -> None:
    path = write_outcar(tmp_path, rock_salt(1), PrintedRun(unconverged=(0,)))
    path.write_text(path.read_text().replace("EDIFF was not reached (unconverged)", "EDIFF is reached"))
    assert frames_of(path)[0].tags["scf_converged"] is False


def test_predictions_of_a_force_field_are_no_labels(tmp_path: Path) -> None:
    frames, images = printed(tmp_path, PrintedRun(predicted=(1, 2)), n_steps=4)
    assert [frame.tags["ml_md"] for frame in frames] == [False, True, True, False]
    assert [frame.energy_eV is None for frame in frames] == [False, True, True, False]
    assert all(frame.forces_eV_per_A is None and frame.stress_eV_per_A3 is None for frame in frames[1:3])
    np.testing.assert_allclose(frames[2].positions, images[2].positions, atol=1e-9)
    assert_same([frames[0], frames[3]], [images[0], images[3]], tolerance=1e-8)


def test_a_prediction_of_a_geometry_that_is_calculated_next_is_left_out(tmp_path: Path) -> None:
    image = rock_salt(1)[0]
    path = write_outcar(tmp_path, [image, image], PrintedRun(predicted=(0,)))
    (frame,) = frames_of(path)
    assert (frame.tags["ml_md"], frame.energy_eV) == (False, image.get_potential_energy())


def test_a_run_that_was_killed_is_read_as_far_as_it_is_true(tmp_path: Path) -> None:
    images = rock_salt(3)
    path = write_outcar(tmp_path, images, PrintedRun(ends=False))
    text = path.read_text()
    path.write_text(text[: text.rindex("TOTAL-FORCE")])
    frames = frames_of(path)
    assert_same(frames[:2], images[:2], tolerance=1e-8)
    assert all(frame.tags["run_complete"] is False for frame in frames)
    assert len(frames) == 2
    assert "1 ionic steps after this one print no positions" in str(frames[-1].tags["defects"])


def test_a_run_cut_inside_a_number_loses_that_step_only(tmp_path: Path) -> None:
    images = rock_salt(2)
    path = write_outcar(tmp_path, images, PrintedRun(ends=False))
    text = path.read_text()
    path.write_text(text[: text.rindex(" total drift") - 200])
    frames = frames_of(path)
    assert_same(frames[:1], images[:1], tolerance=1e-8)
    assert frames[-1].forces_eV_per_A is not None
    assert frames[-1].ordinal == 0


def test_a_run_cut_anywhere_never_gives_a_wrong_number(tmp_path: Path) -> None:
    run = PrintedRun(settings={"ISPIN": "2"}, moments=(1.6, -1.6, 0.02, -0.02))
    path = write_outcar(tmp_path, rock_salt(2), run)
    content = path.read_bytes()
    whole = frames_of(path)
    for length in range(content.index(b"Iteration"), content.index(b"General timing"), 13):
        path.write_bytes(content[:length])
        for frame in frames_of(path):
            same = whole[frame.ordinal]
            assert agree(frame, same)
            assert frame.tags["run_complete"] is False


def agree(frame: Frame, whole: Frame) -> bool:
    """All numbers that the one holds stand in the other too; positions may have more digits in one place of a file."""
    labels: list[tuple[Any, Any]] = [(frame.energy_eV, whole.energy_eV), (frame.forces_eV_per_A, whole.forces_eV_per_A)]
    labels += [(frame.stress_eV_per_A3, whole.stress_eV_per_A3), (frame.cell, whole.cell)]
    labels += [(frame.tags.get(key), whole.tags[key]) for key in NUMBERS_IN_TAGS]
    same = all(mine is None or np.array_equal(np.asarray(mine), np.asarray(other)) for mine, other in labels)
    return same and np.allclose(frame.positions, whole.positions, atol=1e-5)


def test_a_run_that_ends_before_its_ions_is_refused(shared_data: Path, tmp_path: Path) -> None:
    content = gzip.decompress((shared_data / SILICON).read_bytes())
    (tmp_path / "OUTCAR").write_bytes(content[:3000])
    with pytest.raises(BadInput, match="ends before it says how many ions"):
        frames_of(tmp_path / "OUTCAR")


def test_runs_appended_to_one_file_stay_apart(tmp_path: Path) -> None:
    first, second = rock_salt(3, seed=1), rock_salt(2, seed=2)
    plus_u = PrintedRun(settings={"ENCUT": "520.0"}, incar="   ENCUT = 520\n")
    path = tmp_path / "OUTCAR"
    path.write_text(outcar(first) + outcar(second, plus_u))
    frames = frames_of(path)
    assert_same(frames, [*first, *second], tolerance=1e-8)
    assert [frame.tags["run"] for frame in frames] == [0, 0, 0, 1, 1]
    assert [frame.tags["cutoff_eV"] for frame in frames] == [450.0] * 3 + [520.0] * 2
    assert all(frame.tags["runs"] == 2 and "2 runs in one file" in str(frame.tags["defects"]) for frame in frames)


def test_magnetic_moments(tmp_path: Path) -> None:
    run = PrintedRun(settings={"ISPIN": "2", "NUPDOWN": "0.0"}, moments=(1.6, -1.6, 0.02, -0.02))
    frames, _ = printed(tmp_path, run)
    assert frames[0].tags["total_magnetic_moment"] == 0.0
    assert frames[0].tags["absolute_magnetic_moment"] == pytest.approx(3.24)
    assert (frames[0].tags["spin_polarized"], frames[0].tags["fixed_moment"]) == (True, 0.0)


@pytest.mark.parametrize(
    ("incar", "dispersion"),
    [("   IVDW = 12\n", "D3(BJ)"), ("   LVDW = .TRUE.\n", "D2"), ("   ENCUT = 450\n", "none")],
)
def test_dispersion_is_what_the_run_was_told(incar: str, dispersion: str, tmp_path: Path) -> None:
    frames, images = printed(tmp_path, PrintedRun(incar=incar, added_eV=0.0 if dispersion == "none" else -0.7))
    assert frames[0].tags["dispersion"] == dispersion
    assert frames[0].tags.get("energy_added_after_scf_eV") == (None if dispersion == "none" else pytest.approx(-0.7))
    assert frames[0].energy_eV == images[0].get_potential_energy()


@pytest.mark.parametrize(
    ("printed_after", "dispersion"),
    [("  IVDW =  11\n  Edisp (eV)  -0.70000\n", "D3"), ("  Edisp (eV)  -0.70000\n", "pairwise, IVDW not stated")],
)
def test_dispersion_is_what_the_step_prints_where_the_settings_are_not_there(
    printed_after: str, dispersion: str, tmp_path: Path
) -> None:
    path = write_outcar(tmp_path, rock_salt(1), PrintedRun(added_eV=-0.7, after_scf=printed_after))
    path.write_text(re.sub(r" INCAR:\n(   .*\n)+", "", path.read_text()))
    tags = frames_of(path)[0].tags
    assert tags["dispersion"] == dispersion
    assert tags["energy_added_after_scf_eV"] == pytest.approx(-0.7)
    assert "defects" not in tags


def test_energy_that_no_setting_explains_is_told(tmp_path: Path) -> None:
    frames, _ = printed(tmp_path, PrintedRun(added_eV=-0.7))
    assert "energy was added after the last electronic step" in str(frames[0].tags["defects"])


@pytest.mark.parametrize(
    ("incar", "kpoints", "spacing"),
    [
        ("   KSPACING = 0.4\n", "mesh 4x4x4 Gamma", 0.3744),
        ("   KSPACING = 0.4\n   KGAMMA = F\n", "mesh 4x4x4 Monkhorst-Pack", 0.3744),
        ("   KSPACING = 2.0\n", "4 irreducible points", None),
    ],
)
def test_a_mesh_of_kspacing(incar: str, kpoints: str, spacing: float | None, tmp_path: Path) -> None:
    tags = printed(tmp_path, PrintedRun(incar=incar))[0][0].tags
    assert tags["kpoints"] == kpoints
    assert tags.get("kpoint_spacing_per_A") == (None if spacing is None else pytest.approx(spacing, abs=2e-3))


@pytest.mark.parametrize(
    ("run", "functional"),
    [
        (PrintedRun(lexch="CA", number_of_lexch=2, incar="", potentials=("PAW Ni 02", "PAW O 22Mar2012")), "LDA (PZ)"),
        (PrintedRun(number_of_lexch=14, incar="   GGA = PS\n"), "PBEsol"),
        (PrintedRun(number_of_lexch=40, incar=""), "LEXCH 40"),
        (PrintedRun(settings={"LUSE_VDW": "T"}, number_of_lexch=8), "PBE"),
    ],
)
def test_lexch_names_the_functional(run: PrintedRun, functional: str, tmp_path: Path) -> None:
    assert printed(tmp_path, run)[0][0].tags["xc"] == functional


def test_an_incar_of_another_run_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "INCAR").write_text("ENCUT = 600\nLDAU = T\nLDAUU = 6.2 0\n")
    frames, _ = printed(tmp_path, PrintedRun(incar=""))
    assert "INCAR beside is not of this run: ENCUT 600 there, 450 here" in str(frames[0].tags["defects"])
    assert (frames[0].tags["cutoff_eV"], frames[0].tags["hubbard_u"]) == (450.0, "none")


def test_a_potcar_beside_gives_hashes_and_nothing_else(tmp_path: Path) -> None:
    body = "  PAW_PBE Ni_pv 06Sep2000\n secret numbers 1.234\n   TITEL  = PAW_PBE Ni_pv 06Sep2000\n End of Dataset\n"
    (tmp_path / "POTCAR").write_text(body + body.replace("Ni_pv 06Sep2000", "O 08Apr2002"))
    frames, _ = printed(tmp_path, PrintedRun())
    assert str(frames[0].tags["pseudopotential_hashes"]).startswith("Ni:file-")
    assert not any("secret" in str(value) or "1.234" in str(value) for value in frames[0].tags.values())


def test_potentials_in_another_order_than_poscar_are_told(tmp_path: Path) -> None:
    (tmp_path / "POSCAR").write_text("NiO\n1.0\n4 0 0\n0 4 0\n0 0 4\nO Ni\n2 2\nDirect\n")
    frames, _ = printed(tmp_path, PrintedRun())
    assert "POSCAR beside names O Ni, the potentials are of Ni O" in str(frames[0].tags["defects"])


@pytest.mark.parametrize("replacement", ["*************", "          NaN"])
def test_what_is_no_number_is_no_label(replacement: str, tmp_path: Path) -> None:
    path = write_outcar(tmp_path, rock_salt(1), PrintedRun())
    text = path.read_text()
    at = text.index("TOTAL-FORCE")
    line = text.index("\n", text.index("\n", at) + 1) + 1
    path.write_text(text[: line + 43] + replacement + text[line + 43 + len(replacement) :])
    frame = frames_of(path)[0]
    assert frame.forces_eV_per_A is None
    assert "cannot be read" in str(frame.tags["defects"])


def test_memory_does_not_grow_with_the_steps(tmp_path: Path) -> None:
    path = write_outcar(tmp_path, rock_salt(300))
    assert peak_growth_in_mib(path, 50, mapped=True) < 1


BITS = (b"9" * 30, b"-", b"nan", b"1e400", b"*", b"\n", b"\0", b" 0 ", b"=", b".", b"1.5")


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut out, repeat or overwrite a few places of a file."""
    for _ in range(rng.integers(1, 20)):
        start, length = int(rng.integers(len(content))), int(rng.integers(1, 200))
        piece = (b"", content[start : start + length] * 2, BITS[rng.integers(len(BITS))])[rng.integers(3)]
        content = content[:start] + piece + content[start + (length if len(piece) != 1 else 1) :]
    return content


def test_damaged_files_are_read_or_refused(shared_data: Path, tmp_path: Path) -> None:
    run = PrintedRun(settings={"ISPIN": "2"}, moments=(1.6, -1.6, 0.02, -0.02), predicted=(1,))
    rng = np.random.default_rng(0)
    contents = (outcar(rock_salt(3), run).encode(), (shared_data / NOMAD / "booleans/dotted/OUTCAR").read_bytes())
    refused = 0
    for number in range(200):
        path = tmp_path / "OUTCAR"
        path.write_bytes(damaged(contents[number % 2], rng))
        try:
            frames = list(read_frames(path, "vasp_outcar"))
        except BadInput:
            refused += 1
        else:
            assert all(frame.energy_eV is None or np.isfinite(frame.energy_eV) for frame in frames)
    assert 0 < refused < 150
