"""Scores without embeddings: the majority class, size and composition, the largest predicted force, a committee."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from sonde.errors import WrongUse
from sonde.records.arrays import FloatArray, IntArray
from sonde.reliability.baselines.protocol import RiskData, Risks

LEAST_ERROR = 1e-4
"""eV/Å; errors below it count as equal."""


class MajorityClass:
    """Every frame is as risky as any other."""

    name, labels = "majority class", True

    def fit(self, data: RiskData, *, seed: int) -> "MajorityClass":  # noqa: ARG002 - there is nothing to learn
        return self

    def risks(self, data: RiskData, tolerances: Sequence[float]) -> Risks:  # noqa: ARG002 - the same for all
        return Risks(np.zeros(data.probe.n_frames))


class LargestForce:
    """The largest predicted force of a frame."""

    name, labels = "largest predicted force", False

    def fit(self, data: RiskData, *, seed: int) -> "LargestForce":  # noqa: ARG002 - there is nothing to learn
        return self

    def risks(self, data: RiskData, tolerances: Sequence[float]) -> Risks:  # noqa: ARG002 - the same for all
        return Risks.of_atoms(data.probe.force_norms)


class Committee:
    """By how much independently trained potentials disagree about the forces, at the worst atom."""

    name, labels = "committee", False

    def fit(self, data: RiskData, *, seed: int) -> "Committee":  # noqa: ARG002 - there is nothing to learn
        return self

    def risks(self, data: RiskData, tolerances: Sequence[float]) -> Risks:  # noqa: ARG002 - the same for all
        if data.spreads is None:
            raise WrongUse("These frames were evaluated by one potential alone: there is no committee to judge.")
        return Risks.of_atoms(data.spreads)


@dataclass(frozen=True, eq=False)
class FittedComposition:
    """Boosted trees from size and composition to the log of the largest error."""

    elements: IntArray
    trees: HistGradientBoostingRegressor

    def risks(self, data: RiskData, tolerances: Sequence[float]) -> Risks:  # noqa: ARG002 - the same for all
        return Risks(np.asarray(self.trees.predict(_composition(data, self.elements)), float))


class SizeAndComposition:
    """What size and chemical composition alone tell of the largest error."""

    name, labels = "size and composition", True

    def fit(self, data: RiskData, *, seed: int) -> FittedComposition:
        elements = np.unique(np.concatenate(data.numbers))
        trees = HistGradientBoostingRegressor(max_iter=100, min_samples_leaf=10, random_state=seed)
        trees.fit(_composition(data, elements), np.log(data.probe.largest_errors + LEAST_ERROR))
        return FittedComposition(elements, trees)


def _composition(data: RiskData, elements: IntArray) -> FloatArray:
    """Columns: number of atoms, share of each element (n_frames, 1 + n_elements)."""
    shares = [(z[:, None] == elements).mean(axis=0) for z in data.numbers]
    return np.column_stack([[len(z) for z in data.numbers], np.array(shares)])


@dataclass(frozen=True, eq=False)
class FittedTrees:
    """Boosted trees from an atom's embedding, and its predicted force if `with_force`, to its log error."""

    with_force: bool
    trees: HistGradientBoostingRegressor

    def risks(self, data: RiskData, tolerances: Sequence[float]) -> Risks:  # noqa: ARG002 - the same for all
        ends = np.cumsum([len(z) for z in data.probe.numbers])[:-1]
        located = np.asarray(self.trees.predict(_atoms(data, self.with_force)), float)
        return Risks.of_atoms(np.split(located, ends))


class BoostedTrees:
    """Boosted trees on embeddings, with or without the predicted force: the 0.9 quantile of an atom's log error.

    On at most MOST_ATOMS atoms, drawn at random.
    """

    labels = True
    MOST_ATOMS = 10_000

    def __init__(self, *, with_force: bool) -> None:
        self.with_force = with_force
        self.name = "boosted trees on embedding" + (" and force" if with_force else "")

    def fit(self, data: RiskData, *, seed: int) -> FittedTrees:
        X, y = _atoms(data, self.with_force), np.log(np.concatenate(data.probe.errors) + LEAST_ERROR)
        chosen = np.random.default_rng(seed).permutation(len(X))[: self.MOST_ATOMS]
        trees = HistGradientBoostingRegressor(loss="quantile", quantile=0.9, max_iter=100, random_state=seed)
        return FittedTrees(self.with_force, trees.fit(X[chosen], y[chosen]))


def _atoms(data: RiskData, with_force: bool) -> FloatArray:
    X = np.concatenate(data.probe.embeddings)
    return np.column_stack([X, np.log(np.concatenate(data.probe.force_norms) + LEAST_ERROR)]) if with_force else X
