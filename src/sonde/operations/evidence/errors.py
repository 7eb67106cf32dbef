"""Force errors of labelled frames near the failing structure, by what became of them."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from sonde.operations.evidence.coverage import N_NEAR, nearest_frames
from sonde.operations.evidence.material import Labelled, Material
from sonde.records.arrays import FloatArray
from sonde.records.diagnosis import FilterEvidence, LossEvidence, NeighbourErrors

Group = Literal["dropped_by_rule", "dropped_otherwise", "kept", "training_nearest"]


def neighbour_errors(material: Material) -> dict[str, NeighbourErrors]:
    """Errors of dropped and kept neighbours from the raw pool, and of the nearest training frames."""
    groups: dict[str, NeighbourErrors] = {}
    if material.training is not None:
        nearest = nearest_training_frames(material)
        groups["training_nearest"] = _summary("training_nearest", material.training, nearest, material, None)
    if material.pool is not None and material.lineage is not None:
        members = _neighbours_by_fate(material)
        below = _shared_force_range(material, members)
        for group, ordinals in members.items():
            groups[group] = _summary(group, material.pool, ordinals, material, below)
    return groups


def nearest_training_frames(material: Material) -> list[int]:
    """Training frames that hold the nearest environment of some failing atom."""
    assert material.training is not None
    index = material.training.index("descriptor")
    nearest = index.nearest(material.failing_in("descriptor"), material.failing_numbers)
    return sorted({int(k) for found in nearest for k in found.frame if k >= 0})


def _neighbours_by_fate(material: Material) -> dict[Group, list[int]]:
    assert material.pool is not None
    near = nearest_frames(material.pool, material).tolist()
    kept = [k for k in range(len(material.pool.frames)) if k not in material.dropped]
    order = nearest_frames(material.pool.subset(kept), material, N_NEAR)
    near_kept = [kept[k] for k in order]
    return {
        "dropped_by_rule": [k for k in near if k in material.dropped_by_rule],
        "dropped_otherwise": [k for k in near if k in material.dropped - material.dropped_by_rule],
        "kept": near_kept,
    }


def _shared_force_range(material: Material, members: dict[Group, list[int]]) -> float | None:
    """Upper end of the range of label |F| that dropped and kept neighbours share, below a force threshold if any."""
    assert material.pool is not None
    tops = [_largest_force(material.pool.frames[k].forces_eV_per_A for k in members[g]) for g in _COMPARED]
    known = [top for top in tops if top is not None]
    rule = material.lineage.rules[0] if material.lineage and material.lineage.rules else None
    if rule is not None and rule.feature == "max_force" and rule.threshold is not None:
        known.append(rule.threshold)
    return min(known) if len(known) >= len(_COMPARED) else None


ZERO_BY_SYMMETRY = 0.05
"""eV/Å; atoms at or near a centre of symmetry are right in every potential and would hide what the others show."""
FEWEST_ATOMS = 8
_COMPARED: tuple[Group, Group] = ("dropped_by_rule", "kept")


def _largest_force(forces: Iterable[FloatArray | None]) -> float | None:
    tops = [float(np.linalg.norm(f, axis=1).max()) for f in forces if f is not None]
    return max(tops, default=None)


def _summary(
    group: Group, source: Labelled, ordinals: Sequence[int], material: Material, below: float | None
) -> NeighbourErrors:
    labelled = [k for k in ordinals if source.errors[k] is not None]
    largest = np.array([_errors(source, k).max() for k in labelled])
    atoms = _errors_below(source, labelled, below) if below is not None else np.array([])
    return NeighbourErrors(
        group=group,
        n=len(labelled),
        median_eV_per_A=float(np.median(largest)) if labelled else None,
        fraction_above_tolerance=float(np.mean(largest > material.tolerance_eV_per_A)) if labelled else None,
        atomwise_median_below_eV_per_A=float(np.median(atoms)) if len(atoms) >= FEWEST_ATOMS else None,
        n_atoms_below=len(atoms),
        ordinals=tuple(ordinals),
    )


def _errors(source: Labelled, ordinal: int) -> FloatArray:
    errors = source.errors[ordinal]
    assert errors is not None
    return errors


def _errors_below(source: Labelled, ordinals: Sequence[int], below: float) -> FloatArray:
    kept = []
    for k in ordinals:
        forces = source.frames[k].forces_eV_per_A
        assert forces is not None
        norms = np.linalg.norm(forces, axis=1)
        kept.append(_errors(source, k)[(norms > ZERO_BY_SYMMETRY) & (norms < below)])
    return np.concatenate(kept) if kept else np.array([])


def loss_evidence(material: Material, drop: FilterEvidence | None) -> LossEvidence | None:
    """Frames near the failing structure that were lost without a filter.

    Drops along a rule whose only change was made after the training count as lost: nothing known explains them.
    """
    lineage = material.lineage
    if material.pool is None or lineage is None:
        return None
    near = nearest_frames(material.pool, material).tolist()
    lost = material.dropped - material.dropped_by_rule
    how = f"random split or subsample of {lineage.random_fraction:.0%}" if lineage.random_fraction else None
    if lineage.rules and lineage.rules[0].feature == "scf_converged":
        lost, how = material.dropped, "their electronic structure had not converged"
    elif drop is not None and drop.change_predates_training is False:
        lost, how = material.dropped, "the change that would explain them was made after the training"
    nearest_lost, ratio = _nearest_lost(material, lost)
    elsewhere = [k for k in range(len(material.pool.frames)) if k not in set(near)]
    return LossEvidence(
        n_near_lost=sum(k in lost for k in near),
        n_near_pool=len(near),
        lost_fraction_near=float(np.mean([k in lost for k in near])) if near else None,
        lost_fraction_elsewhere=float(np.mean([k in lost for k in elsewhere])) if elsewhere else None,
        nearest_lost_fraction=nearest_lost,
        median_distance_ratio=ratio,
        how=how,
    )


def _nearest_lost(material: Material, lost: frozenset[int]) -> tuple[float | None, float | None]:
    """Share of failing atoms whose nearest environment was lost, and how much farther the nearest one left is."""
    if material.pool is None or material.training is None:
        return None, None
    failing, numbers = material.failing_in("descriptor"), material.failing_numbers
    in_pool = material.pool.index("descriptor").nearest(failing, numbers)
    in_training = material.training.index("descriptor").nearest(failing, numbers)
    frames = np.concatenate([found.frame for found in in_pool])
    far, near = (np.concatenate([found.distance for found in side]) for side in (in_training, in_pool))
    known = np.isfinite(near)
    ratios = far[known].clip(1e-12) / near[known].clip(1e-12)
    return float(np.mean(np.isin(frames, list(lost)))), float(np.median(ratios)) if len(ratios) else None
