"""The ASE calculator: the same numbers, from one pass."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.potentials.al_li_mg import al_li_mg_frames

from sonde.potentials.calculator import SondeCalculator, atoms_of, frame_of
from sonde.potentials.linear import LinearPotential, fit_linear
from sonde.potentials.residuals import force_errors, force_residuals
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> list[Frame]:
    return al_li_mg_frames(shared_data, 4.0)[::3]


@pytest.fixture(scope="module")
def linear(frames: list[Frame]) -> LinearPotential:
    return fit_linear(frames)


class Counting:
    """Counts the passes of a real potential."""

    def __init__(self, inner: LinearPotential) -> None:
        self.inner, self.identity, self.passes = inner, inner.identity, 0

    def reference_energy_eV(self, number: int) -> float | None:  # noqa: N802 - the unit
        return self.inner.reference_energy_eV(number)

    def evaluate(
        self, frames: Sequence[Frame], *, batch_size: int = 8, progress: Progress = SILENT
    ) -> list[FrameEvaluation]:
        self.passes += len(frames)
        return self.inner.evaluate(frames, batch_size=batch_size, progress=progress)


def test_all_properties_come_from_one_pass(linear: LinearPotential, frames: list[Frame]) -> None:
    counting = Counting(linear)
    atoms = atoms_of(frames[50])
    atoms.calc = SondeCalculator(counting)
    result = linear.evaluate([frames[50]])[0]
    assert result.stress_eV_per_A3 is not None
    assert result.atomic_energies_eV is not None
    assert atoms.get_potential_energy() == result.energy_eV
    assert np.array_equal(atoms.get_forces(), result.forces_eV_per_A)
    assert np.array_equal(atoms.get_stress(voigt=False), result.stress_eV_per_A3)
    assert np.array_equal(atoms.get_potential_energies(), result.atomic_energies_eV)
    assert counting.passes == 1
    atoms.positions[0] += 0.1
    assert atoms.get_potential_energy() != result.energy_eV
    assert counting.passes == 2


def test_results_of_the_last_structure_do_not_stay(linear: LinearPotential, frames: list[Frame]) -> None:
    calculator = SondeCalculator(linear)
    first, second = atoms_of(frames[50]), atoms_of(frames[51])
    first.calc = calculator
    before = first.get_forces().copy()
    kept = calculator.results["embeddings"]
    second.calc = calculator
    second.get_forces()
    assert calculator.results["embeddings"] is not kept
    assert np.array_equal(first.get_forces(), before)


def test_frames_survive_the_round_trip(frames: list[Frame]) -> None:
    back = frame_of(atoms_of(frames[7]))
    assert np.array_equal(back.positions, frames[7].positions)
    assert np.array_equal(back.cell, frames[7].cell)


def test_errors_are_lengths_of_difference_vectors(linear: LinearPotential) -> None:
    frame = Frame(
        np.array([13, 13]),
        np.array([[0.0, 0, 0], [0, 0, 3]]),
        np.zeros((3, 3)),
        np.zeros(3, bool),
        energy_eV=2.0,
        forces_eV_per_A=np.zeros((2, 3)),
    )
    evaluation = FrameEvaluation(2.01, np.array([[3.0, 4, 0], [0, 0, 0]]), None, None, np.zeros((2, 1)))
    errors = force_errors(frame, evaluation)
    assert errors is not None
    assert errors.tolist() == [5.0, 0.0]
    residuals = force_residuals(linear, [frame], [evaluation])
    assert residuals.force_rmse_eV_per_A == pytest.approx(np.sqrt(25 / 6))
    assert residuals.force_mae_eV_per_A == pytest.approx(7 / 6)
    assert residuals.energy_offset_meV_per_atom == pytest.approx(5.0)
    bare = Frame(frame.numbers, frame.positions, frame.cell, frame.pbc)
    assert force_errors(bare, evaluation) is None
    assert force_residuals(linear, [bare], [evaluation]).force_rmse_eV_per_A is None
