"""Alarms on labels judged by a model that the set itself gives, energies within each group that may be compared."""

from collections.abc import Sequence
from dataclasses import replace

from sonde.datasets.comparable_energies import comparable_groups
from sonde.datasets.energy_alarms import energy_alarms
from sonde.datasets.energy_groups import energy_group_alarm
from sonde.datasets.stress_alarms import gross_stress_alarm
from sonde.datasets.unit_alarms import unit_alarms
from sonde.datasets.yardstick import yardstick
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame


def model_alarms(held: Sequence[Frame]) -> list[Alarm]:
    """Judge energies, forces and stresses, as far as the set is large enough to give a model of its own."""
    fitted = yardstick(held)
    found = [] if fitted is None else unit_alarms(held, fitted)
    for places in comparable_groups(held):
        some = [held[place] for place in places]
        found += _placed(energy_alarms(some, fitted if len(some) == len(held) else yardstick(some)), places)
        groups = energy_group_alarm(some)
        found += _placed([] if groups is None else [groups], places)
    gross = gross_stress_alarm(held)
    named = sum(one.n for one in found if gross is not None and one.kind == gross.kind)
    # Stresses too large for any solid are said to be so where no unit explains them all.
    return [gross, *found] if gross is not None and gross.n > named else found


def _placed(alarms: Sequence[Alarm], places: Sequence[int]) -> list[Alarm]:
    return [replace(one, ordinals=tuple(places[i] for i in one.ordinals)) for one in alarms]
