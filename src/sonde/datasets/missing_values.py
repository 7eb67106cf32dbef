"""Labels that are no numbers: taken for missing, and counted."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sonde.records.arrays import BoolArray
from sonde.records.frames import Frame

LABELS = ("energy_eV", "forces_eV_per_A", "stress_eV_per_A3")


def without_missing_values(frames: Sequence[Frame]) -> tuple[list[Frame], BoolArray]:
    """Return the frames without labels that hold NaN or inf, and which frames had such labels."""
    if _all_finite(frames):
        return list(frames), np.zeros(len(frames), bool)
    cleaned = [_without(frame) for frame in frames]
    changed = [new is not old for new, old in zip(cleaned, frames, strict=True)]
    return cleaned, np.array(changed, bool)


def _all_finite(frames: Sequence[Frame]) -> bool:
    """Tell by one look at all labels of a kind, which hardly ever hold anything else."""
    energies = [frame.energy_eV for frame in frames if frame.energy_eV is not None]
    forces = [frame.forces_eV_per_A for frame in frames if frame.forces_eV_per_A is not None]
    stresses = [frame.stress_eV_per_A3 for frame in frames if frame.stress_eV_per_A3 is not None]
    numbers = (np.array(energies, float), *(np.concatenate(some) for some in (forces, stresses) if some))
    return all(bool(np.isfinite(some).all()) for some in numbers)


def _without(frame: Frame) -> Frame:
    labels = {
        name: None for name in LABELS if (value := getattr(frame, name)) is not None and not np.all(np.isfinite(value))
    }
    return replace(frame, **labels) if labels else frame  # type: ignore[arg-type]  # labels may be None
