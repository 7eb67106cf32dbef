"""Neighbour lists against brute force and known crystals."""

import dataclasses

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from tests.local_environments.conftest import frame_of

from sonde.errors import BadInput, WrongUse
from sonde.local_environments.neighbours import neighbour_list
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame


def brute_force_distances(frame: Frame, cutoff_A: float, images: int = 4) -> FloatArray:
    ranges = [range(-images, images + 1) if periodic else range(1) for periodic in frame.pbc]
    shifts = np.array(np.meshgrid(*ranges)).reshape(3, -1).T @ frame.cell
    vectors = frame.positions[None, :, None] - frame.positions[:, None, None] + shifts
    distances = np.linalg.norm(vectors, axis=-1).ravel()
    return np.sort(distances[(distances < cutoff_A) & (distances > 1e-8)])


def cases() -> list[Atoms]:
    triclinic = bulk("Mg", "hcp", a=3.2, c=5.2).repeat((1, 2, 1))
    triclinic.rattle(0.2, seed=3)
    left_handed = triclinic.copy()
    left_handed.set_cell(triclinic.cell.array[[1, 0, 2]])
    slab = fcc111("Al", (2, 2, 3), vacuum=None)
    slab.cell[2] = 0.0
    far_outside = molecule("CH3CH2OH")
    far_outside.positions += 50.0
    boxed = molecule("H2O", cell=[2.0, 2.0, 2.0])
    return [triclinic, left_handed, slab, far_outside, boxed, Atoms("H"), bulk("Al")]


@pytest.mark.parametrize(
    "atoms", cases(), ids=lambda atoms: f"{atoms.symbols}-{''.join('FT'[int(p)] for p in atoms.pbc)}"
)
def test_same_pairs_as_brute_force(atoms: Atoms) -> None:
    frame = frame_of(atoms)
    near = neighbour_list(frame, 4.0)
    np.testing.assert_allclose(np.sort(near.distances), brute_force_distances(frame, 4.0), atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(near.vectors, axis=1), near.distances, atol=1e-9)
    assert np.all(np.diff(near.i) >= 0)


def test_fcc_has_twelve_nearest_neighbours() -> None:
    near = neighbour_list(frame_of(bulk("Al", a=4.05)), 4.05 * 0.8)
    assert len(near.i) == 12


def test_guards() -> None:
    frame = frame_of(bulk("Al"))
    with pytest.raises(WrongUse, match="positive cutoff"):
        neighbour_list(frame, 0.0)
    flat = dataclasses.replace(frame, cell=np.zeros((3, 3)))
    with pytest.raises(BadInput, match="periodic along a direction"):
        neighbour_list(flat, 4.0)
    with pytest.raises(BadInput, match="not a finite number"):
        neighbour_list(dataclasses.replace(frame, positions=frame.positions * np.nan), 4.0)


def test_no_atoms_no_pairs() -> None:
    empty = Frame(np.zeros(0, int), np.zeros((0, 3)), np.zeros((3, 3)), np.zeros(3, bool))
    assert len(neighbour_list(empty, 3.0).i) == 0


def test_a_list_asked_for_again_is_the_same_and_another_structure_has_its_own() -> None:
    cell, pbc = np.eye(3) * 4.0, np.ones(3, bool)
    first = Frame(np.array([13, 3]), np.array([[0.0, 0, 0], [2.0, 2.0, 2.0]]), cell, pbc)
    moved = Frame(first.numbers, first.positions * 0.99, cell, pbc)
    found = neighbour_list(first, 5.0)
    assert neighbour_list(Frame(first.numbers, first.positions.copy(), cell, pbc), 5.0) is found
    with pytest.raises(ValueError, match="read-only"):
        found.vectors[0] = 0
    for other in (
        neighbour_list(moved, 5.0),
        neighbour_list(first, 3.9),
        neighbour_list(Frame(first.numbers, first.positions, 1.1 * cell, pbc), 5.0),
        neighbour_list(Frame(first.numbers, first.positions, cell, np.array([True, True, False])), 5.0),
    ):
        assert other.distances.tolist() != found.distances.tolist()
    np.testing.assert_array_equal(neighbour_list(first, 5.0).vectors, found.vectors)
