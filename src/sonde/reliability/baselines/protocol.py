"""One protocol for all scores of risk: fitted on labelled frames, then asked for the risk of others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sonde.local_environments.grouping import group_folds
from sonde.records.arrays import FloatArray, IntArray
from sonde.reliability.probes.data import ProbeData

INNER_FOLDS = 3


@dataclass(frozen=True, eq=False)
class RiskData:
    """Labelled frames as scores see them: what probes learn from, and descriptors (n_atoms, width) of environments."""

    probe: ProbeData
    environments: tuple[FloatArray, ...]

    def taking(self, frames: IntArray) -> "RiskData":
        """The same for some of the frames."""
        return RiskData(self.probe.taking(frames), tuple(self.environments[n] for n in frames.tolist()))


@dataclass(frozen=True, eq=False)
class Risks:
    """Risk per frame (n_frames,), higher is worse, and per atom where the score has one.

    p_within: probability per tolerance (n_frames,), of scores that give one themselves.
    """

    frames: FloatArray
    atoms: tuple[FloatArray, ...] | None = None
    p_within: tuple[FloatArray, ...] | None = None

    @classmethod
    def of_atoms(cls, atoms: Sequence[FloatArray]) -> "Risks":
        """A frame is as risky as its riskiest atom."""
        return cls(np.array([own.max() for own in atoms]), tuple(atoms))


class FittedScore(Protocol):
    """A score that has learnt what it needs."""

    def risks(self, data: RiskData, tolerances: Sequence[float]) -> Risks:
        """Return the risk of each frame of `data`; its labels are not looked at."""
        ...


class Score(Protocol):
    """A score of risk. `labels`: whether it learns from errors, so that it can be too hopeful."""

    name: str
    labels: bool

    def fit(self, data: RiskData, *, seed: int) -> FittedScore:
        """Learn from labelled frames."""
        ...


def out_of_fold(score: Score, data: RiskData, tolerances: Sequence[float], seed: int) -> FloatArray:
    """Risk of every frame (n_frames,) by the score fitted without the frame's group."""
    fold = group_folds(data.probe.groups, INNER_FOLDS, seed)
    found = np.zeros(data.probe.n_frames)
    for out in np.unique(fold):
        held = np.flatnonzero(fold == out)
        fitted = score.fit(data.taking(np.flatnonzero(fold != out)), seed=seed)
        found[held] = fitted.risks(data.taking(held), tolerances).frames
    return found
