"""Frames that something was found in: how many, and the first of them; what an alarm says, however large a set is."""

from collections.abc import Sequence
from heapq import nsmallest
from typing import overload

import numpy as np

from sonde.records.arrays import BoolArray, FloatArray, IntArray

KEPT = 20
"""Ordinals that an alarm lists; its `n` counts all."""


class Places(Sequence[int]):
    """So many frames, of which the first 20 are at hand; its length counts all."""

    def __init__(self, n: int, first: Sequence[int]) -> None:
        self._n, self._first = n, tuple(first[:KEPT])

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[int]: ...
    def __getitem__(self, place: int | slice) -> int | Sequence[int]:
        return self._first[place]

    def __iter__(self):  # type: ignore[no-untyped-def]  # would end where the first 20 do
        raise TypeError("only the first of these places are known: take a slice, or the length")


def joined(some: Sequence[Places]) -> Places:
    """Join places that have none in common."""
    return Places(sum(len(one) for one in some), nsmallest(KEPT, [place for one in some for place in one[:KEPT]]))


class Tally:
    """Counts marked frames, batch by batch, and keeps the first."""

    def __init__(self) -> None:
        self.n = 0
        self._first: list[int] = []

    def add(self, marked: BoolArray, start: int) -> None:
        """Take a batch whose first frame is number `start`."""
        self.n += int(np.count_nonzero(marked))
        if len(self._first) < KEPT:
            self._first += (start + np.flatnonzero(marked)[: KEPT - len(self._first)]).tolist()

    @property
    def places(self) -> Places:
        """What was counted so far."""
        return Places(self.n, self._first)


class LargestTally:
    """Counts frames with a number beyond a limit, and keeps those with the largest, the largest first."""

    def __init__(self, limit: float) -> None:
        self.limit, self.n, self.largest = limit, 0, 0.0
        self._values: FloatArray = np.zeros(0)
        self._places: IntArray = np.zeros(0, np.int64)

    def add(self, values: FloatArray, start: int) -> None:
        """Take the numbers of a batch whose first frame is number `start`."""
        self.largest = max(self.largest, float(values.max(initial=0.0)))
        beyond = np.flatnonzero(values > self.limit)
        self.n += len(beyond)
        if len(beyond):
            together = np.concatenate([self._values, values[beyond]])
            places = np.concatenate([self._places, start + beyond])
            order = np.argsort(-together, kind="stable")[:KEPT]
            self._values, self._places = together[order], places[order]

    @property
    def places(self) -> Places:
        """What was counted so far."""
        return Places(self.n, self._places.tolist())
