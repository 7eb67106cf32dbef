"""What a curve says before any law: rises, outliers, runaways; each with a curve that says nothing of the kind."""

from collections.abc import Sequence

import numpy as np
import pytest

from sonde.records.arrays import FloatArray
from sonde.records.scaling import Reading
from sonde.scaling_laws.noise import seed_noise
from sonde.scaling_laws.points import points
from sonde.scaling_laws.readings import readings

SIZES = np.asarray(500 * 2.0 ** np.arange(7), np.float64)
X = np.repeat(SIZES, 3)


def read(loss: FloatArray, x: FloatArray = X, converged: Sequence[bool | None] | None = None) -> dict[str, Reading]:
    """Readings by kind, the last of each."""
    data = points(x, loss)
    return {one.kind: one for one in readings(data, seed_noise(data), converged)}


def noisy(seed: int = 0, scatter: float = 0.02) -> FloatArray:
    return np.asarray(3 * X**-0.3 * np.exp(scatter * np.random.default_rng(seed).standard_normal(len(X))))


def test_an_ordinary_curve_says_nothing() -> None:
    kinds = [kind for seed in range(60) for kind in read(noisy(seed))]
    assert len(kinds) <= 6  # chance: each kind is looked for at a level of 1 or 5 %
    assert not any(one.serious for seed in range(60) for one in read(noisy(seed)).values())


def test_a_curve_that_rises_as_a_whole_is_serious() -> None:
    found = read(0.1 * (X / 500) ** 0.2 * noisy() / (3 * X**-0.3))
    assert found["rises"].serious
    assert "2.3 times as large at the largest size" in found["rises"].message


def test_a_step_up_beyond_the_seeds_is_named_with_its_sizes() -> None:
    loss = noisy()
    loss[X == 8000] *= 1.6
    found = read(loss)["not_monotone"]
    assert found.x == (4000.0, 8000.0)
    assert "that is more than the seeds scatter" in found.message
    assert found.serious


def test_with_one_seed_every_rise_is_told_but_not_as_more_than_chance() -> None:
    found = read(np.array([1.0, 0.8, 0.85, 0.6, 0.5, 0.4, 0.3]), SIZES)
    assert found["not_monotone"].x == (1000.0, 2000.0)
    assert "chance cannot be told from a rise" in found["not_monotone"].message
    assert not found["not_monotone"].serious
    assert "One run per size" in found["one_seed"].message


def test_many_rises_are_told_together() -> None:
    sizes = np.asarray(np.geomspace(10, 1e5, 30))
    found = readings(points(sizes, np.tile([1.0, 1.1], 15)), seed_noise(points(sizes, np.tile([1.0, 1.1], 15))))
    rises = [one for one in found if one.kind == "not_monotone"]
    assert len(rises) == 1
    assert "rises at 15 of 29 steps" in rises[0].message


@pytest.mark.parametrize("place", [0, 10, 20])
def test_one_failed_run_is_an_outlier(place: int) -> None:
    loss = noisy()
    loss[place] *= 1.5
    found = read(loss)
    assert found["outlier"].x == (X[place],)
    assert "did it finish?" in found["outlier"].message
    assert "unequal_scatter" not in found


def test_one_size_off_the_line_of_its_neighbours_is_an_outlier() -> None:
    sizes = np.asarray(500 * 2.0 ** np.arange(10), np.float64)
    loss = 3 * sizes**-0.3
    loss[5] *= 1.3
    assert read(loss, sizes)["outlier"].x == (16000.0,)


def test_a_smallest_size_that_has_not_learnt_is_named() -> None:
    loss = noisy()
    loss[X == 500] *= 50
    found = read(loss)["runaway"]
    assert found.serious
    assert "Fit without it (--from 1000)" in found.message


def test_runs_that_had_not_settled_are_counted() -> None:
    few = read(noisy(), converged=[*([True] * 19), False, None])["not_converged"]
    assert few.x == (32000.0,)
    assert not few.serious
    most = read(noisy(), converged=[False] * 12 + [True] * 9)["not_converged"]
    assert most.serious
    assert "12 of 21 runs had not settled" in most.message
    assert "not_converged" not in read(noisy(), converged=[True] * 21)


def test_scatter_that_grows_with_size_is_said_to() -> None:
    rng = np.random.default_rng(1)
    loss = 3 * X**-0.3 * np.exp(0.003 * (X / 500) * rng.standard_normal(len(X)))
    assert "grows with size" in read(loss)["unequal_scatter"].message


def test_a_flat_curve_is_said_to_be_flat_and_one_with_a_slope_is_not() -> None:
    flat = [read(noisy(seed) * X**0.3) for seed in range(20)]
    assert sum("flat" in found for found in flat) >= 16
    assert all("buys nothing" in found["flat"].message for found in flat if "flat" in found)
    assert not any("flat" in read(noisy(seed) * X**0.27) for seed in range(20))
