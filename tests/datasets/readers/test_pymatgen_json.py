"""Computed entries and MatPES records that pymatgen itself writes: energies raw or corrected, species, properties."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.units import GPa
from pymatgen.core import Lattice, Molecule, Structure
from pymatgen.entries.compatibility import MaterialsProject2020Compatibility
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry
from tests.datasets.readers.samples import forces_of, stress_of

from sonde.datasets.readers import read_frames, reader_for
from sonde.datasets.surfaces import surface_of
from sonde.errors import BadInput
from sonde.records.frames import Frame
from sonde.testing.readers import LAWS, Law, ReaderCase

PARAMETERS = {
    "run_type": "GGA+U",
    "is_hubbard": True,
    "hubbards": {"Fe": 5.3, "O": 0.0},
    "potcar_spec": [
        {"titel": "PAW_PBE Fe_pv 06Sep2000", "hash": "5963"},
        {"titel": "PAW_PBE O 08Apr2002", "hash": "7a25"},
    ],
}


def iron_oxide(strain: float = 0.0) -> Any:
    """Skewed FeO with moments, as pymatgen holds it."""
    lattice = Lattice.from_parameters(4.3 + strain, 4.4, 4.5, 85, 95, 100)
    structure = Structure.from_spacegroup("P1", lattice, ["Fe", "O"], [[0.1, 0, 0], [0.5, 0.55, 0.5]])
    structure.add_site_property("magmom", [4.0, -0.5])
    return structure


def entry(energy: float = -14.5, **more: Any) -> Any:
    return ComputedStructureEntry(iron_oxide(), energy, parameters=PARAMETERS, entry_id="mp-1-GGA+U", **more)


def write(path: Path, records: list[Any], lines: bool = False) -> Path:
    """Write as pymatgen's users do: what has as_dict by it, as a list or as lines."""
    dicts = [record if isinstance(record, dict) else record.as_dict() for record in records]
    text = "\n".join(map(json.dumps, dicts)) if lines else json.dumps(dicts)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def assert_same_geometry(frame: Frame, structure: Any) -> None:
    assert frame.numbers.tolist() == list(structure.atomic_numbers)
    np.testing.assert_allclose(frame.positions, structure.cart_coords, atol=1e-10)
    np.testing.assert_allclose(frame.cell, structure.lattice.matrix, atol=1e-10)


def matpes(number: int = 0) -> dict[str, Any]:
    """A record with the fields that MatPES documents."""
    structure = iron_oxide(0.01 * number)
    return {
        "matpes_id": f"matpes-{number}",
        "structure": structure.as_dict(),
        "energy": -14.5 - number,
        "forces": [[0.1, 0.2, 0.3], [-0.1, -0.2, -0.3]],
        "stress": [10.0, 20.0, 30.0, 1.0, 2.0, 3.0],
        "functional": "r2SCAN",
        "bandgap": 0.0,
        "nsites": 2,
        "elements": ["Fe", "O"],
        "composition": {"Fe": 1.0, "O": 1.0},
        "formation_energy_per_atom": -1.2,
        "cohesive_energy_per_atom": -5.0,
        "abs_forces": [0.37, 0.37],
        "bader_charges": [6.7, 7.3],
        "bader_magmoms": [3.5, 0.1],
        "symmetry": {"crystal_system": "Triclinic", "number": 1},
        "builder_meta": {"emmet_version": "0.84.2", "pymatgen_version": "2024.8.9"},
        "provenance": {"original_mp_id": "mp-715439", "materials_project_version": "v2022.10.28",
                       "md_ensemble": "NpT", "md_temperature": 300.0, "md_step": 157010, "mlip_name": "M3GNet"},
    }  # fmt: skip


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("kind", ["entries", "matpes"])
def test_law(kind: str, law: Law, tmp_path: Path) -> None:
    records = [entry(-14.5 - n) for n in range(3)] if kind == "entries" else [matpes(n) for n in range(3)]
    sample = write(tmp_path / "sample.json.gz", records)
    law(ReaderCase(reader_for(sample), sample, 3, frozenset({8, 26})), tmp_path)


def test_a_corrected_entry_gives_the_raw_energy(tmp_path: Path) -> None:
    """Of MP2020's corrections (oxide −0.687, Fe −2.256 eV) nothing reaches the label; their sum is a tag."""
    corrected = MaterialsProject2020Compatibility(check_potcar=False).process_entry(entry(data={"oxide_type": "oxide"}))
    assert corrected.energy == pytest.approx(-14.5 - 0.687 - 2.256)
    (frame,) = read_frames(write(tmp_path / "entries.json", [corrected]))
    assert frame.energy_eV == -14.5
    assert frame.tags["correction"] == pytest.approx(-2.943)
    assert frame.tags["energy_convention"] == "documented: total, uncorrected"
    assert_same_geometry(frame, iron_oxide())
    fields = surface_of(frame)
    assert (fields["hubbard_u[Fe]"], fields["hubbard_u[O]"]) == ("5.3", "none")
    assert (frame.tags["total_magnetic_moment"], frame.tags["run_type"]) == (3.5, "GGA+U")


def test_a_correction_by_hand(tmp_path: Path) -> None:
    raw, shifted = read_frames(write(tmp_path / "entries.json", [entry(), entry(correction=-3.0)]))
    assert (raw.energy_eV, shifted.energy_eV) == (-14.5, -14.5)
    assert (raw.tags["correction"], shifted.tags["correction"]) == (0.0, -3.0)


def test_an_entry_without_structure(tmp_path: Path) -> None:
    path = write(tmp_path / "entries.json", [entry(), ComputedEntry("FeO", -14.5)])
    with pytest.raises(BadInput, match="frame 1, line 1: a record must hold a pymatgen structure with sites"):
        list(read_frames(path))


@pytest.mark.parametrize("name", ["MatPES-r2SCAN.json.gz", "train.jsonl"])
def test_matpes(name: str, tmp_path: Path) -> None:
    """The order of the stress is MatPES' own; per-atom energies beside it do not touch the label."""
    frames = list(read_frames(write(tmp_path / name, [matpes(n) for n in range(3)], lines=name.endswith("jsonl"))))
    assert [frame.energy_eV for frame in frames] == [-14.5, -15.5, -16.5]
    for number, frame in enumerate(frames):
        assert_same_geometry(frame, iron_oxide(0.01 * number))
        np.testing.assert_allclose(stress_of(frame) / (-0.1 * GPa), [[10, 3, 2], [3, 20, 1], [2, 1, 30]])
        np.testing.assert_allclose(forces_of(frame)[1], [-0.1, -0.2, -0.3])
    tags = frames[0].tags
    assert (tags["matpes_id"], tags["original_mp_id"], tags["md_temperature"]) == ("matpes-0", "mp-715439", 300.0)
    assert tags["energy_convention"] == "documented: total"
    assert surface_of(frames[0])["functional"] == "R2SCAN"


def test_species_and_properties_as_pymatgen_writes_them(tmp_path: Path) -> None:
    """Oxidation states, spins, labels, selective dynamics, a charge."""
    structure = iron_oxide()
    structure.add_oxidation_state_by_element({"Fe": 2, "O": -2})
    structure.add_spin_by_element({"Fe": 4, "O": 0})
    structure.add_site_property("selective_dynamics", [[True, False, True]] * 2)
    structure.relabel_sites()
    structure.set_charge(0.0)
    (frame,) = read_frames(write(tmp_path / "structures.json", [structure]))
    assert_same_geometry(frame, iron_oxide())
    assert (frame.energy_eV, frame.forces_eV_per_A, frame.stress_eV_per_A3) == (None, None, None)


def test_slabs_and_molecules(tmp_path: Path) -> None:
    slab = iron_oxide()
    slab = Structure(Lattice(slab.lattice.matrix, pbc=(True, True, False)), slab.species, slab.frac_coords)
    molecule = Molecule(["O", "H", "H"], np.eye(3))
    first, second = read_frames(write(tmp_path / "structures.json", [slab, molecule]))
    assert first.pbc.tolist() == [True, True, False]
    assert_same_geometry(first, slab)
    assert not second.pbc.any()
    assert not second.cell.any()
    np.testing.assert_allclose(second.positions, np.eye(3))


def test_disorder_is_refused(tmp_path: Path) -> None:
    alloy = Structure(Lattice.cubic(3.0), [{"Fe": 0.5, "Ni": 0.5}], [[0, 0, 0]])
    with pytest.raises(BadInput, match="atom 0 is a site of mixed or partial occupation"):
        list(read_frames(write(tmp_path / "alloy.json", [alloy])))
