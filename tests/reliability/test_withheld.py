"""Compositions withheld on purpose, and the thresholds that are set on them."""

import numpy as np
import pytest

from sonde.records.arrays import IntArray
from sonde.reliability.probes.caution import MISSED, Caution, tolerances_for
from sonde.reliability.withheld import withheld_folds

KINDS: tuple[IntArray, ...] = tuple(
    np.array(own) for own in ([13, 13], [3, 3], [13, 3], [13, 12], [12, 3], [12, 12], [12, 13, 3])
)


def test_whole_compositions_are_withheld_together() -> None:
    numbers = [KINDS[n % 7] for n in range(70)]
    fold = withheld_folds(numbers, range(70), 3, seed=0)
    for kind in range(7):
        assert len(set(fold[kind::7].tolist())) == 1
    assert set(fold.tolist()) == {0, 1, 2}


def test_formulas_where_all_frames_hold_the_same_elements() -> None:
    numbers = [np.array([3] * (1 + n % 5) + [13]) for n in range(50)]
    fold = withheld_folds(numbers, range(50), 3, seed=0)
    assert all(len(set(fold[kind::5].tolist())) == 1 for kind in range(5))


def test_groups_where_withholding_would_take_an_element_away() -> None:
    numbers = [np.array([z]) for z in (3, 11, 12, 13) for _ in range(10)]
    fold = withheld_folds(numbers, [n // 2 for n in range(40)], 3, seed=0)
    assert all(len(set(fold[10 * k : 10 * k + 10].tolist())) > 1 for k in range(4))
    assert (fold[::2] == fold[1::2]).all()


def test_few_of_the_frames_beyond_tolerance_pass() -> None:
    """The threshold keeps its promise on new structures of the same kind, at every tolerance."""
    rng = np.random.default_rng(0)
    largest = rng.lognormal(size=8000)
    odds = rng.normal(size=8000) - np.log(largest)
    known, new = np.arange(4000), np.arange(4000, 8000)
    tolerances = tolerances_for(largest[known])
    p = np.array([1 / (1 + np.exp(-(odds + np.log(t)))) for t in tolerances])
    caution = Caution.fit(p[:, known], largest[known], tolerances, 0.1)
    for t, stated in zip(tolerances.tolist(), p[:, new], strict=True):
        beyond = largest[new] > t
        passes = (stated[beyond] >= caution.at(t, 0.1)).mean()
        assert passes < MISSED + 0.02
        assert passes > 0.01 or caution.at(t, 0.1) == 0.1
    assert caution.at(1e-6, 0.1) == caution.least[0]


def test_too_few_frames_beyond_leave_even_odds() -> None:
    caution = Caution.fit(np.full((1, 30), 0.9), np.arange(30.0), np.array([20.0]), 0.5)
    assert caution.at(1.0, 0.5) == 0.5
    assert Caution.from_state(caution.state()).at(1.0, 0.5) == 0.5


def test_a_threshold_is_never_below_the_floor() -> None:
    caution = Caution.fit(np.zeros((1, 100)), np.arange(100.0), np.array([10.0]), 0.5)
    assert caution.at(10.0, 0.5) == pytest.approx(0.5)
