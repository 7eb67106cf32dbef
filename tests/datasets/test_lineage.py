"""Lineage on real frames, through files and back."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sonde.datasets.features import referenced_energies, references_by_atoms
from sonde.datasets.lineage import lineage
from sonde.datasets.readers import read_frames, write_extxyz
from sonde.records.arrays import BoolArray
from sonde.records.datasets import FeatureTable
from sonde.records.frames import Frame
from sonde.records.jsonable import to_json


def survivors(frames: Sequence[Frame], dropped: BoolArray) -> list[Frame]:
    kept = [frame for frame, gone in zip(frames, dropped, strict=True) if not gone]
    return [frame.numbered(i) for i, frame in enumerate(kept)]


def through_a_file(frames: Sequence[Frame], folder: Path) -> list[Frame]:
    """Write frames with six decimals and read them back."""
    write_extxyz(folder / "child.xyz", frames, decimals=6)
    return list(read_frames(folder / "child.xyz"))


def test_filter_and_split_through_a_file(real_frames: list[Frame], real_table: FeatureTable, tmp_path: Path) -> None:
    parent = [frame.numbered(i) for i, frame in enumerate(real_frames[::3])]
    by_rule = real_table.numeric["max_force"][::3] > 3
    dropped = by_rule | (np.random.default_rng(17).random(len(parent)) < 0.2)
    child = through_a_file(survivors(parent, dropped), tmp_path)
    found = lineage(parent, child, parent_name="raw", child_name="train")
    assert (found.n_parent, found.n_kept, found.n_added, found.n_relabelled) == (1886, len(child), 0, 0)
    rule = found.rules[0]
    assert (rule.feature, rule.op, rule.precision, rule.recall) == ("max_force", ">", 1, 1)
    assert rule.threshold_low is not None
    assert rule.threshold_high is not None
    assert rule.threshold_low <= 3 <= rule.threshold_high
    assert found.random_split
    assert found.random_fraction == pytest.approx(0.2, abs=0.03)
    assert found.random_fraction_low is not None
    assert found.random_fraction_high is not None
    assert found.random_fraction_low < 0.2 < found.random_fraction_high
    assert found.n_dropped == found.n_dropped_by_rule + found.n_dropped_at_random
    assert found.n_unexplained == 0
    assert "config_type=Md" in {region.region for region in found.collateral}
    assert found.dropped_by_rule is not None
    assert len(np.setxor1d(found.dropped_by_rule, np.flatnonzero(by_rule))) <= 4  # a threshold next to 3
    assert '"schema": "sonde.lineage/1"' in to_json(found)


def test_convergence_flag_in_the_tags(real_frames: list[Frame], tmp_path: Path) -> None:
    failed = np.random.default_rng(3).random(400) < 0.1
    parent = [
        replace(frame, tags={**frame.tags, "scf_converged": not bad})
        for frame, bad in zip(real_frames[:400], failed, strict=True)
    ]
    found = lineage(parent, through_a_file(survivors(parent, failed), tmp_path))
    assert found.rules[0].rule == "scf_converged in {False}"
    assert (found.rules[0].precision, found.rules[0].recall) == (1, 1)
    assert found.n_unexplained == 0


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_energies_against_references_fitted_either_way(
    real_frames: list[Frame], real_table: FeatureTable, share: float
) -> None:
    by_atoms = references_by_atoms(real_frames)
    assert by_atoms is not None
    energies = referenced_energies(real_frames, by_atoms)
    assert np.abs(energies - real_table.numeric["energy_per_atom_referenced"]).max() > 0.1
    dropped = (energies > 0.1) | (np.random.default_rng(23).random(len(energies)) < share)
    found = lineage(real_frames, survivors(real_frames, dropped), table=real_table)
    rule = found.rules[0]
    assert (rule.feature, rule.op, rule.threshold, rule.precision) == ("energy_per_atom_referenced", ">", 0.1, 1)
    assert "fitted to total energies" in found.notes[-1]


def test_a_random_split_is_an_answer(real_frames: list[Frame], real_table: FeatureTable) -> None:
    dropped = np.random.default_rng(5).random(len(real_frames)) < 0.3
    found = lineage(real_frames, survivors(real_frames, dropped), table=real_table)
    assert found.rules == ()
    assert found.random_split
    assert found.collateral == ()
    assert found.n_dropped_at_random == dropped.sum()


def test_additions_are_counted_apart(real_frames: list[Frame]) -> None:
    added = [replace(frame, positions=frame.positions * 1.01, cell=frame.cell * 1.01) for frame in real_frames[:7]]
    found = lineage(real_frames[:300], [*real_frames[:300], *added])
    assert (found.n_kept, found.n_dropped, found.n_added) == (300, 0, 7)
    assert "7 frames of the child" in found.notes[0]
    assert found.rules == ()
