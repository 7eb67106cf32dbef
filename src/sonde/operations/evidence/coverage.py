"""Are the failing environments like anything in the training dataset, in the raw pool?"""

from typing import Literal

import numpy as np

from sonde.operations.evidence.material import Labelled, Material, Space
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.diagnosis import Coverage, DensityEvidence

N_NEAR = 40
"""At most this many frames count as near the failing structure: enough for a proportion, few enough to be near."""
NEAR_RATIO = 1.5
"""Frames up to this many held-out limits away count as near: strongly distorted cells have few closer neighbours."""
FEWEST_HELD_OUT = 20


def coverage_by(reference: Labelled, material: Material, kind: Literal["training", "pool"]) -> Coverage:
    """Compare the failing atoms' nearest distances with the reference set's own held-out limit, in both spaces."""
    embedding = distance_ratios(reference, material, "embedding")
    descriptor = distance_ratios(reference, material, "descriptor")
    return Coverage(
        reference=kind,
        n_reference_frames=len(reference.frames),
        novel_in_embedding=_novel_share(embedding),
        novel_in_descriptor=_novel_share(descriptor),
        median_ratio_embedding=_finite(float(np.median(embedding))),
        median_ratio_descriptor=_finite(float(np.median(descriptor))),
    )


def _novel_share(ratios: FloatArray) -> float | None:
    """Share of atoms beyond the limit; None where the reference is too small to have a limit."""
    return None if np.isnan(ratios).any() else float(np.mean(ratios > 1.0))


def distance_ratios(reference: Labelled, material: Material, space: Space) -> FloatArray:
    """Per failing atom: distance to the nearest environment of its element over that element's limit.

    Infinite where the reference holds no such element; where it holds too few of them for a limit, the atom counts by
    the largest limit that the reference has.
    """
    nearest = reference.index(space).nearest(material.failing_in(space), material.failing_numbers)
    distances = np.concatenate([found.distance for found in nearest])
    limits = limits_of(reference, space, np.concatenate(material.failing_numbers))
    return np.where(np.isinf(distances), np.inf, distances / limits)


def limits_of(reference: Labelled, space: Space, numbers: IntArray) -> FloatArray:
    """Held-out limit of each atom's element."""
    limits = reference.limits(space)
    largest = max((limit for limit in limits.values() if limit is not None), default=np.nan)
    return np.array([limits.get(int(z)) or largest for z in numbers], dtype=np.float64)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def nearest_frames(reference: Labelled, material: Material, n: int = N_NEAR) -> IntArray:
    """Ordinals of the reference's frames nearest to the failing atoms in the independent descriptor, nearest first.

    A frame is as near as its nearest atom of the same element, in units of the reference's held-out limit; frames
    beyond NEAR_RATIO limits are not near.
    """
    ratios = _frame_ratios(reference, material)
    order = np.argsort(ratios, kind="stable")[:n]
    return order[ratios[order] <= NEAR_RATIO]


def _frame_ratios(reference: Labelled, material: Material) -> FloatArray:
    """Per reference frame, its atoms' smallest distance to a failing atom over the reference's limit."""
    from sonde.local_environments.distances import EnvironmentIndex

    index = EnvironmentIndex.fit(material.failing_in("descriptor"), material.failing_numbers)
    nearest = index.nearest(reference.descriptors, reference.numbers)
    return np.array(
        [
            float(np.min(found.distance / limits_of(reference, "descriptor", numbers)))
            for found, numbers in zip(nearest, reference.numbers, strict=True)
        ]
    )


def density_evidence(material: Material) -> DensityEvidence | None:
    """Relate the error of held-out labelled frames to their distance from the training dataset.

    Held out are frames of the raw pool that the training dataset lacks and no rule took.
    """
    if material.training is None or material.pool is None:
        return None
    ordinals = sorted(k for k in material.dropped - material.dropped_by_rule if material.pool.errors[k] is not None)
    if len(ordinals) < FEWEST_HELD_OUT:
        return DensityEvidence(len(ordinals), None, None, None, None)
    held_out = material.pool.subset(ordinals)
    distances = _frame_distances(material.training, held_out)
    errors = np.array([float(e.max()) for e in held_out.errors if e is not None])
    inputs = _frame_distances(material.training, material.inputs)
    rho, low, high = _spearman(distances, errors)
    percentile = 100.0 * float(np.mean(distances >= np.median(inputs)))
    return DensityEvidence(len(ordinals), rho, low, high, percentile)


def _frame_distances(training: Labelled, other: Labelled) -> FloatArray:
    """Largest over the atoms of a frame of the distance to the nearest training environment."""
    nearest = training.index("descriptor").nearest(other.descriptors, other.numbers)
    return np.array([float(found.distance.max()) for found in nearest])


def _spearman(x: FloatArray, y: FloatArray) -> tuple[float, float, float]:
    """Rank correlation with its 95 % interval by Fisher's transformation (Bonett & Wright 2000)."""
    from scipy.stats import spearmanr

    rho = float(spearmanr(x, y).statistic)
    half = 1.96 * np.sqrt((1 + rho**2 / 2) / (len(x) - 3))
    z = np.arctanh(np.clip(rho, -0.999999, 0.999999))
    return rho, float(np.tanh(z - half)), float(np.tanh(z + half))
