"""Forces that are right, but of a frame beside, of atoms in another order, or along other axes.

Such labels come about where positions and forces went through different programs. A frame is told by this where its own
forces do not go with the model of the set and read anew they do. Where most of a set is so, the model is no good; then
it is fitted to the labels as they would be read, and that reading counts under which it describes them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
from ase.data import chemical_symbols

from sonde.datasets.label_alarms import alarm
from sonde.datasets.yardstick import yardstick
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame

FEWEST, SMALLEST_SHARE = 3, 0.005
FEWEST_ATOMS = 4
"""Fewer have too few force components to be like others by chance only rarely."""
OWN, ANEW = 0.5, 0.9
"""Correlations with the model: below the first forces do not fit as they stand; beyond the second they fit anew."""
WEAK_EV_PER_A = 0.1
POOR, GOOD = 0.6, 0.85
"""Median correlation below which other readings of the whole set are tried, and beyond which one is believed."""
TRIED = 80
"""Frames of a set that other readings of the whole are tried on, in stretches of neighbours."""
SYMBOL_RANK = np.argsort(np.argsort(chemical_symbols))


@dataclass(frozen=True)
class Misplaced:
    """A way in which forces may be misplaced: `read` returns those that belong to a frame; None where it cannot."""

    words: str
    read: Callable[[Sequence[Frame], int], FloatArray | None]


def _of_neighbour(step: int) -> Callable[[Sequence[Frame], int], FloatArray | None]:
    """The forces of frame i stand at i − step: read them there."""

    def read(frames: Sequence[Frame], place: int) -> FloatArray | None:
        there = place - step
        if not 0 <= there < len(frames) or not np.array_equal(frames[there].numbers, frames[place].numbers):
            return None
        return frames[there].forces_eV_per_A

    return read


def _sorted_by(
    key: Callable[[IntArray], IntArray], *, undo: bool
) -> Callable[[Sequence[Frame], int], FloatArray | None]:
    def read(frames: Sequence[Frame], place: int) -> FloatArray | None:
        frame = frames[place]
        order = np.argsort(key(frame.numbers), kind="stable")
        if frame.forces_eV_per_A is None or np.array_equal(order, np.arange(frame.n_atoms)):
            return None
        return frame.forces_eV_per_A[np.argsort(order) if undo else order]

    return read


def _along(axes: tuple[int, ...]) -> Callable[[Sequence[Frame], int], FloatArray | None]:
    def read(frames: Sequence[Frame], place: int) -> FloatArray | None:
        forces = frames[place].forces_eV_per_A
        return None if forces is None else forces[:, axes]

    return read


KEYS: Mapping[str, Callable[[IntArray], IntArray]] = {
    "atomic number": lambda numbers: numbers,
    "falling atomic number": lambda numbers: -numbers,
    "symbol": lambda numbers: SYMBOL_RANK[numbers],
}
READINGS = (
    Misplaced("those of the next frame", _of_neighbour(1)),
    Misplaced("those of the frame before", _of_neighbour(-1)),
    *(Misplaced(f"in the order of atoms sorted by {name}", _sorted_by(key, undo=True)) for name, key in KEYS.items()),
    *(
        Misplaced(f"in the order of the file, and positions sorted by {name}", _sorted_by(key, undo=False))
        for name, key in KEYS.items()
    ),
    *(
        Misplaced(f"along other axes: xyz stand as {''.join('xyz'[axis] for axis in np.argsort(axes))}", _along(axes))
        for axes in permutations(range(3))
        if axes != (0, 1, 2)
    ),
)


def misplaced_forces(frames: Sequence[Frame], models: Sequence[FloatArray | None]) -> dict[str, list[int]]:
    """Sort frames whose forces fit a model only if they are read anew by that reading, in words.

    `models` : forces that a model of the set leads to expect, eV/Å, None where it says nothing.
    """
    own = np.array([_correlation(frame.forces_eV_per_A, model) for frame, model in zip(frames, models, strict=True)])
    if np.isfinite(own).any() and np.nanmedian(own) < POOR:
        return _of_whole_set(frames)
    return _sorted_by_reading(frames, models, own)


def _sorted_by_reading(
    frames: Sequence[Frame], models: Sequence[FloatArray | None], own: FloatArray
) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place in np.flatnonzero(own < OWN).tolist():
        anew = [_correlation(one.read(frames, place), models[place]) for one in READINGS]
        best = int(np.argmax(np.nan_to_num(anew, nan=-1.0)))
        if np.nan_to_num(anew[best], nan=-1.0) > ANEW:
            found.setdefault(READINGS[best].words, []).append(place)
    n_judged = np.count_nonzero(np.isfinite(own))
    return {words: some for words, some in found.items() if len(some) >= max(FEWEST, SMALLEST_SHARE * n_judged)}


def _of_whole_set(frames: Sequence[Frame]) -> dict[str, list[int]]:
    """Fit the model to stretches of the set as each reading has them; the first that goes with it is told."""
    for reading in READINGS:
        anew = [reading.read(frames, place) for place in range(len(frames))]
        known = [place for place, forces in enumerate(anew) if forces is not None]
        if len(known) < len(frames) / 2:
            continue
        tried = known[:: max(1, len(known) // TRIED)]
        fitted = yardstick([replace(frames[place], forces_eV_per_A=anew[place]) for place in tried])
        if fitted is None:
            continue
        found = [_correlation(*one.forces) for one in fitted.measured if one.forces is not None]
        if np.isfinite(found).any() and np.nanmedian(found) > GOOD:
            return {reading.words: known}
    return {}


def _correlation(label: FloatArray | None, model: FloatArray | None) -> float:
    """Cosine of the angle between all forces of a frame and a model's; NaN where there is too little of either."""
    if label is None or model is None or len(label) < FEWEST_ATOMS:
        return float("nan")
    if min(float(np.sqrt(np.mean(side**2))) for side in (label, model)) < WEAK_EV_PER_A:
        return float("nan")
    return float((label * model).sum() / (np.linalg.norm(label) * np.linalg.norm(model)))


def misplaced_alarms(found: Mapping[str, Sequence[int]], n_frames: int) -> list[Alarm | None]:
    """Report forces that belong elsewhere."""
    advice = "Read positions and forces from one file in one order, and see whether energies are misplaced alike."
    return [
        alarm(
            "misplaced_forces",
            "high",
            places,
            f"{len(places)} of {n_frames} frames have forces that fit the others only if they are {words}.",
            advice,
        )
        for words, places in found.items()
    ]
