"""Location and scale of an atom's log force error, from its embedding, its predicted force and its element."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import Ridge, RidgeCV

from sonde.local_environments.pca import PrincipalComponents
from sonde.records.arrays import FloatArray, IntArray
from sonde.reliability.probes.data import ProbeData
from sonde.reliability.probes.trees import BoostedTrees

N_COMPONENTS = 32
MOST_ATOMS = 20_000
"""Atoms that trees are fitted on; more were not seen to help, and the time of a fit stays at seconds."""
RIDGES = tuple(10.0**power for power in range(-1, 5))


@dataclass(frozen=True, eq=False)
class AtomFeatures:
    """Columns: whitened principal components of the embedding, log |F|, element (one column each)."""

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
        """Features (n_atoms, n_features); the last 1 + n_elements columns do not need the embedding."""
        variances = self.plane.eigenvalues[: self.plane.n_components]
        # An embedding without variance (all atoms alike) has nothing to whiten.
        components = self.plane.transform(embeddings) / np.sqrt(np.where(variances > 0, variances, 1.0))
        log_force = np.log(force_norms + self.force_floor)
        return np.hstack([components, log_force[:, None], (numbers[:, None] == self.elements).astype(float)])

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        return {"plane": self.plane.state(), "elements": self.elements, "force_floor": self.force_floor}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "AtomFeatures":
        """Rebuild what gave this state."""
        return cls(PrincipalComponents.from_state(state["plane"]), state["elements"], state["force_floor"])


@dataclass(frozen=True, eq=False)
class LogErrorModel:
    """Location of log(error + floor), the error in eV/Å: a line in log |F| per element, and trees on all features.

    The line alone carries small data sets and forces beyond those seen; the trees add what the embedding knows.
    """

    features: AtomFeatures
    error_floor: float
    line: FloatArray
    trees: BoostedTrees

    @classmethod
    def fit(cls, data: ProbeData, *, error_floor: float, seed: int) -> "LogErrorModel":
        """Fit on the atoms of the data."""
        features = AtomFeatures.fit(data)
        X = np.concatenate([features.of(*inputs(data, n)) for n in range(data.n_frames)])
        some = np.random.default_rng(seed).permutation(len(X))[:MOST_ATOMS]
        X, y = X[some], np.log(np.concatenate(data.errors)[some] + error_floor)
        n_plain = 1 + len(features.elements)
        line = _coefficients(Ridge(alpha=1.0), X[:, -n_plain:], y)
        trees = BoostedTrees.fit(X, y - _linear(line, X[:, -n_plain:]), seed=seed)
        return cls(features, error_floor, line, trees)

    def location(self, X: FloatArray) -> FloatArray:
        """Location (n_atoms,) at features X (n_atoms, n_features)."""
        return _linear(self.line, X[:, -len(self.line) + 1 :]) + self.trees.predict(X)

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        parts = {"features": self.features.state(), "trees": self.trees.state()}
        return {**parts, "error_floor": self.error_floor, "line": self.line}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "LogErrorModel":
        """Rebuild what gave this state."""
        features, trees = AtomFeatures.from_state(state["features"]), BoostedTrees.from_state(state["trees"])
        return cls(features, state["error_floor"], state["line"], trees)


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
