"""`sonde trust evaluate`: the probe beside every baseline, on frames that the potential was not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sonde.errors import SondeError, WrongUse
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation
from sonde.records.reliability import ShiftTable, TrustEvaluation

if TYPE_CHECKING:
    from sonde.potentials.protocol import FrozenPotential
    from sonde.store import Project

QUANTILES = (0.5, 0.8, 0.95)
"""Of the largest force errors: tolerances where none are given."""
FEWEST_UNSEEN = 60
SOFT = 0.02
"""Departure of the slope from 1 from which errors are judged after its correction, too."""


@dataclass(frozen=True)
class EvaluationPlan:
    """What to judge: tolerances in eV/Å (quantiles of the errors where empty), shifts by name, seeds."""

    tolerances: tuple[float, ...] = ()
    shifts: tuple[str, ...] = ("random", "composition")
    seeds: tuple[int, ...] = (0,)
    softening: bool = True
    """Also judge errors that are left after a force-slope correction, where the slope departs from 1."""


def trust_evaluate(
    project: "Project",
    potential: str,
    dataset: str,
    *,
    plan: EvaluationPlan | None = None,
    progress: Progress = SILENT,
) -> TrustEvaluation:
    """Judge the probe and every baseline under several shifts, before and after a force-slope correction.

    Frames that stand in the potential's training dataset are left out where enough others remain.

    Raises
    ------
    NotFound : no such potential or dataset. WrongUse : a tolerance not above zero, a shift of no known name.
    SondeError : too few labelled frames.
    """
    from sonde.operations.evaluations import evaluations_of_dataset
    from sonde.operations.evidence.assembly import load_registered
    from sonde.operations.evidence.trust import groups_of
    from sonde.operations.trust import seen_in_training

    plan = plan or EvaluationPlan()
    _check(plan)
    project.datasets.row(dataset)
    registered, loaded = load_registered(project, potential, progress)
    frames = list(project.datasets.frames(dataset))
    evaluations = evaluations_of_dataset(project, loaded, dataset, frames, progress)
    kept, notes = _unseen(frames, seen_in_training(project, registered.trained_on, frames))
    chosen, judged = [frames[k] for k in kept], [evaluations[k] for k in kept]
    groups, slope = groups_of(chosen, dataset), force_slope(chosen, judged)
    tables = []
    for softened in (False, True) if plan.softening and abs(slope - 1) > SOFT else (False,):
        scaled = [_times(one, slope) for one in judged] if softened else judged
        tables += _tables(loaded, chosen, scaled, groups, plan, softened, progress)
    if not tables:
        raise SondeError("No shift leaves enough frames to learn from and to test on: give more, or other shifts.")
    n_groups = len(set(groups))
    said = (*notes, *_grouping(n_groups, kept))
    return TrustEvaluation(potential, dataset, len(chosen), n_groups, plan.seeds, slope, tuple(tables), said)


def _check(plan: EvaluationPlan) -> None:
    from sonde.reliability.shifts import SHIFTS

    if any(not (np.isfinite(one) and one > 0) for one in plan.tolerances):
        raise WrongUse(f"Tolerances must be above zero, in eV/Å; found {', '.join(map(str, plan.tolerances))}.")
    for shift in plan.shifts:
        if shift not in SHIFTS:
            raise WrongUse(f"A shift is one of {', '.join(SHIFTS)}; found {shift!r}.")


def _unseen(frames: Sequence[Frame], seen: Sequence[bool] | None) -> tuple[list[int], list[str]]:
    """Places of labelled frames the potential was not trained on; all labelled ones where too few of them remain."""
    labelled = [k for k, frame in enumerate(frames) if frame.forces_eV_per_A is not None]
    if len(labelled) < FEWEST_UNSEEN:
        raise SondeError(f"Only {len(labelled)} frames carry forces; a fair table needs at least {FEWEST_UNSEEN}.")
    if seen is None:
        return labelled, ["The training dataset is not registered: whether these frames are in it is not known."]
    unseen = [k for k in labelled if not seen[k]]
    if len(unseen) < FEWEST_UNSEEN:
        note = (
            f"{len(labelled) - len(unseen)} of {len(labelled)} frames are the potential's own training data, and "
            "too few others remain: errors are smaller here than on new structures."
        )
        return labelled, [note]
    left = len(labelled) - len(unseen)
    return unseen, [f"{left} frames of the potential's own training data were left out."] if left else []


def _grouping(n_groups: int, kept: Sequence[int]) -> list[str]:
    if n_groups == len(kept):
        return ["No frame tells its trajectory: every frame is a group of its own, so that intervals are too narrow."]
    return []


def force_slope(frames: Sequence[Frame], evaluations: Sequence[FrameEvaluation]) -> float:
    """Least-squares slope, through the origin, of true on predicted force components."""
    predicted = np.concatenate([one.forces_eV_per_A.ravel() for one in evaluations])
    true = np.concatenate([frame.forces_eV_per_A.ravel() for frame in frames if frame.forces_eV_per_A is not None])
    return float(predicted @ true / (predicted @ predicted))


def _times(evaluation: FrameEvaluation, slope: float) -> FrameEvaluation:
    return replace(evaluation, forces_eV_per_A=slope * evaluation.forces_eV_per_A)


def _tables(
    potential: "FrozenPotential",
    frames: Sequence[Frame],
    evaluations: Sequence[FrameEvaluation],
    groups: Sequence[object],
    plan: EvaluationPlan,
    softened: bool,
    progress: Progress,
) -> list[ShiftTable]:
    from sonde.local_environments.descriptors import DensityDescriptor
    from sonde.reliability.baselines.protocol import RiskData
    from sonde.reliability.fair_table import shift_table
    from sonde.reliability.probes.data import ProbeData
    from sonde.reliability.probes.local import environments_of

    probe = ProbeData.from_evaluations(frames, evaluations, groups, identity=potential.identity)
    elements = np.unique(np.concatenate([frame.numbers for frame in frames])).tolist()
    data = RiskData(probe, tuple(environments_of(DensityDescriptor(tuple(elements)), frames)))
    tolerances = plan.tolerances or tuple(float(t) for t in np.quantile(probe.largest_errors, QUANTILES))
    found = []
    for seed in plan.seeds:
        for shift in plan.shifts:
            tables = shift_table(shift, frames, data, tolerances, seed=seed, progress=progress)
            found += [replace(table, seed=seed, softened=softened) for table in tables]
    return found
