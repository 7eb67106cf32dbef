"""`sonde trust evaluate`: the probe beside every baseline, on frames that the potential was not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sonde.errors import SondeError, WrongUse
from sonde.progress import SILENT, Progress
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, PotentialIdentity
from sonde.records.trust_evaluation import LabelPoint, ShiftTable, TrustEvaluation

if TYPE_CHECKING:
    from sonde.reliability.baselines.protocol import RiskData
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
    """The first judges all shifts; the others repeat the random division, the only one that depends on the seed."""
    softening: bool = True
    """Judge the first shift also on errors that a force-slope correction leaves, where the slope departs from 1."""
    most_frames: int | None = None
    """Whole groups are drawn at random until there are so many frames; None takes all."""
    scores: tuple[str, ...] = ()
    """Names of the scores that are judged; all where empty."""
    energies: bool = True
    """Judge the first shift also on errors of energies, where all frames carry one."""
    label_curve: bool = False
    """Also fit on fewer and fewer labelled frames."""


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
    chosen = [frames[k] for k in kept]
    groups = tuple(groups_of(chosen, dataset))
    judged = Judged(potential, dataset, loaded.identity, chosen, [evaluations[k] for k in kept], groups)
    return judge(judged, plan, notes=notes, progress=progress)


@dataclass(frozen=True, eq=False)
class Judged:
    """Labelled frames with their evaluations by a potential, and the groups that stay together.

    spreads : per frame (n_atoms,), by how much the forces of a committee differ, eV/Å; None for one potential.
    """

    potential: str
    dataset: str
    identity: PotentialIdentity
    frames: Sequence[Frame]
    evaluations: Sequence[FrameEvaluation]
    groups: Sequence[object]
    spreads: Sequence[FloatArray] | None = None

    def drawn(self, most: int | None) -> "Judged":
        """Whole groups at random until there are so many frames; all where there are no more."""
        if most is None or len(self.frames) <= most:
            return self
        places = _drawn(self.groups, most)
        return replace(
            self,
            frames=[self.frames[k] for k in places],
            evaluations=[self.evaluations[k] for k in places],
            groups=[self.groups[k] for k in places],
            spreads=None if self.spreads is None else [self.spreads[k] for k in places],
        )


def judge(
    judged: Judged, plan: EvaluationPlan, *, notes: Sequence[str] = (), progress: Progress = SILENT
) -> TrustEvaluation:
    """Judge the probe and every baseline on these frames.

    Raises
    ------
    SondeError : no shift leaves enough frames.
    """
    said, n_offered = list(notes), len(judged.frames)
    judged = judged.drawn(plan.most_frames)
    if len(judged.frames) < n_offered:
        said.append(f"{plan.most_frames} or slightly more of {n_offered} frames were drawn, by whole groups.")
    slope = force_slope(judged.frames, judged.evaluations)
    judging = _Judge(judged, plan, progress)
    tables = judging.tables(judged.evaluations)
    if not tables:
        raise SondeError("No shift leaves enough frames to learn from and to test on: give more, or other shifts.")
    if plan.softening and abs(slope - 1) > SOFT:
        tables += judging.softened([_times(one, slope) for one in judged.evaluations])
    if plan.energies and all(frame.energy_eV is not None for frame in judged.frames):
        tables += judging.energies()
    return TrustEvaluation(
        potential=judged.potential,
        dataset=judged.dataset,
        n_frames=len(judged.frames),
        n_groups=len(set(judged.groups)),
        seeds=plan.seeds,
        force_slope=slope,
        tables=tuple(tables),
        labels=tuple(judging.label_points(judged.evaluations) if plan.label_curve else ()),
        notes=(*said, *_grouping(len(set(judged.groups)), len(judged.frames))),
    )


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


def _drawn(groups: Sequence[object], most: int) -> list[int]:
    """Places of whole groups, drawn until there are enough frames."""
    from sonde.local_environments.grouping import group_numbers

    member = group_numbers(groups)
    order = np.random.default_rng(0).permutation(int(member.max()) + 1)
    ends = np.cumsum(np.bincount(member)[order])
    taken = order[: int(np.searchsorted(ends, most)) + 1]
    return np.flatnonzero(np.isin(member, taken)).tolist()


def _grouping(n_groups: int, n_frames: int) -> list[str]:
    if n_groups == n_frames:
        return ["No frame tells its trajectory: every frame is a group of its own, so that intervals are too narrow."]
    return []


def force_slope(frames: Sequence[Frame], evaluations: Sequence[FrameEvaluation]) -> float:
    """Least-squares slope, through the origin, of true on predicted force components."""
    predicted = np.concatenate([one.forces_eV_per_A.ravel() for one in evaluations])
    true = np.concatenate([frame.forces_eV_per_A.ravel() for frame in frames if frame.forces_eV_per_A is not None])
    return float(predicted @ true / (predicted @ predicted))


def _times(evaluation: FrameEvaluation, slope: float) -> FrameEvaluation:
    return replace(evaluation, forces_eV_per_A=slope * evaluation.forces_eV_per_A)


@dataclass(frozen=True, eq=False)
class _Judge:
    """What is judged, and what is asked of it."""

    judged: Judged
    plan: EvaluationPlan
    progress: Progress

    @cached_property
    def environments(self) -> "tuple[FloatArray, ...]":
        from sonde.local_environments.descriptors import DensityDescriptor
        from sonde.reliability.probes.local import environments_of

        frames = self.judged.frames
        elements = np.unique(np.concatenate([frame.numbers for frame in frames])).tolist()
        return tuple(environments_of(DensityDescriptor(tuple(elements)), frames))

    def data(self, evaluations: Sequence[FrameEvaluation]) -> "RiskData":
        from sonde.reliability.baselines.protocol import RiskData
        from sonde.reliability.probes.data import ProbeData

        own = self.judged
        probe = ProbeData.from_evaluations(own.frames, evaluations, own.groups, identity=own.identity)
        return RiskData(probe, self.environments, None if own.spreads is None else tuple(own.spreads))

    def tables(self, evaluations: Sequence[FrameEvaluation]) -> list[ShiftTable]:
        """All shifts with the first seed, then the random division with the others."""
        data, (first, *others) = self.data(evaluations), self.plan.seeds
        found = [table for shift in self.plan.shifts for table in self._shift(shift, data, first)]
        repeated = [seed for seed in others if "random" in self.plan.shifts]
        return found + [table for seed in repeated for table in self._shift("random", data, seed)]

    def softened(self, evaluations: Sequence[FrameEvaluation]) -> list[ShiftTable]:
        """The first shift on errors that are left after the correction."""
        tables = self._shift(self.plan.shifts[0], self.data(evaluations), self.plan.seeds[0])
        return [replace(table, softened=True) for table in tables]

    def energies(self) -> list[ShiftTable]:
        """The first shift on errors of energies."""
        from sonde.reliability.baselines.energies import of_energies

        data = of_energies(self.data(self.judged.evaluations), self.judged.frames, self.judged.evaluations)
        return self._shift(self.plan.shifts[0], data, self.plan.seeds[0])

    def label_points(self, evaluations: Sequence[FrameEvaluation]) -> list[LabelPoint]:
        from sonde.reliability.label_curve import label_points

        data = self.data(evaluations)
        return label_points(data, self._tolerances(data)[len(self._tolerances(data)) // 2], self.plan.seeds)

    def _shift(self, shift: str, data: "RiskData", seed: int) -> list[ShiftTable]:
        from sonde.reliability.fair_table import all_scores, shift_table

        offered = all_scores(committee=data.spreads is not None)
        scores = [score for score in offered if not self.plan.scores or score.name in self.plan.scores]
        tolerances = self._tolerances(data)
        return shift_table(
            shift, self.judged.frames, data, tolerances, seed=seed, scores=scores, progress=self.progress
        )

    def _tolerances(self, data: "RiskData") -> tuple[float, ...]:
        if self.plan.tolerances and data.compositions is None:
            return self.plan.tolerances
        return tuple(float(tolerance) for tolerance in np.quantile(data.probe.largest_errors, QUANTILES))
