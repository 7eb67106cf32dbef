"""`sonde scaling plan`: what to spend on next, from the curve and from what the project knows of its data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sonde.operations.scaling_data import data_state
from sonde.progress import SILENT, Progress
from sonde.records.scaling import Gain, ScalingPlan

if TYPE_CHECKING:
    from sonde.scaling_laws.curve_columns import CurveColumns
    from sonde.scaling_laws.curve_table import CurveTable
    from sonde.scaling_laws.law import Settings
    from sonde.store import Project


@dataclass(frozen=True)
class PlanQuestion:
    """Losses to reach, training frames that can be paid, and the frames there are (None: the largest of the curve)."""

    targets: tuple[float, ...] = ()
    budgets: tuple[float, ...] = ()
    now: float | None = None


@dataclass(frozen=True)
class PlanData:
    """The dataset behind the curve, and the one it was made from, by their names in a project."""

    project: "Project"
    dataset: str
    parent: str | None = None


def scaling_plan(
    path: Path,
    question: PlanQuestion | None = None,
    columns: "CurveColumns | None" = None,
    *,
    data: PlanData | None = None,
    settings: "Settings | None" = None,
    progress: Progress = SILENT,
) -> ScalingPlan:
    """Compare repairing labels, restoring dropped frames, new labels and a larger model, from one curve.

    Groups of environments are read off a table of `sonde scaling measure`; what a larger model buys off points over
    model size and data in the same file. With a dataset its audit comes first: while labels contradict each other, no
    larger model is advised.

    Raises as `scaling_fit`.
    """
    from sonde.operations.scaling_fit import fit_curve
    from sonde.scaling_laws.curve_columns import CurveColumns, group_curves, largest_model
    from sonde.scaling_laws.curve_table import read_table
    from sonde.scaling_laws.planning import plan
    from sonde.scaling_laws.points import points

    question, columns, table = question or PlanQuestion(), columns or CurveColumns(), read_table(path)
    curve = largest_model(table, columns)
    fit = fit_curve(curve, question.budgets, settings, progress)
    state = None if data is None else data_state(data.project, data.dataset, data.parent, progress=progress)
    return plan(
        fit,
        points(curve.x, curve.loss, curve.seed),
        targets=question.targets,
        budgets=question.budgets,
        now=question.now,
        state=state,
        groups=group_curves(table, columns),
        gains=_gains(table, columns, settings, progress),
    )


def _gains(
    table: "CurveTable", columns: "CurveColumns", settings: "Settings | None", progress: Progress
) -> Sequence[Gain]:
    """What doubling data and model buys; nothing where the file's models are of fewer than three sizes."""
    from sonde.scaling_laws.curve_columns import grid_of, has_grid
    from sonde.scaling_laws.law import Settings
    from sonde.scaling_laws.law_2d import fit_law_2d

    if not has_grid(table, columns):
        return ()
    grid = grid_of(table, columns, None, None)
    draws = Settings().draws if settings is None else settings.draws
    return fit_law_2d(grid.N, grid.D, grid.loss, name=grid.name, draws=draws, progress=progress).gains
