"""Output of pw.x: labels against ASE and dpdata, level of theory and verdicts against what the files say."""

from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.units import Bohr, Ry

from sonde.datasets.readers import read_frames, reader_for, readers
from sonde.datasets.surfaces import surface_of
from sonde.errors import BadInput
from sonde.testing.readers import LAWS, Law, ReaderCase

RUNS = "dft_outputs/nomad/quantumespresso"
CASES = "dft_outputs/aiida_qe_pw"
MN = f"{RUNS}/Mn_multirun/9064627814752884918776106151027.log.gz"
NOT_CONVERGED = {
    "relax_failed_electronic": 1,
    "vcrelax_failed_electronic": 1,
    "vcrelax_failed_electronic_final_scf": 5,
    "vcrelax_failed_bfgs_history_final_scf": 5,
}
ORACLE_UNITS = 2e-7
"""ASE reads with CODATA 2006; the constants differ by less than this, relative to the value."""


@pytest.fixture(params=["TiO2_opt/pw.out", "Si_md/out.out"], ids=["TiO2", "Si"])
def case(request: pytest.FixtureRequest, shared_data: Path) -> ReaderCase:
    n_frames, elements = {"TiO2_opt/pw.out": (6, {8, 22}), "Si_md/out.out": (50, {14})}[request.param]
    sample = shared_data / RUNS / request.param
    return ReaderCase(readers()["qe_output"], sample, n_frames, frozenset(elements), truncates=False)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, case: ReaderCase, tmp_path: Path) -> None:
    law(case, tmp_path)


@pytest.mark.parametrize(
    ("path", "n_frames"),
    [
        (f"{RUNS}/TiO2_opt/pw.out", 6),
        (f"{RUNS}/Si_md/out.out", 50),
        (f"{RUNS}/Pt_noncol/pw.out", 1),
        (f"{CASES}/vcrelax_success_fractional/aiida.out", 5),
        (f"{CASES}/vcrelax_success/aiida.out", 3),
        (f"{CASES}/default_xml_230310/aiida.out", 1),
        (f"{CASES}/default_xml_260128/aiida.out", 1),
    ],
)
def test_labels_are_those_that_ase_reads(path: str, n_frames: int, shared_data: Path) -> None:
    frames = list(read_frames(shared_data / path))
    expected = ase.io.read(shared_data / path, index=":", format="espresso-out")
    assert len(frames) == len(expected) == n_frames
    for frame, atoms in zip(frames, expected, strict=True):
        assert frame.numbers.tolist() == atoms.numbers.tolist()
        np.testing.assert_allclose(frame.cell, atoms.cell.array, atol=2e-4)
        np.testing.assert_allclose(frame.positions, atoms.positions, atol=2e-4)
        results = atoms.calc.results
        assert frame.energy_eV == pytest.approx(results["energy"], rel=ORACLE_UNITS)
        assert frame.forces_eV_per_A is not None
        np.testing.assert_allclose(frame.forces_eV_per_A, results["forces"], rtol=1e-6, atol=1e-10)
        assert (frame.stress_eV_per_A3 is None) == ("stress" not in results)
        if frame.stress_eV_per_A3 is None:
            continue
        voigt = frame.stress_eV_per_A3[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
        np.testing.assert_allclose(voigt, results["stress"], rtol=1e-6, atol=2e-9)  # ASE takes the upper half only


def test_units_and_signs_on_paper(shared_data: Path) -> None:
    """TiO2's last lines print −405.…Ry forces of 0.0000109 Ry/bohr, and 0.00000232 Ry/bohr³ under compression."""
    last = list(read_frames(shared_data / RUNS / "TiO2_opt/pw.out"))[-1]
    assert last.forces_eV_per_A is not None
    assert last.stress_eV_per_A3 is not None
    assert last.forces_eV_per_A[2].tolist() == pytest.approx([0.00001090 * Ry / Bohr, -0.00001090 * Ry / Bohr, 0])
    assert np.diag(last.stress_eV_per_A3).tolist() == pytest.approx(
        [-0.00000232 * Ry / Bohr**3, -0.00000232 * Ry / Bohr**3, -0.00000112 * Ry / Bohr**3]
    )


def test_energy_is_the_free_energy_and_the_internal_one_stands_beside(shared_data: Path) -> None:
    frame = next(read_frames(shared_data / RUNS / "Pt_noncol/pw.out"))
    assert frame.energy_eV == pytest.approx(-261.62984154 * Ry)
    assert frame.tags["energy_kind"] == "free energy"
    assert frame.tags["energy_without_entropy_eV"] == pytest.approx(-261.62891603 * Ry, abs=1e-7)


def test_three_runs_in_one_file(shared_data: Path) -> None:
    frames = list(read_frames(shared_data / MN))
    assert [frame.energy_eV for frame in frames] == pytest.approx(
        [-2545.19208108 * Ry, -2545.19429053 * Ry, -2545.19596046 * Ry]
    )
    assert [(frame.tags["run"], frame.tags["runs"]) for frame in frames] == [(0, 3), (1, 3), (2, 3)]
    assert all("3 runs in one file" in str(frame.tags["defects"]) for frame in frames)
    assert frames[0].forces_eV_per_A is not None
    assert frames[0].forces_eV_per_A[0, 2] == pytest.approx(0.01182197 * Ry / Bohr)
    assert frames[0].tags["electronic_steps"] == 133
    assert frames[0].tags["spin_polarized"] is True


@pytest.mark.parametrize(("name", "n_frames"), NOT_CONVERGED.items(), ids=str)
def test_job_done_is_no_proof_of_convergence(name: str, n_frames: int, shared_data: Path) -> None:
    frames = list(read_frames(shared_data / CASES / name / "aiida.out"))
    assert len(frames) == n_frames
    assert frames[-1].tags["run_complete"] is True
    assert [frame.tags["scf_converged"] for frame in frames] == [True] * (n_frames - 1) + [False]


def test_relaxations_say_how_they_ended(shared_data: Path) -> None:
    def last(name: str) -> dict[str, object]:
        return dict(list(read_frames(shared_data / CASES / name / "aiida.out"))[-1].tags)

    assert last("vcrelax_success")["relaxation_converged"] is True
    assert "defects" not in last("vcrelax_success")
    given_up = last("relax_failed_not_converged_nstep")
    assert given_up["relaxation_converged"] is False
    assert given_up["defects"] == "the relaxation ran out of steps"
    assert "relaxation_converged" not in last("default")


@pytest.mark.parametrize("name", ["failed_interrupted", "failed_interrupted_stdout"])
def test_interrupted_runs_are_read_and_told_of(name: str, shared_data: Path) -> None:
    frame = next(read_frames(shared_data / CASES / name / "aiida.out"))
    assert frame.energy_eV == pytest.approx(-308.1919, abs=1e-3)
    assert frame.tags["run_complete"] is False
    assert frame.tags["defects"] == "the run was interrupted"


def test_a_log_cut_short_gives_the_steps_that_were_finished(shared_data: Path, tmp_path: Path) -> None:
    whole = (shared_data / RUNS / "TiO2_opt/pw.out").read_bytes()
    fourth = [at for at in range(len(whole)) if whole.startswith(b"\n!", at)][3]
    cut = tmp_path / "cut.out"
    cut.write_bytes(whole[:fourth])
    frames = list(read_frames(cut))
    assert len(frames) == 3
    expected = list(read_frames(shared_data / RUNS / "TiO2_opt/pw.out"))
    assert [frame.energy_eV for frame in frames] == [frame.energy_eV for frame in expected[:3]]
    assert {frame.tags["run_complete"] for frame in frames} == {False}


def test_a_run_without_an_energy_gives_no_label(shared_data: Path) -> None:
    frame = next(read_frames(shared_data / CASES / "failed_out_of_walltime/aiida.out"))
    assert frame.energy_eV is None
    assert frame.tags["run_complete"] is True
    assert "no self-consistent calculation was finished" in str(frame.tags["defects"])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"{CASES}/default/aiida.out", "PBE"),
        (f"{CASES}/default_xml_190304/aiida.out", "PBE"),
        (f"{CASES}/default_xml_191206/aiida.out", "PBE"),
        (f"{CASES}/vcrelax_success_fractional/aiida.out", "PBE"),
        (f"{CASES}/scf_electric_field/aiida.out", "PBEsol"),
        (f"{CASES}/default_xml_241104/aiida.out", "PBEsol"),
        (f"{CASES}/scf_success_rVV10/aiida.out", "rVV10"),
        (f"{RUNS}/Si_md/out.out", "LDA (PZ)"),
        (MN, "BEEF-vdW"),
    ],
)
def test_one_name_for_each_functional(path: str, name: str, shared_data: Path) -> None:
    assert next(read_frames(shared_data / path)).tags["xc"] == name


def test_level_of_theory_with_dispersion_and_mesh(shared_data: Path) -> None:
    tags = next(read_frames(shared_data / RUNS / "TiO2_opt/pw.out")).tags
    assert tags["dispersion"] == "D3"
    assert tags["cutoff_eV"] == pytest.approx(75 * Ry, abs=1e-3)
    assert tags["kpoints"] == "mesh 7x7x12 Gamma"
    assert tags["kpoint_spacing_per_A"] == pytest.approx(2 * np.pi / 4.59373 / 7, abs=1e-4)
    assert tags["smearing"] == "tetrahedron (optimized)"
    assert tags["pseudopotential"] == "O:O.pbe-n-kjpaw_psl.0.1.UPF, Ti:ti_pbe_v1.4.uspp.F.UPF"
    assert "Ti:md5-88a00a6731bd790ddea75d31a80cb452" in str(tags["pseudopotential_hashes"])
    assert tags["hubbard_u"] == "none"


def test_hubbard_u_and_spin_orbit(shared_data: Path) -> None:
    cobalt = next(read_frames(shared_data / CASES / "default_xml_230310/aiida.out"))
    assert cobalt.tags["hubbard_u"] == "Co:5"
    assert cobalt.tags["hubbard_type"] == "Dudarev, ortho-atomic"
    assert {surface_of(cobalt)[f"hubbard_u[{element}]"] for element in ("Li", "O")} == {"none"}
    platinum = next(read_frames(shared_data / RUNS / "Pt_noncol/pw.out"))
    assert (platinum.tags["spin_orbit"], platinum.tags["noncollinear"]) == (True, True)


def test_an_imposed_moment_is_told_from_one_that_was_found(shared_data: Path) -> None:
    for name in ("aiida.out", "data-file-schema.xml"):
        tags = next(read_frames(shared_data / CASES / "tot_magnetization" / name)).tags
        assert tags["fixed_moment"] == tags["total_magnetic_moment"] == 1.0
        assert "fixed_moment" not in next(read_frames(shared_data / CASES / "default" / name)).tags


def test_an_older_table_of_u(shared_data: Path, tmp_path: Path) -> None:
    log = (shared_data / CASES / "default_xml_230310/aiida.out").read_text()
    start, end = log.index("     Hubbard projectors"), log.index("     Internal variables")
    table = (
        "     Simplified LDA+U calculation (l_max = 2) with parameters (eV):\n"
        "     atomic species    L          U    alpha       J0     beta\n"
        "        Co             2     3.3200   0.0000   0.0000   0.0000\n\n"
    )
    older = tmp_path / "older.out"
    older.write_text(log[:start] + table + log[end:])
    tags = next(read_frames(older)).tags
    assert (tags["hubbard_u"], tags["hubbard_l"], tags["hubbard_type"]) == ("Co:3.32", "Co:2", "Dudarev")


def test_the_input_of_another_run_is_not_believed(shared_data: Path, tmp_path: Path) -> None:
    log = shared_data / RUNS / "TiO2_opt/pw.out"
    (tmp_path / "pw.out").write_bytes(log.read_bytes())
    (tmp_path / "pw.in").write_text((log.parent / "pw.in").read_text().replace("= 75", "= 60"))
    tags = next(read_frames(tmp_path / "pw.out")).tags
    assert "input beside is not of this run: ecutwfc 60 Ry there, 75 Ry here" in str(tags["defects"])
    assert tags["kpoints"] == "70 irreducible points"


def test_hybrid_runs_keep_the_last_of_their_self_consistencies(shared_data: Path, tmp_path: Path) -> None:
    """With exact exchange pw.x repeats the loop at one geometry; only the energy behind "!!" is the result."""
    sample = shared_data / CASES / "default/aiida.out"
    log = sample.read_text()
    start, end = log.index("     Self-consistent Calculation"), log.index("   JOB DONE")
    result = log[start:end].replace("\n!    total", "\n!!   total")
    first = log[start:end].replace("total energy              =     -22.", "total energy              =     -21.")
    assert first != log[start:end]
    hybrid = tmp_path / "hybrid.out"
    goes_on = "     EXX: now go back to refine exchange calculation\n\n"
    hybrid.write_text(log[:start] + first + goes_on + result + log[end:])
    (frame,) = read_frames(hybrid)
    assert frame.energy_eV == next(read_frames(sample)).energy_eV


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("failed_scf_not_converged", "no geometry of a calculation"),
        ("vcrelax_success_atoms_shape", "no geometry of a calculation"),
        (
            "failed_computing_cholesky",
            r"the file is empty, CRASH beside it says: Error in routine cdiaghg \(668\): prob",
        ),
        ("failed_computing_cholesky_stdout", r"Error in routine cdiaghg \(668\): problems computing cholesky"),
        ("failed_qr_failed", r"the file is empty, CRASH beside it says: \[Q, R\] = qr\(X, 0\) failed"),
        ("failed_base_exception", "the file is empty"),
    ],
)
def test_what_holds_no_run_is_refused(name: str, problem: str, shared_data: Path) -> None:
    with pytest.raises(BadInput, match=problem):
        list(read_frames(shared_data / CASES / name / "aiida.out"))


def test_numbers_that_did_not_fit_are_no_labels(shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / RUNS / "TiO2_opt/pw.out").read_text()
    first = text.index("atom    3 type  2   force =")
    spoilt = tmp_path / "stars.out"
    spoilt.write_text(text[: first + 28] + "**************" + text[first + 42 :])
    frame = next(read_frames(spoilt))
    assert frame.forces_eV_per_A is None
    assert frame.energy_eV is not None
    assert frame.tags["defects"] == "the forces are printed, but cannot be read"


def test_registry_chooses_it(shared_data: Path) -> None:
    assert reader_for(shared_data / MN).name == "qe_output"
