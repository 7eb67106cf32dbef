"""Closest distances per pair of elements."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols

from sonde.local_environments.neighbours import neighbour_list
from sonde.records.frames import Frame

Pair = tuple[str, str]
"""Two chemical symbols in alphabetical order."""


@dataclass(frozen=True)
class ClosestContact:
    """The closest distance of a pair of elements over many frames, and where it occurs."""

    distance_A: float
    frame: int
    """Place in the frames given, counted from 0."""


def closest_contacts(frame: Frame, cutoff_A: float = 6.0) -> dict[Pair, float]:
    """Find the closest distance in Å of every pair of elements; pairs farther apart than the cutoff are absent."""
    near = neighbour_list(frame, cutoff_A)
    first = np.minimum(frame.numbers[near.i], frame.numbers[near.j])
    second = np.maximum(frame.numbers[near.i], frame.numbers[near.j])
    code = first * len(chemical_symbols) + second
    order = np.lexsort((near.distances, code))
    codes, starts = np.unique(code[order], return_index=True)
    closest = near.distances[order][starts]
    pairs = [_pair(*divmod(int(c), len(chemical_symbols))) for c in codes]
    return {pair: float(distance) for pair, distance in zip(pairs, closest, strict=True)}


def _pair(first: int, second: int) -> Pair:
    a, b = sorted((chemical_symbols[first], chemical_symbols[second]))
    return a, b


def closest_contact_frames(frames: Iterable[Frame], cutoff_A: float = 6.0) -> dict[Pair, ClosestContact]:
    """Find the closest distance of every pair of elements over all frames, with the frame that holds it."""
    minima: dict[Pair, ClosestContact] = {}
    for number, frame in enumerate(frames):
        for pair, distance in closest_contacts(frame, cutoff_A).items():
            if pair not in minima or distance < minima[pair].distance_A:
                minima[pair] = ClosestContact(distance, number)
    return minima


def contact_minima(frames: Iterable[Frame], cutoff_A: float = 6.0) -> dict[Pair, float]:
    """Find the closest distance in Å of every pair of elements over all frames."""
    return {pair: contact.distance_A for pair, contact in closest_contact_frames(frames, cutoff_A).items()}
