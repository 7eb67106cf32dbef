"""The frames behind a learning curve: what is held out, what trains, and what stands on neither side."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.operations.curves import QUICK, project_with
from tests.operations.group import project_in

from sonde.errors import NotFound, SondeError, WrongUse
from sonde.operations.add_dataset import add_dataset
from sonde.operations.curve_frames import FramesOptions, curve_frames
from sonde.operations.learning_curve import learning_curve
from sonde.sample_lab.frames import sample_frames
from sonde.scaling_laws.near_duplicates import has_near_duplicate
from sonde.store import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return project_with(tmp_path, cells=sample_frames())


def test_what_stands_in_the_held_out_dataset_leaves_the_pool(tmp_path: Path) -> None:
    frames = sample_frames()
    # written with five decimals and shifted by a lattice vector: the same geometries all the same
    copies = [replace(f, positions=np.round(f.positions + f.cell[0], 5), cell=np.round(f.cell, 5)) for f in frames[:20]]
    project = project_with(tmp_path, cells=frames, tests=[*copies, *frames[290:]])
    curve = learning_curve(project, "cells", held_out="tests", options=replace(QUICK, seeds=(0,)))
    assert curve.held_out.n_overlap_removed == 41
    assert curve.n_pool == 311 - 41
    assert not curve.held_out.split_off
    assert any("41 training frames share a geometry or a trajectory with tests" in note for note in curve.notes)


def test_a_held_out_set_that_cannot_be(tmp_path: Path) -> None:
    project = project_with(tmp_path, cells=sample_frames()[:40], same=sample_frames()[:60])
    with pytest.raises(SondeError, match="Every frame of cells shares a geometry or a trajectory with same"):
        learning_curve(project, "cells", held_out="same", options=QUICK)
    with pytest.raises(WrongUse, match="cells cannot be held out from itself"):
        learning_curve(project, "cells", held_out="cells", options=QUICK)
    with pytest.raises(NotFound, match="did you mean 'same'"):
        learning_curve(project, "cells", held_out="sam", options=QUICK)


def test_trajectories_are_not_parted(tmp_path: Path) -> None:
    frames = [replace(f, tags={**f.tags, "trajectory": f"run {k // 7}"}) for k, f in enumerate(sample_frames())]
    frames = [replace(f, source_file="cells.xyz") for f in frames]
    divided = curve_frames(project_with(tmp_path, cells=frames), "cells", None)
    runs = [{f.tags["trajectory"] for f in part} for part in (divided.pool, divided.watched, divided.held_out)]
    assert not runs[0] & runs[1]
    assert not runs[0] & runs[2]
    assert not runs[1] & runs[2]
    assert sum(len(part) for part in (divided.pool, divided.watched, divided.held_out)) == 311
    assert 0.1 * 311 < len(divided.held_out) <= 0.15 * 311


def test_one_trajectory_cannot_be_split(tmp_path: Path) -> None:
    frames = [replace(f, tags={"trajectory": "one"}, source_file="a") for f in sample_frames()[:30]]
    with pytest.raises(SondeError, match="30 frames of cells are of 1 trajectories, none of which fits into 4"):
        learning_curve(project_with(tmp_path, cells=frames), "cells", options=QUICK)


def test_near_duplicates_are_counted_and_kept_together_where_asked_for(shared_data: Path, tmp_path: Path) -> None:
    """Each of these structures stands there twice, as made and relaxed: 329 pairs within 0.3 Å."""
    project = project_in(tmp_path)
    add_dataset(project, "MoTa", [shared_data / "nbmotaw" / "MoTa_SS.json.gz"])
    parted = curve_frames(project, "MoTa", None)
    assert parted.record.n_near is not None
    assert parted.record.n_near > 40
    assert any("near-duplicates on both sides flatter the curve" in note for note in parted.notes)
    whole = curve_frames(project, "MoTa", None, FramesOptions(linked_within_A=0.3))
    assert whole.record.n_near == 0
    assert not has_near_duplicate(whole.held_out, whole.pool, 0.3).any()
    assert any("count as one trajectory" in note for note in whole.notes)
    assert {"relax", "unrelax"} == set(whole.held_out_groups)


def test_frames_without_labels_and_without_a_group_are_said(tmp_path: Path) -> None:
    frames = list(sample_frames())
    frames[:10] = [replace(f, forces_eV_per_A=None) for f in frames[:10]]
    frames[10:13] = [replace(f, tags={}) for f in frames[10:13]]
    frames[13] = replace(frames[13], tags={"config_type": "all"})
    curve = learning_curve(project_with(tmp_path, cells=frames), "cells", options=replace(QUICK, seeds=(0,)))
    assert "10 of 311 frames of cells lack energy or forces and were left out." in curve.notes
    assert any("3 of 301 frames do not state config_type" in note for note in curve.notes)
    assert {"not stated", "config_type all"} <= {errors.group for errors in curve.points[0].errors}


def test_a_formula_is_the_same_in_any_order_of_atoms(project: Project) -> None:
    divided = curve_frames(project, "cells", None, FramesOptions(group_by="formula", watch=False))
    contents = [tuple(sorted(frame.numbers.tolist())) for frame in divided.pool]
    assert (
        len(set(divided.pool_groups)) == len(set(contents)) == len(set(zip(divided.pool_groups, contents, strict=True)))
    )
    assert "Al2LiMg" in divided.pool_groups


def test_held_out_elements_that_nobody_trains_on_are_left_out(tmp_path: Path) -> None:
    lithium_free = [f for f in sample_frames() if 3 not in f.numbers]
    project = project_with(tmp_path, cells=lithium_free, tests=sample_frames()[:60])
    curve = learning_curve(
        project, "cells", held_out="tests", options=replace(QUICK, sizes=(24,), group_by="elements", seeds=(0,))
    )
    assert any("held-out frames have elements that no training frame has" in note for note in curve.notes)
    assert {e.group for e in curve.points[0].errors} == {"all", "Al", "Mg", "Al-Mg"}
    bare = project_with(tmp_path / "bare", bare=[replace(f, energy_eV=None) for f in lithium_free])
    with pytest.raises(SondeError, match="No frame of bare has both energy and forces"):
        learning_curve(bare, "bare", options=QUICK)
