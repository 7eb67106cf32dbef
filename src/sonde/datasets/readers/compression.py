"""Files as they are or gzipped, told apart by their first bytes, not by their names."""

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from sonde.datasets.readers.protocol import Place

HEAD_BYTES = 4096
GZIP_MAGIC = b"\x1f\x8b"


def is_gzipped(path: Path) -> bool:
    """Tell by the first two bytes."""
    with path.open("rb") as handle:
        return handle.read(2) == GZIP_MAGIC


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a plain or gzipped file for reading bytes; a damaged archive is reported as `BadInput`."""
    with _handle(path) as handle:
        if not isinstance(handle, gzip.GzipFile):
            yield handle
            return
        try:
            yield handle
        except (EOFError, zlib.error, gzip.BadGzipFile) as damage:
            raise Place(path).bad(
                f"the gzip archive is truncated or damaged ({damage})", "copy the file again and compare its size."
            ) from damage


def _handle(path: Path) -> IO[bytes]:
    try:
        return cast(IO[bytes], gzip.open(path, "rb")) if is_gzipped(path) else path.open("rb")
    except FileNotFoundError as missing:
        raise Place(path).bad("there is no such file", "check the path.") from missing
    except IsADirectoryError as folder:
        raise Place(path).bad("this is a folder", "name the files in it one by one.") from folder


@contextmanager
def uncompressed(path: Path) -> Iterator[Path]:
    """Give a plain file with the content of `path`: itself, or a temporary copy where it is gzipped."""
    if not is_gzipped(path):
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="sonde-", suffix=".xyz") as copy:
        with opened(path) as source:
            shutil.copyfileobj(source, copy, 1 << 20)
        copy.flush()
        yield Path(copy.name)


def head_of(path: Path) -> bytes:
    """Return the first bytes of the content; an empty file, or one that is not text, is `BadInput`."""
    with opened(path) as handle:
        head = handle.read(HEAD_BYTES)
    if not head.strip():
        raise Place(path).bad("the file is empty", "was it written completely?")
    if b"\x00" in head:
        raise Place(path).bad("the file is not text", "give extended xyz or JSON, plain or gzipped.")
    return head
