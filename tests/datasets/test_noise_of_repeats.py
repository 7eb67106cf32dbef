"""Noise of forces by geometries that were labelled more than once: on paper."""

from dataclasses import replace

import numpy as np
import pytest

from sonde.datasets.label_noise import FEWEST_PAIRS, noise_of_repeated_forces
from sonde.records.frames import Frame

SIGMA = 0.02


def labelled_twice(n: int, sigma: float) -> list[Frame]:
    rng = np.random.default_rng(0)
    found = []
    for ordinal in range(n):
        positions, forces = rng.random((8, 3)) * 5, rng.normal(size=(8, 3))
        first = Frame(np.full(8, 13), positions, np.eye(3) * 5, np.ones(3, bool), 0.0, forces, ordinal=2 * ordinal)
        noise = sigma * rng.normal(size=(2, 8, 3))
        found += [replace(first, forces_eV_per_A=forces + own) for own in noise]
    return found


def test_it_is_the_deviation_of_one_label() -> None:
    assert noise_of_repeated_forces(labelled_twice(60, SIGMA)) == pytest.approx(SIGMA, rel=0.1)


def test_a_few_contradictions_are_no_noise() -> None:
    frames = labelled_twice(60, SIGMA) + labelled_twice(66, 3.0)[120:]
    assert noise_of_repeated_forces(frames) == pytest.approx(SIGMA, rel=0.2)


def test_copies_and_few_pairs_tell_nothing() -> None:
    assert noise_of_repeated_forces(labelled_twice(60, 0.0)) is None
    assert noise_of_repeated_forces(labelled_twice(60, 1e-12)) is None  # rounding
    assert noise_of_repeated_forces(labelled_twice(FEWEST_PAIRS - 1, SIGMA)) is None
    assert noise_of_repeated_forces(labelled_twice(60, SIGMA)[::2]) is None


def test_two_functionals_are_no_noise() -> None:
    frames = labelled_twice(60, 0.5)
    stated = [replace(frame, tags={"xc": ("PBE", "PBEsol")[place % 2]}) for place, frame in enumerate(frames)]
    assert noise_of_repeated_forces(stated) is None
    assert noise_of_repeated_forces(frames) == pytest.approx(0.5, rel=0.1)
