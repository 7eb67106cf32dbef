"""Forces that fit the rest of the set only in another unit or with the other sign, of single frames and of many."""

from collections.abc import Sequence

from sonde.datasets.force_alarms import force_readings
from sonde.datasets.force_scales import force_scales
from sonde.datasets.label_alarms import alarm
from sonde.datasets.misplaced_forces import misplaced_alarms, misplaced_forces
from sonde.datasets.single_forces import single_readings
from sonde.datasets.stress_alarms import stress_alarms
from sonde.datasets.unit_readings import Reading
from sonde.datasets.yardstick import Yardstick
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame

FEWEST, SMALLEST_SHARE = 3, 0.005
"""Frames of one kind that make a unit, and their share of the frames that could be judged; fewer are told with less
weight, and only where the model describes the others well."""


def unit_alarms(frames: Sequence[Frame], yardstick: Yardstick) -> list[Alarm]:
    """Judge forces and stresses against the model that their own set gives."""
    found = [*_force_alarms(frames, yardstick), *stress_alarms(frames, yardstick)]
    return [one for one in found if one is not None]


def _force_alarms(frames: Sequence[Frame], yardstick: Yardstick) -> list[Alarm | None]:
    scales = force_scales(frames, yardstick)
    n_judged = int(scales.judged.sum())
    singly, unexplained = single_readings(scales, frames)
    together = {
        reading: places
        for reading, places in force_readings(scales).items()
        if len(places) >= max(FEWEST, SMALLEST_SHARE * n_judged)
    }
    misplaced = misplaced_forces(frames, [None if one.forces is None else one.forces[1] for one in yardstick.measured])
    elsewhere = {place for places in misplaced.values() for place in places}
    together = {one: left for one, some in together.items() if (left := [p for p in some if p not in elsewhere])}
    taken = {place for places in together.values() for place in places} | elsewhere
    for reading, places in singly.items():
        together[reading] = [*together.get(reading, []), *(place for place in places if place not in taken)]
    return [
        *misplaced_alarms(misplaced, len(frames)),
        *(_alarm(reading, sorted(places), n_judged) for reading, places in together.items()),
        _unlike_alarm([place for place in unexplained if place not in taken], n_judged),
    ]


def _alarm(reading: Reading, places: Sequence[int], n_judged: int) -> Alarm | None:
    message = (
        f"{len(places)} of {n_judged} frames whose forces could be judged have forces that fit the others only if they "
        f"are {reading.words}."
    )
    few = len(places) < FEWEST
    first = "Look at them first: so few may be structures that the model does not know. " if few else ""
    advice = f"{first}Convert them to eV/Å (force = minus the gradient), or leave them out."
    return alarm(reading.kind, "medium" if few else "high", places, message, advice)


def _unlike_alarm(places: Sequence[int], n_judged: int) -> Alarm | None:
    message = (
        f"{len(places)} of {n_judged} frames whose forces could be judged have forces that point elsewhere than those "
        "of a model that describes the others well; no unit or sign explains them."
    )
    advice = "Look at them: forces of another frame or in another order of atoms, an unconverged run, another charge?"
    return alarm("force_outliers", "medium", places, message, advice)
