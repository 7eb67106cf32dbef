"""Labels that fit the rest of the set only in another unit, with another sign or in another order of components."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from sonde.datasets.force_alarms import force_readings
from sonde.datasets.force_scales import force_scales
from sonde.datasets.label_alarms import alarm
from sonde.datasets.single_forces import single_readings
from sonde.datasets.unit_readings import OFF_DIAGONAL, ORDER_READINGS, STRESS_READINGS, Reading
from sonde.datasets.yardstick import Yardstick
from sonde.records.arrays import FloatArray
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame

FEWEST, SMALLEST_SHARE = 3, 0.005
"""Frames of one kind that it takes, and their share of the frames that could be judged: one odd frame is no unit."""
CELL_GRID_A = 0.05
FRAMES_PER_CELL = 10
MODEL_SHARE = 0.25
"""Part of a stress that the model misses."""
CLEARLY, CLOSELY = 4.0, 1.5
"""Expected misses by which a label must be off as it stands, and within which it must lie when read anew."""
WHOLE_SET = 0.4
"""A reading of all labels that misses by less than this share of what the labels as they stand miss by."""

LARGEST_STRESS_EV_PER_A3 = 10.0
"""1,600 GPa: beyond it the unit is more likely GPa or kbar."""

Found = dict[Reading, list[int]]


def unit_alarms(frames: Sequence[Frame], yardstick: Yardstick) -> list[Alarm]:
    """Judge forces and stresses against the model that their own set gives."""
    found = [*_force_alarms(frames, yardstick), *_stress_alarms(frames, yardstick)]
    return [one for one in found if one is not None]


def _alarms(found: Found, n_judged: int, what: str, advice: str, fewest: int = FEWEST) -> list[Alarm | None]:
    enough = max(fewest, SMALLEST_SHARE * n_judged) if fewest > 1 else 1
    alarms = []
    for reading, places in found.items():
        message = (
            f"{len(places)} of {n_judged} frames whose {what} could be judged have {what} that fit the others only if "
            f"they are {reading.words}."
        )
        if len(places) >= enough:
            alarms.append(alarm(reading.kind, "high", sorted(places), message, advice))
    return alarms


# ---- forces ----------------------------------------------------------------------------------------------------------


def _force_alarms(frames: Sequence[Frame], yardstick: Yardstick) -> list[Alarm | None]:
    scales = force_scales(frames, yardstick)
    n_judged = int(scales.judged.sum())
    singly, unexplained = single_readings(scales, frames)
    together = {
        reading: places
        for reading, places in force_readings(scales).items()
        if len(places) >= max(FEWEST, SMALLEST_SHARE * n_judged)
    }
    taken = {place for places in together.values() for place in places}
    for reading, places in singly.items():
        together[reading] = [*together.get(reading, []), *(place for place in places if place not in taken)]
    advice = "Convert them to eV/Å (force = minus the gradient), or leave them out."
    return [
        *_alarms({reading: places for reading, places in together.items() if places}, n_judged, "forces", advice, 1),
        _unlike_alarm([place for place in unexplained if place not in taken], n_judged),
    ]


def _unlike_alarm(places: Sequence[int], n_judged: int) -> Alarm | None:
    message = (
        f"{len(places)} of {n_judged} frames whose forces could be judged have forces that point elsewhere than those "
        "of a model that describes the others well; no unit or sign explains them."
    )
    advice = "Look at them: forces of another frame or in another order of atoms, an unconverged run, another charge?"
    return alarm("force_outliers", "medium", places, message, advice)


# ---- stress ----------------------------------------------------------------------------------------------------------


def _stress_alarms(frames: Sequence[Frame], yardstick: Yardstick) -> list[Alarm | None]:
    given = [(place, one.stress) for place, one in enumerate(yardstick.measured) if one.stress and one.stress[0].any()]
    if len(given) < FEWEST:
        return []
    places = [place for place, _ in given]
    labels, models = (np.stack([stress[side] for _, stress in given]) for side in (0, 1))
    whole = _whole_set(labels, models)
    if whole is not None:
        return _alarms({whole: places}, len(places), "stresses", _STRESS_ADVICE)
    expected = models + _offsets([frames[place].cell for place in places], labels - models)
    found: Found = defaultdict(list)
    judged = _judge(labels, expected, STRESS_READINGS, found, np.ones((3, 3)))
    off_diagonal = np.zeros((3, 3))
    for a, b in OFF_DIAGONAL:
        off_diagonal[a, b] = off_diagonal[b, a] = 1.0
    judged_order = _judge(labels, expected, ORDER_READINGS, found, off_diagonal)
    named = {reading: [places[i] for i in some] for reading, some in found.items()}
    orders = {reading: some for reading, some in named.items() if reading.kind == "stress_order"}
    others = {reading: some for reading, some in named.items() if reading.kind != "stress_order"}
    return [
        *_alarms(others, judged, "stresses", _STRESS_ADVICE),
        *_alarms(orders, judged_order, "stresses", _STRESS_ADVICE),
    ]


_STRESS_ADVICE = "Convert them to eV/Å³, positive under tension, in the order the reader expects, or leave them out."


def _whole_set(labels: FloatArray, models: FloatArray) -> Reading | None:
    """Return the reading of all stresses that the forces and energies ask for, None where they stand right."""
    as_they_are = _typical_miss(labels, models)
    readings = {one: _typical_miss(np.stack([one.apply(s) for s in labels]), models) for one in STRESS_READINGS}
    best = min(readings, key=lambda one: readings[one])
    usual = float(np.median(np.linalg.norm(models, axis=(1, 2))))
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


def _judge(
    labels: FloatArray, expected: FloatArray, readings: Sequence[Reading], found: Found, mask: FloatArray
) -> int:
    """Sort frames whose stress is clearly off, and right under a reading, by that reading; return how many were judged.

    What may be off is the median miss plus a quarter of the stress.
    """
    size = np.linalg.norm(expected * mask, axis=(1, 2))
    miss = np.linalg.norm((labels - expected) * mask, axis=(1, 2))
    allowed = float(np.median(miss)) + MODEL_SHARE * size
    for place in np.flatnonzero(miss > CLEARLY * allowed).tolist():
        off = {one: float(np.linalg.norm((one.apply(labels[place]) - expected[place]) * mask)) for one in readings}
        best = min(off, key=lambda one: off[one])
        if off[best] < CLOSELY * allowed[place]:
            found[best].append(place)
    return len(labels)


def gross_stress_alarm(frames: Sequence[Frame]) -> Alarm | None:
    """Report stresses that are too large for any solid, for sets that give no model of their own."""
    places = [
        place
        for place, frame in enumerate(frames)
        if frame.stress_eV_per_A3 is not None and np.abs(frame.stress_eV_per_A3).max() > LARGEST_STRESS_EV_PER_A3
    ]
    message = f"{len(places)} frames have a stress beyond {LARGEST_STRESS_EV_PER_A3:g} eV/Å³ (1,600 GPa)."
    return alarm("stress_unit", "high", places, message, "Is it in GPa or kbar? Convert it to eV/Å³.")
