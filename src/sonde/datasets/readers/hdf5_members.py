"""The members of HDF5 groups as they lie in the file: another one, reached by a link, is refused, not followed."""

from typing import Any

from sonde.datasets.readers.labels import LabelDefect
from sonde.optional_imports import require

LARGEST_ARRAY = 1 << 26
"""Numbers; a dataset of which nothing was written takes no room, whatever shape it claims."""
DAMAGES = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError)
"""What h5py raises on a file that is cut short or overwritten."""


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
