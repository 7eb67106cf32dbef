"""`sonde scaling fit` and `fit2d`: the laws of the curves in a file, and whether other data make the bend."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sonde.errors import SondeError, WrongUse
from sonde.operations.scaling_data import break_interval, dataset_kinks
from sonde.progress import SILENT, Progress
from sonde.records.scaling import Reading, ScalingFit, ScalingFit2D, ScalingTable, TableCurve

if TYPE_CHECKING:
    from sonde.scaling_laws.curve_columns import Curve, CurveColumns
    from sonde.scaling_laws.curve_table import CurveTable
    from sonde.scaling_laws.law import Settings
    from sonde.store import Project

MOST_PLACES = 5


def scaling_fit(
    path: Path,
    columns: "CurveColumns | None" = None,
    *,
    predict: Sequence[float] = (),
    settings: "Settings | None" = None,
    dataset: "tuple[Project, str] | None" = None,
    progress: Progress = SILENT,
) -> ScalingFit:
    """Find the law of one curve of a file (CSV, JSON, Parquet), and predict.

    Parameters
    ----------
    columns : which columns and rows are the curve; found by name where None.
    dataset : project and name of the dataset whose first frames, in the order of its files, were the training sets: the
        frames that enter between two sizes are then compared with those before.

    Raises
    ------
    BadInput : the file, or a number in it, cannot be taken. WrongUse : columns that could be meant are several, or
    none; fewer than three sizes; a form that the sizes do not support. NotFound : no such form or dataset.
    """
    from sonde.scaling_laws.curve_columns import CurveColumns, compositions, curve_of
    from sonde.scaling_laws.curve_table import read_table
    from sonde.scaling_laws.kinks import kink_readings

    columns, table = columns or CurveColumns(), read_table(path)
    curve = curve_of(table, columns)
    fit = fit_curve(curve, predict, settings, progress)
    seen = list(kink_readings(compositions(table, columns), "composition", break_interval(fit)))
    if dataset is not None:
        project, name = dataset
        seen += dataset_kinks(fit, np.unique(curve.x).tolist(), project, name, progress=progress)
    return _with_kinks(fit, seen)


def scaling_table(
    path: Path,
    each: str,
    columns: "CurveColumns | None" = None,
    *,
    predict: Sequence[float] = (),
    settings: "Settings | None" = None,
    progress: Progress = SILENT,
) -> ScalingTable:
    """Fit every curve of a file by itself; those that cannot be fitted, and copies of another, are said to be so."""
    from sonde.scaling_laws.curve_columns import CurveColumns, values_of
    from sonde.scaling_laws.curve_table import read_table

    columns, table = columns or CurveColumns(), read_table(path)
    found: list[TableCurve] = []
    seen: dict[tuple[object, ...], str] = {}
    names = ("", "")
    for value in progress.track(values_of(table, each, columns), "fitting"):
        one = replace(columns, where=(*columns.where, (each, value)))
        curve, found_one = _table_curve(value, table, one, predict, settings)
        if curve is not None:
            names, numbers = curve.names, (*curve.x.tolist(), *curve.loss.tolist())
            found_one = replace(found_one, same_as=seen.setdefault(numbers, value))
        found.append(replace(found_one, same_as=None) if found_one.same_as == value else found_one)
    if not any(names):
        raise WrongUse(found[0].refused or "" if found else f"Column {each!r} of {path} is empty.")
    return ScalingTable(str(path), each, *names, tuple(found))


def _table_curve(
    value: str,
    table: "CurveTable",
    columns: "CurveColumns",
    predict: Sequence[float],
    settings: "Settings | None",
) -> "tuple[Curve | None, TableCurve]":
    from sonde.scaling_laws.curve_columns import curve_of

    try:
        curve = curve_of(table, columns)
    except SondeError as error:
        return None, TableCurve(value, 0, None, str(error))
    try:
        return curve, TableCurve(value, len(curve.x), fit_curve(curve, predict, settings, SILENT))
    except SondeError as error:
        return curve, TableCurve(value, len(curve.x), None, str(error))


def fit_curve(curve: "Curve", predict: Sequence[float], settings: "Settings | None", progress: Progress) -> ScalingFit:
    """Fit one curve; rows that had no size or no loss are among its readings."""
    from sonde.scaling_laws.law import fit_law

    fit = fit_law(
        curve.x,
        curve.loss,
        curve.seed,
        predict=predict,
        converged=curve.converged,
        names=curve.names,
        settings=settings,
        progress=progress,
    )
    return replace(fit, readings=(*_left_out(curve), *fit.readings))


def _left_out(curve: "Curve") -> Iterator[Reading]:
    if curve.left_out:
        yield Reading("left_out", f"Rows without a size or a loss were left out: {_places(curve.left_out)}.")
    if curve.repeated:
        message = f"Rows with the size, seed and loss of an earlier one were left out: {_places(curve.repeated)}."
        yield Reading("copy", message)


def _places(all_of_them: Sequence[str]) -> str:
    more = f" and {len(all_of_them) - MOST_PLACES} more" if len(all_of_them) > MOST_PLACES else ""
    return ", ".join(all_of_them[:MOST_PLACES]) + more


# ---- what the data behind the points are ----


def _with_kinks(fit: ScalingFit, seen: Sequence[Reading]) -> ScalingFit:
    """Add what the composition of the data says; a curve that it may bend is not to be extrapolated."""
    serious = [reading for reading in seen if reading.serious]
    if not serious or fit.predictable is False:
        return replace(fit, readings=(*fit.readings, *seen))
    why = f"not predictable from these points: {serious[0].message}"
    return replace(fit, readings=(*fit.readings, *seen), predictable=False, why=why)


def scaling_fit2d(
    path: Path,
    columns: "CurveColumns | None" = None,
    *,
    model: str | None = None,
    data: str | None = None,
    predict: Sequence[tuple[float, float]] = (),
    form: str | None = None,
    draws: int = 500,
    progress: Progress = SILENT,
) -> ScalingFit2D:
    """Find the law over model size and data of the points in a file, and where doubling either would lead.

    model, data : the columns of parameters and of training frames; found by name where None. predict : pairs (N, D).
    """
    from sonde.scaling_laws.curve_columns import CurveColumns, grid_of
    from sonde.scaling_laws.curve_table import read_table
    from sonde.scaling_laws.law_2d import fit_law_2d

    grid = grid_of(read_table(path), columns or CurveColumns(), model, data)
    return fit_law_2d(
        grid.N, grid.D, grid.loss, predict=predict, form=form, draws=draws, name=grid.name, progress=progress
    )
