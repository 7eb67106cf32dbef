"""Sound sets as they are in practice, without a word on where they come from: nothing serious is said of them.

Labels by ASE's effective-medium potential, so that they are consistent by construction.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT

from sonde.datasets.audit import audit
from sonde.records.frames import Frame

Maker = Callable[[np.random.Generator], Iterator[Atoms]]


def labelled(atoms: Atoms) -> Frame:
    atoms.calc = EMT()
    periodic = bool(np.all(atoms.pbc))
    return Frame(
        atoms.numbers,
        atoms.positions,
        np.asarray(atoms.cell),
        atoms.pbc,
        float(atoms.get_potential_energy()),
        atoms.get_forces(),
        atoms.get_stress(voigt=False) if periodic else None,
    )


def rattled(atoms: Atoms, by_A: float, rng: np.random.Generator) -> Atoms:
    moved = atoms.copy()
    moved.positions += rng.normal(scale=by_A, size=moved.positions.shape)
    return moved


def cluster(element: str, n: int, rng: np.random.Generator) -> Atoms:
    """Atoms put one by one next to the others, none closer than 2.2 Å."""
    positions = [np.zeros(3)]
    while len(positions) < n:
        step = rng.normal(size=3)
        at = positions[rng.integers(len(positions))] + 2.6 * step / np.linalg.norm(step)
        if min(np.linalg.norm(at - other) for other in positions) > 2.2:
            positions.append(at)
    return Atoms([element] * n, positions)


def clusters_and_atoms(rng: np.random.Generator) -> Iterator[Atoms]:
    """No cells at all; single atoms have no forces."""
    for element in ("Cu", "Au"):
        yield Atoms(element)
        yield from (cluster(element, int(rng.integers(4, 14)), rng) for _ in range(30))


def slabs(rng: np.random.Generator) -> Iterator[Atoms]:
    for _ in range(30):
        slab = fcc111(str(rng.choice(["Cu", "Pd"])), (1, 2, int(rng.integers(2, 5))), vacuum=7)
        slab.pbc = [True, True, bool(rng.integers(2))]
        yield rattled(slab, 0.08, rng)


def strained_and_pressed(rng: np.random.Generator) -> Iterator[Atoms]:
    """Volumes from 0.55 to 1.3 times the usual one, some cells sheared, forces from none by symmetry to tens of eV."""
    for element in ("Al", "Ni"):
        for factor in np.linspace(0.55, 1.3, 20) ** (1 / 3):
            cell = bulk(element, cubic=True)
            cell.set_cell(cell.cell @ (factor * (np.eye(3) + rng.normal(scale=0.02, size=(3, 3)))), scale_atoms=True)
            yield cell.copy()
            yield rattled(cell, 0.1 * factor, rng)


def melts(rng: np.random.Generator) -> Iterator[Atoms]:
    """From cold crystals to disorder that no crystal reminds of."""
    for scale in np.linspace(0.02, 0.35, 40):
        yield rattled(bulk("Cu", cubic=True) * (2, 2, 1), scale, rng)


def pairs_of_atoms(rng: np.random.Generator) -> Iterator[Atoms]:
    """Isolated pairs from 1.6 Å on beside bulk: huge forces, few of which the bulk foretells."""
    for a, b in (("Cu", "Cu"), ("Au", "Cu"), ("Au", "Au")):
        yield from (Atoms([a, b], [[0, 0, 0], [0, 0, r]]) for r in np.linspace(1.6, 5.5, 15))
    for element in ("Cu", "Au"):
        yield from (rattled(bulk(element, cubic=True), 0.1, rng) for _ in range(20))


SETS: dict[str, Maker] = {
    maker.__name__: maker for maker in (clusters_and_atoms, slabs, strained_and_pressed, melts, pairs_of_atoms)
}


def made(name: str) -> list[Frame]:
    rng = np.random.default_rng(7)
    return [labelled(atoms) for atoms in SETS[name](rng)]


@pytest.mark.parametrize("name", SETS)
def test_nothing_serious_is_said_of_sound_sets(name: str) -> None:
    report = audit(made(name), name)
    assert [alarm for alarm in report.alarms if alarm.severity == "high"] == []


def test_all_kinds_in_one_set() -> None:
    frames = [frame for name in SETS for frame in made(name)]
    assert [alarm for alarm in audit(frames, "all").alarms if alarm.severity == "high"] == []


@pytest.mark.parametrize("name", ["slabs", "strained_and_pressed", "melts"])
def test_the_same_sets_with_a_defect_are_told(name: str) -> None:
    """Silence above is not deafness: every eighth frame's forces are gradients."""
    frames = made(name)
    turned = [
        replace(frame, forces_eV_per_A=-frame.forces_eV_per_A)
        if i % 8 == 1 and frame.forces_eV_per_A is not None
        else frame
        for i, frame in enumerate(frames)
    ]
    assert "force_sign" in {alarm.kind for alarm in audit(turned, name).alarms}


def test_charged_molecules_are_compared_with_their_like() -> None:
    """An electron less costs 8 eV here; frames that state their charge are no outliers, nor a contradiction."""
    rng = np.random.default_rng(3)
    neutral = [replace(labelled(cluster("Cu", 6, rng)), tags={"charge": 0}) for _ in range(30)]
    ions = [
        replace(one, energy_eV=(one.energy_eV or 0.0) + 8.0, tags={"charge": 1})
        for one in (*neutral[:4], *(labelled(cluster("Cu", 6, rng)) for _ in range(8)))
    ]
    report = audit([*neutral, *ions], "charged")
    assert {alarm.kind for alarm in report.alarms} == {"surface_unknown"}
    unsaid = audit([replace(one, tags={}) for one in (*neutral, *ions)], "not said")
    assert "contradictory_labels" in {alarm.kind for alarm in unsaid.alarms}


def test_pairs_of_atoms_cannot_be_turned() -> None:
    """Along one bond the forces of a wrong model are parallel or turned, nothing between: labels may be right."""
    rng = np.random.default_rng(0)
    frames = []
    for ordinal in range(60):
        length, toward = float(rng.uniform(0.9, 2.2)), rng.normal(size=3)
        bond = length * toward / np.linalg.norm(toward)
        push = rng.normal() * bond / length  # two spin states, say, one of which is repulsive
        positions = np.array([[5.0, 5, 5], np.array([5.0, 5, 5]) + bond])
        cell, pbc = np.eye(3) * 12, np.ones(3, bool)
        forces = np.array([-push, push])
        frames.append(Frame(np.array([8, 8]), positions, cell, pbc, float(rng.normal()), forces, ordinal=ordinal))
    assert "force_sign" not in {alarm.kind for alarm in audit(frames, "pairs").alarms}
