"""The audit: silent on sound data, and one planted defect for every alarm."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sonde.datasets.audit import audit
from sonde.datasets.label_statistics import zero_forces_by_symmetry
from sonde.datasets.readers import read_frames
from sonde.errors import WrongUse
from sonde.records.datasets import Alarm, Audit
from sonde.records.frames import Frame
from sonde.records.jsonable import to_json

Spoil = Callable[[Frame], Frame]


@pytest.fixture(scope="module")
def sound(shared_data: Path) -> list[Frame]:
    return list(read_frames(shared_data / "al_li_mg/al_li_mg.xyz"))


def kinds(report: Audit) -> set[str]:
    return {alarm.kind for alarm in report.alarms}


def alarm_of(report: Audit, kind: str) -> Alarm:
    return next(alarm for alarm in report.alarms if alarm.kind == kind)


def test_silent_on_sound_data(sound: list[Frame]) -> None:
    report = audit(iter(sound), "al_li_mg")
    assert report.alarms == ()
    assert (report.n_frames, report.duplicates, report.offsets) == (311, 0, ())
    assert report.config_types == {"rattled": 180, "distorted": 86, "bulk_strain": 45}
    assert report.labels == {"energy": 311, "forces": 311, "stress": 311}
    assert sum(report.elements.values()) == report.n_atoms == sum(frame.n_atoms for frame in sound)
    assert len(report.surfaces) == 1
    assert report.contradictions == {"n_groups": 0, "examples": []}


def test_ni_o(shared_data: Path) -> None:
    """Mixed surfaces, contradictions, the offset that is not constant, unconverged frames: all found."""
    report = audit(read_frames(shared_data / "ni_o/ni_o.xyz"), "ni_o")
    mixed = alarm_of(report, "mixed_surfaces")
    assert (mixed.severity, mixed.n) == ("high", 43)
    assert "hubbard_u[Ni]: none in 44, d:6.2 in 43 frames" in mixed.message
    assert report.contradictions["n_groups"] == 36
    assert "not a constant shift" in alarm_of(report, "contradictory_labels").message
    assert "kpoint_density 1.6 in 21" in alarm_of(report, "mixed_settings").message
    assert (alarm_of(report, "unconverged").n, alarm_of(report, "unconverged").severity) == (8, "medium")
    assert report.labels == {"energy": 79, "forces": 79, "stress": 0}
    assert report.duplicates == 0
    assert [alarm.severity for alarm in report.alarms] == sorted(
        (alarm.severity for alarm in report.alarms), key=["high", "medium", "low"].index
    )
    assert '"schema": "sonde.audit/1"' in to_json(report)


@pytest.mark.slow
def test_nbmotaw_raises_no_false_alarm(shared_data: Path) -> None:
    """772 real zero-force frames, high-temperature frames up to 1 eV/atom: nothing but low remarks, which are true."""
    files = sorted((shared_data / "nbmotaw").glob("*.json.gz"))
    frames = [frame for file in files for frame in read_frames(file)]
    zero = [frame for frame in frames if frame.forces_eV_per_A is not None and not frame.forces_eV_per_A.any()]
    assert len(zero) == 4 * 121 + 6 * 40 + 6 * 8
    report = audit(frames, "nbmotaw")
    assert {alarm.severity for alarm in report.alarms} == {"low"}
    assert {"surface_unknown", "text_for_missing"} <= kinds(report)
    assert alarm_of(report, "surface_partly_stated").n == 11  # Mo_Surface, without a number of k-points
    assert "functional in 5658 of 5658" in alarm_of(report, "surface_unknown").message
    assert report.duplicates == 0


def test_symmetry_test_does_not_excuse_everything(shared_data: Path) -> None:
    """Frames with forces are never called force-free by symmetry."""
    frames = [*read_frames(shared_data / "nbmotaw/Mo_Surface.json.gz"), *read_frames(shared_data / "ni_o/ni_o.xyz")]
    forced = [f for f in frames if f.forces_eV_per_A is not None and np.abs(f.forces_eV_per_A).max() > 0.01]
    assert len(forced) > 20
    assert not any(zero_forces_by_symmetry(frame) for frame in forced)


def _forces(change: Callable[[Frame], object]) -> Spoil:
    return lambda frame: replace(frame, forces_eV_per_A=np.asarray(change(frame), float))


def _tagged(**tags: str | bool) -> Spoil:
    return lambda frame: replace(frame, tags={**frame.tags, **tags})


def _energy(change: Callable[[float, int], float]) -> Spoil:
    return lambda frame: replace(frame, energy_eV=change(frame.energy_eV or 0.0, frame.n_atoms))


DEFECTS: dict[str, tuple[Spoil, str, str]] = {
    "zero_filled_forces": (_forces(lambda f: 0 * f.positions), "high", "all exactly zero"),
    "zero_filled_stress": (lambda f: replace(f, stress_eV_per_A3=np.zeros((3, 3))), "medium", "stress of exactly zero"),
    "zero_filled_energy": (lambda f: replace(f, energy_eV=0.0), "high", "energy of exactly zero"),
    "missing_labels": (lambda f: replace(f, stress_eV_per_A3=None), "low", "7 of 311 frames have no stress"),
    "unconverged": (_tagged(scf_converged=False), "high", "7 of them carry labels"),
    "net_force": (_forces(lambda f: f.forces_eV_per_A + np.array([0, 0, 0.02])), "medium", "up to 2"),
    "stress_unit": (lambda f: replace(f, stress_eV_per_A3=np.eye(3) * 40.0), "high", "only if they are in kbar"),
    "energy_per_atom": (_energy(lambda e, n: e / n), "high", "only if they are per atom"),
    "energy_outliers": (_energy(lambda e, n: e + (5 + 1000 * e % 4) * n), "medium", "far from a model of the others"),
    "mixed_surfaces": (_tagged(xc="LDA"), "high", "functional: PBE in 304, LDA in 7 frames"),
    "mixed_settings": (_tagged(smearing="none"), "medium", "smearing: Fermi-Dirac in 304, none in 7"),
    "surface_unknown": (_tagged(xc="unknown"), "low", "functional in 7 of 311 frames"),
}


@pytest.mark.parametrize("kind", DEFECTS)
def test_planted_defect_is_found(kind: str, sound: list[Frame]) -> None:
    """Seven rattled frames are spoilt; exactly these seven are named, and nothing else of that kind."""
    spoil, severity, words = DEFECTS[kind]
    places = [place for place, frame in enumerate(sound) if frame.tags["config_type"] == "rattled"][20:27]
    report = audit([spoil(frame) if place in places else frame for place, frame in enumerate(sound)], "spoilt")
    found = alarm_of(report, kind)
    assert (found.severity, found.n, sorted(found.ordinals)) == (severity, 7, places)
    assert words in found.message
    assert found.what_to_do


def test_copies_and_contradictions(sound: list[Frame]) -> None:
    shifted = [replace(f, energy_eV=(f.energy_eV or 0.0) + 0.05 * f.n_atoms) for f in sound[5:8]]
    report = audit([*sound, *sound[:3], *shifted], "with copies")
    assert report.duplicates == 3
    assert alarm_of(report, "duplicates").ordinals == (311, 312, 313)
    assert report.contradictions["n_groups"] == 3
    assert alarm_of(report, "contradictory_labels").severity == "high"


def test_one_set_copied_over_another(sound: list[Frame]) -> None:
    """Released "PBE" and "r2SCAN" sets that held the same data (mace-foundations #36)."""
    report = audit([*sound, *(_tagged(xc="r2SCAN")(frame) for frame in sound)], "copied")
    assert "311 pairs of frames claim different surfaces" in alarm_of(report, "same_labels_on_two_surfaces").message
    assert report.duplicates == 0


def test_spin_states(sound: list[Frame]) -> None:
    moments = [replace(sound[0], energy_eV=e, tags={**sound[0].tags, "total_magnetic_moment": m})
               for e, m in ((-1.0, 2.0), (-1.5, 0.0))]  # fmt: skip
    assert alarm_of(audit([*sound[1:], *moments], "spins"), "spin_states").n == 2


def test_unlabelled_frames_can_be_audited(sound: list[Frame]) -> None:
    bare = [replace(f, energy_eV=None, forces_eV_per_A=None, stress_eV_per_A3=None) for f in sound[:5]]
    report = audit(bare, "structures")
    assert report.labels == {"energy": 0, "forces": 0, "stress": 0}
    assert kinds(report) == {"missing_labels"}


def test_nothing_to_audit() -> None:
    with pytest.raises(WrongUse, match="holds no frames"):
        audit([], "empty")
