"""Scores without labels: how far the atoms of a frame lie from those of the training part, by several measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.mixture import GaussianMixture

from sonde.local_environments.pca import PrincipalComponents
from sonde.records.arrays import FloatArray
from sonde.reliability.baselines.protocol import RiskData, Risks
from sonde.reliability.gate import ScopeData, ScopeMeasures

MEASURES = ("nearest neighbour, embedding", "nearest neighbour, descriptor", "Q residual", "Hotelling T²")
N_COMPONENTS, N_GAUSSIANS = 16, 8
RIDGE = 1e-6
FEWEST_ATOMS = 20


class SharedMeasures:
    """The gate's measures of frames against others, found once for the scores that each look at one of them.

    Kept for as long as the frames themselves are.
    """

    def __init__(self) -> None:
        self._fitted: WeakKeyDictionary[RiskData, ScopeMeasures] = WeakKeyDictionary()
        self._found: WeakKeyDictionary[RiskData, WeakKeyDictionary[RiskData, list[FloatArray]]] = WeakKeyDictionary()

    def of(self, reference: RiskData, data: RiskData) -> list[FloatArray]:
        """Measures (n_atoms, 4) of every frame of `data` against `reference`."""
        of_reference = self._found.setdefault(reference, WeakKeyDictionary())
        if data not in of_reference:
            if reference not in self._fitted:
                self._fitted[reference] = ScopeMeasures.fit(scope_of(reference))
            measures = self._fitted[reference]
            of_reference[data] = measures.of(data.probe.embeddings, data.environments, data.probe.numbers)
        return of_reference[data]


def scope_of(data: RiskData) -> ScopeData:
    """The frames as a gate sees them."""
    return ScopeData(data.probe.embeddings, data.environments, data.probe.numbers, data.probe.groups)


@dataclass(frozen=True, eq=False)
class FittedMeasure:
    """One of the gate's measures."""

    shared: SharedMeasures
    reference: RiskData
    column: int

    def risks(self, data: RiskData, tolerances: Sequence[float]) -> Risks:  # noqa: ARG002 - the same for all
        found = self.shared.of(self.reference, data)
        return Risks.of_atoms([np.minimum(own[:, self.column], 1e30) for own in found])


class Measure:
    """Distance to the nearest environment, Q or T²: one of the measures behind the scope gate, by itself."""

    labels = False

    def __init__(self, column: int, shared: SharedMeasures) -> None:
        self.column, self.name, self.shared = column, MEASURES[column], shared

    def fit(self, data: RiskData, *, seed: int) -> FittedMeasure:  # noqa: ARG002 - nothing is random
        return FittedMeasure(self.shared, data, self.column)


@dataclass(frozen=True, eq=False)
class PerElement:
    """A model of the embeddings of each element; atoms of others are as far as can be."""

    models: Mapping[int, Any]

    def risks(self, data: RiskData, tolerances: Sequence[float]) -> Risks:  # noqa: ARG002 - the same for all
        atoms = []
        for X, Z in zip(data.probe.embeddings, data.probe.numbers, strict=True):
            risk = np.full(len(X), 1e30)
            for element in set(np.unique(Z).tolist()) & set(self.models):
                own = np.equal(Z, element)
                risk[own] = self.models[element](X[own])
            atoms.append(risk)
        return Risks.of_atoms(atoms)


def _by_element(data: RiskData) -> dict[int, FloatArray]:
    X, Z = np.concatenate(data.probe.embeddings), np.concatenate(data.probe.numbers)
    of = {int(z): X[np.equal(Z, z)] for z in np.unique(Z)}
    return {z: own for z, own in of.items() if len(own) >= FEWEST_ATOMS}


class Mahalanobis:
    """Distance from the mean of the element's embeddings in units of their covariance (shrunk, Ledoit and Wolf)."""

    name, labels = "Mahalanobis", False

    def fit(self, data: RiskData, *, seed: int) -> PerElement:  # noqa: ARG002 - nothing is random
        return PerElement({z: LedoitWolf().fit(X).mahalanobis for z, X in _by_element(data).items()})


class Mixture:
    """Gaussian mixture per element on principal components of its embeddings: minus the log density."""

    name, labels = "Gaussian mixture", False

    def fit(self, data: RiskData, *, seed: int) -> PerElement:
        return PerElement({z: _mixture(X, seed) for z, X in _by_element(data).items()})


def _mixture(X: FloatArray, seed: int) -> Any:
    plane = PrincipalComponents.fit(X, n_components=min(N_COMPONENTS, X.shape[1]))
    count = max(1, min(N_GAUSSIANS, len(X) // 100))
    mixture = GaussianMixture(count, covariance_type="diag", random_state=seed, reg_covar=1e-8)
    mixture.fit(plane.transform(X))
    return lambda rows: -mixture.score_samples(plane.transform(rows))


class LastLayer:
    """Last-layer prediction rigidity (arXiv 2403.02251) with the embedding as features: √(xᵀ (XᵀX + λ)⁻¹ x)."""

    name, labels = "LLPR", False

    def fit(self, data: RiskData, *, seed: int) -> PerElement:  # noqa: ARG002 - nothing is random
        X = np.concatenate(data.probe.embeddings)
        ridge = RIDGE * float(np.mean(X**2)) * len(X) + 1e-12
        inverse = np.linalg.inv(X.T @ X + ridge * np.eye(X.shape[1]))
        elements = np.unique(np.concatenate(data.probe.numbers)).tolist()
        return PerElement(dict.fromkeys(elements, lambda rows: np.sqrt(((rows @ inverse) * rows).sum(axis=1))))
