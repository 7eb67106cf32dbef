"""Files as memory that can be searched, whether packed or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path

from sonde.datasets.readers.compression import uncompressed


@contextmanager
def mapped(path: Path) -> Iterator[mmap]:
    """Map the content of a file that is not empty into memory, to be read only; a packed one through a plain copy.

    Searching it with a compiled pattern that begins with a rare character is several times as fast as `bytes.find`.
    """
    with uncompressed(path) as plain, plain.open("rb") as handle, mmap(handle.fileno(), 0, access=ACCESS_READ) as text:
        yield text
