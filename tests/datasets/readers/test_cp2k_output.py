"""Output of CP2K: labels against dpdata, pymatgen and CP2K's own trajectory files."""

import gzip
import re
import shutil
from itertools import pairwise
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.units import Bohr, GPa, Hartree, kB

from sonde.datasets.readers import read_frames, reader_for, readers
from sonde.errors import BadInput
from sonde.records.arrays import FloatArray
from sonde.testing.readers import LAWS, Law, ReaderCase

RUNS = "dft_outputs/nomad/cp2k"
SILICON = f"{RUNS}/single_point/si_bulk8.out"
WATER = f"{RUNS}/molecular_dynamics/H2O-32.out"
RELAXED = f"{RUNS}/geometry_optimization/H2O.out.gz"
GRAPHENE = f"{RUNS}/graphene_15x15_pdos/Grafene15x15-alone-smear-cell-opt.out"
SELENIDE = f"{RUNS}/version_2023_1/Defect_level_D_mode.548022.out.gz"
OLD_STRESS = """
 STRESS TENSOR [GPa]

            X               Y               Z
  X       1.50000000      0.25000000      0.00000000
  Y       0.25000000      2.00000000     -0.50000000
  Z       0.00000000     -0.50000000     -3.00000000

"""
NEW_STRESS = """
 STRESS| Analytical stress tensor [bar]
 STRESS|                        x                   y                   z
 STRESS|      x       1.50000000000E+04   2.50000000000E+03   0.00000000000E+00
 STRESS|      y       2.50000000000E+03   2.00000000000E+04  -5.00000000000E+03
 STRESS|      z       0.00000000000E+00  -5.00000000000E+03  -3.00000000000E+04
"""
STRESS_GPA = np.array([[1.5, 0.25, 0], [0.25, 2, -0.5], [0, -0.5, -3]])


@pytest.fixture
def case(shared_data: Path) -> ReaderCase:
    folder = (shared_data / WATER).parent
    beside = (folder / "H2O-32.inp", folder / "H2O-32-pos-1.xyz")
    return ReaderCase(
        readers()["cp2k_output"], shared_data / WATER, 11, frozenset({1, 8}), truncates=False, beside=beside
    )


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, case: ReaderCase, tmp_path: Path) -> None:
    law(case, tmp_path)


def test_single_point_is_read_like_dpdata_and_pymatgen(shared_data: Path) -> None:
    import dpdata
    from pymatgen.io.cp2k.outputs import Cp2kOutput

    (frame,) = read_frames(shared_data / SILICON)
    system = dpdata.LabeledSystem(str(shared_data / SILICON), fmt="cp2k/output")
    assert frame.forces_eV_per_A is not None
    assert frame.energy_eV == pytest.approx(float(system["energies"][0]), rel=1e-7)
    np.testing.assert_allclose(frame.forces_eV_per_A, system["forces"][0], atol=1e-8)
    np.testing.assert_allclose(frame.cell, system["cells"][0], atol=1e-3)
    output = Cp2kOutput(str(shared_data / SILICON))
    output.parse_energies()
    output.parse_initial_structure()
    assert frame.energy_eV == pytest.approx(output.data["total_energy"][0], rel=1e-7)
    np.testing.assert_allclose(frame.positions, output.initial_structure.cart_coords, atol=1e-6)


def test_cell_has_the_digits_of_the_input_beside(shared_data: Path, tmp_path: Path) -> None:
    (frame,) = read_frames(shared_data / SILICON)
    assert frame.cell.tolist() == (5.4306975 * np.eye(3)).tolist()
    assert "defects" not in frame.tags
    alone = shutil.copy(shared_data / SILICON, tmp_path / "alone.out")
    (frame,) = read_frames(alone)
    assert frame.cell.tolist() == (5.431 * np.eye(3)).tolist()
    assert frame.tags["defects"] == "the cell is known to three decimals only"


def test_an_input_of_another_cell_is_not_believed(shared_data: Path, tmp_path: Path) -> None:
    shutil.copy(shared_data / SILICON, tmp_path)
    text = (shared_data / RUNS / "single_point/si_bulk8.inp").read_text()
    (tmp_path / "si_bulk8.inp").write_text(text.replace("5.430697500", "5.500000000"))
    (frame,) = read_frames(tmp_path / "si_bulk8.out")
    assert frame.cell.tolist() == (5.431 * np.eye(3)).tolist()


def test_dynamics_take_positions_from_the_trajectory_of_the_same_energies(shared_data: Path) -> None:
    frames = list(read_frames(shared_data / WATER))
    folder = (shared_data / WATER).parent
    expected = ase.io.read(folder / "H2O-32-pos-1.xyz", index=":")
    table = np.loadtxt(folder / "H2O-32-1.ener")
    assert len(frames) == len(expected) == 11
    for frame, atoms in zip(frames, expected, strict=True):
        assert frame.numbers.tolist() == atoms.numbers.tolist()
        np.testing.assert_allclose(frame.positions, atoms.positions, atol=1e-9)
    np.testing.assert_allclose([frame.energy_eV or 0 for frame in frames], table[:, 4] * Hartree, atol=1e-7)


def test_energies_and_positions_of_a_relaxation_belong_together(shared_data: Path) -> None:
    """Between neighbouring steps the energy changes by the work of the mean force, as it must on one surface."""
    frames = list(read_frames(shared_data / RELAXED))
    printed = printed_forces(shared_data / RELAXED)
    assert len(frames) == 13
    assert frames[-1].tags["relaxation_converged"] is True
    largest = 0.0
    for a, b in pairwise(frames[:-1]):
        assert a.energy_eV is not None
        assert b.energy_eV is not None
        forces = printed[round(a.energy_eV, 7)] + printed[round(b.energy_eV, 7)]
        work = -0.5 * float((forces * (b.positions - a.positions)).sum())
        assert b.energy_eV - a.energy_eV == pytest.approx(work, abs=2e-3)
        largest = max(largest, abs(work))
    assert largest > 1e-2  # the steps are large enough for that to mean something


def printed_forces(path: Path) -> dict[float, FloatArray]:
    """Forces of three atoms as the output prints them, eV/Å, by the energy before them, eV."""
    text = gzip.decompress(path.read_bytes()).decode()
    blocks = re.findall(r"energy \(a\.u\.\): +(\S+)\s+ATOMIC FORCES in \[a\.u\.\]\s+#[^\n]*\n((?:[^\n]*\n){3})", text)
    rows = {float(energy): [line.split()[3:] for line in block.splitlines()] for energy, block in blocks}
    return {round(e * Hartree, 7): np.array(values, float) * Hartree / Bohr for e, values in rows.items()}


def test_forces_on_held_atoms_are_no_labels(shared_data: Path, tmp_path: Path) -> None:
    """The oxygen is fixed and gets 0 0 0, so that 1 eV/Å are missing; Si₈'s zeros are those of its symmetry."""
    frames = list(read_frames(shared_data / RELAXED))
    assert all(frame.forces_eV_per_A is None for frame in frames)
    assert "atoms were held" in str(frames[0].tags["defects"])
    (alone,) = read_frames(shutil.copy(shared_data / RELAXED, tmp_path))  # without the input that says so
    assert alone.forces_eV_per_A is None
    (silicon,) = read_frames(shared_data / SILICON)
    assert silicon.forces_eV_per_A is not None
    assert silicon.forces_eV_per_A[0].tolist() == [0, 0, 0]


def test_without_its_trajectory_only_the_printed_geometry_is_read(shared_data: Path, tmp_path: Path) -> None:
    alone = shutil.copy(shared_data / RELAXED, tmp_path)
    (frame,) = read_frames(alone)
    assert frame.energy_eV == pytest.approx(-17.163667082526786 * Hartree)
    assert "no trajectory lies beside" in str(frame.tags["defects"])


def test_a_trajectory_of_another_run_is_not_taken(shared_data: Path, tmp_path: Path) -> None:
    folder = (shared_data / WATER).parent
    shutil.copy(shared_data / WATER, tmp_path)
    text = (folder / "H2O-32-pos-1.xyz").read_text()
    (tmp_path / "H2O-32-pos-1.xyz").write_text(text.replace("E =       -34.", "E =       -35."))
    assert len(list(read_frames(tmp_path / "H2O-32.out"))) == 1


@pytest.mark.parametrize(
    ("path", "tag", "value"),
    [
        (SILICON, "xc", "LDA (Pade)"),
        (GRAPHENE, "xc", "TPSS + revPBE"),
        (SELENIDE, "xc", "PBE"),
        (SILICON, "dispersion", "none"),
        (GRAPHENE, "dispersion", "nonlocal rVV10"),
        (SELENIDE, "dispersion", "D3"),
        (GRAPHENE, "spin_polarized", True),
        (SELENIDE, "spin_polarized", False),
        (SELENIDE, "code_version", "2023.1"),
        (SELENIDE, "pseudopotential", "Se:GTH-PBE-q6/TZVP-MOLOPT-PBE-GTH-q6, W:GTH-PBE-q14/TZVP-MOLOPT-PBE-GTH-q14"),
        (GRAPHENE, "smearing", "Fermi-Dirac"),
        (SILICON, "kpoints", "mesh 1x1x1 Gamma"),
        (SILICON, "hubbard_u", "none"),
    ],
)
def test_level_of_theory(path: str, tag: str, value: object, shared_data: Path) -> None:
    assert next(read_frames(shared_data / path)).tags[tag] == value


def test_cutoff_and_width_on_paper(shared_data: Path) -> None:
    """The input asks for 300 Ry, the output prints 150 Hartree; 500 K are 43 meV."""
    assert next(read_frames(shared_data / SILICON)).tags["cutoff_eV"] == pytest.approx(150 * Hartree, abs=1e-3)
    assert next(read_frames(shared_data / GRAPHENE)).tags["smearing_eV"] == pytest.approx(500 * kB, abs=1e-6)


def test_two_periodic_directions(shared_data: Path) -> None:
    frame = next(read_frames(shared_data / SELENIDE))
    assert frame.pbc.tolist() == [True, True, False]
    assert frame.n_atoms == 144 + 287


@pytest.mark.parametrize("printed", [OLD_STRESS, NEW_STRESS], ids=["GPa", "bar"])
def test_stress_is_positive_under_tension(printed: str, shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / SILICON).read_text()
    end = text.index(" SUM OF ATOMIC FORCES")
    (tmp_path / "stress.out").write_text(text[:end] + text[end:].replace("\n", "\n" + printed, 1))
    (frame,) = read_frames(tmp_path / "stress.out")
    assert frame.stress_eV_per_A3 is not None
    np.testing.assert_allclose(frame.stress_eV_per_A3, -STRESS_GPA * GPa, atol=1e-12)


def test_forces_of_newer_versions(shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / SILICON).read_text()
    start, end = text.index(" ATOMIC FORCES in"), text.index(" SUM OF ATOMIC FORCES")
    rows = "".join(f" FORCES|{i:7d}{1:5d}  1.00000000E-03 -2.00000000E-03  3.0E-03  3.7E-03\n" for i in range(1, 9))
    newer = f" FORCES| Atomic forces [hartree/bohr]\n FORCES|   Atom Kind     x     y     z     |f|\n{rows}"
    (tmp_path / "newer.out").write_text(text[:start] + newer + text[end:])
    (frame,) = read_frames(tmp_path / "newer.out")
    assert frame.forces_eV_per_A is not None
    assert frame.forces_eV_per_A[7].tolist() == pytest.approx((np.array([1e-3, -2e-3, 3e-3]) * Hartree / Bohr).tolist())


def test_hubbard_u_of_a_kind(shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / SILICON).read_text()
    block = (
        "     A DFT+U correction is applied to atoms of this atomic kind\n"
        "       Angular quantum momentum number L:                                      1\n"
        "       U(eff) = (U - J) value in [eV]:                                     2.500\n\n"
    )
    place = text.index("     Potential information for")
    (tmp_path / "u.out").write_text(text[:place] + block + text[place:])
    tags = next(read_frames(tmp_path / "u.out")).tags
    assert (tags["hubbard_u"], tags["hubbard_l"]) == ("Si:2.5", "Si:1")


@pytest.mark.parametrize(
    ("verdict", "converged"),
    [
        ("*** SCF run converged in    10 steps ***", True),
        ("*** SCF run NOT converged ***", False),
        ("*** SCF run NOT converged ***\n  outer SCF loop converged in   2 iterations or   12 steps", True),
        ("*** SCF run converged in    10 steps ***\n  outer SCF loop FAILED to converge after   2 iterations", False),
    ],
)
def test_verdict_on_the_electrons(verdict: str, converged: bool, shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / SILICON).read_text()
    (tmp_path / "scf.out").write_text(text.replace("*** SCF run converged in    10 steps ***", verdict))
    assert next(read_frames(tmp_path / "scf.out")).tags["scf_converged"] is converged


def test_interrupted_and_repeated_runs(shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / SILICON).read_text()
    end = text.index(" ATOMIC FORCES in")
    (tmp_path / "cut.out").write_text(text[:end])
    (frame,) = read_frames(tmp_path / "cut.out")
    assert (frame.tags["run_complete"], frame.forces_eV_per_A) == (False, None)
    assert "the run was interrupted" in str(frame.tags["defects"])
    (tmp_path / "twice.out").write_text(text[:end] + text)
    frames = list(read_frames(tmp_path / "twice.out"))
    assert [(f.tags["run"], f.tags["runs"], f.tags["run_complete"]) for f in frames] == [(0, 2, False), (1, 2, True)]


def test_an_output_without_coordinates_is_refused(shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / SILICON).read_text()
    (tmp_path / "none.out").write_text(text.replace("ATOMIC COORDINATES", "ATOMIC NOTHING"))
    with pytest.raises(BadInput, match="prints no coordinates"):
        list(read_frames(tmp_path / "none.out"))


def test_registry_chooses_it(shared_data: Path) -> None:
    assert {reader_for(shared_data / path).name for path in (SILICON, GRAPHENE, SELENIDE)} == {"cp2k_output"}
