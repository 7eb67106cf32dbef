"""Copied trees equal those they were copied from."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from sonde.errors import SondeError
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


def test_trees_that_are_not_where_they_are_known_to_be_are_refused() -> None:
    """An unfitted model lacks them, as a scikit-learn that keeps them elsewhere would."""
    with pytest.raises(SondeError, match="cannot be read"):
        BoostedTrees._copied(HistGradientBoostingRegressor())
