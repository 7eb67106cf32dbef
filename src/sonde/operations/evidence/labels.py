"""Contradictory labels near the failing atoms: one geometry, two answers."""

from collections.abc import Sequence

import numpy as np

from sonde.operations.evidence.coverage import nearest_frames
from sonde.operations.evidence.material import Labelled, Material
from sonde.records.arrays import FloatArray
from sonde.records.datasets import Contradiction
from sonde.records.diagnosis import LabelEvidence

FEWEST_PAIRS = 3
FEWEST_FOR_NOISE = 20


def label_evidence(material: Material) -> LabelEvidence | None:
    """Pairs of training frames that share a geometry and differ in label, near the failing structure."""
    from sonde.datasets.contradictions import contradictory_pairs

    training = material.training
    if training is None:
        return None
    near = set(nearest_frames(training, material).tolist())
    clashes = [c for c in contradictory_pairs(training.frames) if near & set(c.ordinals)]
    pairs = [pair for pair in (_pair(training, c) for c in clashes) if pair is not None]
    if len(pairs) < FEWEST_PAIRS:
        return LabelEvidence(len(clashes), None, None, None, None, None, None, None)
    ordered = [_by_group(training, pair) for pair in pairs]
    offsets = np.array([_per_atom(training, a) - _per_atom(training, b) for a, b in ordered]) * 1e3
    mean, half = float(offsets.mean()), _half_interval(offsets)
    return LabelEvidence(
        n_pairs_near=len(pairs),
        offset_meV_per_atom=mean,
        offset_low=mean - half,
        offset_high=mean + half,
        noise_meV_per_atom=_noise(training, {k for clash in clashes for k in clash.ordinals}),
        force_offset_eV_per_A=_force_offset(training, ordered),
        groups=_group_names(training, ordered),
        residual_by_group_meV_per_atom=_residuals(training, ordered),
    )


def _half_interval(offsets: FloatArray) -> float:
    """Half width of the 95 % interval of the mean by Student's t: three pairs are few."""
    from scipy.stats import t

    n = len(offsets)
    return float(t.ppf(0.975, n - 1) * offsets.std(ddof=1) / np.sqrt(n))


def _pair(training: Labelled, contradiction: Contradiction) -> tuple[int, int] | None:
    """The lowest and the highest energy of one geometry; among its frames may also be plain duplicates."""
    known = [k for k in contradiction.ordinals if training.frames[k].energy_eV is not None]
    if len(known) < 2:
        return None
    ordered = sorted(known, key=lambda k: _per_atom(training, k))
    return ordered[0], ordered[-1]


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
    stated = [f"{name} {value}" for name, value in sorted(surface_of(frame).items())]
    return "; ".join([*stated, f"file {frame.source_file}" if frame.source_file else "unknown file"])


def _group_names(training: Labelled, ordered: Sequence[tuple[int, int]]) -> tuple[str, str]:
    """What tells the groups apart, and nothing of what they share."""
    first, second = (set(_group(training, k).split("; ")) for k in ordered[0])
    if first == second:
        return "the higher label", "the lower label"
    return "; ".join(sorted(first - second)) or "unstated", "; ".join(sorted(second - first)) or "unstated"


def _per_atom(training: Labelled, k: int) -> float:
    frame = training.frames[k]
    return (frame.energy_eV if frame.energy_eV is not None else np.nan) / frame.n_atoms


def _noise(training: Labelled, contradictory: set[int]) -> float:
    """Robust spread of the potential's energy residuals over the training dataset, meV/atom: an upper bound.

    The contradictory frames themselves are left out where enough others remain: their offset is not noise.
    """
    others = [k for k in range(len(training.frames)) if k not in contradictory]
    ordinals = others if len(others) >= FEWEST_FOR_NOISE else range(len(training.frames))
    residuals = np.array([_residual(training, k) for k in ordinals])
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
