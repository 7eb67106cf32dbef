"""Audits of sets too large to hold: one pass, the same findings where they are exact, and what was sampled is said."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sonde.datasets.audit import audit
from sonde.datasets.frame_table import TableMaker
from sonde.datasets.geometry_records import RECORD, GeometryRecords
from sonde.datasets.readers import read_frames
from sonde.records.datasets import Alarm, Audit
from sonde.records.frames import Frame


@pytest.fixture(scope="module")
def sound(shared_data: Path) -> list[Frame]:
    return list(read_frames(shared_data / "al_li_mg/al_li_mg.xyz"))


def alarms(report: Audit) -> dict[str, Alarm]:
    return {one.kind: one for one in report.alarms}


def spoilt(frames: list[Frame]) -> list[Frame]:
    """Every exact defect: copies, contradictions, zeros, net force, unconverged, another functional, no stress."""
    f = list(frames)
    f[10] = replace(f[10], tags={**f[10].tags, "xc": "LDA"})
    f[20] = replace(f[20], tags={**f[20].tags, "scf_converged": False})
    f[30] = replace(f[30], stress_eV_per_A3=None)
    f[40] = replace(f[40], stress_eV_per_A3=np.zeros((3, 3)))
    f[50] = replace(f[50], energy_eV=0.0)
    forces = f[60].forces_eV_per_A
    assert forces is not None
    f[60] = replace(f[60], forces_eV_per_A=forces + 0.05)
    f[70] = replace(f[70], forces_eV_per_A=0 * f[70].positions)
    return [*f, f[5], replace(f[6], energy_eV=(f[6].energy_eV or 0.0) + 1.0)]


def test_held_or_passed_the_exact_findings_are_the_same(sound: list[Frame]) -> None:
    held, passed = audit(spoilt(sound), "held"), audit(iter(spoilt(sound)), "passed", most_held=100)
    kinds = {
        "mixed_surfaces",
        "unconverged",
        "missing_labels",
        "zero_filled_stress",
        "zero_filled_energy",
        "zero_filled_forces",
        "net_force",
        "duplicates",
        "contradictory_labels",
    }
    assert kinds <= set(alarms(held)) & set(alarms(passed))
    for kind in kinds:
        assert alarms(held)[kind] == alarms(passed)[kind]
    for name in ("n_frames", "n_atoms", "elements", "formulas", "config_types", "labels", "surfaces", "duplicates"):
        assert getattr(held, name) == getattr(passed, name)
    assert passed.contradictions["n_groups"] == 1
    assert held.notes == ()
    assert "random sample of 313" in passed.notes[0]


def test_a_sample_is_drawn_and_said(sound: list[Frame]) -> None:
    """4 × 311 frames, shifted apart so that none is a copy; a tenth of the forces turned round."""

    def frames() -> Iterator[Frame]:
        for i in range(4 * len(sound)):
            frame = sound[i % len(sound)]
            moved = replace(frame, positions=frame.positions + 0.01 * i)
            forces = frame.forces_eV_per_A
            yield replace(moved, forces_eV_per_A=-forces) if i % 10 == 3 and forces is not None else moved

    report = audit(frames(), "many", most_held=300)
    assert report.n_frames == 1244
    assert report.duplicates == 0
    turned = alarms(report)["force_sign"]
    assert all(place % 10 == 3 for place in turned.ordinals)
    assert "random sample of 1244 of 1244 frames" in turned.message


def test_against_a_set_that_is_not_held(sound: list[Frame]) -> None:
    report = audit(sound[:60], "part", iter(sound), "whole", most_held=100)
    assert report.leakage == 60
    assert report.notes == ("Labels were not compared with those of the other dataset: too many frames.",)


def hashes_of(frames: list[Frame]) -> list[int]:
    maker = TableMaker()
    maker.add(frames, np.zeros(len(frames), bool))
    records = np.concatenate(list(maker.table().geometries.ranges()))
    return [int(one) for one in records["geometry"][np.argsort(records["place"])]]


def test_geometry_hashes_tell_what_differs(sound: list[Frame]) -> None:
    """Equal within rounding; another cell, order, periodicity, element or position: another hash."""
    frame = sound[100]
    others = [
        frame,
        replace(frame, positions=frame.positions + 1e-9),
        replace(frame, cell=frame.cell * 1.001),
        replace(frame, pbc=np.array([True, True, False])),
        replace(frame, numbers=frame.numbers[::-1]),
        replace(frame, positions=frame.positions[::-1]),
        replace(frame, positions=frame.positions + np.eye(3)[0] * 1e-3),
    ]
    hashes = hashes_of(others)
    assert hashes[0] == hashes[1]
    assert len(set(hashes[1:])) == len(others) - 1


def test_records_on_disk_are_those_in_memory() -> None:
    """Batches of 100 in random order of hashes, every tenth a copy; on disk beyond 250, and nothing stays behind."""
    rng = np.random.default_rng(0)
    records = np.zeros(1000, RECORD)
    records["geometry"] = rng.integers(0, 2**64, 1000, dtype=np.uint64)
    records["geometry"][5::10] = records["geometry"][4::10]
    records["place"] = np.arange(1000)
    held, on_disk = GeometryRecords(), GeometryRecords(most_held=250)
    for start in range(0, 1000, 100):
        held.add(records[start : start + 100])
        on_disk.add(records[start : start + 100])
    for range_held, range_on_disk in zip(held.ranges(), on_disk.ranges(), strict=True):
        assert np.array_equal(range_held, range_on_disk)
    order = np.argsort(records["geometry"], kind="stable")
    assert np.array_equal(np.concatenate(list(held.ranges())), records[order])
    folder = on_disk.folder
    assert folder is not None
    assert folder.is_dir()
    del on_disk
    assert not folder.exists()
