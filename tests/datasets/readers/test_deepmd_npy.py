"""DeePMD-kit's systems: written by dpdata and by hand."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dpdata
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from tests.datasets.readers.samples import assert_same, case_of, forces_of, nickel_oxide, peak_growth_in_mib, stress_of

from sonde.datasets.readers import read_frames, reader_for
from sonde.errors import BadInput
from sonde.testing.readers import LAWS, Law


def one_composition(n_frames: int, seed: int = 0) -> list[Atoms]:
    """Cells with the same atoms in the same order, as one system holds them."""
    images = nickel_oxide(n_frames, seed, n_atoms=4)
    for atoms in images:
        atoms.numbers = [28, 8, 28, 8]
        atoms.calc.atoms = atoms.copy()  # its results are those of these atoms
    return images


def write_system(folder: Path, images: Sequence[Atoms], per_set: int = 3, **files: Any) -> Path:
    """Write the arrays by hand; `files` replace arrays by their names, None leaves one out."""
    folder.mkdir(parents=True)
    (folder / "type.raw").write_text("1\n0\n1\n0\n")
    (folder / "type_map.raw").write_text("O\nNi\n")
    for number, start in enumerate(range(0, len(images), per_set)):
        part = images[start : start + per_set]
        arrays = {
            "coord": np.array([atoms.positions.ravel() for atoms in part]),
            "box": np.array([atoms.cell.array.ravel() for atoms in part]),
            "energy": np.array([atoms.get_potential_energy() for atoms in part]),
            "force": np.array([atoms.get_forces().ravel() for atoms in part]),
            "virial": np.array([(-atoms.get_volume() * atoms.get_stress(voigt=False)).ravel() for atoms in part]),
        }
        (folder / f"set.{number:03d}").mkdir()
        for name, array in {**arrays, **files}.items():
            if array is not None:
                np.save(folder / f"set.{number:03d}" / f"{name}.npy", array)
    return folder


def by_dpdata(folder: Path, images: Sequence[Atoms], form: str) -> Path:
    systems = dpdata.MultiSystems(*[dpdata.LabeledSystem(atoms, fmt="ase/structure") for atoms in images])
    systems.to(form, str(folder))
    return folder


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    return write_system(tmp_path / "written" / "NiO", one_composition(7))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, sample: Path, tmp_path: Path) -> None:
    law(case_of("deepmd_npy", sample, 7), tmp_path)


def test_labels_and_tags(sample: Path) -> None:
    frames = list(read_frames(sample))
    assert_same(frames, one_composition(7))
    assert dict(frames[6].tags) == {
        "system": "NiO",
        "energy_convention": "documented: total",
        "stress_convention": "documented: −virial / volume; virial in eV, positive under compression",
    }
    assert frames[6].source_file == str(sample / "set.002")


def test_sign_of_the_virial(tmp_path: Path) -> None:
    """A cell of 10 Å³ with W = diag(1, 2, 3) eV is compressed: its stress is −W/V."""
    box = np.diag([1.0, 2, 5]).reshape(1, 9)
    virial = np.diag([1.0, 2, 3]).reshape(1, 9)
    (frame,) = read_frames(write_system(tmp_path / "s", one_composition(1), box=box, virial=virial))
    np.testing.assert_allclose(stress_of(frame), np.diag([-0.1, -0.2, -0.3]))


@pytest.mark.parametrize("form", ["deepmd/npy", "deepmd/npy/mixed"])
def test_systems_written_by_dpdata(form: str, tmp_path: Path) -> None:
    """One folder per composition, or mixed type; dpdata sorts the systems, and the atoms by element."""
    images = sorted(nickel_oxide(9, seed=3), key=lambda atoms: atoms.get_potential_energy())
    frames = list(read_frames(by_dpdata(tmp_path / "sets", images, form)))
    assert [frame.ordinal for frame in frames] == list(range(9))
    for frame, atoms in zip(sorted(frames, key=lambda frame: frame.energy_eV or 0.0), images, strict=True):
        ours, theirs = np.lexsort((*frame.positions.T, frame.numbers)), np.lexsort((*atoms.positions.T, atoms.numbers))
        assert frame.numbers[ours].tolist() == atoms.numbers[theirs].tolist()
        assert frame.energy_eV == pytest.approx(atoms.get_potential_energy(), abs=1e-5)
        np.testing.assert_allclose(frame.positions[ours], atoms.positions[theirs], atol=1e-5)
        np.testing.assert_allclose(forces_of(frame)[ours], atoms.get_forces()[theirs], atol=1e-5)
        np.testing.assert_allclose(stress_of(frame), atoms.get_stress(voigt=False), atol=1e-5)


def test_dpdata_reads_the_same(sample: Path) -> None:
    theirs = dpdata.LabeledSystem(str(sample), fmt="deepmd/npy")
    frames = list(read_frames(sample))
    for index, frame in enumerate(frames):
        np.testing.assert_allclose(frame.positions, theirs["coords"][index])
        np.testing.assert_allclose(frame.cell, theirs["cells"][index])
        np.testing.assert_allclose(forces_of(frame), theirs["forces"][index])
        assert frame.energy_eV == theirs["energies"][index]
        assert [theirs["atom_names"][kind] for kind in theirs["atom_types"]] == ["Ni", "O", "Ni", "O"]


def test_a_folder_of_systems_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("init/sys.10", "init/sys.9", "iter.000"):
        write_system(tmp_path / "data" / name, one_composition(4, seed=len(name)))
    (tmp_path / "data" / "link").symlink_to(tmp_path / "data" / "init")  # the same systems once more: read once
    assert reader_for(tmp_path / "data").name == "deepmd_npy"
    frames = list(read_frames(tmp_path / "data"))
    assert [frame.tags["system"] for frame in frames[::4]] == ["init/sys.9", "init/sys.10", "iter.000"]
    assert [frame.ordinal for frame in frames] == list(range(12))


def test_linked_systems_are_read(tmp_path: Path) -> None:
    write_system(tmp_path / "elsewhere" / "NiO", one_composition(2))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").symlink_to(tmp_path / "elsewhere")
    assert [frame.tags["system"] for frame in read_frames(tmp_path / "data")] == ["a/NiO"] * 2


def test_mixed_types_with_fillers(tmp_path: Path) -> None:
    """Type −1 fills a row up to the longest: neither atom nor force remains of it."""
    types = np.array([[1, 0, 1, 0], [0, 1, -1, -1]])
    folder = write_system(tmp_path / "mixed", one_composition(2), real_atom_types=types)
    (folder / "type.raw").write_text("0\n0\n0\n0\n")
    first, second = read_frames(folder)
    assert (first.numbers.tolist(), second.numbers.tolist()) == ([28, 8, 28, 8], [8, 28])
    whole = one_composition(2)[1]
    np.testing.assert_allclose(second.positions, whole.positions[:2])
    np.testing.assert_allclose(forces_of(second), whole.get_forces()[:2])


def test_molecules(tmp_path: Path) -> None:
    """With nopbc the box is a dummy, so nothing is divided by its volume."""
    folder = write_system(tmp_path / "molecule", one_composition(2), box=np.tile(100 * np.eye(3).ravel(), (2, 1)))
    (folder / "nopbc").touch()
    frame = next(read_frames(folder))
    assert not frame.cell.any()
    assert not frame.pbc.any()
    assert frame.stress_eV_per_A3 is None
    assert frame.tags["stress_convention"] == "not taken: nopbc, the box is a dummy"
    shutil.rmtree(folder)
    folder = write_system(folder, one_composition(2), box=None, virial=None)
    (folder / "nopbc").touch()
    assert next(read_frames(folder)).energy_eV == pytest.approx(one_composition(2)[0].get_potential_energy())


def test_absent_labels(tmp_path: Path) -> None:
    (frame,) = read_frames(write_system(tmp_path / "s", one_composition(1), energy=None, force=None, virial=None))
    assert (frame.energy_eV, frame.forces_eV_per_A, frame.stress_eV_per_A3) == (None, None, None)
    assert dict(frame.tags) == {"system": "s"}


def test_shapes_that_are_written_too(tmp_path: Path) -> None:
    """Energies as a column, coordinates per atom, a single frame as a flat array, float32."""
    (atoms,) = one_composition(1)
    folder = write_system(
        tmp_path / "s",
        [atoms],
        energy=np.array([[atoms.get_potential_energy()]], np.float32),
        coord=atoms.positions[None].astype(np.float32),
        force=atoms.get_forces().ravel(),
    )
    assert_same(list(read_frames(folder)), [atoms], tolerance=1e-5)


def text(name: str, content: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_text(content)

    return spoil


def array(name: str, values: Any) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / "set.000" / f"{name}.npy", values, allow_pickle=True)


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


NAN = np.array([[0.0] * 12, [0.0] * 7 + [np.nan] + [0.0] * 4])
BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "no map": (without("type_map.raw"), "which elements the types are is not known\n  write it: the element symbols"),
    "short map": (
        text("type_map.raw", "O\n"),
        r"frame 0, row 0: type 1 is not one of the 1 in type_map.raw \(atom 0\)",
    ),
    "no element": (text("type_map.raw", "OW\nNi\n"), r"frame 0, row 0: 'OW' is no element \(atom 1\)"),
    "words": (text("type.raw", "Ni O Ni O"), r"type\.raw: the types of the atoms must be whole numbers"),
    "empty": (text("type.raw", ""), r"type\.raw: the file is empty"),
    "more atoms": (
        text("type.raw", "0 0 0 0 0"),
        r"coord\.npy: any number of rows of 15 numbers must stand here, found",
    ),
    "negative": (text("type.raw", "0 0 -3 0"), r"type -3 is not one of the 2"),
    "fewer boxes": (
        array("box", np.ones((1, 9))),
        r"box\.npy: 2 rows of 9 numbers must stand here, found float64 of sh",
    ),
    "no box": (without("set.000/box.npy"), r"box\.npy: there is no such file\n  create a file nopbc"),
    "zero box": (array("box", np.zeros((2, 9))), "the box is zero in a system without the file nopbc"),
    "flat box": (array("box", np.ones((2, 9))), "the lattice vectors span no volume"),
    "nan": (array("force", NAN), r"set\.000, frame 1, row 1: force hold NaN or inf \(atom 2\)"),
    "inf": (array("energy", np.array([1.0, np.inf])), "frame 1, row 1: energy is not a finite number: inf"),
    "skew": (array("virial", np.arange(18.0).reshape(2, 9)), "virial is not symmetric"),
    "pickle": (
        array("energy", np.array([1, None], object)),
        r"energy\.npy: this is no whole array of numpy .*Python objects",
    ),
    "text": (array("energy", np.array(["a", "b"])), r"energy\.npy: 2 rows of 1 numbers must stand here, found <U1"),
    "one number": (array("coord", np.array(1.0)), r"coord\.npy: any number of rows of 12 numbers must stand here"),
    "no frames": (array("coord", np.zeros((0, 12))), r"coord\.npy: the set holds no frame"),
    "no sets": (lambda folder: shutil.rmtree(folder / "set.000"), r"the system holds no folder set\.\*"),
    "all fillers": (array("real_atom_types", np.full((2, 4), -1)), "frame 0, row 0: the row holds no atoms"),
}


@pytest.mark.parametrize("name", BAD)
def test_defects_are_named(name: str, tmp_path: Path) -> None:
    spoil, message = BAD[name]
    folder = write_system(tmp_path / "bad", one_composition(2))
    spoil(folder)
    with pytest.raises(BadInput, match=message):
        list(read_frames(folder, "deepmd_npy"))


def test_a_header_that_claims_too_much(sample: Path) -> None:
    """A shape of 10¹⁵ rows allocates nothing."""
    path = sample / "set.000" / "coord.npy"
    path.write_bytes(path.read_bytes().replace(b"(3, 12), }" + b" " * 13, b"(1000000000000000, 12), }"[:23]))
    with pytest.raises(BadInput, match=r"coord\.npy: this is no whole array of numpy"):
        list(read_frames(sample))


def test_a_folder_without_systems(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no folder with a type\.raw is in it"):
        list(read_frames(tmp_path, "deepmd_npy"))


def test_memory_stays_flat(tmp_path: Path) -> None:
    """40 MB of coordinates and forces in one set."""
    images = one_composition(1)
    folder = write_system(tmp_path / "large", images)
    n_atoms, n_frames = 400, 2000
    (folder / "type.raw").write_text("0 " * n_atoms)
    random = np.random.default_rng(0).random((n_frames, 3 * n_atoms))
    for name, values in {
        "coord": random,
        "force": random,
        "box": np.tile(np.eye(3).ravel(), (n_frames, 1)),
        "energy": random[:, 0],
        "virial": np.tile(np.eye(3).ravel(), (n_frames, 1)),
    }.items():
        np.save(folder / "set.000" / f"{name}.npy", values)
    assert peak_growth_in_mib(folder, n_first=100, mapped=True) < 4


def test_frames_can_be_changed_and_outlive_the_files(sample: Path) -> None:
    frames = list(read_frames(sample))
    shutil.rmtree(sample)
    frames[0].positions[0, 0] += 1.0
    assert_same(frames[1:], one_composition(7)[1:])


def test_a_calculator_without_stress(tmp_path: Path) -> None:
    """dpdata leaves the virial out where a calculation has no stress."""
    (atoms,) = one_composition(1)
    forces, energy = atoms.get_forces(), atoms.get_potential_energy()
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    assert_same(list(read_frames(by_dpdata(tmp_path / "d", [atoms], "deepmd/npy"))), [atoms], tolerance=1e-4)
