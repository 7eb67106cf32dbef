"""The geometry id is the one of CONTRACTS, and label comparison has its two limits."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sonde.datasets.identity import geometry_id, same_labels
from sonde.datasets.readers import read_frames
from sonde.records.frames import Frame

CELL = np.diag([3.0, 4.0, 5.0])


def dimer(x: float = 1.0, energy: float | None = -1.0, force: float = 0.0) -> Frame:
    positions = np.array([[0.0, 0.0, 0.0], [x, 0.0, 0.0]])
    return Frame(np.array([28, 8]), positions, CELL, np.ones(3, bool), energy, np.full((2, 3), force))


def test_id_is_the_stated_digest() -> None:
    """Species in file order, pbc, then cell and positions as integers of 1e-4 Å."""
    digest = hashlib.sha256()
    digest.update(np.array([28, 8], "<i8").tobytes() + bytes([1, 1, 1]))
    digest.update(np.array([[30000, 0, 0], [0, 40000, 0], [0, 0, 50000]], "<i8").tobytes())
    digest.update(np.array([[0, 0, 0], [10000, 0, 0]], "<i8").tobytes())
    assert geometry_id(dimer()) == digest.hexdigest()


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (dimer(1.00004), True),
        (dimer(1.00006), False),
        (dimer(energy=5.0), True),
        (replace(dimer(), pbc=np.array([True, True, False])), False),
        (replace(dimer(), numbers=np.array([8, 28])), False),
        (replace(dimer(), cell=CELL * 1.0001), False),
        (replace(dimer(), positions=dimer().positions + CELL[0]), False),
        (replace(dimer(), positions=-0.0 * dimer().positions + dimer().positions), True),
    ],
)
def test_what_the_id_depends_on(other: Frame, same: bool) -> None:
    assert (geometry_id(other) == geometry_id(dimer())) is same


def test_no_duplicates_in_nbmotaw(shared_data: Path) -> None:
    """As its README counts: no exact duplicate geometry in or across the files read here."""
    files = [shared_data / f"nbmotaw/{name}.json.gz" for name in ("Mo_Elastic", "Mo_Test", "NbTa_SS", "NbTa_Test")]
    ids = [geometry_id(frame) for file in files for frame in read_frames(file)]
    assert len(set(ids)) == len(ids) == 121 + 30 + 658 + 40


@pytest.mark.parametrize(
    ("energy", "force", "same"),
    [(-1.0 + 1.9e-5, 0.0, True), (-1.0 + 2.1e-5, 0.0, False), (-1.0, 0.9e-4, True), (-1.0, 1.1e-4, False)],
)
def test_label_limits(energy: float, force: float, same: bool) -> None:
    """1e-5 eV per atom (two atoms here) and 1e-4 eV/Å."""
    assert same_labels(dimer(), dimer(energy=energy, force=force)) is same
