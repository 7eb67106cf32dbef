"""Places of passages in the order they were added, with time and conversation: chosen before any text is read."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sonde.records.arrays import BoolArray, FloatArray, IntArray


class Places(NamedTuple):
    """Places with their times (s since 1970, NaN: unknown) and numbers of conversations; shapes (n,), by place."""

    places: IntArray
    times_s: FloatArray
    conversations: IntArray


NONE = Places(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))


def places_of(found: Sequence[tuple[int, float | None, int]]) -> Places:
    """Put (place, time, conversation) into arrays."""
    if not found:
        return NONE
    places, times, conversations = zip(*found, strict=True)
    return Places(np.array(places, np.int64), np.array(times, np.float64), np.array(conversations, np.int64))


def joined(several: Sequence[Places]) -> Places:
    """Put several together, each place once."""
    held = [some for some in several if len(some.places)]
    if len(held) < 2:
        return held[0] if held else NONE
    places, first = np.unique(np.concatenate([some.places for some in held]), return_index=True)
    times = np.concatenate([some.times_s for some in held])[first]
    return Places(places, times, np.concatenate([some.conversations for some in held])[first])


def within(some: Places, time_s: float, apart_s: float) -> Places:
    """Those that lie less than so long apart from a time; an unknown time is not known to be apart."""
    return _of(some, ~(np.abs(some.times_s - time_s) >= apart_s))


def among(some: Places, others: Places) -> Places:
    """Those that are among others."""
    return _of(some, np.isin(some.places, others.places, assume_unique=True))


def in_conversations(some: Places, others: Places) -> Places:
    """Those that may be in a conversation with one of others, and are none of them; see `conversation_key`."""
    keys = np.unique(others.conversations)
    near = np.isin(some.conversations, np.concatenate([keys - 1, keys, keys + 1]))
    return _of(some, near & ~np.isin(some.places, others.places, assume_unique=True))


def nearest(some: Places, time_s: float, most: int) -> list[int]:
    """The places closest to a time, as many at the most; where several are as close, those that came first."""
    if len(some.places) <= most:
        return some.places.tolist()
    apart = np.nan_to_num(np.abs(some.times_s - time_s), nan=0.0)
    return some.places[np.lexsort((some.places, apart))[:most]].tolist()


def _of(some: Places, held: BoolArray) -> Places:
    return Places(some.places[held], some.times_s[held], some.conversations[held])
