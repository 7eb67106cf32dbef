"""Metrics against scikit-learn and against cases known on paper."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from sonde.reliability.metrics import (
    auroc,
    auroc_interval,
    brier,
    calibration_error_by_chance,
    expected_calibration_error,
    reliability_bins,
)


def test_auroc_and_brier_equal_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(0)
    happened = rng.random(300) < 0.4
    scores = np.round(rng.random(300) * 0.5 + np.where(happened, 0.3, 0.0), 1)
    assert auroc(happened, scores) == pytest.approx(roc_auc_score(happened, scores))
    assert brier(happened, scores) == pytest.approx(brier_score_loss(happened, scores))


def test_auroc_on_paper() -> None:
    happened = np.array([False, False, True, True])
    assert auroc(happened, np.array([0.1, 0.2, 0.3, 0.4])) == 1.0
    assert auroc(happened, np.array([0.4, 0.3, 0.2, 0.1])) == 0.0
    assert auroc(happened, np.ones(4)) == 0.5
    assert auroc(np.ones(4, bool), np.arange(4.0)) is None


def test_interval_holds_the_truth_and_widens_with_fewer_groups() -> None:
    rng = np.random.default_rng(1)
    happened = rng.random(400) < 0.5
    scores = rng.normal(size=400) + happened  # two unit normals one apart: AUROC = Φ(1/√2) = 0.760
    low, high = auroc_interval(happened, scores, range(400), seed=0)
    assert low is not None
    assert high is not None
    assert low < 0.760 < high
    few = auroc_interval(happened, scores, [n // 100 for n in range(400)], seed=0)
    assert few[0] is not None
    assert auroc_interval(np.ones(400, bool), scores, range(400), seed=0) == (None, None)


def test_calibration_error() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(20_000)
    honest = rng.random(20_000) < p
    assert expected_calibration_error(honest, p) < 0.015
    # Probabilities pushed to 0.5 ± 0.5 by a factor of two are wrong by half the distance, 0.125 on average.
    assert expected_calibration_error(honest, 0.25 + p / 2) == pytest.approx(0.125, abs=0.01)
    assert expected_calibration_error(np.array([True, False]), np.array([0.5, 0.5])) == 0.0


def test_calibration_error_by_chance_on_paper() -> None:
    assert calibration_error_by_chance([(0.5, 1.0, 1)]) == pytest.approx(0.5)
    assert calibration_error_by_chance([(0.5, 0.5, 2), (1.0, 1.0, 6)]) == pytest.approx(0.25 / 4)
    rng = np.random.default_rng(0)
    p = rng.random(200)
    found = [expected_calibration_error(rng.random(200) < p, p) for _ in range(300)]
    assert calibration_error_by_chance(reliability_bins(p > 2, p)) == pytest.approx(np.mean(found), rel=0.1)
