"""Contradictory labels near the failing atoms: one geometry, two answers."""

from collections.abc import Sequence

import numpy as np

from sonde.operations.evidence.coverage import nearest_frames
from sonde.operations.evidence.material import Labelled, Material
from sonde.records.arrays import FloatArray
from sonde.records.datasets import Contradiction
from sonde.records.diagnosis import LabelEvidence

FEWEST_PAIRS = 3


def label_evidence(material: Material) -> LabelEvidence | None:
    """Pairs of training frames that share a geometry and differ in label, near the failing structure."""
    from sonde.datasets.contradictions import contradictory_pairs

    training = material.training
    if training is None:
        return None
    near = set(nearest_frames(training, material).tolist())
    pairs = [_pair(c) for c in contradictory_pairs(training.frames) if near & set(c.ordinals)]
    if len(pairs) < FEWEST_PAIRS:
        return LabelEvidence(len(pairs), None, None, None, None, None, None, None)
    ordered = [_by_group(training, pair) for pair in pairs]
    offsets = np.array([_per_atom(training, a) - _per_atom(training, b) for a, b in ordered]) * 1e3
    mean, half = float(offsets.mean()), 1.96 * float(offsets.std(ddof=1)) / np.sqrt(len(offsets))
    return LabelEvidence(
        n_pairs_near=len(pairs),
        offset_meV_per_atom=mean,
        offset_low=mean - half,
        offset_high=mean + half,
        noise_meV_per_atom=_noise(training),
        force_offset_eV_per_A=_force_offset(training, ordered),
        groups=_group_names(training, ordered),
        residual_by_group_meV_per_atom=_residuals(training, ordered),
    )


def _pair(contradiction: Contradiction) -> tuple[int, int]:
    first, second, *_ = contradiction.ordinals
    return first, second


def _by_group(training: Labelled, pair: tuple[int, int]) -> tuple[int, int]:
    """Order a pair by what its frames say of their origin, so that offsets do not cancel."""
    first, second = pair
    names = _group(training, first), _group(training, second)
    if names[0] != names[1]:
        return (first, second) if names[0] < names[1] else (second, first)
    return (first, second) if _per_atom(training, first) >= _per_atom(training, second) else (second, first)


def _group(training: Labelled, k: int) -> str:
    from sonde.datasets.surfaces import surface_of

    frame = training.frames[k]
    surface = ", ".join(f"{name} {value}" for name, value in sorted(surface_of(frame).items()))
    return f"{surface or 'no stated surface'}; {frame.source_file or 'unknown file'}"


def _group_names(training: Labelled, ordered: Sequence[tuple[int, int]]) -> tuple[str, str]:
    first, second = ordered[0]
    names = _group(training, first), _group(training, second)
    return names if names[0] != names[1] else ("the higher label", "the lower label")


def _per_atom(training: Labelled, k: int) -> float:
    frame = training.frames[k]
    return (frame.energy_eV if frame.energy_eV is not None else np.nan) / frame.n_atoms


def _noise(training: Labelled) -> float:
    """Robust spread of the potential's energy residuals over the training dataset, meV/atom: an upper bound."""
    residuals = np.array([_residual(training, k) for k in range(len(training.frames))])
    return float(1.4826 * np.nanmedian(np.abs(residuals - np.nanmedian(residuals))))


def _residual(training: Labelled, k: int) -> float:
    frame, found = training.frames[k], training.evaluations[k]
    label = frame.energy_eV if frame.energy_eV is not None else np.nan
    return 1e3 * (found.energy_eV - label) / frame.n_atoms


def _residuals(training: Labelled, ordered: Sequence[tuple[int, int]]) -> tuple[float, float]:
    first = float(np.nanmean([_residual(training, a) for a, _ in ordered]))
    return first, float(np.nanmean([_residual(training, b) for _, b in ordered]))


def _force_offset(training: Labelled, ordered: Sequence[tuple[int, int]]) -> float | None:
    found: list[FloatArray] = []
    for a, b in ordered:
        first, second = training.frames[a].forces_eV_per_A, training.frames[b].forces_eV_per_A
        if first is not None and second is not None and first.shape == second.shape:
            found.append(np.linalg.norm(first - second, axis=1))
    return float(np.mean(np.concatenate(found))) if found else None
