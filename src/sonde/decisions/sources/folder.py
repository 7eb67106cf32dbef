"""Result folders that no program versions: snapshots by name as history, notes and comments, tables as evidence."""

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TypeVar

from sonde.decisions.changes.formats import format_of
from sonde.decisions.changes.history import value_changes
from sonde.decisions.changes.objects import LARGEST_BYTES, Objects
from sonde.decisions.changes.repository import Commit, FileChange
from sonde.decisions.sources.comments import comments, has_comments
from sonde.decisions.sources.notebook_cells import CellPiece, cell_pieces, is_notebook
from sonde.decisions.sources.paragraphs import Paragraph
from sonde.decisions.sources.pieces import Piece
from sonde.decisions.sources.plain_documents import document_paragraphs, is_document
from sonde.decisions.sources.protocol import Source
from sonde.decisions.sources.readable import decoded, readable
from sonde.decisions.sources.snapshots import Rank, Version, marked, series_of
from sonde.errors import BadInput
from sonde.records.decisions import Change, Passage

log = logging.getLogger(__name__)

MEND = "Give a folder with settings (INCAR, YAML, …), notes (.md, .txt) or tables (.csv, .tsv)."
TABLES = frozenset([".csv", ".tsv"])
MOST_ROWS = 400
"""Lines above which a table holds data, not results."""
ROWS_AT_ONCE = 20
Item = TypeVar("Item")


def read(path: Path) -> Iterator[Passage]:
    """Yield notes, notebooks, comments beside values, tables of results; words that were copied along stand once.

    A passage belongs to the oldest version in which its words stand (see `snapshots.series_of`), and has its time
    unless it carries a date of its own. Large tables are data and are left out; hidden files and links, too.

    Raises
    ------
    BadInput
        Where there is no folder, or nothing of these kinds in it.
    """
    for series in _series(Path(path)):
        seen = set[str]()
        for version in series:
            for piece in _pieces(Path(path) / version.path, version.path):
                if piece.text not in seen:
                    seen.add(piece.text)
                    yield _passage(piece, version)


def changes(path: Path) -> Iterator[Change]:
    """Yield how values differ from one version of a file to the next, oldest first; the first sets them all.

    The path is that of the latest version; the commit is a checksum of the version's name and files, the summary its
    name. A file that a later version lacks was not necessarily dropped, and nothing is said of it.
    """
    folder = Path(path)
    objects = FolderObjects(folder)
    yield from value_changes(_commits(folder, objects), objects)


class FolderObjects(Objects):
    """Contents of files, by the checksum under which they were taken in."""

    def __init__(self, folder: Path) -> None:
        super().__init__(BytesIO(), BytesIO(), None)
        self._folder, self._paths = folder, dict[str, str]()

    def take(self, path: str) -> str:
        """Return the id of a file's content."""
        name = hashlib.sha1((self._folder / path).read_bytes(), usedforsecurity=False).hexdigest()
        self._paths[name] = path
        return name

    def read(self, name: str) -> bytes | None:
        """Return a content, or None where it is large."""
        return _content(self._folder / self._paths[name])

    def ahead(self, items: Iterable[Item], names: Callable[[Item], Iterable[str]]) -> Iterator[Item]:  # noqa: ARG002
        """Yield the items: nothing is gained by asking for files ahead."""
        yield from items


def _commits(folder: Path, objects: FolderObjects) -> Iterator[Commit]:
    """Put the versions of one name together, and these in the order of time."""
    found: dict[tuple[datetime, Rank, str], list[FileChange]] = {}
    for series in _series(folder):
        before: str | None = None
        for version in series:
            if not format_of(version.path) or (folder / version.path).stat().st_size > LARGEST_BYTES:
                continue
            blob = objects.take(version.path)
            if blob != before:
                change = FileChange(series[-1].path, before, blob)
                # No series stands twice in a commit: each of its versions has a label of its own.
                found.setdefault((version.time, marked(version.rank), version.label), []).append(change)
            before = blob
    for (time, _, label), files in sorted(found.items(), key=lambda item: item[0]):
        listed = "".join(f"{file.path}\0{file.new}\n" for file in files)
        name = hashlib.sha1(f"{label}\0{time}\n{listed}".encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
        yield Commit(name, None, time, label, merge=False, files=tuple(files))


def _series(folder: Path) -> list[list[Version]]:
    if not folder.is_dir():
        raise BadInput(folder, None, "is not a folder", MEND)
    names = [name for name in _walk(folder) if _is_followed(name)]
    if not names:
        raise BadInput(folder, None, "holds no settings, notes or tables", MEND)
    return series_of(folder, names)


def _walk(folder: Path) -> Iterator[str]:
    for where, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            file = Path(where, name)
            if not name.startswith((".", "~$")) and not file.is_symlink() and file.is_file():
                yield file.relative_to(folder).as_posix()


def _is_followed(name: str) -> bool:
    return is_document(name) or is_notebook(name) or _is_table(name) or format_of(name) is not None


def _is_table(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in TABLES


def _content(file: Path) -> bytes | None:
    """Bytes of a file that people may have written, None where it is larger."""
    return file.read_bytes() if file.stat().st_size <= LARGEST_BYTES else None


def _pieces(file: Path, name: str) -> Iterator[Piece]:
    payload = _content(file)
    if payload is None or b"\0" in payload:
        log.info("%s: large or binary, left out", file)
        return
    text = decoded(payload)
    if is_notebook(name):
        yield from map(_of_cell, cell_pieces(text, PurePosixPath(name).name))
    elif is_document(name):
        yield from map(_of_lines, document_paragraphs(text, PurePosixPath(name).name))
    elif _is_table(name):
        yield from map(_of_lines, _rows(text))
    elif has_comments(name):
        yield from map(_of_lines, comments(text, name))


def _of_lines(part: Paragraph) -> Piece:
    section = f"line={part.section_line}" if part.heading else None
    return Piece(f"line={part.line}", part.text, part.heading, section, part.author, part.time)


def _of_cell(piece: CellPiece) -> Piece:
    """Words of a cell, at its number: that is what Jupyter's reader can count."""
    place = f"cell={piece.cell}" + (f"-line-{piece.line_of_cell}" if piece.line_of_cell else "")
    said = piece.paragraph
    return Piece(place, said.text, said.heading, f"cell={piece.section_cell}", said.author, said.time)


def _rows(text: str) -> Iterator[Paragraph]:
    """Yield a table in runs of lines, verbatim."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MOST_ROWS:
        return
    for start in range(0, len(lines), ROWS_AT_ONCE):
        rows = readable("\n".join(lines[start : start + ROWS_AT_ONCE]))
        if any(character.isalnum() for character in rows):
            yield Paragraph(rows, start + 1)


def _passage(piece: Piece, version: Version) -> Passage:
    name = readable(version.path).replace("#", "_").replace("\n", " ")
    return Passage(
        anchor=f"file:{name}#{piece.place}",
        text=piece.text,
        kind="folder",
        author=piece.author,
        time=piece.time or version.time,
        thread=f"file:{name}#{piece.section}" if piece.section else f"file:{name}",
        title=piece.heading or name,
    )


SOURCE = Source("folder", read, changes=changes, complete=True)
