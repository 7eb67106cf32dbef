"""Right forces in the wrong place: those of the frame before, of atoms in another order, along other axes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from sonde.datasets.audit import audit
from sonde.records.arrays import FloatArray
from sonde.records.datasets import Audit
from sonde.records.frames import Frame

N_FRAMES = 60
Spoil = Callable[[list[Frame], int], FloatArray]


@pytest.fixture(scope="module")
def alloys() -> list[Frame]:
    """Rattled cells of copper and gold in turn, as of one trajectory, labelled by effective-medium theory."""
    rng = np.random.default_rng(4)
    found = []
    for _ in range(N_FRAMES):
        cell = bulk("Cu", cubic=True, a=3.85) * (2, 1, 1)
        cell.symbols[:] = ["Cu", "Au"] * 4
        cell.positions += rng.normal(scale=0.08, size=cell.positions.shape)
        cell.calc = EMT()
        energy, forces = float(cell.get_potential_energy()), cell.get_forces()
        found.append(Frame(cell.numbers, cell.positions, np.asarray(cell.cell), cell.pbc, energy, forces))
    return found


def own(frames: list[Frame], place: int) -> FloatArray:
    forces = frames[place].forces_eV_per_A
    assert forces is not None
    return forces


def by_symbol(frames: list[Frame], place: int) -> FloatArray:
    """As a program writes them that sorts atoms: gold first."""
    return own(frames, place)[np.argsort(-frames[place].numbers, kind="stable")]


def of_zxy(frames: list[Frame], place: int) -> FloatArray:
    return own(frames, place)[:, [2, 0, 1]]


def told(report: Audit) -> dict[str, tuple[int, set[int]]]:
    return {
        one.message.partition("only if they are ")[2]: (one.n, set(one.ordinals))
        for one in report.alarms
        if one.kind == "misplaced_forces"
    }


@pytest.mark.parametrize(("spoil", "words"), [(by_symbol, "sorted by falling atomic number"), (of_zxy, "other axes")])
def test_a_few_frames(spoil: Spoil, words: str, alloys: list[Frame]) -> None:
    places = [5, 17, 29, 41, 53]
    spoilt = [replace(f, forces_eV_per_A=spoil(alloys, i)) if i in places else f for i, f in enumerate(alloys)]
    ((message, (n, ordinals)),) = told(audit(spoilt, "spoilt")).items()
    assert words in message
    assert ordinals <= set(places)
    assert n >= 4


@pytest.mark.parametrize(("begin", "end"), [(20, 35), (0, N_FRAMES - 1)])
def test_labels_of_the_frame_before(begin: int, end: int, alloys: list[Frame]) -> None:
    """Each frame of a stretch, or of the whole set, carries the forces of the one before it."""
    spoilt = [replace(f, forces_eV_per_A=own(alloys, i - 1)) if begin < i <= end else f for i, f in enumerate(alloys)]
    ((message, (n, _)),) = told(audit(spoilt, "spoilt")).items()
    assert message == "those of the frame before."
    assert n >= 0.8 * (end - begin)


def test_sound(alloys: list[Frame]) -> None:
    assert told(audit(alloys, "sound")) == {}


def test_noise_is_misplaced_nowhere(alloys: list[Frame]) -> None:
    """Forces that mean nothing fit under no reading."""
    rng = np.random.default_rng(5)
    noise = [replace(frame, forces_eV_per_A=rng.normal(size=frame.positions.shape)) for frame in alloys]
    assert told(audit(noise, "noise")) == {}
