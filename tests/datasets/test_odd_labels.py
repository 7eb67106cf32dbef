"""Labels that are no numbers, zeros on some atoms, halves of a set in two units: what one audit has to tell apart."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.data import covalent_radii
from ase.units import Bohr, Hartree, kcal, mol
from scipy.spatial.transform import Rotation

from sonde.datasets.audit import audit
from sonde.datasets.moved_copies import moved_copies
from sonde.local_environments.neighbours import neighbour_list
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


@pytest.fixture(scope="module")
def rattled(alloys: list[Frame]) -> list[Frame]:
    """More frames than before: single ones are judged only where a model describes nearly all of the others."""
    rng = np.random.default_rng(2)
    found = list(alloys)
    for _ in range(40):
        cell = bulk("Cu", cubic=True)
        cell.symbols[:] = rng.choice(["Cu", "Ni"], len(cell))
        cell.set_cell(cell.cell @ (np.eye(3) + rng.normal(scale=0.02, size=(3, 3))), scale_atoms=True)
        cell.positions += rng.normal(scale=0.1, size=cell.positions.shape)
        found.append(labelled(cell, -4.0))
    return found


@pytest.mark.parametrize(
    ("factor", "kind"), [(-1.0, "force_sign"), (1 / Hartree * Bohr, "force_unit"), (Bohr, "force_unit")]
)
def test_forces_of_one_frame(factor: float, kind: str, rattled: list[Frame]) -> None:
    own = list(rattled)
    own[70] = replace(own[70], forces_eV_per_A=factor * np.asarray(own[70].forces_eV_per_A))
    found = alarm_of(audit(own, "one"), kind)
    assert (found.n, found.ordinals, found.severity) == (1, (70,), "medium")  # high from three on


def test_forces_of_another_frame(rattled: list[Frame]) -> None:
    own = list(rattled)
    own[70] = replace(own[70], forces_eV_per_A=own[71].forces_eV_per_A)
    found = alarm_of(audit(own, "exchanged"), "force_outliers")
    assert (found.ordinals, found.severity) == ((70,), "medium")


def turned(frame: Frame, rng: np.random.Generator) -> Frame:
    """The same crystal in another orientation, place and order of atoms."""
    R = Rotation.random(random_state=int(rng.integers(1000))).as_matrix()
    order = rng.permutation(frame.n_atoms)
    return replace(
        frame,
        numbers=frame.numbers[order],
        positions=((frame.positions + rng.normal(size=3)) @ R.T)[order],
        cell=frame.cell @ R.T,
        forces_eV_per_A=(np.asarray(frame.forces_eV_per_A) @ R.T)[order],
        stress_eV_per_A3=None if frame.stress_eV_per_A3 is None else R @ frame.stress_eV_per_A3 @ R.T,
    )


def test_copies_in_another_orientation(alloys: list[Frame]) -> None:
    rng = np.random.default_rng(3)
    copies = [turned(frame, rng) for frame in alloys[10:15]]
    found = alarm_of(audit([*alloys, *copies], "with copies"), "moved_copies")
    assert (found.n, found.ordinals, found.severity) == (5, (60, 61, 62, 63, 64), "low")
    leaked = alarm_of(audit(copies, "test", alloys, "train"), "leakage")
    assert (leaked.n, leaked.severity) == (5, "medium")
    assert "in another place, orientation" in leaked.message
    doubled = Atoms(alloys[0].numbers, alloys[0].positions, cell=alloys[0].cell, pbc=True) * (1, 2, 1)
    wrong = replace(labelled(doubled, -4.0), energy_eV=alloys[0].energy_eV)
    apart = alarm_of(audit([*alloys, wrong], "per atom or per cell"), "contradictory_labels")
    assert (apart.ordinals, apart.severity) == ((0, 60), "high")


def test_nearly_the_same_is_no_copy(alloys: list[Frame]) -> None:
    """An atom moved by 0.02 Å, two elements exchanged."""
    moved = turned(alloys[20], np.random.default_rng(4))
    positions = moved.positions.copy()
    positions[0] += 0.02
    assert not moved_copies([alloys[20], replace(moved, positions=positions)])
    assert not moved_copies([alloys[20], replace(moved, numbers=np.where(moved.numbers == 28, 29, 28))])
    assert moved_copies([alloys[20], moved]) == [(0, 1)]


def scaled(frame: Frame, cell: float, positions: float) -> Frame:
    return replace(frame, cell=frame.cell * cell, positions=frame.positions * positions)


@pytest.mark.parametrize(
    ("cell", "positions", "kind", "severity"),
    [
        (1 / Bohr, 1 / Bohr, "length_unit", "high"),
        (Bohr, Bohr, "overlapping_atoms", "high"),
        (1 / Bohr, 1.0, "length_unit", "medium"),
    ],
)
def test_lengths_in_bohr(cell: float, positions: float, kind: str, severity: str, rattled: list[Frame]) -> None:
    own = [scaled(frame, cell, positions) if i in (50, 60, 70) else frame for i, frame in enumerate(rattled)]
    found = alarm_of(audit(own, "scaled"), kind)
    assert set(found.ordinals) <= {50, 60, 70}
    assert found.severity == severity


def test_a_whole_set_in_bohr(alloys: list[Frame]) -> None:
    found = alarm_of(audit([scaled(frame, 1 / Bohr, 1 / Bohr) for frame in alloys], "scaled"), "length_unit")
    assert (found.n, found.severity) == (60, "medium")
    assert "consistent with lengths in Bohr" in found.message


def test_forces_of_more_elements_than_pairs_can_be_told_apart() -> None:
    """Sixteen elements in disorder, by Morse pairs of their own sizes: every ninth frame holds gradients."""
    rng = np.random.default_rng(5)
    own = [many_elements(rng) for _ in range(90)]
    assert len({z for frame in own for z in frame.numbers.tolist()}) > 12
    assert "high" not in {alarm.severity for alarm in audit(own, "sound").alarms}
    places = list(range(4, 90, 9))
    for place in places:
        own[place] = replace(own[place], forces_eV_per_A=-np.asarray(own[place].forces_eV_per_A))
    assert set(places) == set(alarm_of(audit(own, "turned"), "force_sign").ordinals)


def many_elements(rng: np.random.Generator) -> Frame:
    """A rattled crystal of six of sixteen metals; pairs rest at the sum of their covalent radii."""
    metals = rng.choice([13, 22, 23, 24, 25, 26, 27, 28, 29, 40, 41, 42, 46, 47, 78, 79], 6, replace=False)
    cell = bulk("Cu", cubic=True, a=3.9) * (2, 2, 1)
    cell.numbers[:] = rng.choice(metals, len(cell))
    cell.positions += rng.normal(scale=0.1, size=cell.positions.shape)
    frame = Frame(cell.numbers, cell.positions, np.asarray(cell.cell), cell.pbc)
    near = neighbour_list(frame, 5.0)
    rest = covalent_radii[frame.numbers[near.i]] + covalent_radii[frame.numbers[near.j]]
    decay = np.exp(-(near.distances - rest) / 0.4)
    pull = 0.2 * 2 * (decay**2 - decay) / 0.4
    forces = np.zeros((len(cell), 3))
    np.add.at(forces, near.i, -(pull / near.distances)[:, None] * near.vectors)
    return replace(frame, energy_eV=float(0.1 * (decay**2 - 2 * decay).sum()), forces_eV_per_A=forces)
