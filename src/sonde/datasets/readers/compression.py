"""Files as they are, gzipped or bzipped, told apart by their first bytes, not by their names."""

import bz2
import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from sonde.datasets.readers.protocol import Place

HEAD_BYTES = 4096
GZIP_MAGIC = b"\x1f\x8b"
BZIP_MAGIC = b"BZh"
PACKED: Mapping[str, type] = {"gzip": gzip.GzipFile, "bzip2": bz2.BZ2File}
DAMAGES: Mapping[str, tuple[type[Exception], ...]] = {
    "gzip": (EOFError, zlib.error, gzip.BadGzipFile),
    "bzip2": (EOFError, OSError),
}


def is_packed(path: Path) -> bool:
    """Tell by the first bytes."""
    with path.open("rb") as handle:
        return handle.read(len(BZIP_MAGIC)).startswith((GZIP_MAGIC, BZIP_MAGIC))


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a plain or packed file for reading bytes; a damaged archive is reported as `BadInput`."""
    with _handle(path) as handle:
        kind = next((name for name, packed in PACKED.items() if isinstance(handle, packed)), None)
        if kind is None:
            yield handle
            return
        try:
            yield handle
        except DAMAGES[kind] as damage:
            raise Place(path).bad(
                f"the {kind} archive is truncated or damaged ({damage})", "copy the file again and compare its size."
            ) from damage


def _handle(path: Path) -> IO[bytes]:
    try:
        with path.open("rb") as raw:
            magic = raw.read(len(BZIP_MAGIC))
        if magic.startswith(GZIP_MAGIC):
            return cast(IO[bytes], gzip.open(path, "rb"))
        return cast(IO[bytes], bz2.open(path, "rb")) if magic == BZIP_MAGIC else path.open("rb")
    except FileNotFoundError as missing:
        raise Place(path).bad("there is no such file", "check the path.") from missing
    except IsADirectoryError as folder:
        raise Place(path).bad("this is a folder", "name the files in it one by one.") from folder


@contextmanager
def uncompressed(path: Path) -> Iterator[Path]:
    """Give a plain file with the content of `path`: itself, or a temporary copy where it is packed."""
    if not is_packed(path):
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="sonde-", suffix=".xyz") as copy:
        with opened(path) as source:
            shutil.copyfileobj(source, copy, 1 << 20)
        copy.flush()
        yield Path(copy.name)


def first_bytes(path: Path) -> bytes:
    """Return the first bytes of the content, by which readers know their format; none of a folder."""
    if path.is_dir():
        return b""
    with opened(path) as handle:
        return handle.read(HEAD_BYTES)


def head_of(path: Path) -> bytes:
    """Return the first bytes of a text; an empty file, or one that is not text, is `BadInput`."""
    with opened(path) as handle:
        head = handle.read(HEAD_BYTES)
    if not head.strip():
        raise Place(path).bad("the file is empty", "was it written completely?")
    if b"\x00" in head:
        raise Place(path).bad("the file is not text", "is it of the format that its name says?")
    return head
