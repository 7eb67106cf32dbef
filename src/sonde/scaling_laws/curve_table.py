"""Tables of trained models: CSV, JSON or Parquet, as named columns of plain values.

JSON may be a list of records, an object of columns, or lists of records nested in objects; of the latter the keys
become two columns, `path` (all keys but the last, joined by "/") and `key` (the last).
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonde.errors import BadInput

Cell = float | str | bool | None
LARGEST_FILE = 256 * 2**20
MOST_ROWS = 1_000_000
DELIMITERS = ",;\t"
WORDS: Mapping[str, bool] = {"true": True, "false": False}
DEEPEST = 20


@dataclass(frozen=True, eq=False)
class CurveTable:
    """Columns by name, a cell per row (None: empty), and where each row stands in the file."""

    path: Path
    columns: Mapping[str, tuple[Cell, ...]]
    places: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.places)

    def only(self, rows: Sequence[int]) -> "CurveTable":
        """Return some of the rows."""
        columns = {name: tuple(cells[k] for k in rows) for name, cells in self.columns.items()}
        return CurveTable(self.path, columns, tuple(self.places[k] for k in rows))


def read_table(path: Path) -> CurveTable:
    """Read a table of trained models.

    Raises
    ------
    BadInput : the file is none of the three formats, is damaged, has no rows, or a row has too many or too few cells.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise BadInput(path, None, f"no table ends in {path.suffix!r}", f"Give one of {', '.join(READERS)}.")
    if not path.is_file():
        raise BadInput(path, None, "there is no such file", "Check the name.")
    if path.stat().st_size > LARGEST_FILE:
        raise BadInput(path, None, "the file is larger than 256 MiB", "A row per trained model is enough; thin it.")
    table = reader(path)
    if not len(table):
        raise BadInput(path, None, "the table has no rows", "Give a row per trained model: size, seed, loss.")
    return table


def _of_rows(path: Path, rows: Sequence[Mapping[str, Cell]], places: Sequence[str]) -> CurveTable:
    """Turn records into columns; a field that a record lacks is empty."""
    if len(rows) > MOST_ROWS:
        raise BadInput(path, None, f"more than {MOST_ROWS:,} rows", "A row per trained model is enough; thin it.")
    names = dict.fromkeys(name for row in rows for name in row)
    return CurveTable(path, {name: tuple(row.get(name) for row in rows) for name in names}, tuple(places))


# ---- CSV ----


def _read_csv(path: Path) -> CurveTable:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(path, f"byte {error.start}", "not UTF-8 text", "Save the table as UTF-8.") from error
    lines = text.splitlines()
    header = next((line for line in lines if line.strip()), "")
    reader = csv.reader(lines, delimiter=max(DELIMITERS, key=header.count), strict=True)
    try:
        return _from_cells(path, reader)
    except csv.Error as error:
        raise BadInput(path, f"line {reader.line_num}", str(error), "Mend the quotes of this line.") from error


def _from_cells(path: Path, reader: Any) -> CurveTable:
    names: list[str] = []
    rows, places = [], []
    for cells in reader:
        place = f"line {reader.line_num}"
        if not any(cell.strip() for cell in cells):
            continue
        if not names:
            names = _names(path, cells)
        elif len(cells) != len(names):
            problem = f"{len(cells)} cells where the header names {len(names)} columns"
            raise BadInput(path, place, problem, "Give each row a cell for every column (it may be empty).")
        else:
            rows.append(dict(zip(names, map(_cell, cells), strict=True)))
            places.append(place)
    return _of_rows(path, rows, places)


def _names(path: Path, cells: Sequence[str]) -> list[str]:
    names = [cell.strip() or f"column {k + 1}" for k, cell in enumerate(cells)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(path, "header", f"two columns are called {twice[0]!r}", "Give every column its own name.")
    return names


def _cell(text: str) -> Cell:
    """Read a number, true or false, or a word; empty is None."""
    stripped = text.strip()
    try:
        return float(stripped)
    except ValueError:
        return WORDS.get(stripped.lower(), stripped or None)


# ---- JSON ----


def _read_json(path: Path) -> CurveTable:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadInput(path, None, f"no JSON: {error}", "Give a list of records, one per trained model.") from error
    if isinstance(content, dict) and "schema" in content:
        problem = f"a record of sonde ({content['schema']}), not a table"
        raise BadInput(path, None, problem, "Give the table that `sonde scaling measure --out` writes.")
    if _is_columns(content):
        names, columns = list(content), list(content.values())
        if len({len(column) for column in columns}) > 1:
            raise BadInput(path, None, "the columns differ in length", "Give each column a value per trained model.")
        found = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        return _of_rows(path, [_flat(row) for row in found], [f"row {k + 1}" for k in range(len(found))])
    records = list(_records(path, content, ()))
    return _of_rows(path, [row for row, _ in records], [place for _, place in records])


def _is_columns(content: object) -> bool:
    """Whether an object holds columns: lists of plain values."""
    return isinstance(content, dict) and all(
        isinstance(column, list) and not any(isinstance(cell, dict | list) for cell in column)
        for column in content.values()
    )


def _records(path: Path, node: object, keys: tuple[str, ...]) -> Iterator[tuple[dict[str, Cell], str]]:
    """Yield every record of lists nested in objects, with the keys that lead to it."""
    where = "/".join(keys) or "the list"
    if isinstance(node, dict) and len(keys) < DEEPEST:
        for key, child in node.items():
            yield from _records(path, child, (*keys, str(key)))
    elif isinstance(node, list) and all(isinstance(one, dict) for one in node):
        named: dict[str, Cell] = {"path": "/".join(keys[:-1]), "key": _cell(keys[-1])} if keys else {}
        for k, record in enumerate(node):
            yield {**named, **_flat(record)}, f"{where}, record {k + 1}"
    else:
        problem = f"neither a record nor a list of records, but {type(node).__name__}"
        raise BadInput(path, where, problem, "Give a list of records, one per trained model: size, seed, loss.")


def _flat(record: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Cell]:
    """Flatten nested records to dotted names; lists in a record are no cells and are left out."""
    cells: dict[str, Cell] = {}
    for name, value in record.items():
        if isinstance(value, Mapping) and depth < DEEPEST:
            cells.update(_flat(value, f"{prefix}{name}.", depth + 1))
        elif value is None or isinstance(value, bool):
            cells[f"{prefix}{name}"] = value
        elif isinstance(value, int | float):
            cells[f"{prefix}{name}"] = _number(value)
        elif isinstance(value, str):
            cells[f"{prefix}{name}"] = _cell(value)
    return cells


def _number(value: float) -> float:
    """Turn a number into a float; one beyond its range is infinite, and refused where it is used."""
    try:
        return float(value)
    except OverflowError:
        return float("inf")


# ---- Parquet ----


def _read_parquet(path: Path) -> CurveTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > MOST_ROWS:
                raise BadInput(path, None, f"more than {MOST_ROWS:,} rows", "A row per trained model is enough.")
            rows = file.read().to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise BadInput(path, None, f"no readable Parquet: {error}", "Write the file again.") from error
    return _of_rows(path, [_flat(row) for row in rows], [f"row {k + 1}" for k in range(len(rows))])


READERS: Mapping[str, Callable[[Path], CurveTable]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".json": _read_json,
    ".parquet": _read_parquet,
}
