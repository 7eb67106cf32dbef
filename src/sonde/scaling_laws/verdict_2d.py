"""In words: whether a law over model size and data may be extrapolated, along each of the two."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from sonde.records.arrays import FloatArray

Axis = Literal["data", "parameters"]
SMALLEST_SPAN = 2.0
"""Largest over smallest, below which doubling lies beyond everything that was seen."""
WORST = 0.25
"""Relative error of the held-out largest pairs beyond which a law predicts nothing along that axis."""
NAMES: Mapping[Axis, str] = {"data": "D", "parameters": "N"}


def axis_verdicts(
    N: FloatArray, D: FloatArray, errors: tuple[float | None, float | None]
) -> dict[Axis, tuple[bool | None, str]]:
    """Judge either axis by its span and by the held-out largest pairs; errors: at the largest D, at the largest N."""
    return {"data": _verdict("data", D, errors[0]), "parameters": _verdict("parameters", N, errors[1])}


def _verdict(axis: Axis, values: FloatArray, error: float | None) -> tuple[bool | None, str]:
    name = NAMES[axis]
    span = float(values.max() / values.min())
    if span < SMALLEST_SPAN:
        return False, f"not predictable along {name}: it spans a factor of {span:.2g} only"
    if error is None:
        return None, f"not tested along {name}: it takes a fourth size of it, and pairs enough without the largest"
    held_out = f"the pairs with the largest {name}, predicted from the others, are off by {error:.1%}"
    return error <= WORST, held_out if error <= WORST else f"not predictable along {name}: {held_out}"


def verdict_2d(
    N: FloatArray, D: FloatArray, asked: FloatArray, verdicts: Mapping[Axis, tuple[bool | None, str]]
) -> tuple[bool | None, str]:
    """Judge pairs (n, 2) by the axes along which they lie beyond the points: one that fails fails them."""
    beyond: dict[Axis, bool] = {
        "data": bool(np.any(asked[:, 1] > D.max())),
        "parameters": bool(np.any(asked[:, 0] > N.max())),
    }
    found = [verdicts[axis] for axis, needed in beyond.items() if needed] or [(True, "within the points")]
    for outcome in (False, None):
        if any(predictable is outcome for predictable, _ in found):
            return outcome, "; ".join(why for predictable, why in found if predictable is outcome)
    return True, "; ".join(why for _, why in found)
