"""Commits → changes of values: each file of a commit is compared with what it replaced."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from sonde.decisions.changes.formats import LARGEST_BYTES, format_of, values_of
from sonde.decisions.changes.repository import Commit, FileChange
from sonde.decisions.changes.values import Difference, Unreadable, Value, differences
from sonde.records.decisions import Change

log = logging.getLogger(__name__)

ReadObject = Callable[[str, int | None], bytes | None]
Values = tuple[Value, ...]
ALIKE = 0.5
"""Share of keys in common from which a file that went and one that came are the same file, renamed and edited."""


def value_changes(commits: Iterable[Commit], read: ReadObject) -> Iterator[Change]:
    """Yield the changes of values of a history, parents before children; merges list no files and so yield none.

    `read(object id, limit in bytes)` returns the content, or None where it is missing or larger.
    """
    versions = _Versions(read)
    for commit in commits:
        for path, old, new in _compared(commit.files, versions):
            for difference in differences(old, new):
                yield from _change(commit, path, difference)


@dataclass
class _Versions:
    """Values of file versions, and for each path those of the last version that could be parsed."""

    read: ReadObject
    readable: dict[str, Values] = field(default_factory=dict)

    def new(self, path: str, blob: str) -> Values | None:
        """Values of a version, or None where it is missing, too large or cannot be parsed."""
        try:
            found = self._parsed(path, blob)
        except Unreadable as reason:
            log.info("skipped %s (%s): %s", path, blob[:12], str(reason).partition("\n")[0])
            return None
        if found is not None:
            self.readable[path] = found
        return found

    def old(self, path: str, blob: str) -> Values | None:
        """Values of the version before; where it cannot be parsed, those of the last one that could."""
        try:
            return self._parsed(path, blob)
        except Unreadable:
            return self.readable.get(path, ())

    def _parsed(self, path: str, blob: str) -> Values | None:
        kind = format_of(path)
        payload = self.read(blob, LARGEST_BYTES)
        return None if kind is None or payload is None else values_of(kind, payload)


def _compared(files: Iterable[FileChange], versions: _Versions) -> Iterator[tuple[str, Values, Values]]:
    """Yield path, values before and values after for each file of a commit; what only moved is left out."""
    gone, come = dict[str, Values](), dict[str, Values]()
    for file in _without_moves([file for file in files if format_of(file.path)]):
        before = versions.old(file.path, file.old) if file.old else ()
        after = versions.new(file.path, file.new) if file.new else ()
        if before is None or after is None:
            continue
        if file.old and file.new:
            yield file.path, before, after
        elif file.old:
            gone[file.path] = before
        else:
            come[file.path] = after
    yield from _renamed(gone, come)


def _without_moves(files: list[FileChange]) -> list[FileChange]:
    """Leave out pairs of files with one content that went here and came there."""
    gone = {file.old: file for file in files if file.new is None}
    moves = [(gone.pop(file.new), file) for file in files if file.old is None and file.new in gone]
    moved = {file.path for pair in moves for file in pair}
    return [file for file in files if file.path not in moved]


def _renamed(gone: dict[str, Values], come: dict[str, Values]) -> Iterator[tuple[str, Values, Values]]:
    """Pair files that were renamed and edited at once by the keys they share; the rest came or went."""
    left = dict(gone)
    for path, after in come.items():
        origin = max(left, key=lambda old: _likeness(old, left[old], path, after), default=None)
        if origin is None or _likeness(origin, left[origin], path, after) < ALIKE:
            yield path, (), after
        else:
            yield path, left.pop(origin), after
    for path, before in left.items():
        yield path, before, ()


def _likeness(old_path: str, old: Values, new_path: str, new: Values) -> float:
    """Share of keys in common (Jaccard), 0 between formats."""
    if PurePosixPath(old_path).suffix != PurePosixPath(new_path).suffix:
        return 0.0
    before, after = {value.key for value in old}, {value.key for value in new}
    return len(before & after) / len(before | after) if before | after else 0.0


def _change(commit: Commit, path: str, difference: Difference) -> Iterator[Change]:
    if commit.time is None:
        log.warning("skipped a change in commit %s: its time cannot be read", commit.id)
        return
    old, new = difference.old, difference.new
    present = new or old
    yield Change(
        key=present.key if present else "",
        old=_written(old, new),
        new=_written(new, old),
        unit=present.unit if present and not (old and new and old.unit != new.unit) else None,
        commit=commit.id,
        path=path,
        line=new.line if new else None,
        author=commit.author,
        time=commit.time,
        summary=commit.summary,
    )


def _written(value: Value | None, other: Value | None) -> str | None:
    """Return the text; where unit or sign changed with the value, each side carries its own (`> 15` → `>= 15`)."""
    if value is None:
        return None
    unit = value.unit if other and value.unit != other.unit else None
    sign = value.sign if other and value.sign != other.sign else None
    return " ".join(part for part in (sign, value.text, unit) if part)
