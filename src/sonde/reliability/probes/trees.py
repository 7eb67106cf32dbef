"""Gradient-boosted regression trees, fitted by scikit-learn and evaluated in numpy.

scikit-learn's histogram boosting fits them, the best of eight models tried on four sets of force errors and the
fastest. It can only be stored as a pickle, which could run code when loaded; its trees are therefore copied into plain
arrays, and the copy is compared with the original's predictions each time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from sonde.errors import SondeError
from sonde.records.arrays import FloatArray, IntArray

MANY_SAMPLES = 50_000
NODE_FIELDS = ("feature_idx", "num_threshold", "left", "right", "value")


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """A sum of trees: arrays (n_trees, n_nodes), padded; a leaf is its own child. `start` is added to the sum."""

    start: float
    depth: int
    feature: IntArray
    threshold: FloatArray
    left: IntArray
    right: IntArray
    value: FloatArray

    @classmethod
    def fit(cls, X: FloatArray, y: FloatArray, *, seed: int) -> "BoostedTrees":
        """Fit y (n,) on X (n, n_features) by least squares.

        Raises
        ------
        SondeError
            The installed scikit-learn keeps its trees in another form than those known here.
        """
        model = HistGradientBoostingRegressor(
            max_iter=70,
            learning_rate=0.1,
            max_leaf_nodes=16,
            max_bins=63,
            min_samples_leaf=int(np.clip(len(X) // 50, 8, 20)),
            early_stopping=False,
            random_state=seed,
        )
        # For few samples the threads wait for each other longer than they work.
        with threadpool_limits(1 if len(X) < MANY_SAMPLES else None, user_api="openmp"):
            model.fit(X, y)
        trees = cls._copied(model)
        some = X[:200]
        if not np.allclose(trees.predict(some), model.predict(some), atol=1e-9):
            raise SondeError("The trees of the installed scikit-learn cannot be read: install scikit-learn 1.4 to 1.9.")
        return trees

    @classmethod
    def _copied(cls, model: HistGradientBoostingRegressor) -> "BoostedTrees":
        try:
            nodes = [stage[0].nodes for stage in model._predictors]
            start = float(np.ravel(model._baseline_prediction)[0])
            n_nodes = max(len(tree) for tree in nodes)
            columns = {name: np.zeros((len(nodes), n_nodes), nodes[0][name].dtype) for name in NODE_FIELDS}
            for row, tree in enumerate(nodes):
                leaf, own = tree["is_leaf"].astype(bool), np.arange(len(tree))
                for name in NODE_FIELDS:
                    columns[name][row, : len(tree)] = tree[name]
                for side in ("left", "right"):
                    columns[side][row, : len(tree)] = np.where(leaf, own, tree[side])
            depth = int(max(tree["depth"].max() for tree in nodes))
        except (AttributeError, ValueError, KeyError) as error:
            message = f"The trees of the installed scikit-learn cannot be read ({error}): install 1.4 to 1.9."
            raise SondeError(message) from error
        integer = {name: columns[name].astype(np.int64) for name in ("feature_idx", "left", "right")}
        thresholds = columns["num_threshold"]
        return cls(
            start, depth, integer["feature_idx"], thresholds, integer["left"], integer["right"], columns["value"]
        )

    def predict(self, X: FloatArray) -> FloatArray:
        """Sum of the trees at X (n, n_features): (n,)."""
        tree = np.arange(len(self.feature))
        sums = np.full(len(X), self.start)
        for begin in range(0, len(X), 4096):
            part = X[begin : begin + 4096]
            node = np.zeros((len(part), len(tree)), np.int64)
            row = np.arange(len(part))[:, None]
            for _ in range(self.depth):
                goes_left = part[row, self.feature[tree, node]] <= self.threshold[tree, node]
                node = np.where(goes_left, self.left[tree, node], self.right[tree, node])
            sums[begin : begin + 4096] += self.value[tree, node].sum(axis=1)
        return sums

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        names = ("start", "depth", "feature", "threshold", "left", "right", "value")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "BoostedTrees":
        """Rebuild what gave this state."""
        return cls(**state)
