"""Error regression on the frozen trunk: linear heads from an atom's embedding to the log of its error.

Several heads, each fitted to a bootstrap of the groups, are what a shallow ensemble is on a trunk that stays as it is
(Kellner, Ceriotti, Mach. Learn. Sci. Technol. 5, 035006 (2024), doi 10.1088/2632-2153/ad594a).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sonde.local_environments.grouping import group_numbers
from sonde.records.arrays import IntArray
from sonde.reliability.baselines.plain import LEAST_ERROR
from sonde.reliability.baselines.protocol import RiskData, Risks

MOST_ATOMS = 10_000
RIDGES = tuple(10.0**power for power in range(-2, 5))


@dataclass(frozen=True, eq=False)
class FittedHeads:
    """Heads that each place the log error of an atom; the risk is their mean, and their scatter beside it."""

    heads: Sequence[Any]

    def risks(self, data: RiskData, tolerances: Sequence[float]) -> Risks:  # noqa: ARG002 - the same for all
        X, ends = np.concatenate(data.probe.embeddings), np.cumsum([len(z) for z in data.probe.numbers])[:-1]
        placed = np.array([head.predict(X) for head in self.heads])
        return Risks.of_atoms(np.split(placed.mean(axis=0) + placed.std(axis=0), ends))


class ErrorHeads:
    """One linear head on all groups, or several on bootstraps of them."""

    labels = True

    def __init__(self, n_heads: int = 1) -> None:
        self.n_heads = n_heads
        self.name = "linear error head" if n_heads == 1 else f"{n_heads} linear error heads"

    def fit(self, data: RiskData, *, seed: int) -> FittedHeads:
        rng = np.random.default_rng(seed)
        return FittedHeads([_head(data, frames, rng) for frames in self._draws(data, rng)])

    def _draws(self, data: RiskData, rng: np.random.Generator) -> list[IntArray]:
        """Places of frames for each head."""
        if self.n_heads == 1:
            return [np.arange(data.probe.n_frames)]
        member = group_numbers(data.probe.groups)
        own = [np.flatnonzero(member == group) for group in np.unique(member)]
        drawn = [rng.integers(len(own), size=len(own)) for _ in range(self.n_heads)]
        return [np.concatenate([own[group] for group in groups.tolist()]) for groups in drawn]


def _head(data: RiskData, frames: IntArray, rng: np.random.Generator) -> Any:
    X = np.concatenate([data.probe.embeddings[n] for n in frames.tolist()])
    y = np.log(np.concatenate([data.probe.errors[n] for n in frames.tolist()]) + LEAST_ERROR)
    some = rng.permutation(len(X))[:MOST_ATOMS]
    return make_pipeline(StandardScaler(), RidgeCV(RIDGES)).fit(X[some], y[some])
