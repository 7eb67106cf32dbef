"""Which columns of a table are a curve: asked for, or found by the names that the field uses; never guessed.

Where several columns could be meant, or where rows belong to several curves, the error names them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sonde.errors import BadInput, WrongUse
from sonde.records.arrays import FloatArray
from sonde.scaling_laws.curve_table import Cell, CurveTable
from sonde.scaling_laws.kinks import Composition
from sonde.scaling_laws.planning import GroupCurve
from sonde.scaling_laws.points import FEWEST_SIZES

DATA_NAMES = (
    "n_frames", "n_train", "n_training", "n_structures", "n_samples", "n_data", "n_configs", "num_train", "train_size",
    "training_size", "training_frames", "frames", "dataset_size", "size", "n", "d", "x",
)  # fmt: skip
MODEL_NAMES = (
    "n_parameters", "num_parameters", "num_parameter", "n_params", "num_params", "parameters", "params",
)  # fmt: skip
LOSS_NAMES = (
    "loss", "val_loss", "valid_loss", "validation_loss", "test_loss", "error", "test_error", "val_error", "rmse",
    "test_rmse", "mae", "test_mae", "force_rmse", "force_mae", "rmse_f", "mae_f", "energy_rmse", "energy_mae", "rmse_e",
    "mae_e", "f", "e", "l", "force_rmse_ev_per_a", "force_mae_ev_per_a", "energy_rmse_mev_per_atom",
)  # fmt: skip
SEED_NAMES = ("seed", "random_seed", "run_seed", "rng_seed")
OWN = ("group", "n_frames", "n_group_frames", "force_rmse_eV_per_A")
"""Columns by which a table of `sonde scaling measure` is known."""
NESTED = "path"
"""Column of the keys that lead to a record in nested JSON: each is a curve."""
OWN_LOSS, ALL_GROUPS = "force_rmse_eV_per_A", "all"


@dataclass(frozen=True)
class CurveColumns:
    """What the user says of a table.

    x, loss, seed : names of columns; None: found by name.
    where : rows that count, as pairs (column, value). smallest : the least x that counts.
    """

    x: str | None = None
    loss: str | None = None
    seed: str | None = None
    where: tuple[tuple[str, str], ...] = ()
    smallest: float | None = None


@dataclass(frozen=True, eq=False)
class Curve:
    """The points of one curve, (n,) each, and the places of rows without size or loss, and of rows met before."""

    path: Path
    x: FloatArray
    loss: FloatArray
    seed: tuple[str, ...] | None
    converged: tuple[bool | None, ...] | None
    names: tuple[str, str]
    left_out: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class GridPoints:
    """Points over model size N and data D, (n,) each."""

    N: FloatArray
    D: FloatArray
    loss: FloatArray
    name: str


def curve_of(table: CurveTable, columns: CurveColumns) -> Curve:
    """Take one curve out of a table.

    Raises
    ------
    WrongUse : a column that is not there, or several that could be meant; rows of several curves.
    BadInput : a size or a loss that is not a positive number.
    """
    rows = selected(table, columns)
    _refuse_mixed(rows, [NESTED] if 1 < len(set(rows.columns.get(NESTED, ()))) < len(rows) else [])
    x = columns.x or _found(rows, "x", "size", (*DATA_NAMES, *MODEL_NAMES))
    loss = columns.loss or _loss_of(rows)
    seed = columns.seed or _seed_of(rows)
    kept, left_out = _with_numbers(rows, (x, loss))
    kept, repeated = _once(_from(kept, x, columns.smallest), (x, loss, seed))
    _one_curve(kept, x, seed)
    return Curve(
        path=table.path,
        x=_numbers(kept, x),
        loss=_numbers(kept, loss),
        seed=None if seed is None else tuple(str(cell) for cell in _column(kept, seed)),
        converged=_converged(kept),
        names=(x, loss),
        left_out=left_out,
        repeated=repeated,
    )


def values_of(table: CurveTable, each: str, columns: CurveColumns) -> tuple[str, ...]:
    """List the values of the column that tells curves apart, in the order in which they come."""
    rows = table if each == "group" else selected(table, columns)
    cells = [cell for cell in _column(rows, each) if cell is not None]
    values = tuple(dict.fromkeys(map(_text, cells)))
    if len(values) > max(len(cells) // 2, 1):
        raise WrongUse(f"Column {each!r} has another value in almost every row: it tells no curves apart.")
    return values


def grid_of(table: CurveTable, columns: CurveColumns, model: str | None, data: str | None) -> GridPoints:
    """Take points over model size and data out of a table; errors as in `curve_of`."""
    rows = selected(table, columns)
    n_column = model or _found(rows, "n", "model size", MODEL_NAMES, exact="N")
    d_column = data or _found(rows, "d", "data", tuple(name for name in DATA_NAMES if name != "x"), not_this=n_column)
    loss = columns.loss or _loss_of(rows)
    kept, _ = _with_numbers(rows, (n_column, d_column, loss))
    _one_curve(kept, n_column, _seed_of(kept), also=d_column)
    return GridPoints(_numbers(kept, n_column), _numbers(kept, d_column), _numbers(kept, loss), loss)


def has_grid(table: CurveTable, columns: CurveColumns) -> bool:
    """Whether a table holds models of several sizes, trained on several numbers of frames."""
    try:
        grid = grid_of(table, columns, None, None)
    except WrongUse:
        return False
    pairs = len(set(zip(grid.N.tolist(), grid.D.tolist(), strict=True)))
    kinds = len(set(grid.N.tolist())), len(set(grid.D.tolist()))
    return min(kinds) >= FEWEST_SIZES and pairs > max(kinds)


def largest_model(table: CurveTable, columns: CurveColumns) -> Curve:
    """Take the curve in the data of the largest model where there are several; the only curve otherwise."""
    if columns.x is not None or not has_grid(table, columns):
        return curve_of(table, columns)
    rows = selected(table, columns)
    model = _found(rows, "n", "model size", MODEL_NAMES, exact="N")
    largest = max(_numbers(rows, model).tolist())
    rows = rows.only([k for k, n in enumerate(_numbers(rows, model).tolist()) if n == largest])
    return curve_of(rows, columns)


def selected(table: CurveTable, columns: CurveColumns) -> CurveTable:
    """Return the rows that the conditions leave; in a table of sonde's own, those of all held-out frames."""
    where = columns.where
    if _is_own(table) and not any(name == "group" for name, _ in where):
        where = (*where, ("group", ALL_GROUPS))
    for name, value in where:
        cells = _column(table, name)
        rows = [k for k, cell in enumerate(cells) if cell is not None and _same(cell, value)]
        if not rows:
            some = ", ".join(dict.fromkeys(_text(cell) for cell in cells if cell is not None))[:400]
            raise WrongUse(f"No row of {table.path} has {name}={value}; {name} holds {some}.")
        table = table.only(rows)
    return table


def compositions(table: CurveTable, columns: CurveColumns) -> tuple[Composition, ...]:
    """Read off a table of sonde's own how many frames of each group stand behind each size (means over the seeds)."""
    if not _is_own(table):
        return ()
    found: dict[float, dict[str, list[float]]] = {}
    rows = zip(*(_column(table, name) for name in ("n_frames", "group", "n_group_frames")), strict=True)
    for size, group, n in rows:
        counted = isinstance(size, float) and size >= (columns.smallest or 0.0)
        if counted and isinstance(n, float) and group != ALL_GROUPS:
            found.setdefault(size, {}).setdefault(_text(group), []).append(n)
    return tuple(
        Composition(size, {group: float(np.mean(n)) for group, n in groups.items()}) for size, groups in found.items()
    )


def group_curves(table: CurveTable, columns: CurveColumns) -> tuple[GroupCurve, ...]:
    """Read off a table of sonde's own the curve of each group of environments, beside that of all held-out frames."""
    if not _is_own(table):
        return ()
    loss = columns.loss or OWN_LOSS
    names = ("group", "n_frames", "n_parameters", "seed", "n_group_frames", loss)
    rows = list(zip(*(_column(table, name) for name in names), strict=True))
    overall = {row[1:4]: row[5] for row in rows if row[0] == ALL_GROUPS}
    groups: dict[str, list[tuple[float, float, float]]] = {}
    for group, *trained, n, error in rows:
        whole = overall.get(tuple(trained))
        if group != ALL_GROUPS and all(isinstance(one, float) and one > 0 for one in (n, error, whole)):
            groups.setdefault(_text(group), []).append((n, error, whole))  # type: ignore[arg-type]
    return tuple(GroupCurve(group, *np.array(points).T) for group, points in groups.items())


def _is_own(table: CurveTable) -> bool:
    return all(name in table.columns for name in OWN)


# ---- columns ----


def _column(table: CurveTable, name: str) -> tuple[Cell, ...]:
    if name not in table.columns:
        raise WrongUse(f"{table.path} has no column {name!r}; it has {', '.join(table.columns)}.")
    return table.columns[name]


def _found(table: CurveTable, option: str, what: str, names: Sequence[str], exact: str = "", not_this: str = "") -> str:
    """Find the one column of known name that holds different numbers."""
    if exact and exact in _varying(table):
        return exact
    varying = [name for name in _varying(table) if name != not_this]
    candidates = [name for name in varying if name.casefold() in names] or [name for name in varying if name == "key"]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        both = (
            " For a law in both, use fit2d." if {name.casefold() in MODEL_NAMES for name in candidates} > {True} else ""
        )
        raise WrongUse(f"Several columns of {table.path} may be the {what}: {_options(option, candidates)}.{both}")
    raise WrongUse(
        f"Which column of {table.path} is the {what}? Columns with different numbers: {_options(option, varying)}."
    )


def _seed_of(table: CurveTable) -> str | None:
    return next((name for name in table.columns if name.casefold() in SEED_NAMES), None)


def _loss_of(table: CurveTable) -> str:
    """The column of the loss; one alone of such a name counts whatever is in it, so that a bad cell is named."""
    if _is_own(table):
        return OWN_LOSS
    named = [name for name in table.columns if name.casefold() in LOSS_NAMES]
    return named[0] if len(named) == 1 else _found(table, "loss", "loss", LOSS_NAMES)


def _options(option: str, names: Sequence[str]) -> str:
    return ", ".join(f"--{option} {name!r}" if " " in name else f"--{option} {name}" for name in names) or "none"


def _varying(table: CurveTable) -> list[str]:
    """Columns of numbers that are not all the same."""
    known = {name: {cell for cell in cells if cell is not None} for name, cells in table.columns.items()}
    return [
        name
        for name, cells in known.items()
        if len(cells) > 1 and all(isinstance(cell, float) for cell in cells) and name.casefold() not in SEED_NAMES
    ]


def _converged(table: CurveTable) -> tuple[bool | None, ...] | None:
    cells = table.columns.get("converged")
    if cells is None or not all(cell is None or cell in (0.0, 1.0) for cell in cells):
        return None
    return tuple(None if cell is None else bool(cell) for cell in cells)


# ---- rows ----


def _with_numbers(table: CurveTable, names: Sequence[str]) -> tuple[CurveTable, tuple[str, ...]]:
    """Return the rows in which no cell is empty, and the places of the others."""
    cells = list(zip(*(_column(table, name) for name in names), strict=True))
    full = [k for k, row in enumerate(cells) if None not in row]
    empty = tuple(table.places[k] for k, row in enumerate(cells) if None in row)
    return table.only(full), empty


def _once(table: CurveTable, names: tuple[str, str, str | None]) -> tuple[CurveTable, tuple[str, ...]]:
    """Leave out rows of the same size, seed and loss as an earlier one: one run, written down twice."""
    if names[2] is None:
        return table, ()
    rows = list(zip(*(_column(table, name) for name in names if name), strict=True))
    first = {row: k for k, row in reversed(list(enumerate(rows)))}
    again = tuple(table.places[k] for k, row in enumerate(rows) if first[row] != k)
    return table.only(sorted(first.values())), again


def _from(table: CurveTable, x: str, smallest: float | None) -> CurveTable:
    if smallest is None:
        return table
    return table.only([k for k, value in enumerate(_numbers(table, x).tolist()) if value >= smallest])


def _numbers(table: CurveTable, name: str) -> FloatArray:
    """Return a column's numbers, all finite and positive; anything else is named with its place."""
    values = _column(table, name)
    for place, value in zip(table.places, values, strict=True):
        if not isinstance(value, float):
            raise BadInput(table.path, place, f"{name} is {value!r}, not a number", "Mend it, or leave the row out.")
        if not (math.isfinite(value) and value > 0):
            mend = "Laws are fitted to logarithms: leave the row out, or give a number above zero."
            raise BadInput(table.path, place, f"{name} is {value:g}", mend)
    return np.array(values, float)


def _one_curve(table: CurveTable, x: str, seed: str | None, also: str | None = None) -> None:
    """Raise WrongUse where the rows look like those of several curves."""
    taken = [x, *([also] if also else [])]
    keys = list(zip(*(_column(table, name) for name in (*taken, *([seed] if seed else []))), strict=True))
    if len(set(keys)) == len(keys):
        return
    sizes = list(zip(*(_column(table, name) for name in taken), strict=True))
    others = [name for name in table.columns if name not in (*taken, seed, "converged")]
    _refuse_mixed(table, [name for name in others if _divides(table.columns[name], sizes)])


def _refuse_mixed(table: CurveTable, names: Sequence[str]) -> None:
    if names:
        raise WrongUse(
            f"Rows of {table.path} belong to several curves, told apart by {', '.join(names)}: choose one with "
            f"--where {names[0]}={_text(_column(table, names[0])[0])}, or fit each with --each {names[0]}."
        )


def _divides(cells: Sequence[Cell], sizes: Sequence[tuple[Cell, ...]]) -> bool:
    """Whether a column holds names (or model sizes) that occur at several sizes, several of them at one size."""
    if any(isinstance(cell, float) and not cell.is_integer() for cell in cells):
        return False
    sizes_of: dict[Cell, set[tuple[Cell, ...]]] = {}
    values_at: dict[tuple[Cell, ...], set[Cell]] = {}
    for cell, size in zip(cells, sizes, strict=True):
        sizes_of.setdefault(cell, set()).add(size)
        values_at.setdefault(size, set()).add(cell)
    several = len(sizes_of) > 1 and max(len(found) for found in values_at.values()) > 1
    return several and sum(len(sizes_of[cell]) > 1 for cell in cells) > len(cells) / 2


def _same(cell: Cell, value: str) -> bool:
    if isinstance(cell, float):
        try:
            return cell == float(value)
        except ValueError:
            return False
    return _text(cell) == value or (isinstance(cell, bool) and value.lower() == str(cell).lower())


def _text(cell: Cell) -> str:
    """Write a cell as the user would type it."""
    return f"{int(cell)}" if isinstance(cell, float) and cell.is_integer() else str(cell)
