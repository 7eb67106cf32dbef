"""Learning curves: train on nested subsets of a dataset, measure on one held-out set, keep every point as a run."""

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from sonde.errors import SondeError, WrongUse
from sonde.operations.curve_frames import CurveFrames, FramesOptions, curve_frames, elements_of, group_counts
from sonde.operations.curve_points import Curve, Subsets, enriching_trainings, point_of, runs_done, trainings
from sonde.operations.point_trainers import PointTrainer, TrainerName, point_trainer
from sonde.progress import SILENT, Progress
from sonde.records.learning_curves import CurveRow, FailedPoint, LearningCurve, LearningPoint, curve_rows

if TYPE_CHECKING:
    from sonde.potentials.linear import LinearSettings
    from sonde.store import Project
    from sonde.training.scratch import ScratchSettings

MOST_SIZES = 9
LARGEST_SHARE = 0.8
"""Of the pool, for a trainer without randomness: subsets of the whole pool would be the same for all seeds."""
MOST_IN_COMMON = 0.5
"""Subsets of different seeds that share more than this are reported."""


@dataclass(frozen=True)
class CurveOptions:
    """How a learning curve is made.

    Attributes
    ----------
    sizes : training frames, ascending; None: factors of two down from the pool.
    seeds : of subsets and trainings.
    models : settings of the trainer's kind, several for a grid of sizes and parameters; none: its default.
    group_by : what a kind of environments goes by: a tag of the frames, or formula, elements, source_file. Subsets and
        the held-out set are stratified by it.
    held_out_fraction : of the frames, where no dataset is held out.
    linked_within_A : frames closer than this (root mean square per atom) count as one trajectory.
    enrich_by : frames of one group that are added, group by group, to the second largest subsets, to see what more of
        that group buys; 0: none.
    least_steps : optimiser steps that every training has at least (mace).
    folder : where trainings leave checkpoint and log; None: nowhere (mace).
    """

    sizes: tuple[int, ...] | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    trainer: TrainerName = "mace"
    models: "tuple[ScratchSettings, ...] | tuple[LinearSettings, ...]" = ()
    group_by: str = "config_type"
    held_out_fraction: float = 0.15
    linked_within_A: float | None = None
    enrich_by: int = 0
    least_steps: int = 1200
    folder: Path | None = None


def learning_curve(
    project: "Project",
    dataset: str,
    *,
    held_out: str | None = None,
    options: CurveOptions | None = None,
    trainer: PointTrainer | None = None,
    progress: Progress = SILENT,
) -> LearningCurve:
    """Train on nested, stratified subsets of a dataset and measure every potential on the same held-out frames.

    The held-out set is another dataset, or a stratified part split off; no geometry and no recorded trajectory stands
    on both sides. Each training is a run of the project, written before it starts: a second call goes on where the
    first was stopped, and trains nothing again that is done with the same settings. A training that fails is a failed
    run, and the curve goes on without it.

    `trainer` takes the place of the one that the options name.

    Raises
    ------
    WrongUse : options that cannot be. NotFound : no such dataset. SondeError : nothing is left to train or test on.
    """
    options = options or CurveOptions()
    _check(options)
    trainer = trainer or point_trainer(
        options.trainer, options.models, least_steps=options.least_steps, folder=options.folder
    )
    division = FramesOptions(options.group_by, options.held_out_fraction, options.linked_within_A, trainer.watches)
    frames = curve_frames(project, dataset, held_out, division, progress=progress)
    sizes, subsets, said = _subsets(frames, options, trainer)
    curve = Curve(project, dataset, options.group_by, frames, trainer)
    jobs, done = trainings(curve, subsets), runs_done(project)
    if options.enrich_by:
        jobs += enriching_trainings(curve, subsets, options.enrich_by)
    found = [point_of(curve, job, done, progress) for job in progress.track(jobs, "learning curve", len(jobs))]
    points = tuple(one for one in found if isinstance(one, LearningPoint))
    on_curve = tuple(point for point in points if point.enriched is None)
    failed = tuple(one for one in found if isinstance(one, FailedPoint))
    return LearningCurve(
        dataset=dataset,
        held_out=frames.record,
        trainer=trainer.name,
        models=trainer.models,
        group_by=options.group_by,
        groups=group_counts(frames.pool_groups),
        n_pool=len(frames.pool),
        n_watched=len(frames.watched),
        sizes=sizes,
        seeds=options.seeds,
        points=on_curve,
        enriched=tuple(point for point in points if point.enriched is not None),
        failed=failed,
        notes=(*frames.notes, *said, *_outcome_notes(points, failed)),
    )


def _check(options: CurveOptions) -> None:
    seeds = options.seeds
    if options.enrich_by < 0:
        raise WrongUse(f"enrich_by counts frames, from 0 on; found {options.enrich_by}.")
    if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise WrongUse(f"Seeds must be different numbers from 0 on, at least one; found {tuple(seeds)}.")


# ---- subsets ----


def _subsets(
    frames: CurveFrames, options: CurveOptions, trainer: PointTrainer
) -> tuple[tuple[int, ...], Subsets, tuple[str, ...]]:
    """Draw the subsets of all seeds; sizes that nobody asked for begin where they hold all elements needed."""
    from sonde.scaling_laws.subsets import geometric_sizes, nested_subsets

    largest = len(frames.pool) if trainer.random else int(LARGEST_SHARE * len(frames.pool))
    wanted = options.sizes or geometric_sizes(largest, trainer.fewest_frames, most=MOST_SIZES)
    drawn = {seed: nested_subsets(frames.pool_groups, wanted, seed, frames.units) for seed in options.seeds}
    first = 0 if options.sizes else _first_complete(frames, drawn)
    kept = {seed: subsets[first:] for seed, subsets in drawn.items()}
    return wanted[first:], kept, tuple(_subset_notes(frames, wanted, first, kept))


def _first_complete(frames: CurveFrames, drawn: Subsets) -> int:
    """Place of the first size at which every seed's subset holds all elements to evaluate."""
    for place, subsets in enumerate(zip(*drawn.values(), strict=True)):
        if all(frames.evaluated_elements <= elements_of([frames.pool[k] for k in one]) for one in subsets):
            return place
    raise SondeError(
        f"Not even the largest subsets of the {len(frames.pool)} frames hold all elements of the held-out frames: "
        "hold out frames of fewer elements, or give more frames of the rare ones."
    )


def _subset_notes(frames: CurveFrames, wanted: Sequence[int], first: int, subsets: Subsets) -> Iterator[str]:
    if first:
        yield f"Sizes {_listed(wanted[:first])} were left out: not every subset holds all elements."
    groups = set(frames.pool_groups)
    absent = groups - {frames.pool_groups[k] for of_seed in subsets.values() for k in of_seed[0]}
    if absent:
        yield (
            f"At {wanted[first]} frames {len(absent)} of {len(groups)} groups are too rare to be due a frame: "
            f"{_listed(sorted(absent))}."
        )
    largest = [set(of_seed[-1].tolist()) for of_seed in subsets.values()]
    common = len(set.intersection(*largest)) / len(largest[0])
    if len(largest) > 1 and common > MOST_IN_COMMON:
        yield (
            f"At the largest size the subsets of all seeds have {common:.0%} of their frames in common: their spread "
            "says little there of what other frames would give."
        )


def _listed(items: Sequence[object], most: int = 8) -> str:
    shown = ", ".join(str(item) for item in items[:most])
    return shown + (f" and {len(items) - most} more" if len(items) > most else "")


def _outcome_notes(points: Sequence[LearningPoint], failed: Sequence[FailedPoint]) -> Iterator[str]:
    n = len(points) + len(failed)
    if failed:
        reason = failed[0].reason.partition("\n")[0]
        yield f"{len(failed)} of {n} trainings failed and are missing from the curve; the first: {reason}"
    unsettled = sum(point.converged is False for point in points)
    if unsettled:
        yield f"{unsettled} of {n} trainings had not settled: their errors are upper bounds."
    resumed = sum(point.resumed for point in points)
    if resumed:
        yield f"{resumed} of {n} points were taken over from earlier runs with the same settings."


# ---- table ----


def write_curve(curve: LearningCurve, path: Path) -> Path:
    """Write the points as CSV, a line per training and group of held-out frames; unknown is an empty cell.

    The file appears whole or not at all; one that is there is replaced.
    """
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with fresh.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow([field.name for field in fields(CurveRow)])
            writer.writerows(astuple(row) for row in curve_rows(curve))
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return path
