"""Near-duplicates: displacements known on paper, and real trajectories whose counts are known."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from sonde.datasets.readers import read_frames
from sonde.records.frames import Frame
from sonde.scaling_laws.near_duplicates import displacement_groups, has_near_duplicate


def crystal(moved: float = 0.0, drift: float = 0.0, strain: float = 0.0, wrapped: bool = False) -> Frame:
    """Eight atoms of aluminium; every second one moved along x, Å, all of them drifted, the cell strained."""
    atoms = bulk("Al", cubic=True) * (2, 1, 1)
    atoms.set_cell(atoms.cell * (1 + strain), scale_atoms=True)
    atoms.positions[::2, 0] += moved
    atoms.positions += drift
    if wrapped:
        atoms.wrap()
    return Frame(atoms.numbers.astype(np.int64), atoms.positions, np.array(atoms.cell), atoms.pbc)


@pytest.mark.parametrize(
    ("other", "displacement"),
    [
        (crystal(moved=0.2), 0.1),  # half the atoms by 0.2, seen from their common drift: ± 0.1
        (crystal(drift=0.7), 0.0),
        (crystal(drift=-0.3, wrapped=True), 0.0),
        (crystal(strain=0.01), 0.01 * np.sqrt(3) * (4.05**3 / 4) ** (1 / 3)),
        (crystal(moved=0.2, strain=0.01), np.hypot(0.1, 0.01 * np.sqrt(3) * (4.05**3 / 4) ** (1 / 3))),
    ],
)
def test_displacements_known_on_paper(other: Frame, displacement: float) -> None:
    one = [crystal()]
    assert has_near_duplicate([other], one, displacement + 1e-3).tolist() == [True]
    assert has_near_duplicate([other], one, displacement - 1e-3).tolist() == [False]


def test_only_the_same_atoms_are_compared() -> None:
    one = crystal()
    other = replace(one, numbers=np.where(np.arange(8) == 0, 12, 13))
    assert not has_near_duplicate([other], [one], 5.0).any()
    assert not has_near_duplicate([replace(one, pbc=np.zeros(3, bool))], [one], 5.0).any()
    assert not has_near_duplicate([one], [], 5.0).any()


def test_a_chain_joins_a_trajectory() -> None:
    walk = [crystal(moved=0.1 * k) for k in (0, 2, 1, 9, 3)]  # 0.05 Å between neighbours on the walk
    assert displacement_groups(walk, 0.06).tolist() == [0, 0, 0, 1, 0]
    assert len(set(displacement_groups(walk, 0.04).tolist())) == 5


def test_neighbours_of_one_trajectory_on_both_sides_of_a_published_split(shared_data: Path) -> None:
    """The folder's README counts 88 of 237 test frames with a valid frame within 0.05 Å, and a median of 0.067 Å."""
    folder = shared_data / "cr_sb2te3" / "data_600K"
    valid, test = (list(read_frames(folder / f"{name}.xyz.gz")) for name in ("valid", "test"))
    assert has_near_duplicate(test, valid, 0.05).sum() == 88
    assert has_near_duplicate(test, valid, 0.067).sum() == pytest.approx(237 / 2, abs=3)


def test_relaxed_and_unrelaxed_structures_are_paired(shared_data: Path) -> None:
    """329 structures, each once as made and once relaxed; the file does not say which belong together."""
    frames = list(read_frames(shared_data / "nbmotaw" / "MoTa_SS.json.gz"))
    groups = displacement_groups(frames, 0.3)
    assert set(Counter(groups.tolist()).values()) == {2}
    kinds = [{frames[k].tags["config_type"] for k in np.flatnonzero(groups == group)} for group in range(329)]
    assert all(kind == {"relax", "unrelax"} for kind in kinds)
