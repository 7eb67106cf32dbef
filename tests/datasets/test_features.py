"""Features: against numbers known on paper, and against a slow calculation on real frames."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.data import covalent_radii

from sonde.datasets.features import GPA_PER_EV_PER_A3, closest_contact_ratio, feature_table
from sonde.datasets.readers import read_frames
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame, Tag


def cubic(symbols: str, a: float, **labels: object) -> Frame:
    """Atoms on a row along x in a cube of edge a, one every ångström."""
    numbers = Atoms(symbols).numbers
    positions = np.zeros((len(numbers), 3))
    positions[:, 0] = np.arange(len(numbers))
    return Frame(np.asarray(numbers, np.int64), positions, np.eye(3) * a, np.ones(3, bool), **labels)  # type: ignore[arg-type]  # labels by name


def forces(*rows: tuple[float, float, float]) -> FloatArray:
    return np.array(rows, float)


def test_forces_on_paper() -> None:
    table = feature_table([cubic("H2", 9, forces_eV_per_A=forces((3, 4, 0), (0, 0, 0))), cubic("H", 9)])
    assert table.numeric["max_force"][0] == pytest.approx(5)
    assert table.numeric["rms_force"][0] == pytest.approx(np.sqrt(25 / 6))
    assert np.isnan(table.numeric["max_force"][1])
    assert table.units["max_force"] == "eV/Å"


def test_pressure_is_positive_under_compression_and_volume_is_per_atom() -> None:
    compressed = cubic("H2", 4, stress_eV_per_A3=-np.eye(3) / GPA_PER_EV_PER_A3)
    table = feature_table([compressed])
    assert table.numeric["pressure"][0] == pytest.approx(1.0)
    assert table.units["pressure"] == "GPa"
    assert table.numeric["volume_per_atom"][0] == pytest.approx(32)


def test_volume_is_unknown_without_three_periodic_directions() -> None:
    slab = Frame(np.array([1]), np.zeros((1, 3)), np.eye(3) * 5, np.array([True, True, False]))
    assert np.isnan(feature_table([slab]).numeric["volume_per_atom"][0])


def test_fitted_references_recover_what_was_planted() -> None:
    e = {"H": -3.0, "O": -7.0}
    frames = [
        cubic(symbols, 9, energy_eV=sum(e[s] for s in Atoms(symbols).get_chemical_symbols()))
        for symbols in ("H2O", "O2", "H")
    ]
    table = feature_table(frames)
    assert table.numeric["energy_per_atom_referenced"] == pytest.approx([0, 0, 0], abs=1e-12)
    assert table.reference_energies_eV == pytest.approx({1: -3, 8: -7})
    assert table.notes == ()


def test_undetermined_references_are_told() -> None:
    table = feature_table([cubic("LiF", 9, energy_eV=-10.0), cubic("Li2F2", 9, energy_eV=-20.0)])
    assert table.numeric["energy_per_atom_referenced"] == pytest.approx([0, 0], abs=1e-12)
    assert "rank 1 of 2" in table.notes[0]


def test_contacts_see_periodic_images_and_grow_where_nothing_is_near() -> None:
    radius = covalent_radii[1]
    assert closest_contact_ratio(cubic("H", 5)) == pytest.approx(5 / (2 * radius))
    assert closest_contact_ratio(cubic("H2", 50)) == pytest.approx(1 / (2 * radius))
    pair = Frame(np.array([1, 8]), np.array([[0, 0, 0], [0, 0, 30.0]]), np.zeros((3, 3)), np.zeros(3, bool))
    assert closest_contact_ratio(pair) == pytest.approx(30 / (radius + covalent_radii[8]))


def test_a_lone_atom_has_no_contact() -> None:
    assert np.isnan(closest_contact_ratio(Frame(np.array([1]), np.zeros((1, 3)), np.zeros((3, 3)), np.zeros(3, bool))))


@pytest.mark.parametrize(
    ("tag", "word"), [(True, "True"), ("T", "True"), (0, "False"), ("false", "False"), (None, None), ("maybe", None)]
)
def test_convergence_flags_however_they_are_spelt(tag: Tag, word: str | None) -> None:
    assert feature_table([cubic("H", 5, tags={"scf_converged": tag})]).categorical["scf_converged"] == (word,)


def test_fractions_and_empty_input() -> None:
    table = feature_table([cubic("HO3", 9), cubic("H2", 9)])
    assert list(table.numeric["fraction_O"]) == [0.75, 0]
    assert list(table.numeric["n_atoms"]) == [4, 2]
    assert feature_table([]).n_frames == 0


def test_real_frames_against_ase(shared_data: Path) -> None:
    frames = list(read_frames(shared_data / "nbmotaw" / "Ta_Surface.json.gz"))
    table = feature_table(frames)
    for i, frame in enumerate(frames):
        atoms = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=True)
        assert frame.forces_eV_per_A is not None
        assert table.numeric["max_force"][i] == pytest.approx(np.linalg.norm(frame.forces_eV_per_A, axis=1).max())
        assert table.numeric["volume_per_atom"][i] == pytest.approx(atoms.get_volume() / len(atoms))
        distances = atoms.repeat((2, 2, 1)).get_all_distances(mic=True)
        nearest = distances[~np.eye(len(distances), dtype=bool)].min()
        assert table.numeric["closest_contact_ratio"][i] == pytest.approx(nearest / (2 * covalent_radii[73]))
