"""Labels that are no numbers, zeros on some atoms, halves of a set in two units: what one audit has to tell apart."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.units import Hartree, kcal, mol

from sonde.datasets.audit import audit
from sonde.records.arrays import FloatArray
from sonde.records.datasets import Alarm, Audit
from sonde.records.frames import Frame


def labelled(atoms: Atoms, energy_zero_eV: float = 0.0) -> Frame:
    """Label atoms by EMT, whose energies are small; `energy_zero_eV` per atom puts them where real ones lie."""
    atoms.calc = EMT()
    return Frame(
        atoms.numbers,
        atoms.positions,
        np.asarray(atoms.cell),
        atoms.pbc,
        float(atoms.get_potential_energy()) + energy_zero_eV * len(atoms),
        atoms.get_forces(),
        atoms.get_stress(voigt=False) if atoms.pbc.all() else None,
    )


@pytest.fixture(scope="module")
def alloys() -> list[Frame]:
    rng = np.random.default_rng(1)
    found = []
    for i in range(60):
        cell = bulk("Cu", cubic=True) * (2 if i % 2 else 1, 1, 1)
        cell.symbols[:] = rng.choice(["Cu", "Ni"], len(cell))
        cell.positions += rng.normal(scale=0.08, size=cell.positions.shape)
        found.append(labelled(cell, -4.0))
    return found


def rounded(forces: FloatArray | None) -> FloatArray:
    assert forces is not None
    return np.where(np.abs(forces) < 1e-9, 0.0, forces)


def alarm_of(report: Audit, kind: str) -> Alarm:
    return next(alarm for alarm in report.alarms if alarm.kind == kind)


def test_sound(alloys: list[Frame]) -> None:
    assert {alarm.kind for alarm in audit(alloys, "sound").alarms} == {"surface_unknown"}


def test_labels_that_are_no_numbers(alloys: list[Frame]) -> None:
    own = list(alloys)
    own[3] = replace(own[3], energy_eV=float("nan"))
    own[5] = replace(own[5], forces_eV_per_A=np.full_like(own[5].positions, np.inf))
    report = audit(own, "with NaN")
    assert (alarm_of(report, "not_finite").ordinals, alarm_of(report, "not_finite").severity) == ((3, 5), "high")
    assert report.labels == {"energy": 59, "forces": 59, "stress": 60}


def test_atoms_held_fixed(alloys: list[Frame]) -> None:
    own = list(alloys)
    forces = np.array(own[7].forces_eV_per_A)
    forces[:2] = 0
    own[7] = replace(own[7], forces_eV_per_A=forces)
    own[9] = replace(own[9], forces_eV_per_A=np.asarray(own[9].forces_eV_per_A) * [1, 1, 0])
    assert alarm_of(audit(own, "fixed"), "zeroed_atoms").ordinals == (7, 9)


def test_zero_components_that_symmetry_asks_for() -> None:
    """The centre of CH4, all of a planar molecule across its plane, a pair of atoms across its axis."""
    frames = [labelled(molecule(name)) for name in ("CH4", "H2O", "CO", "C2H4") for _ in range(3)]
    exact = [replace(frame, forces_eV_per_A=rounded(frame.forces_eV_per_A)) for frame in frames]
    assert "zeroed_atoms" not in {alarm.kind for alarm in audit(exact, "symmetric").alarms}


def test_a_lone_atom_may_be_the_zero_of_energy(alloys: list[Frame]) -> None:
    atom = Frame(np.array([29]), np.zeros((1, 3)), np.zeros((3, 3)), np.zeros(3, bool), 0.0, np.zeros((1, 3)))
    assert not {alarm.kind for alarm in audit([*alloys, atom], "with an atom").alarms} & {"zero_filled_energy"}
    bulk_zero = replace(alloys[0], energy_eV=0.0)
    assert alarm_of(audit([*alloys[1:], bulk_zero], "with a zero"), "zero_filled_energy").n == 1


@pytest.mark.parametrize(
    ("kind", "words", "factor"),
    [
        ("energy_unit", "in Hartree", Hartree),
        ("energy_unit", "in kcal/mol", kcal / mol),
        ("energy_unit", "in meV", 1e-3),
        ("energy_per_atom", "per atom", None),
    ],
)
@pytest.mark.parametrize("n_spoilt", [1, 30, 45])
def test_a_part_of_any_size_in_another_unit(
    kind: str, words: str, factor: float | None, n_spoilt: int, alloys: list[Frame]
) -> None:
    places = np.random.default_rng(n_spoilt).choice(len(alloys), n_spoilt, replace=False).tolist()
    own = list(alloys)
    for place in places:
        own[place] = replace(own[place], energy_eV=(own[place].energy_eV or 0.0) / (factor or own[place].n_atoms))
    found = alarm_of(audit(own, "mixed"), kind)
    assert found.n >= 0.9 * n_spoilt
    assert set(found.ordinals) <= set(places)
    assert words in found.message
