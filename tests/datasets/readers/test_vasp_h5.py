"""vaspout.h5, written after the documented layout (vasp.at/wiki/Vaspout.h5): numbers, labels, hostile files."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from pymatgen.io.vasp.outputs import Vaspout
from tests.datasets.readers.samples import assert_same
from tests.datasets.readers.vasp_samples import full_kbar, rock_salt

from sonde.datasets.readers import read_frames, reader_for, readers
from sonde.datasets.readers.vasp_h5 import vaspout_provenance
from sonde.errors import BadInput
from sonde.records.frames import Frame
from sonde.testing.readers import LAWS, Law, ReaderCase

h5py = pytest.importorskip("h5py")
LABELS = ("free energy    TOTEN", "energy without entropy", "energy(sigma->0)")
LABELS_OF_MD = ("ion-electron   TOTEN    ", "kinetic energy EKIN", "temperature    TEIN")
INCAR = "ENCUT = 450\nGGA = PE\nISPIN = 2\nLDAU = T\nLDAUU = 6.2 0\nLDAUL = 2 -1\n"
KPOINTS = "mesh\n0\nGamma\n4 4 4\n0 0 0\n"
POTCAR = "".join(
    f"  PAW_PBE {kind}\n   LEXCH  = PE\n   TITEL  = PAW_PBE {kind}\n 1.2345678 secret\n End of Dataset\n"
    for kind in ("Ni_pv 06Sep2000", "O 08Apr2002")
)
STEPS = "intermediate/ion_dynamics"


def write_vaspout(
    path: Path, images: Sequence[Atoms], labels: Sequence[str] = LABELS, instead: Mapping[str, Any] | None = None
) -> Path:
    """Write the parts of a vaspout.h5 that hold inputs, ionic steps and the final structure."""
    with h5py.File(path, "w") as file:
        for name, value in {**_inputs(images[0]), **_steps(images, labels), **(instead or {})}.items():
            if value is not None:
                file[name] = value
    return path


def _inputs(atoms: Atoms) -> dict[str, Any]:
    structure = {
        "system": b"NiO",
        "scale": 1.0,
        "lattice_vectors": atoms.cell.array,
        "position_ions": atoms.get_scaled_positions(wrap=False),
        "ion_types": np.array([b"Ni", b"O"]),
        "number_ion_types": np.array([2, 2]),
        "selective_dynamics": 0,
        "direct_coordinates": 0,
    }
    kpoints = {"system": b"mesh", "mode": b"g", "number_kpoints": 0, "nkpx": 4, "nkpy": 4, "nkpz": 4}
    settings = {"ENCUT": 450.0, "ISPIN": 2, "GGA": b"PE"}
    spec = [{"titel": "PAW_PBE Ni_pv 06Sep2000"}, {"titel": "PAW_PBE O 08Apr2002"}]
    return {
        **{f"version/{part}": value for part, value in (("major", 6), ("minor", 4), ("patch", 3))},
        "original/incar/content": INCAR,
        "original/kpoints/content": KPOINTS,
        "original/potcar/content": POTCAR,
        "input/potcar/spec": json.dumps(spec),
        **{f"input/incar/{key}": value for key, value in settings.items()},
        **{f"input/kpoints/{key}": value for key, value in kpoints.items()},
        **{
            f"{group}/{key}": value
            for key, value in structure.items()
            for group in ("input/poscar", "results/positions")
        },
        "results/electron_eigenvalues/ispin": 2,
    }


def _steps(images: Sequence[Atoms], labels: Sequence[str]) -> dict[str, Any]:
    energies = np.array([atoms.get_potential_energy() for atoms in images])
    spheres = np.zeros((len(images), 2, 4, 3))
    spheres[:, 1, :, 2] = (1.6, -1.6, 0.02, -0.02)
    arrays = {
        "energies_tags": np.array(labels, dtype="S"),
        "energies": np.stack([energies - 0.004, energies + 0.004, energies], axis=1),
        "lattice_vectors": np.array([atoms.cell.array for atoms in images]),
        "position_ions": np.array([atoms.get_scaled_positions(wrap=False) for atoms in images]),
        "forces": np.array([atoms.get_forces() for atoms in images]),
        "stress": np.array([full_kbar(atoms) for atoms in images]),
        "electronic_step_converged": np.array([1.0 if i == 1 else 0.0 for i in range(len(images))]),
        "magnetism/spin_moments/values": spheres,
        "magnetism/spin_moments/components": np.array([b"charge", b"x"]),
        "magnetism/spin_moments/orbitals": np.array([b"s", b"p", b"d"]),
    }
    return {f"{STEPS}/{name}": array for name, array in arrays.items()}


def frames_of(path: Path) -> list[Frame]:
    """Read a file; name and content decide which reader does it."""
    assert reader_for(path).name == "vasp_h5"
    return list(read_frames(path))


def test_every_number_comes_back(tmp_path: Path) -> None:
    images = rock_salt(4)
    frames = frames_of(write_vaspout(tmp_path / "vaspout.h5", images))
    assert_same(frames, images, tolerance=1e-8)
    tags = frames[0].tags
    assert tags["free_energy_eV"] == pytest.approx(images[0].get_potential_energy() - 0.004)
    assert tags["energy_without_entropy_eV"] == pytest.approx(images[0].get_potential_energy() + 0.004)
    assert (tags["energy_kind"], tags["source_format"]) == ("sigma to 0", "vaspout.h5")
    assert tags["absolute_magnetic_moment"] == pytest.approx(3.24)
    assert [frame.tags["scf_converged"] for frame in frames] == [True, False, True, True]


def test_every_step_agrees_with_pymatgen(tmp_path: Path) -> None:
    path = write_vaspout(tmp_path / "vaspout.h5", rock_salt(3))
    theirs = Vaspout(path, parse_dos=False, parse_eigen=False)
    frames = frames_of(path)
    assert len(frames) == theirs.nionic_steps
    for frame, step in zip(frames, theirs.ionic_steps, strict=True):
        assert frame.energy_eV == step["e_0_energy"]
        assert frame.tags["free_energy_eV"] == step["e_fr_energy"]
        assert frame.forces_eV_per_A is not None
        np.testing.assert_allclose(frame.forces_eV_per_A, step["forces"])
        np.testing.assert_allclose(frame.positions, step["structure"].cart_coords, atol=1e-9)
        assert frame.numbers.tolist() == [site.specie.Z for site in step["structure"]]
    assert frames[0].tags["code_version"] == theirs.vasp_version


def test_the_level_of_theory(tmp_path: Path) -> None:
    path = write_vaspout(tmp_path / "vaspout.h5", rock_salt(2))
    tags = frames_of(path)[0].tags
    assert (tags["xc"], tags["cutoff_eV"], tags["spin_polarized"]) == ("PBE", 450.0, True)
    assert (tags["hubbard_u"], tags["hubbard_u_rounded"], tags["hubbard_l"]) == ("Ni:6.2", False, "Ni:2")
    assert tags["kpoints"] == "mesh 4x4x4 Gamma"
    assert {"smearing", "smearing_eV", "aspherical"} <= set(str(tags["implied_defaults"]).split())
    assert "spin_polarized" not in str(tags["implied_defaults"])
    provenance, _ = vaspout_provenance(path)
    assert {key: tags.get(key) for key in provenance.tags()} == {**provenance.tags(), "dispersion": "none"}


def test_potentials_leave_titles_and_hashes_only(tmp_path: Path) -> None:
    tags = frames_of(write_vaspout(tmp_path / "vaspout.h5", rock_salt(2)))[0].tags
    assert tags["pseudopotential"] == "Ni:PAW_PBE_Ni_pv_06Sep2000, O:PAW_PBE_O_08Apr2002"
    assert str(tags["pseudopotential_hashes"]).startswith("Ni:file-")
    assert not any("secret" in str(value) or "1.2345678" in str(value) for value in tags.values())


def test_molecular_dynamics_keeps_the_free_energy_alone(tmp_path: Path) -> None:
    images = rock_salt(2)
    frame = frames_of(write_vaspout(tmp_path / "vaspout.h5", images, LABELS_OF_MD))[0]
    assert frame.energy_eV == pytest.approx(images[0].get_potential_energy() - 0.004)
    assert frame.tags["energy_kind"] == "free energy"


def test_a_scale_stretches_the_cell(tmp_path: Path) -> None:
    images = rock_salt(2)
    path = write_vaspout(tmp_path / "vaspout.h5", images, instead={"results/positions/scale": 2.0})
    np.testing.assert_allclose(frames_of(path)[0].cell, 2 * images[0].cell.array)


def test_a_step_that_was_being_written_is_left_out(tmp_path: Path) -> None:
    images = rock_salt(3)
    forces = np.array([atoms.get_forces() for atoms in images[:2]])
    frames = frames_of(write_vaspout(tmp_path / "vaspout.h5", images, instead={f"{STEPS}/forces": forces}))
    assert_same(frames, images[:2], tolerance=1e-8)
    assert "closed while step 3 was written" in str(frames[0].tags["defects"])


@pytest.mark.parametrize("name", ["forces", "stress", "energies"])
def test_what_is_no_number_is_no_label(name: str, tmp_path: Path) -> None:
    images = rock_salt(2)
    values = _steps(images, LABELS)[f"{STEPS}/{name}"]
    values[0] = np.nan
    frame = frames_of(write_vaspout(tmp_path / "vaspout.h5", images, instead={f"{STEPS}/{name}": values}))[0]
    attribute = {"forces": "forces_eV_per_A", "stress": "stress_eV_per_A3", "energies": "energy_eV"}[name]
    assert getattr(frame, attribute) is None
    assert "defects" in frame.tags


def test_forces_of_a_wrong_shape_are_not_taken(tmp_path: Path) -> None:
    path = write_vaspout(tmp_path / "vaspout.h5", rock_salt(2), instead={f"{STEPS}/forces": np.zeros((2, 5, 3))})
    assert frames_of(path)[0].forces_eV_per_A is None


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ((f"{STEPS}/position_ions",), "holds no ionic step"),
        (("results/positions/ion_types", "input/poscar/ion_types"), "does not say which ions"),
    ],
)
def test_what_cannot_be_read_is_refused(missing: tuple[str, ...], problem: str, tmp_path: Path) -> None:
    path = write_vaspout(tmp_path / "vaspout.h5", rock_salt(2), instead=dict.fromkeys(missing))
    with pytest.raises(BadInput, match=problem):
        frames_of(path)


def test_a_link_out_of_the_file_is_not_followed(tmp_path: Path) -> None:
    images = rock_salt(2)
    other = write_vaspout(tmp_path / "other.h5", images)
    path = write_vaspout(tmp_path / "vaspout.h5", images, instead={f"{STEPS}/forces": None})
    with h5py.File(path, "a") as file:
        file[f"{STEPS}/forces"] = h5py.ExternalLink(str(other), f"{STEPS}/forces")
    assert frames_of(path)[0].forces_eV_per_A is None


def test_a_gzipped_file(tmp_path: Path) -> None:
    images = rock_salt(2)
    plain = write_vaspout(tmp_path / "vaspout.h5", images)
    (tmp_path / "vaspout.h5.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert_same(frames_of(tmp_path / "vaspout.h5.gz"), images, tolerance=1e-8)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, tmp_path: Path) -> None:
    sample = write_vaspout(tmp_path / "vaspout.h5", rock_salt(3))
    (tmp_path / "law").mkdir()
    law(ReaderCase(readers()["vasp_h5"], sample, 3, frozenset({8, 28})), tmp_path / "law")
