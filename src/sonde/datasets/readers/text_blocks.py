"""Cuts an xyz file into frames by its atom counts, and finds what is wrong with the cut.

The C parser of libAtoms stops without a word at a truncated last frame, and crashes the interpreter on a count of
zero. So the cut is made here, and the parser is only ever given whole frames.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from sonde.datasets.readers.protocol import Place
from sonde.errors import BadInput

MOST_ATOMS = 10**12
"""A larger count is a damaged one."""
MOST_DIGITS = 12
NEWLINE = ord("\n")


class Cursor(NamedTuple):
    """Where a frame begins: its number, its first line from 1, and the bytes before it in the uncompressed file."""

    frame: int = 0
    line: int = 1
    offset: int = 0


START = Cursor()


class Cut(NamedTuple):
    """A whole frame in a piece of a file, not looked into."""

    at: Cursor
    n_atoms: int
    comment: bytes
    """Without the end of the line."""
    atom_lines: bytes


class Block(NamedTuple):
    """The text of one frame: where it stands, its comment line and its atom lines.

    A tuple: one is made for every frame, and a frozen dataclass takes several times as long.
    """

    path: Path
    frame: int
    line: int
    """Of the count, from 1."""
    offset: int
    """Bytes before the line with the count, in the uncompressed file."""
    n_atoms: int
    comment: str
    atom_lines: tuple[bytes, ...]

    @property
    def comment_place(self) -> Place:
        return Place(self.path, self.frame, self.line + 1)

    def atom_place(self, atom: int) -> Place:
        """Return the place of an atom's line."""
        return Place(self.path, self.frame, self.line + 2 + atom)

    def text(self, comment: str) -> str:
        """Return the frame as it stands in the file, under another comment line."""
        lines = b"".join(self.atom_lines).decode(errors="replace")
        return f"{self.n_atoms}\n{comment}\n{lines}"


def cuts(piece: bytes, at: Cursor) -> tuple[list[Cut], Cursor]:
    """Cut the whole frames at the beginning of a piece of a file, up to the first odd count; say where the rest is."""
    ends = np.flatnonzero(np.frombuffer(piece, np.uint8) == NEWLINE).tolist()
    found: list[Cut] = []
    first, start, before = 0, 0, at.offset
    while first < len(ends):
        n_atoms = _plain_count(piece[start : ends[first]])
        if n_atoms is None or first + 1 + n_atoms >= len(ends):
            break
        comment, atoms, start = ends[first] + 1, ends[first + 1] + 1, ends[first + 1 + n_atoms] + 1
        found.append(Cut(at, n_atoms, piece[comment : atoms - 1], piece[atoms:start]))
        first += n_atoms + 2
        at = Cursor(at.frame + 1, at.line + n_atoms + 2, before + start)
    return found, at


def _plain_count(text: bytes) -> int | None:
    text = text.strip()
    return int(text) or None if text.isdigit() and len(text) <= MOST_DIGITS else None


def blocks(handle: IO[bytes], path: Path, at: Cursor = START) -> Iterator[Block]:
    """Yield the frames of an xyz file one by one from a place on; `path` is only named in errors."""
    frame, line, offset = at
    while count_line := handle.readline():
        if not count_line.strip():
            _only_blank_lines_may_follow(handle, Place(path, frame, line))
            break
        n_atoms = _count(count_line)
        if n_atoms is None:
            raise _no_count(count_line, Place(path, frame, line))
        comment_line = handle.readline()
        atom_lines = tuple(islice(handle, n_atoms))
        if not comment_line or len(atom_lines) < n_atoms or not all(map(bytes.strip, atom_lines)):
            raise _incomplete(comment_line, atom_lines, n_atoms, Place(path, frame, line))
        yield Block(path, frame, line, offset, n_atoms, _decoded(comment_line, path, frame, line), atom_lines)
        offset += len(count_line) + len(comment_line) + sum(map(len, atom_lines))
        line, frame = line + 2 + n_atoms, frame + 1
    if frame == 0:
        raise Place(path).bad("the file is empty", "was it written completely?")


def _count(count_line: bytes) -> int | None:
    try:
        n_atoms = int(count_line)
    except ValueError:
        return None
    return n_atoms if 0 < n_atoms < MOST_ATOMS else None


def _no_count(count_line: bytes, place: Place) -> BadInput:
    found = count_line[:40].decode(errors="replace").strip()
    if found.lstrip("+-").isdigit():
        problem = f"the number of atoms must be positive, found {found}"
        if not found.startswith("-") and int(found):
            problem = f"no structure has so many atoms: {found}"
        return place.bad(problem, "remove the frame or mend its count.")
    return place.bad(
        f"the number of atoms must stand here, found {found!r}",
        "does the frame before hold more atoms than its own count says? Is this extended xyz?",
    )


def _incomplete(comment_line: bytes, atom_lines: tuple[bytes, ...], n_atoms: int, place: Place) -> BadInput:
    found = sum(map(bool, map(bytes.strip, atom_lines)))
    if not comment_line or len(atom_lines) < n_atoms:
        return place.bad(
            f"the file is truncated: {n_atoms} atoms announced, {found} found before its end",
            "copy the file again, or cut the last frame off with `head -n`.",
        )
    blank = next(i for i, line in enumerate(atom_lines) if not line.strip())
    return Place(place.path, place.frame, (place.line or 0) + 2 + blank).bad(
        f"a blank line stands where atom {blank} of {n_atoms} must be", "mend the count or the atoms."
    )


def _only_blank_lines_may_follow(handle: IO[bytes], place: Place) -> None:
    for extra, text in enumerate(handle, start=1):
        if text.strip():
            raise Place(place.path, place.frame, (place.line or 0) + extra).bad(
                "text follows a blank line between frames", "remove the blank lines."
            )


def _decoded(comment_line: bytes, path: Path, frame: int, line: int) -> str:
    if b"\0" in comment_line:
        raise Place(path, frame, line + 1).bad("the line holds a NUL byte", "was the file written completely?")
    try:
        return comment_line.decode().rstrip("\r\n")
    except UnicodeDecodeError as wrong:
        raise Place(path, frame, line + 1).bad(
            f"the line is not UTF-8 text ({wrong.reason})", "save the file as UTF-8."
        ) from wrong
