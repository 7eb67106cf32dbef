"""Lines of a text as words, one after the other, with the place of each for errors."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from sonde.datasets.readers.protocol import Place
from sonde.records.arrays import FloatArray

LONGEST_LINE = 1 << 20
"""Bytes; what is longer is no line of a table of atoms."""
MEND_LINE = "mend the line, or remove the frame."


class Lines:
    """Reads lines that hold words; blank ones are passed over. `frame` is what errors name."""

    def __init__(self, handle: IO[bytes], path: Path) -> None:
        self.path, self.frame, self.line = path, 0, 0
        self._lines = self._split(handle)
        self._ahead: list[str] | None = None

    def _split(self, handle: IO[bytes]) -> Iterator[list[str]]:
        while text := handle.readline(LONGEST_LINE):
            self.line += 1
            if len(text) == LONGEST_LINE:
                raise self.place.bad("the line is longer than a line can be", "is this a text file?")
            words = text.decode(errors="replace").split()
            if words:
                yield words

    @property
    def place(self) -> Place:
        """The place of the line that was read last."""
        return Place(self.path, self.frame, self.line)

    def next(self) -> list[str] | None:
        """Return the words of the next line; None at the end of the file."""
        if self._ahead is None:
            return next(self._lines, None)
        words, self._ahead = self._ahead, None
        return words

    def give_back(self, words: list[str]) -> None:
        """Let `next` return these words once more."""
        self._ahead = words

    def inside(self, what: str) -> list[str]:
        """Return the words of the next line, which must be there."""
        words = self.next()
        if words is None:
            raise self.place.bad(f"the file is truncated: it ends inside {what}", "copy the file again.")
        return words

    def rows(self, count: int, n_columns: int, what: str) -> list[str]:
        """Return the words of so many lines of so many words each, one after the other."""
        words: list[str] = []
        for _ in range(count):
            row = self.inside(what)
            if len(row) != n_columns:
                problem = f"{n_columns} columns must stand here, found {len(row)}: {' '.join(row)[:60]!r}"
                raise self.place.bad(problem, f"does the count of this frame fit its {what}?")
            words += row
        return words

    def floats(self, words: Sequence[str], what: str) -> list[float]:
        """Return words of the line read last as finite numbers."""
        try:
            values = [float(word) for word in words]
        except ValueError as wrong:
            raise self.place.bad(f"{what} must be numbers, found {' '.join(words)[:60]!r}", MEND_LINE) from wrong
        if not all(map(math.isfinite, values)):
            raise self.place.bad(f"{what}: NaN or inf", MEND_LINE)
        return values

    def numbers(self, words: Sequence[str], what: str) -> FloatArray:
        """Return the same as an array."""
        return np.array(self.floats(words, what))

    def count(self, word: str, what: str) -> int:
        """Return a word of the line read last as a whole number above zero."""
        if not (word.isascii() and word.isdigit() and len(word) < 12 and int(word)):
            raise self.place.bad(f"{what} must be a whole number above zero, found {word[:40]!r}", MEND_LINE)
        return int(word)
