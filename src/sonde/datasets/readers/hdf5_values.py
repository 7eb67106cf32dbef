"""Numbers and texts out of HDF5 files that may be damaged or hostile: no link is followed, nothing swells."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sonde.datasets.readers.labels import LabelDefect
from sonde.datasets.readers.protocol import Place
from sonde.optional_imports import require

MAGIC = b"\x89HDF\r\n\x1a\n"
LARGEST_ARRAY = 1 << 26
"""Numbers; a dataset of which nothing was written takes no room, whatever shape it claims."""
DAMAGES = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError)
"""What h5py raises on a file that is cut short or overwritten."""


@contextmanager
def opened_hdf5(path: Path) -> Iterator[Any]:
    """Open a file; what HDF5 meets in it, now or while it is read, is `BadInput`."""
    h5py = require("h5py")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except DAMAGES as damage:
        raise damaged(Place(path), damage) from damage


def damaged(place: Place, damage: Exception) -> Exception:
    """Return the error for what HDF5 met."""
    return place.bad(f"HDF5 cannot be read on: {str(damage)[:300]}", "copy the file again.")


def member(group: Any, name: str) -> Any:
    """Return a group or dataset that lies in this file: links could lead to any file of the machine."""
    h5py = require("h5py")
    if group.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
        raise LabelDefect(f"{name} is a link to another place")
    found = h5py.h5o.open(group.id, name.encode())
    return h5py.Group(found) if isinstance(found, h5py.h5g.GroupID) else h5py.Dataset(found)


def values(group: Any, names: frozenset[str]) -> dict[str, Any]:
    """Return those of the named datasets that are there: arrays, numbers, texts."""
    return {name: _value(group, name) for name in group if name in names}


def _value(group: Any, name: str) -> Any:
    h5py = require("h5py")
    dataset = member(group, name)
    if not isinstance(dataset, h5py.Dataset) or _lies_outside(dataset, h5py):
        raise LabelDefect(f"{name} must be a dataset that lies in this file")
    if dataset.size is None or dataset.size > LARGEST_ARRAY:
        raise LabelDefect(f"{name} claims shape {dataset.shape}, more than {LARGEST_ARRAY:,} numbers")
    value = dataset[()]
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _lies_outside(dataset: Any, h5py: Any) -> bool:
    made = dataset.id.get_create_plist()
    return bool(made.get_layout() == h5py.h5d.VIRTUAL or made.get_external_count())
