"""MACE's HDF5 files: written by MACE and by hand, read without it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from tests.datasets.readers.samples import assert_same, case_of, nickel_oxide, peak_growth_in_mib, stress_of

from sonde.datasets.readers import mace_hdf5, read_frames, reader_for
from sonde.errors import BadInput
from sonde.optional_imports import require
from sonde.potentials.quiet_import import quiet_require
from sonde.testing.readers import LAWS, Law


def fields_of(atoms: Atoms) -> dict[str, Any]:
    """Paths and values of one configuration, in the layout of MACE's writer."""
    results = atoms.calc.results
    return {
        "atomic_numbers": atoms.numbers,
        "positions": atoms.positions,
        "cell": atoms.cell.array,
        "pbc": atoms.pbc,
        "weight": 1.0,
        "config_type": "Default",
        "properties/energy": results["energy"],
        "properties/forces": results["forces"],
        "properties/stress": results["stress"],
        "properties/virials": "None",
        "properties/head": "pbe",
        "properties/dipole": "None",
        "property_weights/energy": 1.0,
        "property_weights/forces": 1.0,
        "property_weights/stress": 1.0,
        "property_weights/virials": 0.0,
    }


def write_file(path: Path, images: Sequence[Atoms], per_batch: int = 3, **others: Any) -> Path:
    """Write configurations in batches; `others` (path with __ for /) replace fields of the second, None removes."""
    with require("h5py").File(path, "w") as file:
        for index, atoms in enumerate(images):
            group = file.require_group(f"config_batch_{index // per_batch}/config_{index % per_batch}")
            fields = fields_of(atoms)
            if index == 1:
                fields |= {name.replace("__", "/"): value for name, value in others.items()}
            for name, value in fields.items():
                if value is not None:
                    group[name] = value
    return path


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    (tmp_path / "written").mkdir()
    return write_file(tmp_path / "written" / "train_0.h5", nickel_oxide(7))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, sample: Path, tmp_path: Path) -> None:
    law(case_of("mace_hdf5", sample, 7), tmp_path)


def test_labels_and_tags(sample: Path) -> None:
    frames = list(read_frames(sample))
    assert_same(frames, nickel_oxide(7))
    assert dict(frames[0].tags) == {
        "head": "pbe",
        "energy_convention": "assumed: total, as MACE trains on it",
        "stress_convention": mace_hdf5.STRESS_CONVENTION,
    }


def test_numbers_order_batches_and_configurations(tmp_path: Path) -> None:
    """HDF5 lists names by letters: config_10 before config_2."""
    images = nickel_oxide(40)
    assert_same(list(read_frames(write_file(tmp_path / "a.h5", images, per_batch=13))), images)


def test_mace_writes_and_reads_the_same(tmp_path: Path) -> None:
    """Labels go from extended xyz through MACE's own preprocessing; what a frame lacks is None."""
    data, utils, tools = quiet_require("mace.data", "mace.data.utils", "mace.tools.utils")
    images = nickel_oxide(5)
    for number, atoms in enumerate(images):
        atoms.info.update(REF_energy=atoms.get_potential_energy(), REF_stress=atoms.get_stress(voigt=False))
        atoms.info.update({"config_type": "bulk", "config_weight": 2.0} if number else {})
        atoms.arrays["REF_forces"] = atoms.get_forces()
        atoms.calc = None
    del images[4].info["REF_stress"]
    write(tmp_path / "train.xyz", images)
    keys = data.KeySpecification.from_defaults()
    _, configurations = utils.load_from_xyz(str(tmp_path / "train.xyz"), keys, head_name="pbe")
    path = tmp_path / "train_0.h5"
    with require("h5py").File(path, "w") as file:
        utils.save_configurations_as_HDF5(configurations, 0, file)
    frames = list(read_frames(path))
    assert_same(frames[:4], nickel_oxide(5)[:4], tolerance=1e-7)
    assert frames[4].stress_eV_per_A3 is None
    assert frames[0].tags["head"] == "pbe"
    assert "config_type" not in frames[0].tags
    assert (frames[4].tags["config_type"], frames[4].tags["config_weight"]) == ("bulk", 2.0)
    theirs = data.HDF5Dataset(str(path), r_max=3.0, z_table=tools.AtomicNumberTable([8, 28]), heads=["pbe"])
    assert len(theirs) == 5
    for frame, graph in zip(frames[:4], theirs, strict=False):
        np.testing.assert_allclose(stress_of(frame), graph.stress[0].numpy(), atol=1e-6)
        assert frame.energy_eV == pytest.approx(float(graph.energy))
        np.testing.assert_allclose(frame.positions, graph.positions.numpy(), atol=1e-5)


def test_the_layout_before_properties(tmp_path: Path) -> None:
    """Labels and weights beside the positions."""
    images = nickel_oxide(2)
    path = tmp_path / "old.h5"
    with require("h5py").File(path, "w") as file:
        for index, atoms in enumerate(images):
            group = file.create_group(f"config_batch_0/config_{index}")
            for name, value in fields_of(atoms).items():
                if not name.startswith("property_weights"):
                    group[name.removeprefix("properties/")] = value
            group["energy_weight"], group["forces_weight"] = 1.0, 0.5
    frames = list(read_frames(path))
    assert_same(frames, images)
    assert frames[0].tags["config_forces_weight"] == 0.5
    assert "config_energy_weight" not in frames[0].tags


def test_virials_have_the_opposite_sign(tmp_path: Path) -> None:
    virials = np.diag([1.0, 2.0, 3.0])
    path = write_file(tmp_path / "v.h5", nickel_oxide(2), properties__virials=virials, properties__stress="None")
    frame = list(read_frames(path))[1]
    np.testing.assert_allclose(stress_of(frame), -virials / nickel_oxide(2)[1].get_volume())


def test_absent_labels_and_cell(tmp_path: Path) -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ("properties__energy", "properties__forces", "properties__stress", "cell", "pbc"), "None"
    )
    frame = list(read_frames(write_file(tmp_path / "n.h5", nickel_oxide(2), **nothing)))[1]
    assert (frame.energy_eV, frame.forces_eV_per_A, frame.stress_eV_per_A3) == (None, None, None)
    assert not frame.cell.any()
    assert not frame.pbc.any()
    assert dict(frame.tags) == {"head": "pbe"}


def test_a_folder_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    images = nickel_oxide(6)
    (tmp_path / "train").mkdir()
    write_file(tmp_path / "train" / "train_10.h5", images[4:])
    write_file(tmp_path / "train" / "train_2.h5", images[:4])
    assert reader_for(tmp_path / "train").name == "mace_hdf5"
    frames = list(read_frames(tmp_path / "train"))
    assert_same(frames, images)
    assert [frame.ordinal for frame in frames] == list(range(6))


NAN = [[0.0, 0.0, np.nan]] * 3
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nan": ({"properties__forces": NAN}, r"frame 1, config_batch_0/config_1: forces hold NaN or inf \(atom 0\)"),
    "few forces": ({"properties__forces": [[0.0] * 3]}, r"forces must have shape \(3, 3\), found \(1, 3\)"),
    "flat forces": ({"properties__forces": [0.0] * 9}, r"forces must have shape \(3, 3\), found \(9,\)"),
    "energies": ({"properties__energy": [1.0, 2.0]}, "energy is not a finite number"),
    "a text": ({"properties__energy": "low"}, "energy is not a finite number: 'low'"),
    "no element": ({"atomic_numbers": [28, 8, 200]}, r"200 is no element's number \(atom 2\)"),
    "no numbers": ({"atomic_numbers": None}, "atomic_numbers must hold one number per atom"),
    "text numbers": ({"atomic_numbers": [b"Ni", b"O", b"O"]}, "atomic_numbers must hold numbers, found"),
    "one more": ({"positions": np.zeros((4, 3))}, r"positions must have shape \(3, 3\), found \(4, 3\)"),
    "no positions": ({"positions": None}, r"positions must have shape \(3, 3\), found None"),
    "flat cell": ({"cell": np.ones((3, 3))}, "the lattice vectors span no volume"),
    "long stress": ({"properties__stress": np.ones(7)}, "stress must hold 9 numbers"),
    "skew": ({"properties__stress": np.arange(9.0).reshape(3, 3)}, "stress is not symmetric"),
}


@pytest.mark.parametrize("name", BAD)
def test_defects_are_named_by_their_configuration(name: str, tmp_path: Path) -> None:
    others, message = BAD[name]
    path = write_file(tmp_path / "bad.h5", nickel_oxide(3), **others)
    with pytest.raises(BadInput, match=message) as caught:
        list(read_frames(path))
    assert (caught.value.path, caught.value.place) == (str(path), "frame 1, config_batch_0/config_1")


def link_out(group: Any, folder: Path) -> None:
    del group["positions"]
    group["positions"] = require("h5py").ExternalLink(str(folder / "secret.h5"), "/x")


def outside(group: Any, folder: Path) -> None:
    del group["positions"]
    (folder / "raw").write_bytes(b"\0" * 72)
    group.create_dataset("positions", (3, 3), "f8", external=[(str(folder / "raw"), 0, 72)])


def virtual(group: Any, folder: Path) -> None:
    del group["positions"]
    h5py = require("h5py")
    layout = h5py.VirtualLayout((3, 3), "f8")
    layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "x", (3, 3))
    group.create_virtual_dataset("positions", layout)


def bomb(group: Any, folder: Path) -> None:
    """A dataset of which nothing was written takes no room, whatever shape it claims."""
    del group["positions"]
    group.create_dataset("positions", (10**9, 3), "f8", chunks=(1000, 3))


def nested(group: Any, folder: Path) -> None:
    del group["positions"]
    group.create_group("positions/positions")


def gone(group: Any, folder: Path) -> None:
    del group.parent["config_1"]


TRAPS: dict[str, tuple[Callable[[Any, Path], None], str]] = {
    "link": (link_out, "frame 1, config_batch_0/config_1: positions is a link to another place"),
    "external": (outside, "positions must be a dataset that lies in this file"),
    "virtual": (virtual, "positions must be a dataset that lies in this file"),
    "bomb": (bomb, r"positions claims shape \(1000000000, 3\), more than"),
    "group": (nested, "positions must be a dataset"),
    "gone": (gone, "config_batch_0: config_1 is missing among 2 members"),
}


@pytest.mark.parametrize("name", TRAPS)
def test_traps(name: str, tmp_path: Path) -> None:
    spoil, message = TRAPS[name]
    path = write_file(tmp_path / "trap.h5", nickel_oxide(3))
    with require("h5py").File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.zeros((3, 3))
    with require("h5py").File(path, "r+") as file:
        spoil(file["config_batch_0/config_1"], tmp_path)
    with pytest.raises(BadInput, match=message):
        list(read_frames(path))


def test_another_hdf5_file(tmp_path: Path) -> None:
    with require("h5py").File(tmp_path / "a.h5", "w") as file:
        file["x"] = [1.0]
    with pytest.raises(BadInput, match="the file is not text"):
        list(read_frames(tmp_path / "a.h5"))
    with pytest.raises(BadInput, match="there is no group config_batch_0"):
        list(read_frames(tmp_path / "a.h5", "mace_hdf5"))
    with pytest.raises(BadInput, match="the folder holds no HDF5 file"):
        list(read_frames(tmp_path.parent, "mace_hdf5"))


def test_overwritten_bytes(sample: Path) -> None:
    """Whatever is overwritten, the answer is BadInput, or frames where only numbers changed."""
    content = sample.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for start in rng.integers(100, len(content) - 600, 25):
        sample.write_bytes(content[:start] + rng.bytes(500) + content[start + 500 :])
        try:
            list(read_frames(sample, "mace_hdf5"))
        except BadInput:
            refused += 1
    assert refused > 5


def test_memory_stays_flat(tmp_path: Path) -> None:
    """30 MB; HDF5's own caches fill within the first frames."""
    path = write_file(tmp_path / "large.h5", nickel_oxide(1, n_atoms=4000) * 160, per_batch=1000)
    assert path.stat().st_size > 30e6
    assert peak_growth_in_mib(path, n_first=40) < 8
