"""Matching of a child with its parent: multisets, periodic images, permutations, roundings."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sonde.datasets.identity import geometry_id, same_labels
from sonde.datasets.matching import match
from sonde.datasets.readers import read_frames, write_extxyz
from sonde.datasets.superposition import superposition
from sonde.records.frames import Frame


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> list[Frame]:
    """Real frames of every kind: molecular dynamics, strained bulk, solid solutions, surfaces."""
    names = ("Mo_AIMD", "Mo_Elastic", "NbTa_SS", "W_Surface", "Multinary_Test")
    found = [frame for name in names for frame in read_frames(shared_data / f"nbmotaw/{name}.json.gz")]
    return [frame.numbered(ordinal) for ordinal, frame in enumerate(found)]


def permuted(frame: Frame, rng: np.random.Generator) -> Frame:
    """Return the frame with its atoms in another order and in other periodic images."""
    order = rng.permutation(frame.n_atoms)
    images = rng.integers(-2, 3, (frame.n_atoms, 3)) @ frame.cell
    forces = None if frame.forces_eV_per_A is None else frame.forces_eV_per_A[order]
    moved = (frame.positions + images)[order]
    return replace(frame, numbers=frame.numbers[order], positions=moved, forces_eV_per_A=forces)


def nudged(frame: Frame, distance_A: float) -> Frame:
    """Return the frame with its first atom moved along x."""
    positions = frame.positions.copy()
    positions[0, 0] += distance_A
    return replace(frame, positions=positions)


def shifted(frame: Frame, energy_eV_per_atom: float) -> Frame:
    assert frame.energy_eV is not None
    return replace(frame, energy_eV=frame.energy_eV + energy_eV_per_atom * frame.n_atoms)


def assert_kept(parent: Sequence[Frame], child: Sequence[Frame], ordinals: Sequence[int]) -> None:
    """Every child frame is the parent frame it was made from, with the same labels."""
    matching = match(parent, child)
    assert matching.kept_parent.tolist() == list(ordinals)
    assert matching.kept_child.tolist() == list(range(len(child)))
    assert len(matching.relabelled) == len(matching.added) == 0
    assert len(matching.dropped) == len(parent) - len(ordinals)


@pytest.mark.parametrize("decimals", [5, 6, 8])
def test_rounding_loses_nothing(frames: list[Frame], decimals: int, tmp_path: Path) -> None:
    ordinals = list(range(0, len(frames), 2))
    write_extxyz(tmp_path / "child.xyz.gz", [frames[o] for o in ordinals], decimals)
    assert_kept(frames, list(read_frames(tmp_path / "child.xyz.gz")), ordinals)


def test_five_decimals_leave_their_bucket(frames: list[Frame], tmp_path: Path) -> None:
    """The premise of the second step: after five decimals, buckets alone lose most large frames."""
    write_extxyz(tmp_path / "child.xyz", frames[:200], 5)
    again = read_frames(tmp_path / "child.xyz")
    moved = sum(geometry_id(a) != geometry_id(b) for a, b in zip(frames, again, strict=False))
    assert moved > 100


def test_images_and_permutations_are_the_same(frames: list[Frame]) -> None:
    rng = np.random.default_rng(7)
    ordinals = list(range(0, len(frames), 3))
    assert_kept(frames, [permuted(frames[o], rng) for o in ordinals], ordinals)


def test_a_hair_beyond_the_tolerance_is_another_geometry(frames: list[Frame]) -> None:
    inside = match(frames[:20], [nudged(frame, 0.0009) for frame in frames[:20]])
    beyond = match(frames[:20], [nudged(frame, 0.0011) for frame in frames[:20]])
    assert len(inside.kept_parent) == 20
    assert (len(beyond.dropped), len(beyond.added)) == (20, 20)


def test_relabelled(frames: list[Frame]) -> None:
    child = [frames[0], shifted(frames[1], 2e-5), shifted(frames[2], 0.5e-5), frames[3]]
    matching = match(frames[:4], child)
    assert matching.kept_parent.tolist() == [0, 1, 2, 3]
    assert matching.relabelled.tolist() == [1]


def test_relabelled_forces_follow_the_permutation(frames: list[Frame]) -> None:
    other = permuted(frames[0], np.random.default_rng(1))
    assert other.forces_eV_per_A is not None
    forces = other.forces_eV_per_A.copy()
    forces[5] += 2e-4
    assert len(match(frames[:1], [other]).relabelled) == 0
    assert len(match(frames[:1], [replace(other, forces_eV_per_A=forces)]).relabelled) == 1


def test_multisets(frames: list[Frame]) -> None:
    """Three copies against two make two pairs; the copy with the same labels is the one that is kept."""
    one, other = frames[0], shifted(frames[0], 0.1)
    matching = match([one, other, one], [one, one])
    assert (matching.kept_parent.tolist(), matching.dropped.tolist()) == ([0, 2], [1])
    assert len(match([one], [one, one, one]).added) == 2
    assert match([one, one], [other]).relabelled.tolist() == [0]


def test_same_labels_before_nearest(frames: list[Frame]) -> None:
    """Two snapshots closer than the tolerance: the partner is the one with the same energy, not the nearer one."""
    near = shifted(nudged(frames[0], 0.0004), 0.01)
    child = shifted(nudged(frames[0], 0.0003), 0.0)
    assert match([near, frames[0]], [child]).kept_parent.tolist() == [1]


def test_nothing_to_match(frames: list[Frame]) -> None:
    assert match([], frames[:2]).added.tolist() == [0, 1]
    assert match(frames[:2], []).dropped.tolist() == [0, 1]


def test_molecules_and_slabs() -> None:
    """Images count in periodic directions only."""
    slab = Frame(np.array([13]), np.zeros((1, 3)), np.diag([3.0, 3, 20]), np.array([True, True, False]))
    aside = replace(slab, positions=np.array([[3.0, 0, 0]]))
    above = replace(slab, positions=np.array([[0.0, 0, 20]]))
    assert superposition(slab, aside) is not None
    assert superposition(slab, above) is None
    molecule = Frame(np.array([8, 1]), np.eye(3)[:2], np.zeros((3, 3)), np.zeros(3, bool))
    swapped = replace(molecule, numbers=molecule.numbers[::-1], positions=molecule.positions[::-1])
    assert match([molecule], [swapped]).kept_parent.tolist() == [0]


def test_other_elements_at_the_same_places_differ(frames: list[Frame]) -> None:
    alloy = next(frame for frame in frames if len(set(frame.numbers.tolist())) == 2)
    swapped = replace(alloy, numbers=np.where(alloy.numbers == alloy.numbers[0], alloy.numbers[-1], alloy.numbers[0]))
    assert len(match([alloy], [swapped]).kept_parent) == 0


def test_whole_dataset_within_seconds(shared_data: Path, tmp_path: Path) -> None:
    """Growth: 5,658 frames against 4,000 of them through a five-decimal file, exactly the 4,000 found."""
    files = sorted((shared_data / "nbmotaw").glob("*.json.gz"))
    parent = [frame for file in files for frame in read_frames(file)]
    ordinals = np.sort(np.random.default_rng(0).choice(len(parent), 4000, replace=False)).tolist()
    assert len(parent) == 5658
    write_extxyz(tmp_path / "child.xyz", [parent[o] for o in ordinals], 5)
    assert_kept(parent, list(read_frames(tmp_path / "child.xyz")), ordinals)


def test_labels_that_only_one_side_has_are_no_difference(frames: list[Frame]) -> None:
    assert same_labels(frames[0], replace(frames[0], forces_eV_per_A=None, energy_eV=None))
