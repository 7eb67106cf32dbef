"""Every type of defect planted on real frames is named; the whole measurement is speed/planted_defects.py."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.datasets.planted_defects import COPIES, DEFECTS, copies, found, many, nickel_oxides, plant

from sonde.datasets.audit import audit
from sonde.datasets.readers import read_frames
from sonde.records.frames import Frame


@pytest.fixture(scope="module")
def sound(shared_data: Path) -> list[Frame]:
    return list(read_frames(shared_data / "al_li_mg/al_li_mg.xyz"))[::2]


@pytest.mark.parametrize("name", DEFECTS)
def test_defect_is_named(name: str, sound: list[Frame]) -> None:
    planted = plant(name, sound, many(sound, 0.1), seed=3)
    assert planted is not None
    named, share = found(planted)
    assert named
    assert share >= (
        0.2 if name.startswith("stress") else 0.6
    )  # stresses and forces below the model's own error cannot be judged one by one


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_named(name: str, sound: list[Frame]) -> None:
    named, share = found(copies(name, sound, 8, seed=3))
    assert named
    assert share == 1.0


def test_references_of_a_set_too_small_for_a_model(shared_data: Path) -> None:
    """ni_o: 39 frames of three compositions. Where one is shifted alone, no constant per element can be told."""
    nickel = nickel_oxides(shared_data)
    planted = plant("shifted references", nickel, 5, seed=0)
    assert planted is not None
    assert found(planted) == (True, 0.8)  # one adsorbate: too few frames of its composition
    oxides = [place for place, frame in enumerate(nickel) if frame.n_atoms == 2][::4]
    shifted = [
        replace(frame, energy_eV=(frame.energy_eV or 0.0) + 1.6) if place in oxides else frame
        for place, frame in enumerate(nickel)
    ]
    told = next(alarm for alarm in audit(shifted, "shifted").alarms if alarm.kind == "reference_shift")
    assert told.n >= 5
    assert set(told.ordinals) <= set(oxides)
    assert "cannot be told" in told.message


def test_nothing_else_is_named(sound: list[Frame]) -> None:
    assert audit(sound, "al_li_mg").alarms == ()
    assert audit(sound[::2], "part", against=sound[1::2]).alarms == ()


def test_snapshots_across_splits(shared_data: Path) -> None:
    """cr_sb2te3: 25 frames of one test file stand in the other validation file; frame-random splits leak nearly."""
    files = ("data_600K/valid", "data_Multi_T/test")
    frames = [frame for file in files for frame in read_frames(shared_data / f"cr_sb2te3/{file}.xyz.gz")]
    report = audit(frames, "both")
    assert report.leakage == 25
    assert next(alarm.n for alarm in report.alarms if alarm.kind == "near_leakage") > 50
