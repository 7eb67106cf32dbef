"""Contradictions: same geometry, labels that cannot both be right."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sonde.datasets.contradictions import contradictory_pairs, formula_of, geometry_pairs
from sonde.datasets.offsets import offsets
from sonde.datasets.readers import read_frames, write_extxyz
from sonde.datasets.same_geometry import same_geometry_groups
from sonde.records.frames import Frame, Tag


@pytest.fixture(scope="module")
def snapshots(shared_data: Path) -> list[Frame]:
    return list(read_frames(shared_data / "nbmotaw/Mo_Test.json.gz"))


def shifted(frame: Frame, eV_per_atom: float, **tags: Tag) -> Frame:
    assert frame.energy_eV is not None
    return replace(frame, energy_eV=frame.energy_eV + eV_per_atom * frame.n_atoms, tags={**frame.tags, **tags})


def moved(frame: Frame, distance_A: float) -> Frame:
    """Every atom moved at random, energy and forces changed as the forces and a stiff spring ask for."""
    step = np.random.default_rng(3).normal(size=frame.positions.shape)
    step *= distance_A / np.linalg.norm(step, axis=1).max()
    assert frame.forces_eV_per_A is not None
    assert frame.energy_eV is not None
    energy = frame.energy_eV - float((frame.forces_eV_per_A * step).sum())
    forces = frame.forces_eV_per_A - 20.0 * step
    return replace(frame, positions=frame.positions + step, energy_eV=energy, forces_eV_per_A=forces)


def test_pairs_of_ni_o(shared_data: Path) -> None:
    """36 structures converged on both surfaces, so 36 contradictions; E(+U) − E(PBE) as its README counts them."""
    frames = list(read_frames(shared_data / "ni_o/ni_o.xyz"))
    found = contradictory_pairs(frames)
    assert len(found) == 36
    assert all(len(record.ordinals) == 2 for record in found)
    assert found[0].energy_spread_meV_per_atom == pytest.approx(3670, abs=10)
    between = {offset.group_a.partition(" in ")[2]: offset for offset in offsets(frames, geometry_pairs(frames))}
    assert (between[""].group_a, between[""].group_b) == ("hubbard_u[Ni]=d:6.2", "hubbard_u[Ni]=none")
    assert between[""].n_shared == 36
    metal, oxide = between["metal_strain"], between["oxide_strain"]
    assert (metal.n_shared, oxide.n_shared) == (9, 8)
    assert metal.mean_meV_per_atom == pytest.approx(3450, abs=5)
    assert oxide.mean_meV_per_atom == pytest.approx(720 / 2, abs=5)


def test_planted_shift_is_measured(snapshots: list[Frame]) -> None:
    """A shift of 25 meV/atom between two files, half of the frames in common."""
    other = [replace(shifted(frame, 0.025), source_file="other.xyz") for frame in snapshots[::2]]
    frames = [*snapshots, *other]
    assert len(contradictory_pairs(frames)) == 15
    (offset,) = offsets(frames, geometry_pairs(frames))
    sign = 1 if "other.xyz" in offset.group_a else -1
    assert offset.n_shared == 15
    assert sign * offset.mean_meV_per_atom == pytest.approx(25, abs=1e-6)
    assert offset.sd_meV_per_atom == pytest.approx(0, abs=1e-6)


def test_rounding_and_order_do_not_hide_or_make_contradictions(snapshots: list[Frame], tmp_path: Path) -> None:
    write_extxyz(tmp_path / "copy.xyz", snapshots, 5)
    copies = list(read_frames(tmp_path / "copy.xyz"))
    assert contradictory_pairs([*snapshots, *copies]) == []
    assert len(contradictory_pairs([*snapshots, *(shifted(copy, 0.01) for copy in copies)])) == len(snapshots)


@pytest.mark.parametrize("distance_A", [1e-5, 1e-4, 9e-4])
def test_neighbouring_snapshots_are_no_contradiction(snapshots: list[Frame], distance_A: float) -> None:
    """Labels that follow from the displacement agree; the same labels and a real shift do not."""
    neighbours = [moved(frame, distance_A) for frame in snapshots[:5]]
    relations = Counter(pair.relation for pair in geometry_pairs([*snapshots[:5], *neighbours]))
    assert relations == {"duplicate": 5}
    far_off = [shifted(frame, 0.1) for frame in neighbours]
    assert len(contradictory_pairs([*snapshots[:5], *far_off])) == 5


def test_forces_alone_can_contradict(snapshots: list[Frame]) -> None:
    frame = snapshots[0]
    assert frame.forces_eV_per_A is not None
    turned = replace(frame, forces_eV_per_A=-frame.forces_eV_per_A)
    (found,) = contradictory_pairs([frame, turned])
    assert found.energy_spread_meV_per_atom == 0
    assert found.force_spread_eV_per_A == pytest.approx(2 * np.abs(frame.forces_eV_per_A).max())


def test_three_labels_make_one_contradiction(snapshots: list[Frame]) -> None:
    frame = snapshots[0]
    (found,) = contradictory_pairs([shifted(frame, shift) for shift in (0.0, 0.01, 0.03)])
    assert found.ordinals == (0, 1, 2)
    assert found.energy_spread_meV_per_atom == pytest.approx(30)
    assert found.formula == "Mo54"


def test_spin_states_are_no_contradiction_unless_surfaces_differ(snapshots: list[Frame]) -> None:
    high = shifted(snapshots[0], 0.0, total_magnetic_moment=4.0, hubbard_u="none")
    low = shifted(snapshots[0], 0.02, total_magnetic_moment=0.0, hubbard_u="none")
    assert [pair.relation for pair in geometry_pairs([high, low])] == ["spin_states"]
    other = replace(low, tags={**low.tags, "hubbard_u": "Mo:4.38"})
    assert [pair.relation for pair in geometry_pairs([high, other])] == ["contradiction"]
    silent = replace(low, tags={**low.tags, "total_magnetic_moment": None})
    assert [pair.relation for pair in geometry_pairs([high, silent])] == ["contradiction"]


def test_missing_labels_contradict_nothing(snapshots: list[Frame]) -> None:
    bare = replace(snapshots[0], energy_eV=None, forces_eV_per_A=None)
    assert [pair.relation for pair in geometry_pairs([snapshots[0], bare])] == ["unlabelled"]


def test_groups_of_copies_in_cr_sb2te3(shared_data: Path) -> None:
    """Its README counts the frames that the two sets share: 22 + 25 + 28 + 18, labels identical."""
    folder = shared_data / "cr_sb2te3"
    files = [folder / f"{data}/{part}.xyz.gz" for data in ("data_600K", "data_Multi_T") for part in ("valid", "test")]
    frames = [frame for file in files for frame in read_frames(file)]
    groups = same_geometry_groups(frames)
    assert len(groups) == 22 + 25 + 28 + 18
    assert {pair.relation for pair in geometry_pairs(frames, groups)} == {"duplicate"}


def test_formula() -> None:
    frame = Frame(np.array([13, 3, 13]), np.eye(3), np.eye(3), np.ones(3, bool))
    assert formula_of(frame) == "Al2Li"
