"""Cuts an xyz file into frames by its atom counts, and finds what is wrong with the cut.

The C parser of libAtoms stops without a word at a truncated last frame, and crashes the interpreter on a count of
zero. So the cut is made here, and the parser is only ever given whole frames.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from sonde.datasets.readers.protocol import Place


@dataclass(frozen=True)
class Block:
    """The text of one frame: where it stands, its comment line and its atom lines."""

    place: Place
    offset: int
    """Bytes before the line with the count, in the uncompressed file."""
    n_atoms: int
    comment: str
    atom_lines: tuple[bytes, ...]

    @property
    def comment_place(self) -> Place:
        return Place(self.place.path, self.place.frame, (self.place.line or 0) + 1)

    def atom_place(self, atom: int) -> Place:
        """Return the place of an atom's line."""
        return Place(self.place.path, self.place.frame, (self.place.line or 0) + 2 + atom)

    def text(self, comment: str) -> str:
        """Return the frame as it stands in the file, under another comment line."""
        lines = b"".join(self.atom_lines).decode(errors="replace")
        return f"{self.n_atoms}\n{comment}\n{lines}"


def blocks(handle: IO[bytes], path: Path) -> Iterator[Block]:
    """Yield the frames of an xyz file one by one; `path` is only named in errors."""
    offset, line, frame = 0, 1, 0
    while count_line := handle.readline():
        place = Place(path, frame, line)
        if not count_line.strip():
            _only_blank_lines_may_follow(handle, place)
            break
        n_atoms = _count(count_line, place)
        comment_line = handle.readline()
        atom_lines = tuple(islice(handle, n_atoms))
        _check_complete(comment_line, atom_lines, n_atoms, place)
        comment = _decoded(comment_line, place).rstrip("\r\n")
        yield Block(place, offset, n_atoms, comment, atom_lines)
        offset += len(count_line) + len(comment_line) + sum(map(len, atom_lines))
        line, frame = line + 2 + n_atoms, frame + 1
    if frame == 0:
        raise Place(path).bad("the file is empty", "was it written completely?")


def _count(count_line: bytes, place: Place) -> int:
    try:
        n_atoms = int(count_line)
    except ValueError:
        found = count_line[:40].decode(errors="replace").strip()
        raise place.bad(
            f"the number of atoms must stand here, found {found!r}",
            "does the frame before hold more atoms than its own count says? Is this extended xyz?",
        ) from None
    if n_atoms <= 0:
        raise place.bad(f"the number of atoms must be positive, found {n_atoms}", "remove the frame or mend its count.")
    return n_atoms


def _check_complete(comment_line: bytes, atom_lines: tuple[bytes, ...], n_atoms: int, place: Place) -> None:
    if comment_line and len(atom_lines) == n_atoms and all(map(bytes.strip, atom_lines)):
        return
    found = sum(map(bool, map(bytes.strip, atom_lines)))
    if not comment_line or (found < n_atoms and len(atom_lines) < n_atoms):
        raise place.bad(
            f"the file is truncated: {n_atoms} atoms announced, {found} found before its end",
            "copy the file again, or cut the last frame off with `head -n`.",
        )
    if found < n_atoms:
        blank = next(i for i, line in enumerate(atom_lines) if not line.strip())
        raise Place(place.path, place.frame, (place.line or 0) + 2 + blank).bad(
            f"a blank line stands where atom {blank} of {n_atoms} must be", "mend the count or the atoms."
        )


def _only_blank_lines_may_follow(handle: IO[bytes], place: Place) -> None:
    for extra, text in enumerate(handle, start=1):
        if text.strip():
            raise Place(place.path, place.frame, (place.line or 0) + extra).bad(
                "text follows a blank line between frames", "remove the blank lines."
            )


def _decoded(comment_line: bytes, place: Place) -> str:
    try:
        return comment_line.decode()
    except UnicodeDecodeError as wrong:
        raise Place(place.path, place.frame, (place.line or 0) + 1).bad(
            f"the line is not UTF-8 text ({wrong.reason})", "save the file as UTF-8."
        ) from wrong
