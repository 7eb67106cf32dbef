"""Stresses that fit the rest of the set only in another unit, with another sign or in another order of components.

What a right stress may be off by is read from the set: the median miss of the model, and its median share of the
stress where stresses are large. A label is off where it misses several times as much; it is named where one reading
brings it back. Several labels under one reading speak for each other, a single one has to be far off.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sonde.datasets.label_alarms import alarm
from sonde.datasets.unit_readings import OFF_DIAGONAL, ORDER_READINGS, STRESS_READINGS, Reading
from sonde.datasets.yardstick import Yardstick
from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame

FEWEST, SMALLEST_SHARE = 3, 0.005
"""Frames under one reading that speak for each other, and their share of the frames that could be judged."""
CELL_GRID_A = 0.05
FRAMES_PER_CELL = 10
CLOSELY, TIMES_NEARER, LOOSELY = 1.5, 5.0, 5.0
"""Expected misses within which a label must lie when read anew: the first, or so many times nearer than it stands."""
SEVERAL, ALONE = 3.0, 6.0
"""Expected misses by which several labels of one reading, or a single one, must be off as they stand."""
WELL_DESCRIBED = 0.3
"""Share of large stresses that the model may usually miss where single labels are judged."""
SHRINKING, TIMES_FARTHER = 0.1, 3.5
"""A factor below the first makes any label small, which fits where small ones are usual: such must be farther off."""
WHOLE_SET = 0.4
"""A reading of all labels that misses by less than this share of what the labels as they stand miss by."""
LARGEST_STRESS_EV_PER_A3 = 10.0
"""1,600 GPa: beyond it the unit is more likely GPa or kbar."""
ADVICE = "Convert them to eV/Å³, positive under tension, in the order the reader expects, or leave them out."


@dataclass(frozen=True, eq=False)
class _Stresses:
    """Stresses that stand in frames and those that a model leads to expect, (n, 3, 3), eV/Å³; volumes (n,), Å³."""

    places: IntArray
    labels: FloatArray
    expected: FloatArray
    volumes: FloatArray

    def read(self, reading: Reading) -> FloatArray:
        """Return the labels as they would be under a reading."""
        return np.stack([reading.apply(*one) for one in zip(self.labels, self.volumes, strict=True)])


def stress_alarms(frames: Sequence[Frame], yardstick: Yardstick) -> list[Alarm | None]:
    """Judge stresses against the model that their own set gives."""
    given = [(place, one.stress) for place, one in enumerate(yardstick.measured) if one.stress and one.stress[0].any()]
    if len(given) < FEWEST:
        return []
    labels, models = (np.stack([stress[side] for _, stress in given]) for side in (0, 1))
    places = np.array([place for place, _ in given])
    cells = [frames[place].cell for place in places.tolist()]
    volumes = np.array([abs(float(np.linalg.det(cell))) for cell in cells])
    whole = _whole_set(_Stresses(places, labels, models, volumes))
    if whole is not None:
        return [_alarm(whole, places.tolist(), len(places))]
    found = _Stresses(places, labels, models + _offsets(cells, labels - models), volumes)
    off_diagonal = np.zeros((3, 3))
    for a, b in OFF_DIAGONAL:
        off_diagonal[a, b] = off_diagonal[b, a] = 1.0
    named = {**_named(found, STRESS_READINGS, np.ones((3, 3))), **_named(found, ORDER_READINGS, off_diagonal)}
    return [_alarm(reading, some, len(places)) for reading, some in named.items()]


def _alarm(reading: Reading, places: Sequence[int], n_judged: int) -> Alarm | None:
    message = (
        f"{len(places)} of {n_judged} frames whose stresses could be judged have stresses that fit the others only if "
        f"they are {reading.words}."
    )
    return alarm(reading.kind, "high", places, message, ADVICE)


def _whole_set(found: _Stresses) -> Reading | None:
    """Return the reading of all stresses that the forces and energies ask for, None where they stand right."""
    as_they_are = _typical_miss(found.labels, found.expected)
    readings = {one: _typical_miss(found.read(one), found.expected) for one in STRESS_READINGS}
    best = min(readings, key=lambda one: readings[one])
    usual = float(np.median(np.linalg.norm(found.expected, axis=(1, 2))))
    return best if readings[best] < WHOLE_SET * min(as_they_are, usual) else None


def _typical_miss(labels: FloatArray, models: FloatArray) -> float:
    return float(np.median(np.linalg.norm(labels - models, axis=(1, 2))))


def _offsets(cells: Sequence[FloatArray], misses: FloatArray) -> FloatArray:
    """What the model misses alike in all frames of one cell, else in all frames: medians, (n, 3, 3)."""
    offsets = np.broadcast_to(np.median(misses, axis=0), misses.shape).copy()
    members: dict[bytes, list[int]] = defaultdict(list)
    for place, cell in enumerate(cells):
        members[np.rint(cell / CELL_GRID_A).astype(int).tobytes()].append(place)
    for some in members.values():
        if len(some) >= FRAMES_PER_CELL:
            offsets[some] = np.median(misses[some], axis=0)
    return offsets


def _named(found: _Stresses, readings: Sequence[Reading], mask: FloatArray) -> dict[Reading, list[int]]:
    """Sort frames whose stress is clearly off, and right under a reading, by that reading."""
    size = np.linalg.norm(found.expected * mask, axis=(1, 2))
    miss = np.linalg.norm((found.labels - found.expected) * mask, axis=(1, 2))
    share = _usual_share(size, miss)
    allowed = np.maximum(float(np.median(miss)) + share * size, 1e-9)
    read = np.stack([found.read(one) for one in readings])
    after = np.linalg.norm((read - found.expected) * mask, axis=(2, 3)).T / allowed[:, None]
    shrinking = [one.per_volume or abs(one.factor) < SHRINKING for one in readings]
    farther = np.where(shrinking, TIMES_FARTHER, 1.0)
    off = (miss / allowed)[:, None] / farther
    fits = (after < np.clip(off / TIMES_NEARER, CLOSELY, LOOSELY)) & (off > SEVERAL)
    chosen = _chosen(after, fits)
    named = {}
    for number, reading in enumerate(readings):
        mine = chosen == number
        if np.count_nonzero(mine) < max(FEWEST, SMALLEST_SHARE * len(mine)):
            mine &= (off[:, number] > ALONE) & (share < WELL_DESCRIBED)
        named[reading] = found.places[mine].tolist()
    return {reading: places for reading, places in named.items() if places}


def _usual_share(size: FloatArray, miss: FloatArray) -> float:
    """Return the share of large stresses that the model misses, in the median."""
    large = size >= np.median(size)
    return float(np.median(miss[large] / np.maximum(size[large], 1e-12)))


def _chosen(after: FloatArray, fits: BoolArray) -> IntArray:
    """Number of the reading of each frame, −1 for none: first the one that brings all that are off nearest."""
    chosen = np.full(len(after), -1)
    left = fits.any(axis=1)
    while left.any():
        best = int(np.argmin(np.where(fits, after, 2 * LOOSELY)[left].sum(axis=0)))
        took = left & fits[:, best]
        chosen[took], left = best, left & ~took
    return chosen


def gross_stress_alarm(frames: Sequence[Frame]) -> Alarm | None:
    """Report stresses that are too large for any solid, for sets that give no model of their own."""
    places = [
        place
        for place, frame in enumerate(frames)
        if frame.stress_eV_per_A3 is not None and np.abs(frame.stress_eV_per_A3).max() > LARGEST_STRESS_EV_PER_A3
    ]
    message = f"{len(places)} frames have a stress beyond {LARGEST_STRESS_EV_PER_A3:g} eV/Å³ (1,600 GPa)."
    return alarm("stress_unit", "high", places, message, "Is it in GPa or kbar? Convert it to eV/Å³.")
