"""Stresses in another unit, with another sign or given as virials: single ones, some, and all of a set."""

from dataclasses import replace

import numpy as np
import pytest
from tests.datasets.test_clean_sets import made

from sonde.datasets.model_alarms import model_alarms
from sonde.datasets.unit_readings import STRESS_READINGS
from sonde.records.arrays import FloatArray
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame

GPA_PER_EV_PER_A3 = 160.21766


@pytest.fixture(scope="module")
def pressed() -> list[Frame]:
    """Al and Ni from 0.55 to 1.3 times their volume."""
    return made("strained_and_pressed")


def volume(frame: Frame) -> float:
    return abs(float(np.linalg.det(frame.cell)))


def stress(frame: Frame) -> FloatArray:
    assert frame.stress_eV_per_A3 is not None
    return frame.stress_eV_per_A3


def on_stress(frames: list[Frame]) -> list[Alarm]:
    return [alarm for alarm in model_alarms(frames) if alarm.kind.startswith("stress")]


def test_sound(pressed: list[Frame]) -> None:
    assert on_stress(pressed) == []


@pytest.mark.parametrize(("factor", "kind"), [(-1.0, "stress_sign"), (GPA_PER_EV_PER_A3, "stress_unit")])
def test_a_single_frame(factor: float, kind: str, pressed: list[Frame]) -> None:
    place = 41  # pressed hard: a weak stress says nothing of its sign
    own = list(pressed)
    own[place] = replace(own[place], stress_eV_per_A3=factor * stress(own[place]))
    found = next(alarm for alarm in on_stress(own) if alarm.kind == kind)
    assert (found.n, found.ordinals, found.severity) == (1, (place,), "high")


@pytest.mark.parametrize("every", [1, 7])
def test_virials_are_told_from_stresses(every: int, pressed: list[Frame]) -> None:
    """Volumes differ by more than two between the frames: no one factor on the stress explains them."""
    own = [
        replace(frame, stress_eV_per_A3=-volume(frame) * stress(frame)) if i % every == 0 else frame
        for i, frame in enumerate(pressed)
    ]
    told = next(alarm for alarm in on_stress(own) if "virials in eV, minus" in alarm.message)
    assert told.n >= 0.8 * len(own[::every])
    assert all(place % every == 0 for place in told.ordinals)


def test_a_virial_is_read_by_its_volume() -> None:
    reading = next(one for one in STRESS_READINGS if one.per_volume and one.factor < 0)
    assert np.allclose(reading.apply(-20.0 * np.eye(3), 40.0), 0.5 * np.eye(3))
