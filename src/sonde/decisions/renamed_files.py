"""Files that were renamed, told from their values: what changes where it never was set came from another file.

A renaming alone changes no value. The first later change in the file has an old value that no change there ever set.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from sonde.records.decisions import Change

File = tuple[str, str]
"""Source and path."""


def first_names(changes: Iterable[Change]) -> Mapping[File, File]:
    """Return, for every file that was renamed, the file under the first name that it had."""
    ordered = sorted(changes, key=lambda change: change.time)
    last: dict[File, datetime] = {(change.source, change.path): change.time for change in ordered}
    votes = _votes(ordered)
    origins = {
        file: (file[0], found)
        for file, (since, paths) in votes.items()
        if (found := next((path for path, _ in paths.most_common() if last[file[0], path] <= since), None)) is not None
    }
    return {file: _first(file, origins) for file in origins}


def _votes(ordered: Iterable[Change]) -> Mapping[File, tuple[datetime, Counter[str]]]:
    """Of each file with a value that it never set: when it first changed, and the files it may have come from."""
    held: dict[tuple[str, str], dict[str, str | None]] = {}
    votes: dict[File, tuple[datetime, Counter[str]]] = {}
    for change in ordered:
        values = held.setdefault((change.source, change.key), {})
        if change.path not in values and change.old is not None:
            came = [path for path, value in values.items() if value is not None and _same(value, change.old)]
            votes.setdefault((change.source, change.path), (change.time, Counter[str]()))[1].update(came)
        values[change.path] = change.new
    return votes


def _first(file: File, origins: Mapping[File, File]) -> File:
    seen = {file}
    while file in origins and origins[file] not in seen:
        file = origins[file]
        seen.add(file)
    return file


def _same(value: str, other: str) -> bool:
    """Whether two texts are one value, as 15 and 15.0 are."""
    try:
        return value == other or float(value) == float(other)
    except ValueError:
        return False
