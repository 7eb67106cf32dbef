"""Pieces of documents: what the readers of single file formats give to the source `documents`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sonde.decisions.sources.archives import MIB
from sonde.errors import BadInput

LARGEST = 256 * MIB


@dataclass(frozen=True)
class Piece:
    """Words that stand together in a document."""

    place: str
    """The end of an anchor: `line=7`, `page=2`, `cell=4`; a remark on a line is `line=7-comment-1`."""
    text: str
    heading: str | None = None
    section: str | None = None
    """Place where the section begins: pieces of one section share it."""
    author: str | None = None
    time: datetime | None = None


class PieceReader(Protocol):
    """Reads one file of a format; `name` is its path in the folder, which may hold a date."""

    def __call__(self, file: Path, name: str) -> Iterator[Piece]:
        """Yield the pieces in their order. Raises BadInput."""
        ...


def bounded(file: Path, mend: str) -> bytes:
    """Read a file whole that an honest one lets into memory. Raises BadInput."""
    size = file.stat().st_size
    if size > LARGEST:
        raise BadInput(file, None, f"holds {size / MIB:.0f} MiB, more than {LARGEST / MIB:.0f}", mend)
    return file.read_bytes()


def utc(time: datetime | None) -> datetime | None:
    """Properties of office files are in UTC and come without saying so."""
    if time is None:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
