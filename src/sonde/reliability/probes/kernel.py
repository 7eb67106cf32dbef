"""A sum of Gaussians about centres beside a line: smooth where trees have steps, and made of plain arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sonde.records.arrays import FloatArray

MOST_CENTRES = 400
SAMPLES_PER_CENTRE = 4
WIDTH = 0.5
"""Of k = exp(−WIDTH · mean squared difference of standardised columns)."""
RIDGE = 1.0
FARTHEST = 6.0
"""Standard deviations at which columns are cut off: beyond, the prediction stays what it is there."""


@dataclass(frozen=True, eq=False)
class KernelRidge:
    """Ridge regression on Gaussians about some of the samples (the subset of regressors) and on the columns themselves.

    mean, scale (n_features,); centres (n_centres, n_features), standardised; weights (n_centres + n_features,).
    """

    mean: FloatArray
    scale: FloatArray
    centres: FloatArray
    weights: FloatArray
    start: float

    @classmethod
    def fit(cls, X: FloatArray, y: FloatArray, *, seed: int) -> "KernelRidge":
        """Fit y (n,) on X (n, n_features) by least squares."""
        mean, deviation = X.mean(axis=0), X.std(axis=0)
        scale = np.where(deviation > 1e-9, deviation, 1.0)
        n_centres = min(MOST_CENTRES, max(1, len(X) // SAMPLES_PER_CENTRE))
        chosen = np.random.default_rng(seed).permutation(len(X))[:n_centres]
        bare = cls(mean, scale, _standardised(X[chosen], mean, scale), np.zeros(0), float(y.mean()))
        K = bare._columns(X)
        weights = np.asarray(np.linalg.solve(K.T @ K + RIDGE * np.eye(K.shape[1]), K.T @ (y - bare.start)), float)
        return cls(mean, scale, bare.centres, weights, bare.start)

    def predict(self, X: FloatArray) -> FloatArray:
        """The sum at X (n, n_features): (n,)."""
        parts = [self._columns(X[k : k + 4096]) @ self.weights for k in range(0, len(X), 4096)]
        return self.start + np.concatenate([*parts, np.zeros(0)])

    def _columns(self, X: FloatArray) -> FloatArray:
        x, c = _standardised(X, self.mean, self.scale), self.centres
        apart = (x**2).sum(axis=1)[:, None] + (c**2).sum(axis=1) - 2 * x @ c.T
        return np.hstack([np.exp(-WIDTH * np.maximum(apart, 0.0) / x.shape[1]), x])

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        return {name: getattr(self, name) for name in ("mean", "scale", "centres", "weights", "start")}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "KernelRidge":
        """Rebuild what gave this state."""
        return cls(**state)


def _standardised(X: FloatArray, mean: FloatArray, scale: FloatArray) -> FloatArray:
    return np.clip((X - mean) / scale, -FARTHEST, FARTHEST)
