"""Numbers and rows out of the printed output of a run; what is no number becomes None, never a guess."""

import math
import re
from collections.abc import Iterator

import numpy as np

from sonde.records.arrays import FloatArray

NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][-+]?\d+)?")
"""Also finds the numbers of Fortran's fixed widths, where neighbours touch: 0.0000-0.7765."""


def numbers_in(line: bytes) -> list[float]:
    """Read all numbers of a line; Fortran's D is an exponent."""
    words = NUMBER.findall(line)
    try:
        return list(map(float, words))
    except ValueError:
        return [float(word.replace(b"D", b"E").replace(b"d", b"e")) for word in words]


def first_number(pattern: re.Pattern[bytes], text: bytes) -> float | None:
    """Return the number in the first group of a pattern's first match."""
    return _value(pattern.search(text))


def last_number(pattern: re.Pattern[bytes], text: bytes) -> float | None:
    """Return the number in the first group of a pattern's last match."""
    return _value(last_match(pattern, text))


def last_match(pattern: re.Pattern[bytes], text: bytes, start: int = 0) -> re.Match[bytes] | None:
    """Return the last match of a pattern."""
    last = None
    for last in pattern.finditer(text, start):  # noqa: B007 - the last one is wanted
        pass
    return last


def _value(found: re.Match[bytes] | None) -> float | None:
    if found is None:
        return None
    try:
        value = float(found[1].replace(b"D", b"E").replace(b"d", b"e"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def text_of(found: re.Match[bytes] | None, group: int = 1) -> str | None:
    """Return a group of a match as text, its blanks joined."""
    return " ".join(found[group].decode(errors="replace").split()) if found else None


def lines_from(text: bytes, start: int) -> Iterator[bytes]:
    """Yield the lines that begin at or after a place, that of the place itself left out."""
    position = text.find(b"\n", start) + 1
    while 0 < position < len(text):
        end = text.find(b"\n", position)
        end = len(text) if end < 0 else end
        yield text[position:end]
        position = end + 1


def rows(lines: list[bytes], n_columns: int) -> FloatArray | None:
    """Read the last numbers of each line, shape (n_lines, n_columns); None where one has too few, or is not finite."""
    values = [numbers_in(line)[-n_columns:] for line in lines]
    if not values or any(len(row) != n_columns for row in values):
        return None
    array = np.array(values)
    return array if np.isfinite(array).all() else None


def unread(what: str, is_printed: bool, values: FloatArray | None) -> tuple[str, ...]:
    """Say that numbers are printed but cannot be read: asterisks, or lines that are missing."""
    return (f"the {what} are printed, but cannot be read",) if is_printed and values is None else ()
