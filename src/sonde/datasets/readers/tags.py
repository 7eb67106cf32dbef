"""What a file says of a frame beside its labels, as flat tags of text, numbers and booleans."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sonde.records.frames import Tag

MAGNETIC_COLUMNS = ("magmoms", "REF_magmoms", "dft_magmoms", "magmom")
STRUCTURE_COLUMNS = frozenset(
    ["species", "element", "elements", "symbols", "Z", "numbers", "atomic_numbers", "pos", "positions"]
)


def tag_of(value: Any) -> Tag:
    """Turn a value into a tag: arrays become text, `None` and its spelling by ase become None.

    A number that is not finite is kept as text: tags end in JSON, which has none.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return None if value == "None" else value
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return " ".join(f"{key}:{tag_of(item)}" for key, item in value.items())
    return _array_tag(np.asarray(value))


def _array_tag(values: Any) -> Tag:
    if values.shape == (1,) and values.dtype.kind == "U":
        return str(values[0])  # how `write_extxyz` keeps text that looks like a number
    items = [_spelled(item) for item in values.ravel().tolist()]
    return " ".join(items)


def _spelled(item: Any) -> str:
    if isinstance(item, bool):
        return "T" if item else "F"
    return repr(item) if isinstance(item, float) else str(item)


def column_tags(columns: Mapping[str, Any], tags: Mapping[str, Tag]) -> dict[str, Tag]:
    """Sum up what columns say of magnetism, unless the frame states it itself: two moments tell spin states apart."""
    found: dict[str, Tag] = {}
    for name in MAGNETIC_COLUMNS:
        if name in columns and np.ndim(columns[name]) == 1:
            moments = np.asarray(columns[name], float)
            found = {
                "total_magnetic_moment": round(float(moments.sum()), 6),
                "absolute_magnetic_moment": round(float(np.abs(moments).sum()), 6),
            }
            break
    return {key: value for key, value in found.items() if key not in tags}
