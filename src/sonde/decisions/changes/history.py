"""Commits → changes of values: each file of a commit is compared with what it replaced."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from sonde.decisions.changes.formats import FormatName, differing_values, format_of, largest_bytes
from sonde.decisions.changes.objects import Objects
from sonde.decisions.changes.repository import Commit, FileChange
from sonde.decisions.changes.values import Difference, UnreadableVersion, Value, differences
from sonde.records.decisions import Change

log = logging.getLogger(__name__)

Values = tuple[Value, ...]
ALIKE = 0.5
"""Share of keys in common from which a file that went and one that came are the same file, renamed and edited."""


def value_changes(commits: Iterable[Commit], objects: Objects) -> Iterator[Change]:
    """Yield the changes of values of a history, parents before children; merges list no files and so yield none."""
    versions = _Versions(objects)
    for commit in objects.ahead(commits, _blobs):
        for path, old, new in _compared(commit.files, versions):
            for difference in differences(old, new):
                yield from _change(commit, path, difference)


def _blobs(commit: Commit) -> list[str]:
    files = [file for file in commit.files if format_of(file.path)]
    return [blob for file in files for blob in (file.old, file.new) if blob]


@dataclass
class _Versions:
    """Values of file versions, and for each path the last version that could be parsed."""

    objects: Objects
    readable: dict[str, str] = field(default_factory=dict)

    def compare(self, file: FileChange) -> tuple[Values, Values] | None:
        """Values before and after; None where a version is missing, too large or broken.

        A version that cannot be parsed is skipped: what follows it is compared with the last that could.
        """
        kind = format_of(file.path)
        if kind is None:
            return None
        old, new = self._text(file.old, kind), self._text(file.new, kind)
        if old is None or new is None:
            return None
        try:
            found = differing_values(kind, old, new)
        except UnreadableVersion as reason:
            log.info("skipped %s (%s): %s", file.path, file.new or file.old, str(reason).partition("\n")[0])
            return self._since_readable(kind, file, new) if reason.which == "old" else None
        if found != ((), ()):  # else it may not have been parsed at all
            self._remember(file)
        return found

    def _since_readable(self, kind: FormatName, file: FileChange, new: str) -> tuple[Values, Values] | None:
        last = self._text(self.readable.get(file.path), kind)
        try:
            found = differing_values(kind, last or "", new)
        except UnreadableVersion:
            return None
        self._remember(file)
        return found

    def _remember(self, file: FileChange) -> None:
        if file.new:
            self.readable[file.path] = file.new

    def _text(self, blob: str | None, kind: FormatName) -> str | None:
        """Text of a version, "" where there is no file, None where it is missing or too large."""
        if blob is None:
            return ""
        payload = self.objects.read(blob)
        if payload is None or len(payload) > largest_bytes(kind):
            return None
        return payload.decode("utf-8", errors="replace").removeprefix("\ufeff")


def _compared(files: Iterable[FileChange], versions: _Versions) -> Iterator[tuple[str, Values, Values]]:
    """Yield path, values before and values after for each file of a commit; what only moved is left out."""
    gone, come = dict[str, Values](), dict[str, Values]()
    for file in _without_moves([file for file in files if format_of(file.path)]):
        compared = versions.compare(file)
        if compared is None:
            continue
        before, after = compared
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
