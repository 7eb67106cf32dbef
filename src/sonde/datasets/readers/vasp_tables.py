"""Numbers out of VASP's printed tables, which Fortran sets in fixed widths, so that neighbours may touch."""

import re

import numpy as np

from sonde.records.arrays import FloatArray

DECIMAL = re.compile(rb"\s*-?\d*\.\d+")


def table(text: bytes, n_rows: int, n_columns: int) -> FloatArray | None:
    """Read the first columns of a table of decimals, shape (n_rows, n_columns).

    Returns None where a row is missing or does not end, or a number is not one: NaN, or asterisks where it did not fit
    its width.
    """
    *lines, _ = text.split(b"\n", n_rows)
    words = b" ".join(lines).split()
    if len(lines) == n_rows and len(words) == n_rows * n_columns:  # no two touch, and there are no further columns
        try:
            return np.array(words, float).reshape(n_rows, n_columns)
        except ValueError:
            return None
    rows = [decimals(line)[:n_columns] for line in lines]
    return np.array(rows) if len(rows) == n_rows and all(len(row) == n_columns for row in rows) else None


def decimals(line: bytes) -> list[float]:
    """Read the numbers of a line up to the first that is none."""
    values, start = [], 0
    while number := DECIMAL.match(line, start):
        values.append(float(number[0]))
        start = number.end()
    return values
