"""Output of FHI-aims: labels against ASE and dpdata."""

import shutil
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest

from sonde.datasets.readers import read_frames, reader_for, readers
from sonde.errors import BadInput
from sonde.testing.readers import LAWS, Law, ReaderCase

RUNS = "dft_outputs/nomad/fhiaims"
CERIA = f"{RUNS}/CeO2_dftu/aims_CC.out"
IRON = f"{RUNS}/Fe_scf_spinpol/out.out"
ARSENIDE = f"{RUNS}/GaAs_HSE06+SOC/aims.out"
WATER = f"{RUNS}/HO_md/H2O_periodic_MD.out"
STRESS = """
  +-------------------------------------------------------------------+
  |              Analytical stress tensor - Symmetrized               |
  |                  Cartesian components [eV/A**3]                   |
  +-------------------------------------------------------------------+
  |                x                y                z                |
  |                                                                   |
  |  x         0.01000000       0.00200000       0.00000000           |
  |  y         0.00200000      -0.02000000       0.00300000           |
  |  z         0.00000000       0.00300000       0.03000000           |
  |                                                                   |
  |  Pressure:      -0.00666667   [eV/A**3]                           |
  +-------------------------------------------------------------------+
"""
RELAXED = """
  Updated atomic structure:
                         x [A]             y [A]             z [A]
  lattice_vector         4.10000000        0.00000000        0.00000000
  lattice_vector         0.00000000        4.00000000        0.00000000
  lattice_vector         0.00000000        0.00000000        4.00000000

            atom         2.81000000        2.60000000        2.00000000  H
            atom         1.20000000        2.60000000        2.00000000  H
            atom         2.00000000        2.00000000        2.00000000  O

  Fractional coordinates:
                         L1                L2                L3
       atom_frac         0.68536585        0.65000000        0.50000000  H
------------------------------------------------------------
"""


@pytest.fixture
def case(shared_data: Path) -> ReaderCase:
    return ReaderCase(readers()["aims_output"], shared_data / WATER, 5, frozenset({1, 8}), truncates=False)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, case: ReaderCase, tmp_path: Path) -> None:
    law(case, tmp_path)


@pytest.mark.filterwarnings("ignore:FHI-aims IO is moving:FutureWarning")  # ASE's own plans for its reader
@pytest.mark.parametrize(("path", "n_frames"), [(CERIA, 1), (IRON, 1), (ARSENIDE, 1), (WATER, 5)])
def test_labels_are_those_that_ase_reads(path: str, n_frames: int, shared_data: Path) -> None:
    frames = list(read_frames(shared_data / path))
    expected: list[Any] = ase.io.read(shared_data / path, index=":", format="aims-output")
    assert len(frames) == len(expected) == n_frames
    np.testing.assert_allclose(frames[0].positions, expected[0].positions, atol=1e-8)
    if n_frames == 1:  # of dynamics ASE keeps the first positions for every step, and no cell
        np.testing.assert_allclose(frames[0].cell, expected[0].cell.array, atol=1e-8)
    for frame, atoms in zip(frames, expected, strict=True):
        assert frame.numbers.tolist() == atoms.numbers.tolist()
        assert frame.energy_eV == pytest.approx(atoms.calc.results["free_energy"], abs=1e-9)
        if "forces" in atoms.calc.results:
            assert frame.forces_eV_per_A is not None
            np.testing.assert_allclose(frame.forces_eV_per_A, atoms.calc.results["forces"], atol=1e-12)


def test_dynamics_are_read_like_dpdata(shared_data: Path) -> None:
    import dpdata

    frames = list(read_frames(shared_data / WATER))
    system = dpdata.LabeledSystem(str(shared_data / WATER), fmt="fhi_aims/md")
    np.testing.assert_allclose([frame.positions for frame in frames], system["coords"], atol=1e-8)
    np.testing.assert_allclose([frame.energy_eV or 0 for frame in frames], system["energies"], atol=1e-6)
    forces = [frame.forces_eV_per_A for frame in frames]
    assert None not in [None if f is None else 1 for f in forces]
    np.testing.assert_allclose(np.array(forces), system["forces"], atol=1e-10)


def test_free_energy_and_the_uncorrected_one(shared_data: Path) -> None:
    """Iron prints −34705.8283 (E), −34705.8314 (extrapolated) and −34705.8343 eV (F); the middle one is the mean."""
    frame = next(read_frames(shared_data / IRON))
    uncorrected = frame.tags["energy_without_entropy_eV"]
    assert frame.tags["energy_kind"] == "free energy"
    assert frame.energy_eV == pytest.approx(-34705.8342686694, abs=1e-8)
    assert isinstance(uncorrected, float)
    assert frame.energy_eV is not None
    assert (frame.energy_eV + uncorrected) / 2 == pytest.approx(-34705.8314179497, abs=1e-8)


@pytest.mark.parametrize(
    ("path", "tag", "value"),
    [
        (CERIA, "xc", "PBEsol"),
        (IRON, "xc", "LDA (PW92)"),
        (ARSENIDE, "xc", "HSE06"),
        (WATER, "xc", "PBE"),
        (CERIA, "hubbard_u", "Ce:4.5"),
        (CERIA, "hubbard_l", "Ce:3"),
        (IRON, "hubbard_u", "none"),
        (CERIA, "pseudopotential", "Ce:light/atomic_zora_scalar, O:light/atomic_zora_scalar"),
        (WATER, "pseudopotential", "H:light/non-relativistic, O:light/non-relativistic"),
        (ARSENIDE, "pseudopotential", "As:intermediate/atomic_zora_scalar, Ga:intermediate/atomic_zora_scalar"),
        (IRON, "spin_polarized", True),
        (IRON, "total_magnetic_moment", 2.0828),
        (IRON, "kpoints", "mesh 16x16x16 Gamma"),
        (IRON, "smearing_eV", 0.1),
        (CERIA, "implied_defaults", "charge smearing smearing_eV"),
        (CERIA, "electronic_steps", 176),
        (CERIA, "defects", "aims warns that the DFT+U energy is negative"),
        (ARSENIDE, "spin_orbit", False),
    ],
)
def test_what_the_run_says(path: str, tag: str, value: object, shared_data: Path) -> None:
    assert next(read_frames(shared_data / path)).tags[tag] == value


def test_energies_are_without_the_coupling_that_came_after(shared_data: Path) -> None:
    """aims itself says of the energy with second-variational spin-orbit coupling: DO NOT USE."""
    frame = next(read_frames(shared_data / ARSENIDE))
    assert frame.energy_eV == pytest.approx(-115078.90667808, abs=1e-7)
    assert "without the spin-orbit coupling" in str(frame.tags["energy_note"])


def test_functional_without_the_echo_of_the_input(shared_data: Path, tmp_path: Path) -> None:
    for path, name in ((CERIA, "PBEsol"), (IRON, "LDA (PW92)"), (WATER, "PBE")):
        text = (shared_data / path).read_text(errors="replace")
        (tmp_path / "silent.out").write_text(text.replace("Completed first pass over input file control.in", ""))
        assert next(read_frames(tmp_path / "silent.out")).tags["xc"] == name


def test_an_edited_basis_is_told_from_the_default(shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / CERIA).read_text()
    hashes = []
    for name, edited in (
        ("default", text),
        ("more", text.replace("#     hydro 4 f 11.6", "      hydro 4 f 11.6")),
        ("other u", text.replace("plus_u         4    f    4.5", "plus_u         4    f    3.0")),
    ):
        (tmp_path / f"{name}.out").write_text(edited)
        hashes.append(next(read_frames(tmp_path / f"{name}.out")).tags["pseudopotential_hashes"])
    assert hashes[0] != hashes[1]
    assert hashes[0] == hashes[2]


def test_stress_and_a_relaxed_geometry(shared_data: Path, tmp_path: Path) -> None:
    """A relaxation prints the next geometry before the next self-consistency."""
    text = (shared_data / WATER).read_text()
    second = text.index("          Begin self-consistency loop: Re-init")
    third = text.index("          Begin self-consistency loop: Re-init", second + 10)
    first_forces = text.index("  Relaxation / MD: End force evaluation.")
    own = text.index("  Atomic structure (and velocities)", second)
    relaxed = tmp_path / "relaxed.out"
    first = text[:first_forces] + STRESS + text[first_forces:second].split("  Atomic structure (and")[0] + RELAXED
    relaxed.write_text(first + text[second:own] + text[third:third])
    a, b = read_frames(relaxed)
    assert a.stress_eV_per_A3 is not None
    np.testing.assert_allclose(a.stress_eV_per_A3, [[0.01, 0.002, 0], [0.002, -0.02, 0.003], [0, 0.003, 0.03]])
    assert b.stress_eV_per_A3 is None
    assert b.cell[0].tolist() == [4.1, 0, 0]
    assert b.positions[0].tolist() == [2.81, 2.6, 2.0]
    assert b.energy_eV == pytest.approx(-2078.48223446601)
    assert b.tags["run_complete"] is False


def test_not_converged_cut_and_repeated(shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / IRON).read_text()
    mark = "  Self-consistency cycle converged."
    assert mark in text
    (tmp_path / "not.out").write_text(text.replace(mark, "* WARNING! SELF-CONSISTENCY CYCLE DID NOT CONVERGE"))
    assert next(read_frames(tmp_path / "not.out")).tags["scf_converged"] is False
    (tmp_path / "cut.out").write_text(text[: text.index(mark)])
    (frame,) = read_frames(tmp_path / "cut.out")
    assert frame.energy_eV is None
    assert frame.tags["defects"] == "the run was interrupted; no self-consistent calculation was finished"
    (tmp_path / "twice.out").write_text(text + text)
    assert [frame.tags["run"] for frame in read_frames(tmp_path / "twice.out")] == [0, 1]


def test_a_molecule_is_not_periodic(shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / WATER).read_text()
    start, end = text.index("  | Unit cell:"), text.index("  | Atomic structure:")
    (tmp_path / "molecule.out").write_text(text[:start] + "  | No unit cell requested.\n" + text[end:])
    frame = next(read_frames(tmp_path / "molecule.out"))
    assert frame.pbc.tolist() == [False] * 3
    assert not frame.cell.any()


def test_an_output_without_a_geometry_is_refused(shared_data: Path, tmp_path: Path) -> None:
    shutil.copy(shared_data / IRON, tmp_path / "iron.out")
    text = (tmp_path / "iron.out").read_text()
    (tmp_path / "iron.out").write_text(text[: text.index("  | Atomic structure:")])
    with pytest.raises(BadInput, match="before it prints a geometry"):
        list(read_frames(tmp_path / "iron.out"))


def test_registry_chooses_it(shared_data: Path) -> None:
    assert {reader_for(shared_data / path).name for path in (CERIA, IRON, ARSENIDE, WATER)} == {"aims_output"}
