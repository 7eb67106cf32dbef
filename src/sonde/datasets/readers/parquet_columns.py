"""Columns of an Arrow batch as numpy rows, without Python objects in between."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sonde.datasets.readers.labels import LabelDefect
from sonde.records.arrays import AnyArray, BoolArray, IntArray


@dataclass(frozen=True, eq=False)
class Ragged:
    """A column of lists: the numbers of all rows one after the other, and where each row begins."""

    name: str
    flat: AnyArray
    starts: IntArray
    valid: BoolArray
    uneven: BoolArray
    """Rows in which the inner lists are not all of the width asked for."""

    def row(self, index: int) -> AnyArray | None:
        """Return one row, None where it is null."""
        if not self.valid[index]:
            return None
        if self.uneven[index]:
            raise LabelDefect(f"{self.name} must hold rows of equal length")
        return self.flat[self.starts[index] : self.starts[index + 1]]


def ragged(name: str, column: Any, width: int | None = None) -> Ragged:
    """Take a column of lists, or of lists of lists of `width` numbers, apart.

    Raises
    ------
    TypeError : the column is of another type.
    """
    if not _is_list(column.type):
        raise TypeError(f"the column {name!r} must hold lists of numbers, found {column.type}")
    starts, values = _starts(column), column.values
    uneven = np.zeros(len(column), bool)
    while _is_list(values.type):
        inner = _starts(values)
        odd = np.concatenate([[0], np.cumsum(np.diff(inner) != width)])
        uneven |= odd[starts[1:]] > odd[starts[:-1]]
        starts, values = inner[starts], values.values
    if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type) or pa.types.is_boolean(values.type)):
        raise TypeError(f"the column {name!r} must hold numbers, found {column.type}")
    flat = values.to_numpy(zero_copy_only=False)
    return Ragged(name, flat, starts, column.is_valid().to_numpy(zero_copy_only=False), uneven)


def is_flat(kind: Any) -> bool:
    """Tell whether a column's type is single values, or lists of them."""
    return not pa.types.is_nested(kind.value_type if _is_list(kind) else kind)


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _starts(column: Any) -> IntArray:
    """Return where in `column.values` each list begins, and the last ends."""
    if pa.types.is_fixed_size_list(column.type):
        return (np.arange(len(column) + 1, dtype=np.int64) + column.offset) * column.type.list_size
    return column.offsets.to_numpy().astype(np.int64)
