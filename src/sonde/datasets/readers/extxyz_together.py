"""Frames of extended xyz, many at once: those of one layout share one call of every parser and every check.

What does not pass as a whole is left to those who read frames one by one and name the line that is to blame. Arrays are
copied out, so that a frame that is kept does not keep its neighbours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from sonde.datasets.readers.cells import SMALLEST_VOLUME_A3, checked_positions, volumes_of
from sonde.datasets.readers.extxyz_columns import (
    PARSER_BUFFER,
    REFUSALS,
    columns_of,
    fits_parser,
    numbers_in,
    positions_in,
)
from sonde.datasets.readers.extxyz_comment import PERIODIC, plain_rows
from sonde.datasets.readers.extxyz_headers import UNREAD, Header, header_of
from sonde.datasets.readers.labels import FORCE_RANKS, STRESS_NAMES, LabelDefect, all_finite, forces_of, stress_of
from sonde.datasets.readers.tags import MAGNETIC_COLUMNS, column_tags
from sonde.datasets.readers.text_blocks import Cut
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.frames import Frame, Tag

MOST_HEADERS = 8


class NotAtOnceError(Exception):
    """These frames have to be read one by one."""


@dataclass
class Group:
    """Frames of one layout: their places among those asked for, the values of their comment lines, and their tags."""

    header: Header
    places: list[int] = field(default_factory=list)
    values: list[Sequence[str]] = field(default_factory=list)
    tags: list[dict[str, Tag]] = field(default_factory=list)

    def column(self, at: int) -> list[str]:
        """Return one value of every frame."""
        return [values[at] for values in self.values]


class Together:
    """Reads frames of the layouts that it has seen, the latest ones."""

    def __init__(self, path: Path) -> None:
        self._source = str(path)
        self._headers: list[Header] = []

    def read(self, cuts: Sequence[Cut]) -> list[Frame | None]:
        """Read frames at once; None in the place of those that have to be read one by one."""
        frames: list[Frame | None] = [None] * len(cuts)
        for group in self._groups(cuts):
            try:
                found = _frames(group, [cuts[place] for place in group.places], self._source)
            except (*REFUSALS, LabelDefect, NotAtOnceError):
                continue
            for place, frame in zip(group.places, found, strict=True):
                frames[place] = frame
        return frames

    def learn(self, cut: Cut, tags: Mapping[str, Tag]) -> None:
        """Take up what the parser said of the tags of a frame."""
        header, values = self._apart(cut)
        for key, at, readings in header.tags if header else ():
            if key in tags and readings[values[at]] is UNREAD:
                readings.learn(values[at], tags[key])

    def _groups(self, cuts: Iterable[Cut]) -> Iterable[Group]:
        groups: dict[str, Group] = {}
        for place, cut in enumerate(cuts):
            header, values = self._apart(cut)
            if header is None:
                continue
            tags = {key: readings[values[at]] for key, at, readings in header.tags}
            if UNREAD in tags.values():
                continue
            group = groups.setdefault(header.pattern.pattern, Group(header))
            group.places.append(place)
            group.values.append(values)
            group.tags.append(tags)
        return groups.values()

    def _apart(self, cut: Cut) -> tuple[Header | None, Sequence[str]]:
        """Return the layout of a frame, and the values of its comment line."""
        line = _plain_line(cut.comment)
        if line is None:
            return None, ()
        for header in self._headers:
            values = header.values(line)
            if values is not None:
                return header, values
        return self._new(line)

    def _new(self, line: str) -> tuple[Header | None, Sequence[str]]:
        header = header_of(line)
        values = header.values(line) if header else None
        if header is None or values is None:
            return None, ()
        self._headers = [header, *self._headers][:MOST_HEADERS]
        return header, values


def _plain_line(comment: bytes) -> str | None:
    """Return a comment line as text; None where the parser has its own ways with such a line."""
    if len(comment) % PARSER_BUFFER == PARSER_BUFFER - 2 or b"\\" in comment or b"\0" in comment:
        return None
    try:
        return comment.decode().rstrip("\r")
    except UnicodeDecodeError:
        return None


def _frames(group: Group, cuts: Sequence[Cut], source: str) -> list[Frame]:
    atom_lines = b"".join([cut.atom_lines for cut in cuts])
    if not fits_parser(atom_lines):
        raise NotAtOnceError
    columns = columns_of(atom_lines, sum([cut.n_atoms for cut in cuts]), group.header.properties)
    numbers, positions, forces = numbers_in(columns), _positions(columns), _forces(columns)
    cells, periodic, energies = _cells(group), _periodic(group), _energies(group)
    stresses = _stresses(group, cells)
    ends = accumulate((cut.n_atoms for cut in cuts), initial=0)
    parts = [slice(start, end) for start, end in pairwise(ends)]
    tags = _with_column_tags(group.tags, columns, parts)
    return [
        Frame(
            numbers=numbers[part].copy(),
            positions=positions[part].copy(),
            cell=cells[place].copy(),
            pbc=periodic[place].copy(),
            energy_eV=energies[place],
            forces_eV_per_A=None if forces is None else forces[part].copy(),
            stress_eV_per_A3=stresses[place],
            tags=tags[place],
            source_file=source,
            ordinal=cuts[place].at.frame,
        )
        for place, part in enumerate(parts)
    ]


def _positions(columns: Mapping[str, Any]) -> FloatArray:
    positions = positions_in(columns)
    return checked_positions(positions, len(positions))


def _forces(columns: Mapping[str, Any]) -> FloatArray | None:
    names = [name for name in columns if name.lower() in FORCE_RANKS]
    if len(names) > 1:
        raise NotAtOnceError
    return forces_of(names[0], columns[names[0]]) if names else None


def _energies(group: Group) -> Sequence[float | None]:
    at = group.header.energy
    return [None] * len(group.places) if at is None else list(map(float, group.column(at)))


def _rows(group: Group, at: int) -> FloatArray:
    rows = plain_rows(group.column(at))
    if rows is None or not all_finite(rows):
        raise NotAtOnceError
    return rows


def _cells(group: Group) -> FloatArray:
    """Return the lattice vectors (n_frames, 3, 3), all of which span a volume; zeros where none are stated."""
    if group.header.lattice is None:
        return np.zeros((len(group.places), 3, 3))
    rows = _rows(group, group.header.lattice)
    if rows.shape[1] != 9:
        raise NotAtOnceError
    cells = rows.reshape(-1, 3, 3)
    if not (volumes_of(cells) > SMALLEST_VOLUME_A3).all():
        raise NotAtOnceError
    return cells


def _periodic(group: Group) -> BoolArray:
    header, n_frames = group.header, len(group.places)
    if header.lattice is None or header.pbc is None:
        return np.full((n_frames, 3), header.lattice is not None)
    return np.array([PERIODIC[stated] for stated in group.column(header.pbc)])


def _stresses(group: Group, cells: FloatArray) -> Sequence[FloatArray | None]:
    key, at = group.header.stress_key, group.header.stress
    if at is None:
        return [None] * len(group.places)
    rows = _rows(group, at)
    if rows.shape[1] == 6 or not key.lower().endswith(STRESS_NAMES):
        return [stress_of(key, row, cell) for row, cell in zip(_matrices(rows), cells, strict=True)]
    tensors = _matrices(rows)
    symmetric = (tensors == rows.reshape(-1, 3, 3)).all(axis=(1, 2))
    return [
        tensor.copy() if plain else stress_of(key, tensor, cell)
        for tensor, plain, cell in zip(tensors, symmetric.tolist(), cells, strict=True)
    ]


def _matrices(rows: FloatArray) -> FloatArray:
    """Turn rows of nine numbers into matrices with columns first, as the parser has them."""
    return rows.reshape(-1, 3, 3).transpose(0, 2, 1) if rows.shape[1] == 9 else rows


def _with_column_tags(
    tags: Sequence[Mapping[str, Tag]], columns: Mapping[str, Any], parts: Sequence[slice]
) -> Sequence[Mapping[str, Tag]]:
    magnetic = {name: columns[name] for name in MAGNETIC_COLUMNS if name in columns}
    if not magnetic:
        return tags
    return [
        {**own, **column_tags({name: values[part] for name, values in magnetic.items()}, own)}
        for own, part in zip(tags, parts, strict=True)
    ]
