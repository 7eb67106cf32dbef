"""Energies as a target: every frame is one item, so that all scores of force errors can be asked of energies, too."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sonde.errors import WrongUse
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation
from sonde.reference_energies.fitted import fit_reference_energies
from sonde.reliability.baselines.protocol import RiskData

NO_ELEMENT = 0
"""Number of the one item that stands for all atoms of a frame."""


def of_energies(data: RiskData, frames: Sequence[Frame], evaluations: Sequence[FrameEvaluation]) -> RiskData:
    """Take each frame as one item: means of embeddings and descriptors, largest predicted force, error of its energy.

    Raises
    ------
    WrongUse : a frame carries no energy.
    """
    probe = replace(
        data.probe,
        embeddings=_means(data.probe.embeddings),
        numbers=tuple(np.array([NO_ELEMENT]) for _ in frames),
        force_norms=tuple(norms.max(keepdims=True) for norms in data.probe.force_norms),
        errors=tuple(energy_errors(frames, evaluations)[:, None]),
    )
    spreads = None if data.spreads is None else tuple(own.max(keepdims=True) for own in data.spreads)
    return RiskData(probe, _means(data.environments), spreads, data.probe.numbers)


def energy_errors(frames: Sequence[Frame], evaluations: Sequence[FrameEvaluation]) -> FloatArray:
    """Errors (n_frames,) of energies, eV per atom, less what a constant per element explains.

    The constants, fitted by least squares in double precision, set two levels of theory on one scale.
    """
    if any(frame.energy_eV is None for frame in frames):
        raise WrongUse("Errors of energies need an energy of every frame.")
    both = zip(frames, evaluations, strict=True)
    differing = [replace(frame, energy_eV=own.energy_eV - (frame.energy_eV or 0.0)) for frame, own in both]
    constants = fit_reference_energies(differing).energies_eV
    left = [(one.energy_eV or 0.0) - sum(constants[z] for z in one.numbers.tolist()) for one in differing]
    return np.abs(np.array(left)) / np.array([frame.n_atoms for frame in frames])


def _means(of_atoms: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
    return tuple(own.mean(axis=0, keepdims=True) for own in of_atoms)
