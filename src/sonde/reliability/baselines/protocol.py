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
    """Labelled frames as scores see them: what probes learn from, and descriptors (n_atoms, width) of environments.

    spreads (n_atoms,): by how much the forces of independently trained potentials differ, eV/Å; None for one alone.
    compositions (n_atoms,): atomic numbers of frames that `probe` holds as one item each; None where it holds atoms,
    whose errors are those of forces.
    """

    probe: ProbeData
    environments: tuple[FloatArray, ...]
    spreads: tuple[FloatArray, ...] | None = None
    compositions: tuple[IntArray, ...] | None = None

    @property
    def numbers(self) -> tuple[IntArray, ...]:
        """Atomic numbers (n_atoms,) of every frame."""
        return self.probe.numbers if self.compositions is None else self.compositions

    def taking(self, frames: IntArray) -> "RiskData":
        """The same for some of the frames."""
        chosen = frames.tolist()
        spreads = None if self.spreads is None else tuple(self.spreads[n] for n in chosen)
        compositions = None if self.compositions is None else tuple(self.compositions[n] for n in chosen)
        environments = tuple(self.environments[n] for n in chosen)
        return RiskData(self.probe.taking(frames), environments, spreads, compositions)


@dataclass(frozen=True, eq=False)
class Risks:
    """Risk per frame (n_frames,), higher is worse, and per atom where the score has one.

    Of scores that know of tolerances, per tolerance: p_within, the probability (n_frames,); reliable_from, what that
    must reach.
    """

    frames: FloatArray
    atoms: tuple[FloatArray, ...] | None = None
    p_within: tuple[FloatArray, ...] | None = None
    reliable_from: tuple[float, ...] | None = None

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
