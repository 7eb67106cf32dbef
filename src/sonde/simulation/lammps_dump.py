"""LAMMPS text dumps (dump custom, atom) as frames: type numbers become elements by a map that the user gives.

https://docs.lammps.org/dump.html and https://docs.lammps.org/Howto_triclinic.html say what the fields mean.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from sonde.errors import BadInput
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame, Tag

LENGTHS_IN_A = ("metal", "real")
_POSITIONS = (("xu", "yu", "zu"), ("x", "y", "z"), ("xsu", "ysu", "zsu"), ("xs", "ys", "zs"))
"""Unwrapped ones first; the scaled ones are shares of the box."""
_MOST_ATOMS = 10**8
_AS_WRITTEN = "Give the dump as LAMMPS wrote it."
_NAME_THEM = "Name the elements of types 1, 2, …: --elements Al,Li."


Columns = Mapping[str, "np.ndarray[tuple[int], np.dtype[np.str_]]"]


@dataclass(frozen=True, eq=False)
class _Box:
    """Cell (rows), its corner, and which directions repeat."""

    cell: FloatArray
    origin: FloatArray
    pbc: tuple[bool, bool, bool]


class _Lines:
    """Lines of a dump with their numbers, for errors that say where."""

    def __init__(self, path: Path, lines: Iterator[str]) -> None:
        self._path, self._lines, self.number = path, lines, 0

    def next(self) -> str:
        """The next line; an error where the file ends in the middle of a frame."""
        line = self.next_or_end()
        if line is None:
            raise self.refusal("ends in the middle of a frame", "Let the run write it out, or cut the last frame off.")
        return line

    def next_or_end(self) -> str | None:
        """The next line, None at the end."""
        self.number += 1
        line = next(self._lines, None)
        return None if line is None else line.rstrip("\n")

    def table(self, n_rows: int) -> list[list[str]]:
        """As many rows of words."""
        rows = [line.split() for line in islice(self._lines, n_rows)]
        self.number += n_rows
        if len(rows) < n_rows:
            raise self.refusal("ends in the middle of a frame", "Let the run write it out, or cut the last frame off.")
        return rows

    def refusal(self, problem: str, mend: str) -> BadInput:
        """The error for the line that was read last."""
        return BadInput(self._path, f"line {self.number}", problem, mend)


def is_dump(path: Path) -> bool:
    """Whether a file begins as LAMMPS dumps do."""
    with path.open("rb") as stream:
        return stream.read(6) == b"ITEM: "


def read_dump(path: Path, elements: Sequence[str] = ()) -> Iterator[Frame]:
    """Read the frames of a text dump; `elements` are those of types 1, 2, …, not needed where a column `element` is.

    Atoms are put into the order of their ids where the dump holds ids. Tags: step, and time_ps where units are metal.

    Raises
    ------
    BadInput : a type without an element, lengths that are not in Å, positions that are missing, a frame cut short.
    """
    numbers_of_types = [_number(path, symbol) for symbol in elements]
    with path.open(encoding="utf-8", errors="replace") as stream:
        lines = _Lines(path, iter(stream))
        ordinal = 0
        while (line := lines.next_or_end()) is not None:
            if line.strip():
                yield _frame(path, lines, line, numbers_of_types, ordinal)
                ordinal += 1


def _number(path: Path, symbol: str) -> int:
    if symbol not in atomic_numbers or symbol == "X":
        raise BadInput(path, None, f"{symbol!r} is no element", _NAME_THEM)
    return int(atomic_numbers[symbol])


def _frame(path: Path, lines: _Lines, first: str, elements: Sequence[int], ordinal: int) -> Frame:
    tags: dict[str, Tag] = {}
    n_atoms, box, units, line = -1, None, "metal", first
    while not line.startswith("ITEM: ATOMS"):
        if line == "ITEM: UNITS":
            units = _known_units(lines)
        elif line == "ITEM: TIMESTEP":
            tags["step"] = _count(lines)
        elif line == "ITEM: TIME":
            tags["time_ps"] = float(lines.next()) * (1.0 if units == "metal" else 1e-3)
        elif line == "ITEM: NUMBER OF ATOMS":
            n_atoms = _count(lines)
        elif line.startswith("ITEM: BOX BOUNDS"):
            box = _box(lines, line.split()[3:])
        else:
            raise lines.refusal(f"{line[:40]!r} is no part of a dump", "Give a text dump (dump custom or atom).")
        line = lines.next()
    if box is None or n_atoms < 0:
        raise lines.refusal("the box or the number of atoms is missing", "Give a text dump (dump custom or atom).")
    columns = _columns(lines, line.split()[2:], n_atoms)
    numbers, positions = _numbers(lines, columns, elements), _positions(lines, columns, box)
    order = np.argsort(columns["id"].astype(np.int64)) if "id" in columns else np.arange(n_atoms)
    return Frame(
        numbers[order], positions[order], box.cell, np.array(box.pbc), tags=tags, source_file=str(path), ordinal=ordinal
    )


def _known_units(lines: _Lines) -> str:
    units = lines.next().strip()
    if units not in LENGTHS_IN_A:
        raise lines.refusal(f"units are {units[:20]!r}", "Only units metal and real have lengths in Å.")
    return units


def _count(lines: _Lines) -> int:
    word = lines.next().strip()
    if not word.isdigit() or int(word) > _MOST_ATOMS * 10**6:
        raise lines.refusal(f"{word[:20]!r} is no count", "Give a text dump (dump custom or atom).")
    return int(word)


def _box(lines: _Lines, words: list[str]) -> _Box:
    """Orthogonal, restricted triclinic (xy xz yz) or general triclinic (abc origin)."""
    try:
        bounds = np.array(lines.table(3), dtype=float)
    except ValueError as broken:
        raise lines.refusal("the bounds of the box are no table of numbers", _AS_WRITTEN) from broken
    if bounds.shape[1] != (4 if "origin" in words else 3 if "xy" in words else 2):
        raise lines.refusal("the box has another number of columns than its header", _AS_WRITTEN)
    periodic = [word.startswith("p") for word in words if len(word) == 2 and set(word) <= set("pfsm")]
    pbc = (periodic[0], periodic[1], periodic[2]) if len(periodic) == 3 else (True, True, True)
    if "origin" in words:
        return _Box(bounds[:, :3], bounds[:, 3], pbc)
    low, high = bounds[:, 0], bounds[:, 1]
    xy, xz, yz = bounds[:, 2] if bounds.shape[1] == 3 else np.zeros(3)
    # the bounds written are those of the tilted box, not its edges
    low = low - np.array([min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0])
    high = high - np.array([max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0])
    lx, ly, lz = high - low
    return _Box(np.array([[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]]), low, pbc)


def _columns(lines: _Lines, names: list[str], n_atoms: int) -> Columns:
    if n_atoms > _MOST_ATOMS:
        raise lines.refusal(f"{n_atoms} atoms are more than can be read", "Give a smaller dump.")
    rows = lines.table(n_atoms)
    if any(len(row) != len(names) for row in rows):
        raise lines.refusal(f"a row has not the {len(names)} columns of its frame", _AS_WRITTEN)
    table = np.array(rows, dtype=str).reshape(n_atoms, len(names))
    return {name: table[:, column] for column, name in enumerate(names)}


def _numbers(lines: _Lines, columns: Columns, elements: Sequence[int]) -> IntArray:
    if elements and "type" in columns:
        types = columns["type"].astype(np.int64)
        if types.size and not 1 <= types.min() <= types.max() <= len(elements):
            problem = f"holds types {types.min()} to {types.max()}, but {len(elements)} elements were given"
            raise lines.refusal(problem, "Name one element for each type, in the order of the types: --elements Al,Li.")
        return np.array(elements, np.int64)[types - 1]
    if "element" in columns:
        unknown = sorted(set(columns["element"].tolist()) - set(atomic_numbers))
        if unknown:
            raise lines.refusal(f"{unknown[0]!r} is no element", _NAME_THEM)
        return np.array([atomic_numbers[symbol] for symbol in columns["element"].tolist()], np.int64)
    raise lines.refusal("types are numbers without elements", _NAME_THEM)


def _positions(lines: _Lines, columns: Columns, box: _Box) -> FloatArray:
    names = next((names for names in _POSITIONS if set(names) <= set(columns)), None)
    if names is None:
        raise lines.refusal("there are no positions", "Dump x y z, xu yu zu or xs ys zs.")
    try:
        read = np.column_stack([columns[name].astype(float) for name in names])
    except ValueError as broken:
        raise lines.refusal("a position is no number", _AS_WRITTEN) from broken
    return read @ box.cell if names[0].startswith("xs") else read - box.origin
