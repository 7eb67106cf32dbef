"""The files of an export by their names in it, whether it is a folder, a zip or a tar; nothing is unpacked to disk."""

import io
import json
import os
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from sonde.decisions.sources.archives import MIB, Bounds, check_sizes, guarded_zip, name_escapes
from sonde.errors import BadInput

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


class Members(Protocol):
    """What a reader needs of an export."""

    path: Path

    def names(self) -> list[str]:
        """Names of all files, with `/` between folders, sorted."""
        ...

    def require_bounds(self, names: Iterable[str]) -> None:
        """Refuse files that will be read and that are larger than an honest export's."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Open one file for reading."""
        ...


@contextmanager
def members_of(path: Path, bounds: Bounds, mend: str) -> Iterator[Members]:
    """Open a folder, a zip or a tar after a look at what it holds.

    Raises
    ------
    BadInput
        Where it is none of them, is damaged, or is made to harm.
    """
    if path.is_dir():
        yield _Folder(path, bounds, mend)
    elif path.name.lower().endswith(TAR_ENDINGS):
        with _opened_tar(path, mend) as archive:
            yield _Tar(path, archive, bounds, mend)
    else:
        with guarded_zip(path, bounds, mend) as archive:
            yield _Zip(path, archive, bounds, mend)


def content(members: Members, name: str, mend: str) -> bytes:
    """Read one file whole."""
    try:
        with members.open(name) as stream:
            return stream.read()
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, NotImplementedError) as broken:
        raise BadInput(members.path, f"member {name!r}", f"is damaged ({broken})", mend) from broken


def parsed(members: Members, name: str, payload: bytes, mend: str) -> Any:
    """Parse the content of a JSON file."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as broken:
        raise BadInput(members.path, f"member {name!r}", f"is not JSON ({broken})", mend) from broken


class _Folder:
    """Files below a folder; links are not followed, since they may lead out of it."""

    def __init__(self, path: Path, bounds: Bounds, mend: str) -> None:
        self.path, self._bounds, self._mend = path, bounds, mend

    def names(self) -> list[str]:
        found = []
        for where, folders, files in os.walk(self.path, followlinks=False):
            folders[:] = [name for name in folders if not Path(where, name).is_symlink()]
            found += [Path(where, name) for name in files if not Path(where, name).is_symlink()]
        return sorted(file.relative_to(self.path).as_posix() for file in found)

    def require_bounds(self, names: Iterable[str]) -> None:
        for name in names:
            size = (self.path / name).lstat().st_size
            if size > self._bounds.member_bytes:
                raise _too_large(self.path, name, size, self._bounds, self._mend)

    def open(self, name: str) -> BinaryIO:
        return (self.path / name).open("rb")


class _Zip:
    def __init__(self, path: Path, archive: zipfile.ZipFile, bounds: Bounds, mend: str) -> None:
        self.path, self._archive, self._bounds, self._mend = path, archive, bounds, mend
        self._members = {member.filename: member for member in archive.infolist() if not member.is_dir()}

    def names(self) -> list[str]:
        return sorted(self._members)

    def require_bounds(self, names: Iterable[str]) -> None:
        check_sizes(self.path, [self._members[name] for name in names], self._bounds, self._mend)

    def open(self, name: str) -> BinaryIO:
        return self._archive.open(self._members[name])  # type: ignore[return-value]  # IO[bytes] is what it is


class _Tar:
    def __init__(self, path: Path, archive: tarfile.TarFile, bounds: Bounds, mend: str) -> None:
        self.path, self._archive, self._bounds, self._mend = path, archive, bounds, mend
        self._members = self._listed()

    def _listed(self) -> Mapping[str, tarfile.TarInfo]:
        """Read the headers; a member that swells is refused before it is passed over, for that decompresses it."""
        found: dict[str, tarfile.TarInfo] = {}
        total, packed = 0, self.path.stat().st_size
        try:
            for number, member in enumerate(self._archive, start=1):
                total += max(member.size, 0)
                problem = name_escapes(member.name) or self._swells(number, total, packed)
                if problem:
                    raise BadInput(self.path, f"member {member.name!r}", problem, self._mend)
                if member.isfile():
                    found[member.name.removeprefix("./")] = member
        except (tarfile.TarError, EOFError, OSError, ValueError) as broken:
            raise BadInput(self.path, None, f"is not a tar that can be read ({broken})", self._mend) from broken
        return found

    def _swells(self, number: int, total: int, packed: int) -> str | None:
        if number > self._bounds.members:
            return f"is one of more than {self._bounds.members} members"
        if total > self._bounds.total_bytes or total > max(MIB, self._bounds.ratio * packed):
            return f"swells what is read so far to {total / MIB:.0f} MiB, from {packed / MIB:.1f} MiB on disk"
        return None

    def names(self) -> list[str]:
        return sorted(self._members)

    def require_bounds(self, names: Iterable[str]) -> None:
        for name in names:
            if self._members[name].size > self._bounds.member_bytes:
                raise _too_large(self.path, name, self._members[name].size, self._bounds, self._mend)

    def open(self, name: str) -> BinaryIO:
        stream = self._archive.extractfile(self._members[name])
        return stream if stream is not None else io.BytesIO()  # type: ignore[return-value]  # as above


def _too_large(path: Path, name: str, size: int, bounds: Bounds, mend: str) -> BadInput:
    problem = f"holds {size / MIB:.0f} MiB, more than {bounds.member_bytes / MIB:.0f}"
    return BadInput(path, f"member {name!r}", problem, mend)


@contextmanager
def _opened_tar(path: Path, mend: str) -> Iterator[tarfile.TarFile]:
    if not path.exists():
        raise BadInput(path, None, "does not exist", mend)
    try:
        archive = tarfile.open(path)  # noqa: SIM115 - closed below
    except (tarfile.TarError, EOFError, OSError) as broken:
        raise BadInput(path, None, f"is not a tar that can be read ({broken})", mend) from broken
    with archive:
        yield archive
