"""Cells that lost their periodicity and labels that lost their digits."""

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk

from sonde.datasets.given_alarms import given_alarms
from sonde.records.frames import Frame


@pytest.fixture
def crystals() -> list[Frame]:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(20):
        cell = bulk("Ni", cubic=True)
        positions = cell.positions + rng.normal(scale=0.1, size=cell.positions.shape)
        forces, energy = rng.normal(size=positions.shape), float(rng.normal(-22.0, 0.1))
        found.append(Frame(cell.numbers, positions, np.asarray(cell.cell), np.ones(3, bool), energy, forces))
    return found


def told(frames: list[Frame]) -> list[tuple[str, str, int]]:
    return [(alarm.kind, alarm.severity, alarm.n) for alarm in given_alarms(frames)]


def test_sound(crystals: list[Frame]) -> None:
    assert told(crystals) == []


def test_a_cell_that_is_not_repeated(crystals: list[Frame]) -> None:
    aperiodic = [replace(frame, pbc=np.zeros(3, bool)) for frame in crystals[:4]]
    assert told([*aperiodic, *crystals[4:]]) == [("lost_periodicity", "medium", 4)]
    assert told(aperiodic) == []  # nothing says that they should be


def test_a_cluster_in_a_box_is_none(crystals: list[Frame]) -> None:
    boxed = [replace(frame, pbc=np.zeros(3, bool), cell=4 * frame.cell) for frame in crystals[:4]]
    slab = replace(crystals[5], pbc=np.array([True, True, False]))
    assert told([*boxed, slab, *crystals[6:]]) == []


def test_a_cell_that_is_gone(crystals: list[Frame]) -> None:
    bare = [replace(frame, pbc=np.zeros(3, bool), cell=np.zeros((3, 3))) for frame in crystals[:3]]
    assert told([*bare, *crystals[3:]]) == [("lost_periodicity", "low", 3)]
    molecules = [replace(frame, cell=6 * frame.cell) for frame in crystals[3:]]
    assert told([*bare, *molecules]) == []


@pytest.mark.parametrize(("digits", "n_alarms"), [(2, 1), (1, 1), (3, 0)])
def test_rounded_forces(digits: int, n_alarms: int, crystals: list[Frame]) -> None:
    own = [replace(one, forces_eV_per_A=np.round(np.asarray(one.forces_eV_per_A), digits)) for one in crystals]
    assert told(own) == [("rounded_labels", "low", 20)] * n_alarms


@pytest.mark.parametrize(("digits", "n_alarms"), [(2, 1), (1, 1), (3, 0)])
def test_rounded_energies(digits: int, n_alarms: int, crystals: list[Frame]) -> None:
    """Four atoms: hundredths of an eV are 2.5 meV per atom, thousandths are fine."""
    own = [replace(frame, energy_eV=round(frame.energy_eV or 0.0, digits)) for frame in crystals]
    assert told(own) == [("rounded_labels", "low", 20)] * n_alarms
