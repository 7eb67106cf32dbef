"""Gradient-boosted regression trees, fitted by scikit-learn and evaluated in numpy.

scikit-learn's histogram boosting fits them, the best of eight models tried on four sets of force errors and the
fastest. It can only be stored as a pickle, which could run code when loaded; its trees are therefore copied into plain
arrays, and the copy is compared with the original's predictions each time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from sonde.errors import SondeError
from sonde.records.arrays import AnyArray, FloatArray, IntArray

MANY_SAMPLES = 50_000
MOST_LEAVES = 16
SAMPLES_IN_CACHE = 128
"""Their answers, a few megabytes, stay near the processor."""
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
    def fit(
        cls, X: FloatArray, y: FloatArray, *, seed: int, quantile: float | None = None, rising: Sequence[int] = ()
    ) -> "BoostedTrees":
        """Fit y (n,) on X (n, n_features): its mean, or a quantile of it.

        rising : columns with which the sum may rise and never fall.

        Raises
        ------
        SondeError
            The installed scikit-learn keeps its trees in another form than those known here.
        """
        model = HistGradientBoostingRegressor(
            max_iter=70,
            learning_rate=0.1,
            max_leaf_nodes=MOST_LEAVES,
            max_bins=63,
            min_samples_leaf=int(np.clip(len(X) // 50, 8, 20)),
            early_stopping=False,
            random_state=seed,
            loss="squared_error" if quantile is None else "quantile",
            quantile=quantile,
            monotonic_cst=np.isin(np.arange(X.shape[1]), list(rising)).astype(np.int8),
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
        found: FloatArray = self._asked.predict(X)[0]
        return found

    @cached_property
    def _asked(self) -> "TreesAsked":
        return TreesAsked.of([self])

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        names = ("start", "depth", "feature", "threshold", "left", "right", "value")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "BoostedTrees":
        """Rebuild what gave this state."""
        return cls(**state)


@dataclass(frozen=True, eq=False)
class TreesAsked:
    """The trees of one sum or several, all of whose questions are asked at once.

    Lucchese et al., SIGIR 2015, doi 10.1145/2766462.2767733. Each question that is answered with no shuts the leaves
    on its left, the ones of `shuts`; of the leaves that are open when all answers are in, the first is the one that a
    walk would reach. Its value stands in `values_of_leaves` (all trees, n_leaves).

    feature (n_distinct,), threshold (n_distinct, 1): trees ask much the same; which (n_questions · all trees,), shuts
    (n_questions, all trees, 1): question after question, tree after tree; ends (n_sums,): the trees of sum k end there;
    starts (n_sums,): added to the sums.
    """

    feature: IntArray
    threshold: FloatArray
    which: IntArray
    shuts: AnyArray
    values_of_leaves: FloatArray
    ends: IntArray
    starts: FloatArray

    @classmethod
    def of(cls, sums: Sequence[BoostedTrees]) -> "TreesAsked":
        """Lay out the questions of sums of trees over the same features."""
        ends = np.cumsum([len(trees.feature) for trees in sums])
        n_trees, n_questions = int(ends[-1]), MOST_LEAVES - 1
        feature, threshold = np.zeros((n_questions, n_trees), np.int64), np.full((n_questions, n_trees), np.inf)
        shuts = np.zeros((n_questions, n_trees), np.uint16)
        values = np.zeros((n_trees, MOST_LEAVES))
        rows = ((trees, row) for trees in sums for row in range(len(trees.feature)))
        for tree, (trees, row) in enumerate(rows):
            leaves, questions = _walked(trees.left[row], trees.right[row])
            values[tree, : len(leaves)] = trees.value[row, leaves]
            for k, (node, first, last) in enumerate(questions):
                feature[k, tree], threshold[k, tree] = trees.feature[row, node], trees.threshold[row, node]
                shuts[k, tree] = 2**last - 2**first
        starts = np.array([trees.start for trees in sums])
        asked = np.column_stack([feature.ravel(), threshold.ravel()])
        distinct, which = np.unique(asked, axis=0, return_inverse=True)
        columns = distinct[:, 0].astype(np.int64), distinct[:, 1:].copy()
        return cls(*columns, which.ravel(), shuts[..., None], values, ends, starts)

    def predict(self, X: FloatArray) -> FloatArray:
        """The sums at X (n, n_features): (n_sums, n)."""
        parts = [self._sums(X[k : k + SAMPLES_IN_CACHE]) for k in range(0, len(X), SAMPLES_IN_CACHE)]
        return np.concatenate([*parts, np.zeros((len(self.ends), 0))], axis=1)

    def _sums(self, X: FloatArray) -> FloatArray:
        yes = np.ascontiguousarray(X.T).take(self.feature, axis=0) <= self.threshold
        no = (~yes).view(np.uint8).take(self.which, axis=0).reshape(len(self.shuts), -1, len(X))
        shut: IntArray = np.bitwise_or.reduce(no * self.shuts, axis=0)
        leaf = _FIRST_OPEN[shut]
        leaf += np.arange(0, self.values_of_leaves.size, MOST_LEAVES)[:, None]
        values = np.ascontiguousarray(self.values_of_leaves.ravel().take(leaf).T)
        sums = [part.sum(axis=1) for part in np.split(values, self.ends[:-1], axis=1)]
        return np.array(sums) + self.starts[:, None]


def _walked(left: IntArray, right: IntArray) -> tuple[list[int], list[tuple[int, int, int]]]:
    """Leaves of one tree from left to right, and its questions: node, first leaf on its left, one past the last.

    Raises
    ------
    SondeError : the tree has more leaves than any that is fitted here.
    """
    leaves: list[int] = []
    questions: list[tuple[int, int, int]] = []

    def walk(node: int) -> None:
        if left[node] == node:
            leaves.append(node)
            return
        first = len(leaves)
        walk(int(left[node]))
        questions.append((node, first, len(leaves)))
        walk(int(right[node]))

    walk(0)
    if len(leaves) > MOST_LEAVES:
        raise SondeError(f"A tree of the probe has {len(leaves)} leaves, more than {MOST_LEAVES}: fit the probe again.")
    return leaves, questions


_FIRST_OPEN = np.array([(~k & (k + 1)).bit_length() - 1 for k in range(2**MOST_LEAVES)], np.int64)
"""Place of the lowest zero among the bits of a number."""
