"""The points of a learning curve: each training a run, taken over where an earlier one did the same."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sonde.errors import SondeError
from sonde.operations.curve_frames import CurveFrames, group_counts, selection_digest
from sonde.operations.evaluations import batch_size_for
from sonde.operations.point_trainers import PointTrainer, TrainedPoint
from sonde.progress import Progress
from sonde.records.arrays import IntArray
from sonde.records.frames import Frame
from sonde.records.jsonable import jsonable
from sonde.records.learning_curves import ALL, FailedPoint, HeldOutErrors, LearningPoint
from sonde.records.potentials import ForceResiduals, FrameEvaluation

if TYPE_CHECKING:
    from sonde.potentials.protocol import FrozenPotential
    from sonde.store import Project
    from sonde.store.runs import RunRow

RUN_KIND = "learning_curve"
Subsets = Mapping[int, tuple[IntArray, ...]]
"""Per seed, ordinals in the pool per size."""


class Diverged(SondeError):  # noqa: N818 - reads as it is said
    """A training ended in a potential whose errors are no numbers."""


@dataclass(frozen=True, eq=False)
class Training:
    """One training of a curve: ordinals in the pool, and everything that decides its result, as the run records it."""

    chosen: IntArray
    seed: int
    model: int
    settings: Mapping[str, Any]
    enriched: str | None = None
    n_added: int = 0

    @property
    def key(self) -> str:
        """The same for trainings that give the same point."""
        return _key(self.settings)


@dataclass(frozen=True, eq=False)
class Curve:
    """What all trainings of a curve share."""

    project: "Project"
    dataset: str
    group_by: str
    frames: CurveFrames
    trainer: PointTrainer


def trainings(curve: Curve, subsets: Subsets) -> list[Training]:
    """List the trainings, small subsets first."""
    n_sizes = len(next(iter(subsets.values())))
    drawn = [(seed, of_seed[place]) for place in range(n_sizes) for seed, of_seed in subsets.items()]
    return [
        Training(chosen, seed, model, _settings(curve, chosen, seed, model))
        for seed, chosen in drawn
        for model in range(len(curve.trainer.models))
    ]


def enriching_trainings(curve: Curve, subsets: Subsets, n_added: int) -> list[Training]:
    """List trainings on the second largest subsets with up to `n_added` frames of one group added, group by group.

    What is added comes from the part of the pool that the subset left, in the order in which it would enter.
    """
    from sonde.scaling_laws.subsets import nested_subsets

    frames = curve.frames
    found = []
    for seed, of_seed in subsets.items():
        base = of_seed[-2] if len(of_seed) > 1 else of_seed[-1]
        (order,) = nested_subsets(frames.pool_groups, [len(frames.pool)], seed, frames.units)
        left = order[len(base) :]
        for group in sorted(set(frames.pool_groups)):
            added = np.array([k for k in left if frames.pool_groups[k] == group][:n_added], np.int64)
            chosen = np.concatenate([base, added])
            found += [
                Training(chosen, seed, model, _settings(curve, chosen, seed, model), group, len(added))
                for model in range(len(curve.trainer.models))
                if len(added)
            ]
    return found


def _settings(curve: Curve, chosen: IntArray, seed: int, model: int) -> Mapping[str, Any]:
    frames, trainer = curve.frames, curve.trainer
    settings = {
        "dataset": curve.dataset,
        "held_out": frames.record.digest,
        "watched": selection_digest(curve.project, curve.dataset, frames.watched),
        "selection": selection_digest(curve.project, curve.dataset, [frames.pool[k] for k in chosen]),
        "n_frames": len(chosen),
        "seed": seed,
        "group_by": curve.group_by,
        "trainer": trainer.name,
        "model": trainer.settings(model, len(chosen)),
        "versions": trainer.versions,
    }
    plain: Mapping[str, Any] = json.loads(json.dumps(jsonable(settings)))
    return plain


def runs_done(project: "Project") -> dict[str, "RunRow"]:
    """Finished runs by the key of their training."""
    return {_key(run.settings): run for run in project.runs.all(RUN_KIND) if run.state == "done"}


def _key(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)


def _taken_over(run: "RunRow", training: Training) -> LearningPoint:
    """Read a point back; the version of sonde is part of the key, so that the result has the fields of this one."""
    result = dict(run.result or {})
    errors = tuple(HeldOutErrors(**one) for one in result.pop("errors"))
    own = {"model": training.model, "enriched": training.enriched, "n_added": training.n_added}
    return LearningPoint(**{**result, **own}, errors=errors, run=run.id, resumed=True)


def point_of(
    curve: Curve, training: Training, done: "Mapping[str, RunRow]", progress: Progress
) -> LearningPoint | FailedPoint:
    """Train and measure, or take the point over from a run that did the same; whatever happens closes the run.

    What the trainer refuses or fails at is a failed point; any other error, and an interruption, ends the curve.
    """
    if training.key in done:
        return _taken_over(done[training.key], training)
    with curve.project.writing():
        run = curve.project.runs.start(RUN_KIND, training.settings)
    try:
        point = _train(curve, training, run)
    except (SondeError, np.linalg.LinAlgError) as failure:
        _close(curve, run, "failed", {"error": str(failure)})
        progress.say(f"run {run} with {len(training.chosen)} frames failed: {failure}")
        return FailedPoint(len(training.chosen), training.seed, training.model, run, str(failure))
    except BaseException as ended:
        _close(curve, run, "stopped" if isinstance(ended, KeyboardInterrupt) else "failed", {"error": str(ended)})
        raise
    _close(curve, run, "done", _result(point))
    progress.say(f"{point.n_frames} frames, seed {point.seed}: {point.overall.force_rmse_eV_per_A:.4f} eV/Å")
    return point


def _close(curve: Curve, run: int, state: Literal["done", "failed", "stopped"], result: Mapping[str, Any]) -> None:
    with curve.project.writing():
        curve.project.runs.close(run, state, result)


def _result(point: LearningPoint) -> dict[str, Any]:
    """A point without what the run itself says."""
    return {name: value for name, value in jsonable(point).items() if name not in ("run", "resumed")}


def _train(curve: Curve, training: Training, run: int) -> LearningPoint:
    pool = curve.frames.pool
    subset = [pool[k] for k in training.chosen]
    trained = curve.trainer.train(training.model, subset, curve.frames.watched, training.seed)
    return LearningPoint(
        n_frames=len(subset),
        seed=training.seed,
        n_parameters=trained.n_parameters,
        model=training.model,
        converged=trained.converged,
        wall_s=trained.wall_s,
        run=run,
        selection=str(training.settings["selection"]),
        errors=_errors(curve.frames, training.chosen, trained),
        enriched=training.enriched,
        n_added=training.n_added,
    )


def _errors(frames: CurveFrames, chosen: IntArray, trained: TrainedPoint) -> tuple[HeldOutErrors, ...]:
    """Errors on all held-out frames, then on those of each group. Raises Diverged."""
    tested = frames.held_out
    evaluations = trained.potential.evaluate(tested, batch_size=batch_size_for(tested))
    counts = {ALL: len(chosen), **group_counts(frames.pool_groups, chosen)}
    found = []
    for group in (ALL, *sorted({*frames.pool_groups, *frames.held_out_groups})):
        places = _places(frames.held_out_groups, group)
        residuals = _residuals(trained.potential, [tested[k] for k in places], [evaluations[k] for k in places])
        n = counts.get(group, 0)
        found.append(
            HeldOutErrors(
                group=group,
                n_training_frames=n,
                training_share=n / len(chosen),
                n_held_out_frames=len(places),
                force_rmse_eV_per_A=residuals.force_rmse_eV_per_A,
                force_mae_eV_per_A=residuals.force_mae_eV_per_A,
                energy_rmse_meV_per_atom=residuals.energy_rmse_meV_per_atom,
            )
        )
    _require_numbers(found[0])
    return tuple(found)


def _residuals(
    potential: "FrozenPotential", tested: Sequence[Frame], evaluations: Sequence[FrameEvaluation]
) -> ForceResiduals:
    """Errors on some frames; None throughout where there are none."""
    from sonde.potentials.residuals import force_residuals

    if not tested:
        return ForceResiduals(0, 0, None, None, None, None)
    return force_residuals(potential, tested, evaluations)


def _places(groups: Sequence[str], group: str) -> list[int]:
    return [k for k, name in enumerate(groups) if group in (ALL, name)]


def _require_numbers(errors: HeldOutErrors) -> None:
    values = (errors.force_rmse_eV_per_A, errors.force_mae_eV_per_A, errors.energy_rmse_meV_per_atom)
    if not all(value is not None and np.isfinite(value) for value in values):
        raise Diverged("The trained potential gives forces or energies that are no numbers: the training diverged.")
