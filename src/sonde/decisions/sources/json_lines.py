"""Exports of one JSON object a line: a file, or the one such file of a zip or folder; a line in memory at a time."""

import json
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from sonde.decisions.sources.archives import MIB, Bounds
from sonde.decisions.sources.members import Members, members_of
from sonde.errors import BadInput

LONGEST_LINE = 64 * MIB
ENDINGS = (".jsonl", ".ndjson")


def json_lines(path: Path, usual: str, bounds: Bounds, mend: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the number and the object of every line that is not empty.

    usual: the file to read where several of an archive hold lines.

    Raises
    ------
    BadInput
        Where there is no such file, a line is longer than an honest one, or holds no JSON object.
    """
    if not path.exists():
        raise BadInput(path, None, "does not exist", mend)
    if path.is_file() and not zipfile.is_zipfile(path):
        with path.open("rb") as stream:
            yield from _objects(path, stream, mend)
        return
    with members_of(path, bounds, mend) as members:
        name = _lines_of(members, usual, mend)
        members.require_bounds([name])
        try:
            with members.open(name) as stream:
                yield from _objects(path, stream, mend)
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, NotImplementedError) as broken:
            raise BadInput(path, f"member {name!r}", f"is damaged ({broken})", mend) from broken


def _lines_of(members: Members, usual: str, mend: str) -> str:
    found = [name for name in members.names() if name.lower().endswith(ENDINGS) and not name.startswith("__MACOSX")]
    named = [name for name in found if name.rpartition("/")[2] == usual] or found
    if len(named) != 1:
        raise BadInput(members.path, None, f"holds {len(named) or 'no'} files of lines ({', '.join(ENDINGS)})", mend)
    return named[0]


def _objects(path: Path, stream: BinaryIO, mend: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise BadInput(path, f"line {number}", f"is longer than {LONGEST_LINE / MIB:.0f} MiB", mend)
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as broken:
            raise BadInput(path, f"line {number}", f"is not JSON ({broken})", mend) from broken
        if not isinstance(found, Mapping):
            raise BadInput(path, f"line {number}", "is not a JSON object", mend)
        yield number, found
