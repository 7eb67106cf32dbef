"""Parquet of ColabFit and LeMaterial: units, order and sign as said, batch by batch, odd columns refused by name."""

import datetime
import json
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ase import Atoms
from ase.units import GPa
from tests.datasets.readers.samples import assert_same, case_of, nickel_oxide, peak_growth_in_mib

from sonde.datasets.readers import parquet, read_frames, reader_for
from sonde.datasets.surfaces import surface_of
from sonde.errors import BadInput
from sonde.testing.readers import LAWS, Law

Columns = dict[str, Any]
MATRIX = pa.list_(pa.list_(pa.float64()))
COLABFIT_TYPES = {"positions": MATRIX, "cell": MATRIX, "atomic_forces": MATRIX, "cauchy_stress": MATRIX}


def colabfit(images: Sequence[Atoms]) -> Columns:
    """Columns as ColabFit exports them."""
    count = len(images)
    metadata = {"software": "VASP", "input": {"encut": 520, "ISMEAR": 0, "kpoints": {"value": "4x4x4"}}}
    return {
        "property_id": [f"PO_{i}" for i in range(count)],
        "last_modified": [datetime.datetime(2025, 4, 16)] * count,
        "multiplicity": [1] * count,
        "software": ["VASP"] * count,
        "method": ["DFT-PBE+U"] * count,
        "energy": [atoms.get_potential_energy() for atoms in images],
        "atomic_forces": [atoms.get_forces().tolist() for atoms in images],
        "cauchy_stress": [atoms.get_stress(voigt=False).tolist() for atoms in images],
        "cauchy_stress_volume_normalized": [False] * count,
        "max_force_norm": [None] * count,
        "property_hash": ["1234567890" * 15] * count,
        "cell": [atoms.cell.array.tolist() for atoms in images],
        "positions": [atoms.positions.tolist() for atoms in images],
        "pbc": [atoms.pbc.tolist() for atoms in images],
        "atomic_numbers": [atoms.numbers.tolist() for atoms in images],
        "names": [["a", "b"]] * count,
        "property_metadata": [json.dumps(metadata)] * count,
    }


def lemat(images: Sequence[Atoms]) -> Columns:
    """Columns as LeMaterial publishes them; the stress as VASP prints it."""
    count = len(images)
    return {
        "elements": [["Ni", "O"]] * count,
        "nsites": [len(atoms) for atoms in images],
        "dimension_types": [[1, 1, 1]] * count,
        "lattice_vectors": [atoms.cell.array.tolist() for atoms in images],
        "immutable_id": ["mp-1", *["agm2"] * (count - 1)],
        "cartesian_site_positions": [atoms.positions.tolist() for atoms in images],
        "species_at_sites": [atoms.get_chemical_symbols() for atoms in images],
        "stress_tensor": [(atoms.get_stress(voigt=False) / GPa * -10).tolist() for atoms in images],
        "energy": [atoms.get_potential_energy() for atoms in images],
        "energy_corrected": [atoms.get_potential_energy() - 2.5 for atoms in images],
        "magnetic_moments": [[1.0] * len(atoms) for atoms in images],
        "forces": [atoms.get_forces().tolist() for atoms in images],
        "functional": ["pbe"] * count,
        "cross_compatibility": [True] * count,
        "relaxation_step": list(range(count)),
    }


WRITERS = {"ColabFit": colabfit, "LeMaterial": lemat}


def write(path: Path, columns: Columns, types: Mapping[str, Any] | None = None, **options: Any) -> Path:
    arrays = {name: pa.array(values, (types or {}).get(name)) for name, values in columns.items()}
    pq.write_table(pa.table(arrays), path, **options)
    return path


@pytest.fixture(params=WRITERS)
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sample(layout: str, tmp_path: Path) -> Path:
    (tmp_path / "written").mkdir()
    return write(tmp_path / "written" / "part.parquet", WRITERS[layout](nickel_oxide(7)), row_group_size=3)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, sample: Path, tmp_path: Path) -> None:
    law(case_of("parquet", sample, 7, not_packed="Parquet compresses its own columns"), tmp_path)


def test_labels(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the size of a batch; rows differ in their number of atoms."""
    for size in (1, 2, 5, 100):
        monkeypatch.setattr(parquet, "BATCH_ROWS", size)
        assert_same(list(read_frames(sample)), nickel_oxide(7))


def test_what_a_row_says(layout: str, sample: Path) -> None:
    tags = next(read_frames(sample)).tags
    if layout == "ColabFit":
        said = {"property_id": "PO_0", "software": "VASP", "method": "DFT-PBE+U", "names": "a b", "multiplicity": 1}
        assert tags["stress_convention"] == "assumed: eV/Å³, positive under tension; ColabFit defines no sign"
        assert tags["energy_convention"] == "documented: total, the one that the forces derive from"
        assert "max_force_norm" not in tags
    else:
        said = {"immutable_id": "mp-1", "cross_compatibility": True, "relaxation_step": 0, "total_magnetic_moment": 2.0}
        assert tags["stress_convention"] == "assumed: kbar, positive under compression (VASP)"
        assert tags["energy_convention"] == "documented: total, uncorrected"
        assert tags["energy_corrected"] == pytest.approx(nickel_oxide(1)[0].get_potential_energy() - 2.5)
    assert {key: tags[key] for key in said} == said
    assert not {"property_hash", "nsites", "elements", "species_at_sites", "positions"} & set(tags)


def test_surfaces(layout: str, sample: Path) -> None:
    fields = surface_of(next(read_frames(sample)))
    assert fields["functional"] == "PBE"
    if layout == "ColabFit":
        assert (fields["code"], fields["hubbard_u"], fields["cutoff_eV"]) == ("VASP", "on", "520")


def test_a_stress_times_the_volume(tmp_path: Path) -> None:
    """ColabFit's "volume-normalized": multiplied by the volume."""
    images = nickel_oxide(2)
    columns = colabfit(images)
    columns["cauchy_stress"] = [(a.get_stress(voigt=False) * a.get_volume()).tolist() for a in images]
    columns["cauchy_stress_volume_normalized"] = [True, True]
    assert_same(list(read_frames(write(tmp_path / "virial.parquet", columns))), images)


def test_absent_labels(layout: str, tmp_path: Path) -> None:
    """Null, empty lists, or no column at all: None."""
    images = nickel_oxide(2)
    columns = WRITERS[layout](images)
    forces, stress = ("atomic_forces", "cauchy_stress") if layout == "ColabFit" else ("forces", "stress_tensor")
    columns[forces] = [None, []]
    del columns[stress]
    columns["energy"] = [None, -3.0]
    first, second = read_frames(write(tmp_path / "some.parquet", columns, {forces: MATRIX}))
    assert (first.energy_eV, second.energy_eV) == (None, -3.0)
    for frame in (first, second):
        assert (frame.forces_eV_per_A, frame.stress_eV_per_A3) == (None, None)
        assert "stress_convention" not in frame.tags
    assert "energy_convention" not in first.tags


@pytest.mark.parametrize("kind", ["large", "fixed", "float32"])
def test_types_of_columns(kind: str, tmp_path: Path) -> None:
    images = nickel_oxide(4)
    number = pa.float32() if kind == "float32" else pa.float64()
    inner = pa.list_(number, 3) if kind == "fixed" else pa.list_(number)
    matrix = pa.large_list(pa.large_list(number)) if kind == "large" else pa.list_(inner)
    path = write(tmp_path / "typed.parquet", colabfit(images), dict.fromkeys(COLABFIT_TYPES, matrix))
    assert_same(list(read_frames(path)), images, tolerance=1e-6 if kind == "float32" else 1e-9)


def test_a_molecule(tmp_path: Path) -> None:
    columns = colabfit(nickel_oxide(1)) | {"cell": [None], "pbc": [[False] * 3], "cauchy_stress": [None]}
    (frame,) = read_frames(write(tmp_path / "molecule.parquet", columns, COLABFIT_TYPES))
    assert not frame.cell.any()
    assert not frame.pbc.any()


def test_a_folder_in_the_order_of_its_numbers(layout: str, tmp_path: Path) -> None:
    folder = tmp_path / "co"
    folder.mkdir()
    images = nickel_oxide(6)
    for name, part in (("co_10", images[4:]), ("co_2", images[:4])):
        write(folder / f"{name}.parquet", WRITERS[layout](part))
    assert reader_for(folder).name == "parquet"
    frames = list(read_frames(folder))
    assert_same(frames, images)
    assert [frame.ordinal for frame in frames] == list(range(6))


def test_first_frames_come_before_a_damage(layout: str, tmp_path: Path) -> None:
    """The pages of the second row group are overwritten; the first group is read."""
    path = write(tmp_path / "two.parquet", WRITERS[layout](nickel_oxide(600)), row_group_size=300, compression="zstd")
    group = pq.ParquetFile(path).metadata.row_group(1)
    start = min(
        group.column(i).dictionary_page_offset or group.column(i).data_page_offset for i in range(group.num_columns)
    )
    content = path.read_bytes()
    end = content.rfind(b"PAR1") - 4
    size = int.from_bytes(content[end : end + 4], "little")
    path.write_bytes(content[:start] + b"\xff" * (end - size - start) + content[end - size :])
    assert len(list(islice(read_frames(path), 250))) == 250
    with pytest.raises(BadInput, match=r"two\.parquet, frame \d+: Parquet cannot be read on"):
        list(read_frames(path))


def test_memory_stays_flat(layout: str, tmp_path: Path) -> None:
    """40 MB in row groups of 10: after the first of them memory does not grow."""
    path = tmp_path / "large.parquet"
    table = pa.table(WRITERS[layout](nickel_oxide(20, n_atoms=600)))
    with pq.ParquetWriter(path, table.schema, compression="none", use_dictionary=False) as writer:
        for _ in range(35):
            writer.write_table(table, row_group_size=10)
    assert path.stat().st_size > 15e6
    assert peak_growth_in_mib(path, n_first=100) < 6


def spoilt(name: str, value: Any) -> Columns:
    columns = colabfit(nickel_oxide(3))
    columns[name] = [columns[name][0], value, columns[name][2]]
    return columns


BAD: dict[str, tuple[Columns, str]] = {
    "nan force": (spoilt("atomic_forces", [[0, 0, np.nan]] * 3), r"frame 1: atomic_forces hold NaN or inf \(atom 0\)"),
    "few forces": (spoilt("atomic_forces", [[0.0, 0, 0]]), r"atomic_forces must have shape \(3, 3\), found \(1, 3\)"),
    "ragged": (
        spoilt("atomic_forces", [[0.0], [0.0] * 5, [0.0] * 3]),
        "frame 1: atomic_forces must hold rows of equal",
    ),
    "positions": (spoilt("positions", None), r"frame 1: positions must have shape \(3, 3\), found \(0, 3\)"),
    "no atoms": (spoilt("atomic_numbers", []), "frame 1: atomic_numbers is empty: the row holds no atoms"),
    "no element": (spoilt("atomic_numbers", [28, 8, 300]), r"frame 1: 300 is no element's number \(atom 2\)"),
    "a null element": (spoilt("atomic_numbers", [28, None, 8]), r"frame 1: nan is no element's number \(atom 1\)"),
    "flat cell": (spoilt("cell", [[1.0, 0, 0]] * 3), "frame 1: the lattice vectors span no volume"),
    "half a cell": (spoilt("cell", [[1.0, 0, 0]] * 2), r"frame 1: cell must have shape \(3, 3\), found 6 numbers"),
    "energy": (spoilt("energy", float("inf")), "frame 1: energy is not a finite number: inf"),
    "skew stress": (
        spoilt("cauchy_stress", np.arange(9.0).reshape(3, 3).tolist()),
        "frame 1: cauchy_stress is not symm",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_defects_are_named_by_their_row(name: str, tmp_path: Path) -> None:
    columns, message = BAD[name]
    path = write(tmp_path / "bad.parquet", columns, COLABFIT_TYPES)
    with pytest.raises(BadInput, match=message) as caught:
        list(read_frames(path))
    assert caught.value.path == str(path)


def test_unknown_columns(tmp_path: Path) -> None:
    """Another set of columns is refused by their names, never guessed."""
    path = write(tmp_path / "ds.parquet", {"dataset_id": ["DS_1"], "coords": [[[0.0, 0, 0]]]})
    with pytest.raises(BadInput, match=r"no known set of columns; found dataset_id, coords\n  known are ColabFit: pos"):
        list(read_frames(path))


def test_positions_as_text(tmp_path: Path) -> None:
    columns = colabfit(nickel_oxide(2))
    columns["positions"] = [json.dumps(rows) for rows in columns["positions"]]
    with pytest.raises(BadInput, match="the column 'positions' must hold lists of numbers, found string"):
        list(read_frames(write(tmp_path / "text.parquet", columns)))


@pytest.mark.parametrize("text", ["[" * 100_000, "{not json", '["a"]', "x" * 2_000_000])
def test_metadata_that_is_no_object(text: str, tmp_path: Path) -> None:
    columns = colabfit(nickel_oxide(1)) | {"property_metadata": [text]}
    (frame,) = read_frames(write(tmp_path / "odd.parquet", columns))
    assert max(len(str(value)) for value in frame.tags.values()) <= 1000


def test_a_row_group_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "LARGEST_COLUMN_CHUNK", 100)
    path = write(tmp_path / "large.parquet", colabfit(nickel_oxide(30)))
    with pytest.raises(BadInput, match="a row group is larger than 4 GiB"):
        list(read_frames(path))


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" * 3, b"PAR1" + b"\xff" * 100 + b"\x10\x00\x00\x00PAR1"])
def test_a_footer_that_is_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.parquet"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="Parquet cannot be read on"):
        list(read_frames(path))
