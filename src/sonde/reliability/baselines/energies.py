"""Energies as a target: every frame is one item, so that all scores of force errors can be asked of energies, too."""

from collections.abc import Sequence

from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation
from sonde.reliability.baselines.protocol import RiskData
from sonde.reliability.probes.energies import energy_errors, one_item_each


def of_energies(data: RiskData, frames: Sequence[Frame], evaluations: Sequence[FrameEvaluation]) -> RiskData:
    """Take each frame as one item: means of embeddings and descriptors, largest predicted force, error of its energy.

    Raises
    ------
    WrongUse : a frame carries no energy.
    """
    probe = one_item_each(data.probe, energy_errors(frames, evaluations))
    spreads = None if data.spreads is None else tuple(own.max(keepdims=True) for own in data.spreads)
    return RiskData(probe, _means(data.environments), spreads, data.probe.numbers)


def _means(of_atoms: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
    return tuple(own.mean(axis=0, keepdims=True) for own in of_atoms)
