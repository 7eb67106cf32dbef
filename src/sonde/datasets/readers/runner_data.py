"""RuNNer's and n2p2's `input.data`.

    begin [position(3) element charge atom_energy forces(3) …]     without words: this very order
    comment free text
    lattice x y z                                                  three of them, or none
    atom x y z element charge energy fx fy fz
    energy E                                                       of the whole cell
    charge Q
    end

Units are documented as Bohr and Hartree (RuNNer's documentation), or stated beside the file; see `runner_units`. The
format holds no stress. Which energy of smeared electrons stands there is not part of it: unknown. Columns of forces
cannot be left out of the classic layout: what was not computed stands there as zeros, and is read as zeros.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from sonde.datasets.readers.cells import checked_cell, checked_positions, numbers_of
from sonde.datasets.readers.compression import head_of, opened
from sonde.datasets.readers.labels import LabelDefect
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.runner_units import Units, check_units, units_of
from sonde.datasets.readers.text_lines import MEND_LINE, Lines
from sonde.errors import BadInput
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame, Tag

BEGIN, END = "begin", "end"
CLASSIC = ("position(3)", "element", "charge", "atom_energy", "forces(3)")
POSITIONS = ("position", "positions")
ELEMENTS = ("element", "elements", "symbol", "symbols")
FORCES = ("force", "forces")
COLUMN = re.compile(r"([A-Za-z_][\w-]*)(?:\((\d{1,4})\))?", re.ASCII)
BEGINS = re.compile(
    rb"(?:\s*#[^\n]*\n)*\s*begin\b[^\n]*\n(?:\s*(?:comment|#)[^\n]*\n)*\s*(?:lattice|atom|energy|charge)\s"
)
CHECKED_FRAMES = 20
"""Frames that are looked at before the first is given out, to see whether the units can be right."""
ENERGY_CONVENTION = "documented: total"


class RunnerDataReader:
    """Files `input.data` of RuNNer and n2p2."""

    name = "runner_data"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content decides
        """Tell by `begin` and one of the words that may follow."""
        return BEGINS.match(head) is not None

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield the structures in file order."""
        head_of(path)
        units = units_of(path)
        if not units.stated:
            check_units(_first_frames(path, units), path)
        yield from _frames(path, units)


READER = RunnerDataReader()


def _first_frames(path: Path, units: Units) -> list[Frame]:
    """Return the first frames as far as they can be read; what is wrong with the next is said when it is reached."""
    first: list[Frame] = []
    with suppress(BadInput):
        first.extend(islice(_frames(path, units), CHECKED_FRAMES))
    return first


def _frames(path: Path, units: Units) -> Iterator[Frame]:
    with opened(path) as handle:
        lines = Lines(handle, path)
        while (words := lines.next()) is not None:
            if words[0].startswith("#"):
                continue
            if words[0].lower() != BEGIN:
                raise lines.place.bad(f"{BEGIN} must stand here, found {' '.join(words)[:60]!r}", MEND_LINE)
            yield _placed_frame(lines, words[1:], units)
            lines.frame += 1
        if not lines.frame:
            raise Place(path).bad("the file holds no structure", "was it written completely?")


@dataclass(frozen=True)
class _Layout:
    """Where the columns of an atom stand; forces only where they are among them."""

    position: int
    element: int
    force: int | None
    width: int


def _layout(lines: Lines, stated: Sequence[str]) -> _Layout:
    columns = [COLUMN.fullmatch(word) for word in stated or CLASSIC]
    starts: dict[str, int] = {}
    width = 0
    for column in columns:
        if column is None:
            raise lines.place.bad(f"columns must be named like forces(3), found {' '.join(stated)[:60]!r}", MEND_LINE)
        starts[column[1].lower()] = width
        width += int(column[2] or 1)
    position, element, force = (
        next((starts[n] for n in ns if n in starts), None) for ns in (POSITIONS, ELEMENTS, FORCES)
    )
    if position is None or element is None:
        raise lines.place.bad("the columns must name position(3) and element", MEND_LINE)
    if any(start is not None and start + 3 > width for start in (position, force)):
        raise lines.place.bad("position(3) and forces(3) take three columns each", MEND_LINE)
    return _Layout(position, element, force, width)


@dataclass
class _Structure:
    """The lines of one structure as they are found."""

    layout: _Layout
    vectors: list[FloatArray] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)
    positions: list[list[float]] = field(default_factory=list)
    forces: list[list[float]] = field(default_factory=list)
    single: dict[str, float] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)

    def add_atom(self, words: Sequence[str], lines: Lines) -> None:
        at = self.layout
        if len(words) != at.width:
            found = f"{at.width} columns must stand here, found {len(words)}: {' '.join(words)[:60]!r}"
            raise lines.place.bad(found, "forces and charges that are not known stand in the format as zeros.")
        self.symbols.append(words[at.element])
        self.positions.append(lines.floats(words[at.position : at.position + 3], "the position"))
        if at.force is not None:
            self.forces.append(lines.floats(words[at.force : at.force + 3], "the forces"))


def _placed_frame(lines: Lines, columns: Sequence[str], units: Units) -> Frame:
    place = lines.place
    given = _Structure(_layout(lines, columns))
    while (words := lines.inside("a structure"))[0].lower() != END:
        _take(given, words, lines)
    try:
        return _frame(given, units, place)
    except LabelDefect as defect:
        raise place.bad(str(defect), "mend or remove the structure.") from defect


def _take(given: _Structure, words: Sequence[str], lines: Lines) -> None:
    keyword, values = words[0].lower(), words[1:]
    if keyword == "atom":
        given.add_atom(values, lines)
    elif keyword == "lattice":
        if len(values) != 3:
            raise lines.place.bad(f"a lattice vector has three numbers, found {len(values)}", MEND_LINE)
        given.vectors.append(lines.numbers(values, "the lattice vector"))
    elif keyword in ("energy", "charge"):
        if len(values) != 1 or keyword in given.single:
            raise lines.place.bad(f"one {keyword} with one value must stand in a structure", MEND_LINE)
        given.single[keyword] = lines.floats(values, keyword)[0]
    elif keyword == "comment":
        given.comments.append(" ".join(values))
    elif not keyword.startswith("#"):
        known = "begin, comment, lattice, atom, energy, charge, end"
        raise lines.place.bad(f"no keyword is called {words[0][:40]!r}", f"known are {known}.")


def _frame(given: _Structure, units: Units, place: Place) -> Frame:
    if not given.symbols:
        raise LabelDefect("the structure holds no atoms")
    if len(given.vectors) not in (0, 3):
        raise LabelDefect(f"a structure has three lattice vectors or none, found {len(given.vectors)}")
    cell, pbc = checked_cell(
        units.length_A * np.reshape(given.vectors or np.zeros((3, 3)), (3, 3)), np.full(3, bool(given.vectors))
    )
    energy, force_unit = given.single.get("energy"), units.energy_eV / units.length_A
    return Frame(
        numbers=numbers_of(given.symbols),
        positions=checked_positions(units.length_A * np.array(given.positions), len(given.symbols)),
        cell=cell,
        pbc=pbc,
        energy_eV=None if energy is None else units.energy_eV * energy,
        forces_eV_per_A=force_unit * np.array(given.forces) if given.forces else None,
        tags=_tags(given, units),
        source_file=str(place.path),
        ordinal=place.frame or 0,
    )


def _tags(given: _Structure, units: Units) -> dict[str, Tag]:
    tags: dict[str, Tag] = {"units_convention": units.convention}
    if given.comments:
        tags["comment"] = "; ".join(given.comments)
    if "charge" in given.single:
        tags["total_charge"] = given.single["charge"]
    if "energy" in given.single:
        tags["energy_convention"] = ENERGY_CONVENTION
    return tags
