"""Thresholds: which values give the same drops, and which of them a person would have written down."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from sonde.datasets.significance import most_lost_by_chance
from sonde.records.arrays import FloatArray

DIGITS = 12


def plausible_edges(bound: float, dropped: FloatArray, loss_rate: float) -> list[float]:
    """Return the edges between which a lower bound may lie: `bound`, then the dropped values above it, ascending.

    The last edge ends the interval of thresholds that give the same drops: the first dropped value where nothing was
    lost at random; else the value below which random loss would have taken all frames with a chance of 0.1 % or more.
    """
    beyond = np.sort(dropped[dropped > bound])
    n_edges = min(most_lost_by_chance(loss_rate), len(beyond) - 1) + 1
    return [bound, *(float(value) for value in beyond[:n_edges])]


def likeliest_threshold(edges: Sequence[float], loss_rate: float) -> float:
    """Choose a threshold t, for `value > t`: round numbers are likelier, and frames lost at random below t less likely.

    A number on a grid is taken to be as likely as its grid is coarse; j frames lost at random weigh loss_rate**j.
    """
    choices = []
    for j, (low, high) in enumerate(itertools.pairwise(edges)):
        if low < high:
            value, step = roundest(low, high)
            choices.append((math.log(step) + (j * math.log(loss_rate) if j else 0.0), -j, value))
    return max(choices)[2]


def roundest(low: float, high: float) -> tuple[float, float]:
    """Return the roundest number of low ≤ number < high, nearest the middle, and the grid step it lies on."""
    largest = max(abs(low), abs(high))
    exponent = math.floor(math.log10(largest)) + 1
    if low <= 0 < high:
        return 0.0, 10.0 ** (exponent + 1)
    for power in range(exponent, exponent - DIGITS - 1, -1):
        for step in (10.0**power, 5 * 10.0 ** (power - 1)):
            value = _grid_value(low, high, step)
            if value is not None:
                return value, step
    middle = (low + high) / 2
    return (middle if low <= middle < high else low), 10.0 ** (exponent - DIGITS - 1)


def _grid_value(low: float, high: float, step: float) -> float | None:
    """Return the multiple of step nearest the middle of low ≤ number < high."""
    first, last = math.ceil(low / step), math.floor(high / step)
    nearest = min(max(round((low + high) / 2 / step), first), last)
    for multiple in (nearest, nearest - 1, nearest + 1):
        value = float(f"{multiple * step:.{DIGITS}g}")
        if low <= value < high:
            return value
    return None
