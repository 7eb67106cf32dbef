"""Values out of HDF5 files that others wrote: nothing is followed out of the file, nothing is larger than it says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sonde.datasets.readers.compression import uncompressed
from sonde.datasets.readers.protocol import Place
from sonde.optional_imports import require
from sonde.records.arrays import FloatArray

MAGIC = b"\x89HDF\r\n\x1a\n"
LARGEST_TEXT_BYTES = 1 << 26
MOST_VALUES = 1_000_000


@contextmanager
def opened_hdf5(path: Path) -> Iterator[Any]:
    """Open a file, packed or not, for reading; one that is damaged or cut off is `BadInput`."""
    h5py = require("h5py")
    with uncompressed(path) as plain:
        try:
            file = h5py.File(plain, "r")
        except OSError as damage:
            raise Place(path).bad(
                f"the HDF5 file is cut off, damaged or still open ({damage})", "copy it again after the run has ended."
            ) from damage
        try:
            with file:
                yield file
        except (OSError, RuntimeError, KeyError) as damage:
            raise Place(path).bad(f"the HDF5 file is damaged inside ({damage})", "copy it again.") from damage


def dataset(file: Any, name: str) -> Any | None:
    """Return a dataset that lies in this file; None where there is none, or where it lies elsewhere."""
    h5py = require("h5py")
    node = file
    for part in name.strip("/").split("/"):
        if not isinstance(node, h5py.Group) or not isinstance(node.get(part, getlink=True), h5py.HardLink):
            return None
        node = node[part]
    if not isinstance(node, h5py.Dataset) or node.external or node.is_virtual:
        return None
    return node


def text(file: Any, name: str) -> str | None:
    """Read one text, blanks around it taken off."""
    found = _small(file, name, "SO")
    if found is None or found.shape not in ((), (1,)):
        return None
    value = found[()]
    value = value.item() if isinstance(value, np.ndarray) else value
    raw = value if isinstance(value, bytes) else str(value).encode()
    return raw[:LARGEST_TEXT_BYTES].decode("latin-1").strip()


def texts(file: Any, name: str) -> tuple[str, ...]:
    """Read a list of texts; empty where there is none."""
    found = _small(file, name, "SO")
    if found is None or found.ndim != 1:
        return ()
    return tuple((item if isinstance(item, bytes) else str(item).encode()).decode("latin-1").strip() for item in found)


def values(file: Any, name: str) -> FloatArray | None:
    """Read numbers; None where there are none, or where they are more than a setting can have."""
    found = _small(file, name, "iufb")
    return None if found is None else np.asarray(found[()], float)


def number(file: Any, name: str) -> float | None:
    """Read one number."""
    found = values(file, name)
    return float(found.item()) if found is not None and found.size == 1 else None


def _small(file: Any, name: str, kinds: str) -> Any | None:
    found = dataset(file, name)
    if found is None or found.dtype.kind not in kinds or found.size > MOST_VALUES:
        return None
    return None if found.dtype.itemsize * found.size > LARGEST_TEXT_BYTES else found
