"""Energies on two levels, a tenth of an eV per atom apart: told where structures do not explain them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from sonde.datasets.audit import audit
from sonde.datasets.readers import read_frames
from sonde.datasets.two_references import two_references
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.frames import Frame

N_FRAMES = 60


@pytest.fixture(scope="module")
def crystals() -> list[Frame]:
    """Rattled copper, every second one expanded by a tenth."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(N_FRAMES):
        cell = bulk("Cu", cubic=True, a=3.6 if i % 2 else 4.0)
        positions = cell.positions + rng.normal(scale=0.05, size=cell.positions.shape)
        found.append(Frame(cell.numbers, positions, np.asarray(cell.cell), np.ones(3, bool), -14.0))
    return found


def missed(on_other: BoolArray, step: float) -> FloatArray:
    """What a model misses, 5 meV/atom, and the step."""
    return np.asarray(np.random.default_rng(1).normal(scale=0.005, size=N_FRAMES) + step * on_other)


@pytest.mark.parametrize(("share", "step"), [(0.15, 0.08), (0.15, -0.08), (0.5, 0.05)])
def test_a_step_is_told(share: float, step: float, crystals: list[Frame]) -> None:
    chosen = np.random.default_rng(2).permutation(N_FRAMES) < share * N_FRAMES
    told = two_references(crystals, missed(chosen, step), np.ones(N_FRAMES, bool))
    assert told is not None
    n = int(chosen.sum())
    assert told.n == n
    if share < 0.5:
        assert set(told.ordinals) == set(np.flatnonzero(chosen).tolist())
        assert f"{step:+.2g}"[:4] in told.message


def test_structures_explain_a_step(crystals: list[Frame]) -> None:
    """All expanded cells lie above the others: the model is wrong, or they are; nothing says that labels are."""
    expanded = np.arange(N_FRAMES) % 2 == 0
    assert two_references(crystals, missed(expanded, 0.08), np.ones(N_FRAMES, bool)) is None


@pytest.mark.parametrize("shape", ["normal", "t", "uniform", "one-sided"])
def test_one_heap_is_not_cut_in_two(shape: str, crystals: list[Frame]) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        drawn = {
            "normal": rng.normal(size=N_FRAMES),
            "t": rng.standard_t(2, N_FRAMES),
            "uniform": rng.uniform(-2, 2, N_FRAMES),
            "one-sided": rng.exponential(size=N_FRAMES),
        }
        assert two_references(crystals, 0.05 * drawn[shape], np.ones(N_FRAMES, bool)) is None


def test_small_shifts_of_a_real_set(shared_data: Path) -> None:
    """al_li_mg as computed is silent; a fifth of it 0.2 eV/atom up, less than any outlier, is told."""
    own = list(read_frames(shared_data / "al_li_mg/al_li_mg.xyz"))
    places = set(np.random.default_rng(3).choice(len(own), len(own) // 5, replace=False).tolist())
    up = [
        replace(frame, energy_eV=(frame.energy_eV or 0.0) + 0.2 * frame.n_atoms) if i in places else frame
        for i, frame in enumerate(own)
    ]
    told = next(alarm for alarm in audit(up, "two levels").alarms if alarm.kind == "reference_shift")
    assert told.n >= 0.9 * len(places)
    assert set(told.ordinals) <= places
