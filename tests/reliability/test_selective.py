"""Risk-coverage areas, recall of the worst and force bins against cases worked out by hand."""

import numpy as np
import pytest

from sonde.reliability.metrics import auroc
from sonde.reliability.resampling import Draws, percentiles
from sonde.reliability.selective import (
    atom_auroc,
    augrc,
    auprc,
    aurc,
    auroc_within_bins,
    excess_aurc,
    force_bins,
    recall_of_worst,
    spearman,
)

LOSSES = np.array([1.0, 2.0, 3.0, 6.0])


def test_areas_of_the_perfect_order_by_hand() -> None:
    # Kept means 1, 1.5, 2, 3 at coverages 1/4 … 1.
    assert aurc(LOSSES, LOSSES) == pytest.approx((1 + 1.5 + 2 + 3) / 4)
    assert excess_aurc(LOSSES, LOSSES) == 0
    assert augrc(LOSSES, LOSSES) == pytest.approx((1 * 0.25 + 1.5 * 0.5 + 2 * 0.75 + 3 * 1) / 4)


def test_areas_of_the_worst_order_by_hand() -> None:
    # Kept means 6, 4.5, 11/3, 3.
    assert aurc(LOSSES, -LOSSES) == pytest.approx((6 + 4.5 + 11 / 3 + 3) / 4)
    assert excess_aurc(LOSSES, -LOSSES) > 0


def test_a_constant_score_keeps_the_mean_whatever_the_order_of_the_rows() -> None:
    for order in (LOSSES, LOSSES[::-1]):
        assert aurc(order, np.zeros(4)) == pytest.approx(3.0)
        assert augrc(order, np.zeros(4)) == pytest.approx(3.0 * (0.25 + 0.5 + 0.75 + 1) / 4)


def test_recall_of_the_worst_at_a_budget() -> None:
    losses = np.arange(100.0)
    assert recall_of_worst(losses, losses, 0.10) == pytest.approx(0.5)  # 5 flags for 10 cases
    assert recall_of_worst(losses, losses, 0.05) == 1.0
    assert recall_of_worst(losses, -losses, 0.05) == 0.0
    assert recall_of_worst(losses[:10], losses[:10], 0.01) is None


def test_what_only_restates_the_force_is_worth_nothing_within_bins() -> None:
    rng = np.random.default_rng(0)
    forces = rng.exponential(size=4000)
    hidden = rng.normal(size=4000)
    beyond = np.log(forces) + hidden > 0.5
    assert auroc_within_bins(beyond, hidden, forces) == pytest.approx(1.0, abs=0.1)
    restated = auroc_within_bins(beyond, np.floor(20 * forces.argsort().argsort() / 4000), forces)
    assert restated == pytest.approx(0.6, abs=0.1)  # within a bin the force still varies
    assert auroc_within_bins(np.ones(50, bool), forces[:50], forces[:50]) is None


def test_one_kind_of_case_has_no_precision_and_no_rank() -> None:
    assert auprc(np.zeros(5, bool), np.arange(5.0)) is None
    assert auprc(np.array([False, False, True]), np.array([0.0, 1.0, 2.0])) == 1.0
    assert spearman(LOSSES, np.zeros(4)) is None
    assert spearman(LOSSES, LOSSES**2) == pytest.approx(1.0)


def test_atoms_are_ranked_over_all_structures() -> None:
    errors = [np.array([0.1, 0.9]), np.array([0.2])]
    assert atom_auroc(errors, [np.array([1.0, 3.0]), np.array([2.0])], 0.5) == 1.0
    assert atom_auroc(errors, [np.array([1.0, 0.0]), np.array([2.0])], 0.5) == 0.0


def test_the_paired_interval_holds_zero_for_equals_and_not_for_a_better_score() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=400)
    beyond = truth > 0.8
    draws = Draws.of([k % 40 for k in range(400)], seed=0)
    first, second = truth + rng.normal(size=400), truth + rng.normal(size=400)
    theirs, best = draws.auroc(beyond, second), truth + 0.2 * rng.normal(size=400)
    same = percentiles(draws.auroc(beyond, first) - theirs)
    better = percentiles(draws.auroc(beyond, best) - theirs)
    assert same is not None
    assert better is not None
    assert same[0] < 0 < same[1]
    assert better[0] > 0
    assert percentiles(draws.auroc(np.zeros(400, bool), first)) is None


def test_a_draw_repeats_cases_as_their_weights_say() -> None:
    rng = np.random.default_rng(2)
    beyond, risk, forces = rng.random(60) < 0.4, rng.integers(0, 9, 60).astype(float), rng.random(60)
    draws = Draws.of([n // 3 for n in range(60)], seed=0, n_draws=5)
    rows = [np.repeat(np.arange(60), own.astype(int)) for own in draws.weights]
    assert {len(own) for own in rows} == {60}
    by_rows = [auroc(beyond[own], risk[own]) for own in rows]
    assert draws.auroc(beyond, risk).tolist() == pytest.approx(by_rows)
    one_bin = draws.auroc_within(beyond, risk, force_bins(forces, 1))
    np.testing.assert_allclose(one_bin, draws.auroc(beyond, risk))
