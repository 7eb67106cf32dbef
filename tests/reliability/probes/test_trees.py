"""Copied trees equal those they were copied from."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from sonde.errors import SondeError
from sonde.records.arrays import FloatArray
from sonde.reliability.probes.trees import BoostedTrees


def test_trees_learn_and_survive_their_state() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 5))
    y = np.sin(2 * X[:, 0]) + (X[:, 1] > 0.3)
    trees = BoostedTrees.fit(X, y, seed=0)
    fresh = rng.normal(size=(6000, 5))
    truth = np.sin(2 * fresh[:, 0]) + (fresh[:, 1] > 0.3)
    assert np.var(truth - trees.predict(fresh)) < 0.1 * np.var(truth)
    np.testing.assert_array_equal(BoostedTrees.from_state(trees.state()).predict(fresh), trees.predict(fresh))


def test_all_questions_at_once_lead_to_the_leaf_of_a_walk() -> None:
    """Trees of all shapes, also single leaves, questions at their threshold, and columns that are not a number."""
    rng = np.random.default_rng(1)
    X = np.round(rng.normal(size=(400, 4)), 1)
    trees = BoostedTrees.fit(X, X[:, 0] ** 2 + (X[:, 1] > 0) * X[:, 2], seed=0)
    asked = np.concatenate([X[:200], np.full((1, 4), np.nan), np.full((1, 4), 1e9)])
    np.testing.assert_allclose(trees.predict(asked), [walked(trees, x) for x in asked], rtol=0, atol=1e-12)
    assert trees.predict(X[:0]).shape == (0,)


def walked(trees: BoostedTrees, x: FloatArray) -> float:
    """Go down every tree, one question after the other."""
    total = trees.start
    for tree in range(len(trees.feature)):
        node = 0
        while trees.left[tree, node] != node:
            side = trees.left if x[trees.feature[tree, node]] <= trees.threshold[tree, node] else trees.right
            node = int(side[tree, node])
        total += float(trees.value[tree, node])
    return total


def test_trees_of_more_leaves_than_are_fitted_are_refused() -> None:
    model = HistGradientBoostingRegressor(max_iter=1, max_leaf_nodes=20, min_samples_leaf=1)
    X = np.arange(100.0)[:, None]
    with pytest.raises(SondeError, match="more than 16"):
        BoostedTrees._copied(model.fit(X, np.sin(X[:, 0]))).predict(X)


def test_trees_that_are_not_where_they_are_known_to_be_are_refused() -> None:
    """An unfitted model lacks them, as a scikit-learn that keeps them elsewhere would."""
    with pytest.raises(SondeError, match="cannot be read"):
        BoostedTrees._copied(HistGradientBoostingRegressor())
