"""Location and scale of an atom's log force error, from its embedding, its predicted force and its element."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.linear_model import Ridge, RidgeCV

from sonde.local_environments.pca import PrincipalComponents
from sonde.records.arrays import FloatArray, IntArray
from sonde.reliability.probes.data import ProbeData
from sonde.reliability.probes.trees import BoostedTrees, TreesAsked

N_COMPONENTS = 32
MOST_ATOMS = 10_000
"""Atoms that models are fitted on; the time of a fit stays at a second."""
EMPHASIS = 0.5
HIGH = 0.9
"""Quantile of the log error: an atom that may be wrong decides on its structure as one that will be."""
RIDGES = tuple(10.0**power for power in range(-1, 5))


@dataclass(frozen=True, eq=False)
class AtomFeatures:
    """Columns: whitened principal components of the embedding; the embedding; log of the structure's root mean square
    |F|, log |F|, element (one column each).
    """

    plane: PrincipalComponents
    elements: IntArray
    force_floor: float

    @classmethod
    def fit(cls, data: ProbeData) -> "AtomFeatures":
        """Learn the components from the embeddings of the data."""
        forces = np.concatenate(data.force_norms)
        plane = PrincipalComponents.fit(np.concatenate(data.embeddings), n_components=N_COMPONENTS)
        return cls(plane, np.unique(np.concatenate(data.numbers)), max(0.01 * float(np.median(forces)), 1e-6))

    def of(self, embeddings: FloatArray, numbers: IntArray, force_norms: FloatArray) -> FloatArray:
        """Features (n_atoms, n_features) of one structure."""
        variances = self.plane.eigenvalues[: self.plane.n_components]
        # An embedding without variance (all atoms alike) has nothing to whiten.
        components = self.plane.transform(embeddings) / np.sqrt(np.where(variances > 0, variances, 1.0))
        mean = np.full(len(numbers), np.log(np.sqrt(np.mean(force_norms**2)) + self.force_floor))
        own = (numbers[:, None] == self.elements).astype(float)
        return np.hstack([components, embeddings, np.c_[mean, np.log(force_norms + self.force_floor)], own])

    @property
    def n_plain(self) -> int:
        """Columns at the end that do not need the embedding: log |F| and the elements."""
        return 1 + len(self.elements)

    def for_scale(self, X: FloatArray) -> FloatArray:
        """Features without the raw embedding, whose columns go together: a line is surer in the components."""
        return np.hstack([X[:, : self.plane.n_components], X[:, -self.n_plain - 1 :]])

    def for_trees(self, X: FloatArray) -> FloatArray:
        """Features without the components: a tree asks for one column at a time, whatever its scale."""
        return X[:, self.plane.n_components :]

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        return {"plane": self.plane.state(), "elements": self.elements, "force_floor": self.force_floor}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "AtomFeatures":
        """Rebuild what gave this state."""
        return cls(PrincipalComponents.from_state(state["plane"]), state["elements"], state["force_floor"])


@dataclass(frozen=True, eq=False)
class LogErrorModel:
    """Location of log(error + floor), the error in eV/Å: the mean of two models, up to a constant.

    One is a line in log |F| per element, which alone carries small data sets and forces beyond those seen, with trees
    on what the line leaves, of atoms drawn by error^EMPHASIS. The other is trees for a high quantile, which may only
    rise with the forces. In random divisions of three sets their mean ranked at least as well as either on average, and
    better than trees on the log error itself and than Gaussians in the embedding.
    """

    features: AtomFeatures
    error_floor: float
    line: FloatArray
    left: BoostedTrees
    high: BoostedTrees

    @classmethod
    def fit(cls, data: ProbeData, *, error_floor: float, seed: int) -> "LogErrorModel":
        """Fit on the atoms of the data."""
        features = AtomFeatures.fit(data)
        X = np.concatenate([features.of(*inputs(data, n)) for n in range(data.n_frames)])
        y = np.log(np.concatenate(data.errors) + error_floor)
        rng = np.random.default_rng(seed)
        some, emphasised = rng.permutation(len(X))[:MOST_ATOMS], _emphasised(y, rng)
        line = _coefficients(Ridge(alpha=1.0), X[some, -features.n_plain :], y[some])
        beside = y[emphasised] - _linear(line, X[emphasised, -features.n_plain :])
        left = BoostedTrees.fit(features.for_trees(X[emphasised]), beside, seed=seed)
        columns = features.for_trees(X[some])
        forces = [columns.shape[1] - features.n_plain - k for k in (0, 1)]
        high = BoostedTrees.fit(columns, y[some], seed=seed, quantile=HIGH, rising=forces)
        return cls(features, error_floor, line, left, high)

    def location(self, X: FloatArray) -> FloatArray:
        """Location (n_atoms,) at features X (n_atoms, n_features)."""
        columns = self.features.for_trees(X)
        left, high = self._trees.predict(columns)
        return 0.5 * (_linear(self.line, X[:, -self.features.n_plain :]) + left + high)

    @cached_property
    def _trees(self) -> TreesAsked:
        return TreesAsked.of([self.left, self.high])

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        parts = {name: getattr(self, name).state() for name in ("features", "left", "high")}
        return {**parts, "error_floor": self.error_floor, "line": self.line}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "LogErrorModel":
        """Rebuild what gave this state."""
        left, high = (BoostedTrees.from_state(state[name]) for name in ("left", "high"))
        return cls(AtomFeatures.from_state(state["features"]), state["error_floor"], state["line"], left, high)


@dataclass(frozen=True, eq=False)
class LogScale:
    """How far log errors scatter about their location: exp of a line in the features, kept within `bounds` (2,)."""

    weights: FloatArray
    bounds: FloatArray

    @classmethod
    def fit(cls, X: FloatArray, residuals: FloatArray) -> "LogScale":
        """Fit on residuals (n_atoms,) of atoms that the location was not fitted on.

        Residuals on training atoms would be far too small. Only the shape matters: calibration sets the size.
        """
        size = np.abs(residuals)
        weights = _coefficients(RidgeCV(RIDGES), X, np.log(size + 0.05 * np.median(size) + 1e-12))
        return cls(weights, np.quantile(_linear(weights, X), [0.05, 0.95]))

    def at(self, X: FloatArray) -> FloatArray:
        """Scale (n_atoms,) at features X."""
        return np.exp(np.clip(_linear(self.weights, X), *self.bounds))

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        return {"weights": self.weights, "bounds": self.bounds}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "LogScale":
        """Rebuild what gave this state."""
        return cls(state["weights"], state["bounds"])


def _emphasised(y: FloatArray, rng: np.random.Generator) -> IntArray:
    """Places of atoms drawn by error^EMPHASIS: which of those with large errors is worst decides on a structure."""
    weights = np.exp(EMPHASIS * (y - y.max()))
    return np.asarray(rng.choice(len(y), size=min(len(y), MOST_ATOMS), p=weights / weights.sum()))


def error_floor(data: ProbeData) -> float:
    """Errors far below the median count as alike, eV/Å: by symmetry some are zero, whose logarithm says nothing."""
    return max(0.01 * float(np.median(np.concatenate(data.errors))), 1e-6)


def inputs(data: ProbeData, frame: int) -> tuple[FloatArray, IntArray, FloatArray]:
    """What a model sees of a frame's atoms: embeddings, numbers, predicted force norms."""
    return data.embeddings[frame], data.numbers[frame], data.force_norms[frame]


def _coefficients(model: Any, X: FloatArray, y: FloatArray) -> FloatArray:
    """Weights (n_features + 1,) of a linear model fitted on standardised columns, for raw columns, intercept last."""
    mean, deviation = X.mean(axis=0), X.std(axis=0)
    deviation = np.where(deviation > 1e-12, deviation, 1.0)
    fitted = model.fit((X - mean) / deviation, y)
    weights = np.ravel(fitted.coef_) / deviation
    return np.append(weights, float(fitted.intercept_) - float(mean @ weights))


def _linear(weights: FloatArray, X: FloatArray) -> FloatArray:
    return X @ weights[:-1] + weights[-1]
