"""Zip files from outside: looked at before anything is read, and never unpacked to disk."""

import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sonde.errors import BadInput

MIB = 1024**2


@dataclass(frozen=True)
class Bounds:
    """What an honest archive stays below, with room to spare; sizes in bytes after decompression."""

    members: int = 2_000_000
    member_bytes: int = 256 * MIB
    total_bytes: int = 16 * 1024 * MIB
    ratio: float = 200.0
    """Decompressed over compressed; JSON and XML reach 30. Judged for members above 1 MiB only."""


@contextmanager
def guarded_zip(path: Path, bounds: Bounds, mend: str) -> Iterator[zipfile.ZipFile]:
    """Open a zip whose names stay inside it and whose sizes are within bounds.

    Raises
    ------
    BadInput
        Where the file is no zip, is damaged, encrypted, or made to harm; the member is named.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _inspect(path, archive.infolist(), bounds, mend)
            yield archive
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError) as broken:
        raise BadInput(path, None, f"is not a zip that can be read ({broken})", mend) from broken
    except FileNotFoundError as missing:
        raise BadInput(path, None, "does not exist", mend) from missing


def _inspect(path: Path, members: list[zipfile.ZipInfo], bounds: Bounds, mend: str) -> None:
    if len(members) > bounds.members:
        raise BadInput(path, None, f"holds {len(members)} members, more than {bounds.members}", mend)
    for member in members:
        problem = _escape(member) or _unreadable(member)
        if problem:
            raise BadInput(path, f"member {member.filename!r}", problem, mend)


def _escape(member: zipfile.ZipInfo) -> str | None:
    """Say how a member's name leaves the archive, if it does."""
    return name_escapes(member.orig_filename) or (
        "is a symbolic link" if stat.S_ISLNK(member.external_attr >> 16) else None
    )


def name_escapes(name: str) -> str | None:
    """Say how a name leads out of the archive that holds it, if it does."""
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[\\/]", name):
        return "has an absolute path"
    if ".." in re.split(r"[/\\]", name) or "\x00" in name:
        return "points outside the archive"
    return None


def _unreadable(member: zipfile.ZipInfo) -> str | None:
    if member.flag_bits & 0x1:
        return "is encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        return f"is compressed by an unknown method ({member.compress_type})"
    return None


def check_sizes(path: Path, members: list[zipfile.ZipInfo], bounds: Bounds, mend: str) -> None:
    """Refuse members that will be read and that would swell beyond the bounds.

    The sizes are those that the archive declares; zipfile never returns more than it declared.
    """
    total = sum(member.file_size for member in members)
    if total > bounds.total_bytes:
        raise BadInput(path, None, f"swells to {total / MIB:.0f} MiB, more than {bounds.total_bytes / MIB:.0f}", mend)
    for member in members:
        if member.file_size > bounds.member_bytes:
            problem = f"swells to {member.file_size / MIB:.0f} MiB, more than {bounds.member_bytes / MIB:.0f}"
            raise BadInput(path, f"member {member.filename!r}", problem, mend)
        if member.file_size > MIB and member.file_size > bounds.ratio * max(member.compress_size, 1):
            problem = f"swells {member.file_size / max(member.compress_size, 1):.0f}-fold when decompressed"
            raise BadInput(path, f"member {member.filename!r}", problem, mend)
