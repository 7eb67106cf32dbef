"""Energies against other references among energies that are off for reasons of their own."""

import numpy as np
import pytest

from sonde.datasets.energies_expected import Expected
from sonde.datasets.reference_shifts import reference_shift
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame

SHIFTS_EV = {13: 0.5, 28: -0.9, 8: 1.4}
N_FRAMES, N_OFF = 200, 40
TOLERANCE_EV = 0.1


def compositions(rng: np.random.Generator) -> list[Frame]:
    """Ten atoms each, of three elements in any numbers."""
    drawn = rng.choice([13, 28, 8], (N_FRAMES, 10), p=[0.5, 0.3, 0.2])
    return [Frame(numbers, np.zeros((10, 3)), np.eye(3) * 5, np.ones(3, bool), -40.0) for numbers in drawn]


def expected(frames: list[Frame], n_shifted: int, rng: np.random.Generator) -> Expected:
    """Of the first 40 energies so many are shifted, within 0.03 eV/atom; the others lie anywhere up to 2 eV off."""
    off: FloatArray = rng.normal(scale=0.02, size=N_FRAMES)
    off[:N_OFF] = rng.uniform(0.3, 2.0, N_OFF) * rng.choice([-1, 1], N_OFF)
    shifts = [np.mean([SHIFTS_EV[int(number)] for number in frame.numbers]) for frame in frames[:n_shifted]]
    off[:n_shifted] = shifts + rng.normal(scale=0.01, size=n_shifted)
    far = np.arange(N_FRAMES) < N_OFF
    return Expected(off, -4.0 - off, far, TOLERANCE_EV, "the others", by_model=True)


@pytest.mark.parametrize("n_shifted", [20, 26, 36])
def test_shifts_are_told_among_outliers(n_shifted: int) -> None:
    """Half of what is off, two thirds, nearly all of it: the planted numbers come back."""
    rng = np.random.default_rng(n_shifted)
    frames = compositions(rng)
    found = expected(frames, n_shifted, rng)
    told, marked = reference_shift(frames, found, found.far)
    assert told is not None
    assert marked[:n_shifted].all()
    assert marked[n_shifted:].sum() <= 0.3 * (N_OFF - n_shifted)
    by_element = dict(zip(("O", "Al", "Ni"), (1.4, 0.5, -0.9), strict=True))
    words = told.message.partition("per atom: ")[2].partition(")")[0]
    for element, shift in (part.split() for part in words.split(", ")):
        assert float(shift) == pytest.approx(by_element[element], abs=0.1)


@pytest.mark.parametrize("seed", range(8))
def test_outliers_alone_are_no_shift(seed: int) -> None:
    """Three free numbers explain some of any forty energies; no more than chance does."""
    rng = np.random.default_rng(seed)
    frames = compositions(rng)
    found = expected(frames, 0, rng)
    assert reference_shift(frames, found, found.far)[0] is None
