"""GPAW: text output, trajectory and restart file of runs computed for these tests (GPAW 22.8, setups 0.9).

`gpaw/al2_relaxation.txt` is two steps of a relaxation of Al₂, `nio_plus_u.txt` a distorted NiO with U = 6.2 eV on Ni,
`nio_not_converged.txt` the same without U and stopped after four iterations. Lines that name the machine are left out.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io.trajectory import Trajectory
from ase.io.ulm import ulmopen

from sonde.datasets.readers import read_frames, reader_for, readers
from sonde.datasets.surfaces import surface_of
from sonde.errors import BadInput
from sonde.testing.readers import LAWS, Law, ReaderCase

RUNS = Path(__file__).parent / "gpaw"
ALUMINIUM, OXIDE, STOPPED = (RUNS / f"{name}.txt" for name in ("al2_relaxation", "nio_plus_u", "nio_not_converged"))
PARAMETERS = {"mode": {"name": "pw", "ecut": 250.0}, "xc": "PBE", "setups": {"Ni": ":d,6.2"}}


def oxides(n_frames: int = 3) -> list[Atoms]:
    """Distorted NiO cells with labels, as a calculator called gpaw left them."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(n_frames):
        atoms = Atoms("NiO", cell=[3, 3.1, 4.2], pbc=True, positions=rng.normal(0, 1, (2, 3)))
        energy, forces, stress = rng.normal(), rng.normal(0, 1, (2, 3)), rng.normal(0, 0.1, 6)
        atoms.calc = SinglePointCalculator(
            atoms, energy=energy, free_energy=energy - 0.01, forces=forces, stress=stress, magmoms=np.array([1.5, 0.1])
        )
        atoms.calc.name = "gpaw"
        atoms.calc.parameters.update(PARAMETERS)
        found.append(atoms)
    return found


def trajectory(folder: Path) -> Path:
    with Trajectory(folder / "nio.traj", "w") as written:
        for atoms in oxides():
            written.write(atoms)
    return folder / "nio.traj"


def restart_file(folder: Path) -> Path:
    """The containers within a .gpw that hold atoms and results, as GPAW 22.8 writes them."""
    (atoms,) = oxides(1)
    with ulmopen(folder / "nio.gpw", "w", tag="GPAW") as written:
        written.write(version=4, gpaw_version="22.8.0", ha=27.2, bohr=0.529)
        written.child("atoms").write(
            pbc=atoms.pbc, numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell.array
        )
        results = {key: atoms.calc.results[key] for key in ("energy", "free_energy", "forces", "stress", "magmoms")}
        written.child("results").write(**results)
        written.child("parameters").write(**PARAMETERS)
    return folder / "nio.gpw"


@pytest.fixture(params=["output", "trajectory"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ReaderCase:
    if request.param == "output":
        return ReaderCase(readers()["gpaw_output"], ALUMINIUM, 3, frozenset({13}), truncates=False)
    sample = trajectory(tmp_path_factory.mktemp("traj"))
    return ReaderCase(readers()["ase_ulm"], sample, 3, frozenset({8, 28}))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, case: ReaderCase, tmp_path: Path) -> None:
    law(case, tmp_path)


@pytest.mark.parametrize(("path", "n_frames"), [(ALUMINIUM, 3), (OXIDE, 1)])
def test_labels_are_those_that_ase_reads(path: Path, n_frames: int) -> None:
    frames = list(read_frames(path))
    expected: list[Any] = ase.io.read(path, index=":", format="gpaw-out")
    assert len(frames) == len(expected) == n_frames
    for frame, atoms in zip(frames, expected, strict=True):
        assert frame.numbers.tolist() == atoms.numbers.tolist()
        np.testing.assert_allclose(frame.positions, atoms.positions, atol=1e-9)
        np.testing.assert_allclose(frame.cell, atoms.cell.array, atol=1e-9)
        assert frame.energy_eV == pytest.approx(atoms.calc.results["energy"], abs=1e-9)
        assert frame.forces_eV_per_A is not None
        np.testing.assert_allclose(frame.forces_eV_per_A, atoms.calc.results["forces"], atol=1e-9)


def test_energies_forces_and_stress_of_aluminium() -> None:
    """Energies and stress that the run itself returned: see get_stress in the output's last lines."""
    frames = list(read_frames(ALUMINIUM))
    assert [frame.energy_eV for frame in frames] == [-7.697532, -7.697660, -7.697992]
    assert frames[0].stress_eV_per_A3 is None
    last = frames[-1].stress_eV_per_A3
    assert last is not None
    np.testing.assert_allclose(np.diag(last), [-0.041423, -0.041423, 0.136531])
    for a, b in pairwise(frames):  # the free energy changes by the work of the mean force
        assert a.forces_eV_per_A is not None
        assert b.forces_eV_per_A is not None
        work = -0.5 * float(((a.forces_eV_per_A + b.forces_eV_per_A) * (b.positions - a.positions)).sum())
        change = float(str(b.tags["free_energy_eV"])) - float(str(a.tags["free_energy_eV"]))
        assert change == pytest.approx(work, abs=3e-5)


@pytest.mark.parametrize(
    ("path", "tag", "value"),
    [
        (OXIDE, "code_version", "22.8.0"),
        (OXIDE, "xc", "PBE"),
        (OXIDE, "hubbard_u", "Ni:6.2"),
        (OXIDE, "hubbard_l", "Ni:2"),
        (OXIDE, "spin_polarized", True),
        (OXIDE, "pseudopotential", "Ni:Ni.PBE.gz, O:O.PBE.gz"),
        (OXIDE, "cutoff_eV", 250.0),
        (OXIDE, "kpoints", "mesh 2x2x2 Gamma"),
        (OXIDE, "smearing", "Fermi-Dirac"),
        (OXIDE, "energy_kind", "sigma to 0"),
        (OXIDE, "total_magnetic_moment", 0.002929),
        (OXIDE, "energy_note", "relative to reference atoms of -43408.850748 eV"),
        (ALUMINIUM, "hubbard_u", "none"),
        (ALUMINIUM, "spin_polarized", False),
        (ALUMINIUM, "smearing_eV", 0.2),
        (STOPPED, "scf_converged", False),
        (STOPPED, "kpoints", "mesh 1x1x1 Gamma"),
        (STOPPED, "defects", "the step prints no energy"),
    ],
)
def test_what_the_run_says(path: Path, tag: str, value: object) -> None:
    assert next(read_frames(path)).tags[tag] == value


def test_u_tells_two_surfaces_of_one_setup_apart() -> None:
    with_u, without = (surface_of(next(read_frames(path))) for path in (OXIDE, STOPPED))
    assert (with_u["hubbard_u[Ni]"], without["hubbard_u[Ni]"]) == ("6.2", "none")
    assert with_u["pseudopotential[Ni]"] == without["pseudopotential[Ni]"]


def test_cut_and_repeated_outputs(tmp_path: Path) -> None:
    text = ALUMINIUM.read_text()
    third = [at for at in range(len(text)) if text.startswith("\nConverged after", at)][2]
    (tmp_path / "cut.txt").write_text(text[:third])
    frames = list(read_frames(tmp_path / "cut.txt"))
    assert len(frames) == 2
    assert {frame.tags["run_complete"] for frame in frames} == {False}
    (tmp_path / "twice.txt").write_text(text + OXIDE.read_text())
    frames = list(read_frames(tmp_path / "twice.txt"))
    assert [frame.tags["run"] for frame in frames] == [0, 0, 0, 1]
    assert [frame.tags["hubbard_u"] for frame in frames] == ["none"] * 3 + ["Ni:6.2"]


def test_an_output_without_a_geometry_is_refused(tmp_path: Path) -> None:
    text = ALUMINIUM.read_text()
    (tmp_path / "none.txt").write_text(text[: text.index("Positions:")])
    with pytest.raises(BadInput, match="before it prints a geometry"):
        list(read_frames(tmp_path / "none.txt"))


# ---- trajectories and restart files ----------------------------------------------------------------------------------


def test_trajectory_and_restart_file_hold_the_labels(tmp_path: Path) -> None:
    for path, n_frames in ((trajectory(tmp_path), 3), (restart_file(tmp_path), 1)):
        assert reader_for(path).name == "ase_ulm"
        frames = list(read_frames(path))
        assert len(frames) == n_frames
        for frame, atoms in zip(frames, oxides(n_frames), strict=True):
            np.testing.assert_allclose(frame.positions, atoms.positions)
            assert frame.energy_eV == pytest.approx(atoms.calc.results["energy"])
            assert frame.forces_eV_per_A is not None
            np.testing.assert_allclose(frame.forces_eV_per_A, atoms.calc.results["forces"])
            assert frame.stress_eV_per_A3 is not None
            stress = frame.stress_eV_per_A3[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
            np.testing.assert_allclose(stress, atoms.calc.results["stress"])
            assert (frame.tags["code"], frame.tags["xc"], frame.tags["hubbard_u"]) == ("GPAW", "PBE", "Ni:6.2")
            assert frame.tags["energy_kind"] == "sigma to 0"
            assert frame.tags["total_magnetic_moment"] == pytest.approx(1.6)


def test_damaged_trajectories_are_refused(tmp_path: Path) -> None:
    whole = trajectory(tmp_path).read_bytes()
    for n_bytes in (8, 30, 60, 400, len(whole) // 2):
        (tmp_path / "cut.traj").write_bytes(whole[:n_bytes])
        with pytest.raises(BadInput):
            list(readers()["ase_ulm"].read(tmp_path / "cut.traj"))
