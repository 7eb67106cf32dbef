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

    Of scores that know of tolerances, per tolerance: by_tolerance, the risk (n_frames,); p_within, the probability;
    reliable_from, what that must reach.
    """

    frames: FloatArray
    atoms: tuple[FloatArray, ...] | None = None
    by_tolerance: tuple[FloatArray, ...] | None = None
    p_within: tuple[FloatArray, ...] | None = None
    reliable_from: tuple[float, ...] | None = None

    def at(self, k: int) -> FloatArray:
        """Risk per frame at the k-th tolerance."""
        return self.frames if self.by_tolerance is None else self.by_tolerance[k]

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


@dataclass(frozen=True, eq=False)
class Calibrating:
    """A part of the training frames that scores without a probability of their own are calibrated on.

    known: the rest, on which they are fitted for that; held: labelled frames of other groups.
    """

    known: RiskData
    held: RiskData

    @classmethod
    def of(cls, train: RiskData, seed: int) -> "Calibrating":
        """Hold out a third of the groups."""
        fold = group_folds(train.probe.groups, INNER_FOLDS, seed)
        return cls(train.taking(np.flatnonzero(fold != 0)), train.taking(np.flatnonzero(fold == 0)))
