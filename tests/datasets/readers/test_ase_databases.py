"""ASE databases in SQLite, JSON and LMDB: written by ase.db and by MACE, read without either."""

import json
import sqlite3
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import ase.db
import numpy as np
import pytest
from ase import Atoms
from tests.datasets.readers.samples import assert_same, case_of, nickel_oxide, peak_growth_in_mib

from sonde.datasets.readers import ase_rows, aselmdb, read_frames, reader_for
from sonde.datasets.surfaces import surface_of
from sonde.errors import BadInput
from sonde.optional_imports import require
from sonde.potentials.quiet_import import quiet_require
from sonde.records.frames import Frame
from sonde.testing.readers import LAWS, Law

FORMATS = {"ase_db": "rows.db", "ase_json": "rows.json", "aselmdb": "rows.aselmdb"}
NOT_PACKED = {"ase_db": "SQLite reads a file in place", "aselmdb": "LMDB maps the file"}
PAIRS = {"xc": "PBE", "hubbard_u": "Ni:6.2", "converged": True}


def write_database(path: Path, images: Sequence[Atoms], data: dict[str, Any] | None = None) -> Path:
    """Write with ase.db, or row by row in the layout of fairchem's LMDB."""
    if path.suffix == ".aselmdb":
        return write_lmdb(path, [lmdb_row(atoms, data) for atoms in images])
    with ase.db.connect(path, append=False) as database:
        for atoms in images:
            database.write(atoms, key_value_pairs=PAIRS, data=data or {})
    return path


def lmdb_row(atoms: Atoms, data: dict[str, Any] | None = None) -> dict[str, Any]:
    row = {"numbers": atoms.numbers.tolist(), "positions": atoms.positions.tolist(), "cell": atoms.cell.array.tolist()}
    results = {key: np.asarray(value).tolist() for key, value in atoms.calc.results.items()}
    return {**row, "pbc": atoms.pbc.tolist(), **results, "key_value_pairs": PAIRS, "data": data or {}}


def write_lmdb(path: Path, rows: Sequence[Any], **special: Any) -> Path:
    """Write an LMDB file; `special` replaces nextid, deleted_ids or metadata. Bytes are written as they are."""
    values = {str(number): row for number, row in enumerate(rows, start=1)}
    values |= {"nextid": len(rows) + 1, "deleted_ids": [], "metadata": {}, **special}
    environment = require("lmdb").open(str(path), subdir=False, map_size=1 << 28)
    with environment, environment.begin(write=True) as transaction:
        for key, value in values.items():
            packed = value if isinstance(value, bytes) else zlib.compress(json.dumps(value).encode())
            if value is not None:
                transaction.put(key.encode(), packed)
    return path


@pytest.fixture(params=FORMATS)
def reader(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sample(reader: str, tmp_path: Path) -> Path:
    (tmp_path / "written").mkdir()
    return write_database(tmp_path / "written" / FORMATS[reader], nickel_oxide(5), {"note": "a", "path": [1, 2]})


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, reader: str, sample: Path, tmp_path: Path) -> None:
    law(case_of(reader, sample, 5, not_packed=NOT_PACKED.get(reader, "")), tmp_path)


def test_labels_and_tags(reader: str, sample: Path) -> None:
    frames = list(read_frames(sample))
    assert_same(frames, nickel_oxide(5))
    assert [frame.tags["row_id"] for frame in frames] == [1, 2, 3, 4, 5]
    last = frames[-1].tags
    assert (last["xc"], last["converged"], last["note"], last["path"]) == ("PBE", True, "a", "1 2")
    fields = surface_of(frames[-1])
    assert (fields["functional"], fields["hubbard_u[Ni]"], fields["hubbard_u[O]"]) == ("PBE", "6.2", "none")


@pytest.mark.parametrize("name", ["rows.db", "rows.json"])
def test_ase_reads_the_same(name: str, tmp_path: Path) -> None:
    path = write_database(tmp_path / name, nickel_oxide(8, seed=3))
    assert_same(list(read_frames(path)), [row.toatoms() for row in ase.db.connect(path).select()])


def test_molecules_and_magnets(reader: str, tmp_path: Path) -> None:
    """Without a cell nothing is periodic; moments are summed up; a row without labels has none."""
    images = nickel_oxide(1)
    images[0].calc.results["magmoms"] = np.array([1.5, -0.5])
    water = Atoms("H2O", np.eye(3))
    water.calc = type(images[0].calc)(water)
    with_moments, molecule = read_frames(write_database(tmp_path / FORMATS[reader], [*images, water]))
    assert (with_moments.tags["total_magnetic_moment"], with_moments.tags["absolute_magnetic_moment"]) == (1.0, 2.0)
    assert not molecule.pbc.any()
    assert not molecule.cell.any()
    assert (molecule.energy_eV, molecule.forces_eV_per_A, molecule.stress_eV_per_A3) == (None, None, None)


@pytest.mark.parametrize(
    ("results", "energy", "kind"),
    [
        ({"energy": -11.0, "free_energy": -11.2}, -11.0, "sigma to 0"),
        ({"energy": -11.0, "free_energy": -11.0}, -11.0, None),
        ({"energy": -11.0}, -11.0, None),
        ({"free_energy": -11.2}, -11.2, "free energy"),
    ],
)
def test_which_energy(results: dict[str, float], energy: float, kind: str | None, reader: str, tmp_path: Path) -> None:
    (atoms,) = nickel_oxide(1)
    atoms.calc.results = results
    (frame,) = read_frames(write_database(tmp_path / FORMATS[reader], [atoms]))
    assert (frame.energy_eV, frame.tags.get("energy_kind")) == (energy, kind)
    assert frame.tags.get("free_energy") == (results.get("free_energy") if "energy" in results else None)


PARAMETERS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "vasp": (
        {"xc": "PBE", "encut": 520, "ismear": -5, "ldau_luj": {"Ni": {"L": 2, "U": 6.2, "J": 0}}, "kpts": [3, 3, 3]},
        {
            "functional": "PBE",
            "cutoff_eV": "520",
            "smearing": "tetrahedron (Bloechl)",
            "hubbard_u[Ni]": "6.2",
        },
    ),
    "gpaw": (
        {
            "mode": {"name": "pw", "ecut": 500.0},
            "xc": "PBE",
            "setups": {"Ni": ":d,6.2"},
            "occupations": {"name": "fermi-dirac", "width": 0.05},
            "kpts": {"density": 2.2, "gamma": True},
        },
        {
            "functional": "PBE",
            "cutoff_eV": "500",
            "smearing": "Fermi-Dirac",
            "smearing_width_eV": "0.05",
            "hubbard_u[Ni]": "6.2",
            "kpoints": "kpoint_density 2.2",
            "pseudopotential[Ni]": "paw",
        },
    ),
    "espresso": (
        {
            "input_data": {"system": {"ecutwfc": 40.0, "input_dft": "PBEsol"}},
            "pseudopotentials": {"Ni": "Ni.UPF", "O": "O.UPF"},
        },
        {"functional": "PBESOL", "cutoff_eV": "544.228", "pseudopotential[Ni]": "Ni.UPF"},
    ),
}


@pytest.mark.parametrize("code", PARAMETERS)
def test_calculators_tell_their_surface(code: str, tmp_path: Path) -> None:
    """What ase.db keeps of a calculator's parameters ends in the fields that the audit compares."""
    parameters, expected = PARAMETERS[code]
    (atoms,) = nickel_oxide(1)
    atoms.calc.name, atoms.calc.parameters = code, parameters
    with ase.db.connect(tmp_path / "rows.db") as database:
        database.write(atoms)
    (frame,) = read_frames(tmp_path / "rows.db")
    fields = surface_of(frame)
    assert fields["code"] == code
    assert {field: fields[field] for field in expected} == expected


def test_deleted_rows_leave_no_hole(reader: str, sample: Path) -> None:
    if reader == "aselmdb":
        with require("lmdb").open(str(sample), subdir=False) as environment, environment.begin(write=True) as rows:
            rows.delete(b"2")
            rows.put(b"deleted_ids", zlib.compress(b"[2]"))
    else:
        ase.db.connect(sample).delete([2])
    frames = list(read_frames(sample))
    assert [frame.tags["row_id"] for frame in frames] == [1, 3, 4, 5]
    assert [frame.ordinal for frame in frames] == [0, 1, 2, 3]


def test_first_frames_come_before_a_defect(reader: str, tmp_path: Path) -> None:
    images = nickel_oxide(6)
    images[5].calc.results["energy"] = float("inf")
    path = write_database(tmp_path / FORMATS[reader], images)
    assert [frame.ordinal for frame in islice(read_frames(path), 5)] == list(range(5))
    with pytest.raises(
        BadInput, match=rf"{path.name}, frame 5, row 6(, line \d+)?: energy is not a finite number: inf"
    ):
        list(read_frames(path))


def test_memory_stays_flat(reader: str, tmp_path: Path) -> None:
    """3 to 15 MB of rows, one of them many times: from the 50th to the last, memory does not grow with them."""
    path, n_rows = tmp_path / FORMATS[reader], 100 if reader == "aselmdb" else 400
    (atoms,) = nickel_oxide(1, n_atoms=500)
    if reader == "aselmdb":
        write_lmdb(path, [zlib.compress(json.dumps(lmdb_row(atoms)).encode())] * n_rows)
    elif reader == "ase_db":
        with sqlite3.connect(write_database(path, [atoms])) as database:
            columns = ", ".join(row[1] for row in database.execute("PRAGMA table_info(systems)"))
            copied = columns.replace("id, unique_id", "value, value")
            series = f"WITH RECURSIVE n(value) AS (SELECT 2 UNION ALL SELECT value + 1 FROM n LIMIT {n_rows - 1})"
            database.execute(f"INSERT INTO systems {series} SELECT {copied} FROM systems, n WHERE id = 1")
        database.close()
    else:
        row = write_database(path, [atoms]).read_text().split('"1": ', 1)[1].split('},\n"ids"')[0]
        text = ",\n".join(f'"{number}": {row}}}' for number in range(1, n_rows + 1))
        path.write_text(f'{{{text},\n"ids": {list(range(1, n_rows + 1))}, "nextid": {n_rows + 1}}}')
    assert path.stat().st_size > 2e6
    assert peak_growth_in_mib(path, n_first=50, mapped=reader == "aselmdb") < 4


@dataclass(frozen=True)
class Bad:
    """How a row is spoilt, and what the error says of it."""

    spoil: Callable[[Atoms], object]
    message: str


BAD = {
    "nan": Bad(lambda atoms: atoms.calc.results["forces"].__setitem__((1, 2), np.nan), "forces holds? NaN or inf"),
    "flat": Bad(lambda atoms: atoms.set_cell(np.ones((3, 3))), "the lattice vectors span no volume"),
    "stress": Bad(lambda atoms: atoms.calc.results.update(stress=np.ones(5)), "stress must hold 9 numbers, 3 × 3 or 6"),
    "short": Bad(lambda atoms: atoms.calc.results.update(forces=np.ones((1, 3))), r"forces must have shape \(2, 3\)"),
    "element": Bad(lambda atoms: atoms.set_atomic_numbers([0, 8]), "0 is no element's number"),
}


@pytest.mark.parametrize("name", BAD)
def test_defects_are_named_by_their_row(name: str, reader: str, tmp_path: Path) -> None:
    images = nickel_oxide(1) + nickel_oxide(1)
    BAD[name].spoil(images[1])
    path = write_database(tmp_path / FORMATS[reader], images)
    with pytest.raises(BadInput, match=rf"frame 1, row 2(, line \d+)?: {BAD[name].message}") as caught:
        list(read_frames(path))
    assert caught.value.path == str(path)


def test_a_reserved_row(tmp_path: Path) -> None:
    """`ase.db.reserve` leaves a row without atoms until its run has ended."""
    path = write_database(tmp_path / "rows.db", nickel_oxide(1))
    ase.db.connect(path).reserve(name="later")
    with pytest.raises(BadInput, match="row 2: the row holds no atoms; it may have been reserved"):
        list(read_frames(path))


# ---- SQLite ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DROP TABLE systems", "the table 'systems' of an ASE database must have id, numbers"),
        ("ALTER TABLE systems RENAME COLUMN cell TO box", "must have cell"),
        ("ALTER TABLE systems RENAME TO s; CREATE VIEW systems AS SELECT * FROM s", "the table 'systems' of an ASE"),
        ("UPDATE systems SET positions = substr(positions, 1, 20) WHERE id = 2", "row 2: the record is not built"),
        ("UPDATE systems SET numbers = x'00' WHERE id = 2", "row 2: the record is not built"),
        ("UPDATE systems SET key_value_pairs = '{' WHERE id = 2", "row 2: the record is not built"),
        ("UPDATE systems SET data = x'ff00000000000000' WHERE id = 2", "row 2: .* an offset of 255 in 8 bytes"),
        ("UPDATE systems SET pbc = 'all' WHERE id = 2", "row 2: the record is not built"),
        ("DELETE FROM systems", "the database is empty: it holds no row"),
    ],
)
def test_hostile_sqlite(statement: str, message: str, tmp_path: Path) -> None:
    path = write_database(tmp_path / "rows.db", nickel_oxide(3))
    with sqlite3.connect(path) as database:
        database.executescript(statement)
    database.close()
    with pytest.raises(BadInput, match=message):
        list(read_frames(path))


@pytest.mark.parametrize("shape", [[1 << 40], [1 << 62, 1 << 62], [-1, 2]])
def test_an_array_larger_than_its_row(shape: list[int], tmp_path: Path) -> None:
    path = write_database(tmp_path / "rows.db", nickel_oxide(1))
    packed = (
        struct.pack("<q", 8) + json.dumps({"__arrays__": {"forces": {"__ndarray__": [shape, "float64", 8]}}}).encode()
    )
    with sqlite3.connect(path) as database:
        database.execute("UPDATE systems SET data = ?", (packed,))
    database.close()
    with pytest.raises(BadInput, match="row 1: the record is not built like one of this format"):
        list(read_frames(path))


def test_nothing_is_written_beside_the_database(tmp_path: Path) -> None:
    path = write_database(tmp_path / "rows.db", nickel_oxide(3))
    before = sorted(file.name for file in tmp_path.iterdir())
    path.chmod(0o444)
    assert len(list(read_frames(path))) == 3
    assert sorted(file.name for file in tmp_path.iterdir()) == before


# ---- JSON ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"ids": [1, 2, 3]', '"ids": [1, 2, 3, 4]', "ids names 4 rows, the file holds 3"),
        ("[[2, 3]", "[[900000000000, 3]", "row 1, line 1: the record is not built"),
        ("[[2, 3]", '[["a", 3]', "row 1, line 1: the record is not built"),
        ('"float64"', '"U900000000"', "row 1, line 1"),
        ('"2": {', '"2": 5, "7": {', "frame 1, row 2, line [0-9]+: a row must be an object, found int"),
    ],
)
def test_hostile_json(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = write_database(tmp_path / "rows.json", nickel_oxide(3))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(BadInput, match=message):
        list(read_frames(path))


# ---- LMDB ------------------------------------------------------------------------------------------------------------


def test_a_folder_of_lmdb_files(tmp_path: Path) -> None:
    folder = tmp_path / "val"
    folder.mkdir()
    images = nickel_oxide(5)
    write_database(folder / "data.0001.aselmdb", images[3:])
    write_database(folder / "data.0000.aselmdb", images[:3])
    (folder / "metadata.npz").write_bytes(b"not read")
    assert reader_for(folder).name == "aselmdb"
    frames = list(read_frames(folder))
    assert_same(frames, images)
    assert [frame.ordinal for frame in frames] == list(range(5))
    assert {Path(str(frame.source_file)).name for frame in frames} == {"data.0000.aselmdb", "data.0001.aselmdb"}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law_for_a_folder(law: Law, tmp_path: Path) -> None:
    folder = tmp_path / "val"
    folder.mkdir()
    write_database(folder / "a.aselmdb", nickel_oxide(2))
    write_database(folder / "b.aselmdb", nickel_oxide(3))
    law(case_of("aselmdb", folder, 5), tmp_path)


HOSTILE_LMDB: dict[str, tuple[dict[str, Any], str]] = {
    "pickle": ({"2": b"\x80\x04\x95cos\nsystem\n."}, "row 2: the value is not zlib-compressed JSON .*"),
    "no nextid": ({"nextid": None}, "has no key 'nextid'.*\n.*not pickles"),
    "absurd nextid": ({"nextid": 10**15}, "make 999999999999999 rows, the file holds 3"),
    "text nextid": ({"nextid": "4"}, "nextid must be a number"),
    "missing row": ({"2": None, "x": {}}, "row 2: the row is missing"),
    "bomb": ({"2": zlib.compress(b"[" + b" " * 20_000_000)}, "row 2: the value swells to more than 1000000 bytes"),
    "list": ({"2": [1]}, "row 2: a row must be an object, found list"),
    "deep": ({"2": zlib.compress(b"[" * 100_000)}, "row 2: the value is not zlib-compressed JSON .maximum recursion"),
    "no rows": ({"nextid": 1, "1": None, "2": None, "3": None}, "the database is empty"),
}


@pytest.mark.parametrize("name", HOSTILE_LMDB)
def test_hostile_lmdb(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aselmdb, "LARGEST_ROW", 1_000_000)
    special, message = HOSTILE_LMDB[name]
    path = write_lmdb(tmp_path / "rows.lmdb", [lmdb_row(atoms) for atoms in nickel_oxide(3)], **special)
    with pytest.raises(BadInput, match=message):
        list(read_frames(path))


@pytest.mark.parametrize("pages", [2, 3, 7])
def test_an_lmdb_file_cut_between_pages(pages: int, tmp_path: Path) -> None:
    """LMDB maps its file: reading on would end the process."""
    path = write_lmdb(tmp_path / "rows.lmdb", [lmdb_row(atoms) for atoms in nickel_oxide(40)])
    path.write_bytes(path.read_bytes()[: pages * 4096])
    with pytest.raises(BadInput, match=rf"the file is truncated: {pages * 4096} of \d+ bytes"):
        list(read_frames(path))


def test_arrays_as_fairchem_writes_them(tmp_path: Path) -> None:
    """Arrays wrapped as {"__ndarray__": …}, and labels under MACE's names in `data`."""
    (atoms,) = nickel_oxide(1)
    wrapped = {"__ndarray__": [[2, 3], "float64", atoms.positions.ravel().tolist()]}
    forces = np.ones((2, 3)).tolist()
    data = {"__info__": {"REF_energy": -3.0}, "__arrays__": {"REF_forces": forces}, "sid": "agm1", "spg": 225}
    row = {**lmdb_row(atoms, data), "positions": wrapped}
    (frame,) = read_frames(write_lmdb(tmp_path / "rows.lmdb", [row]))
    np.testing.assert_array_equal(frame.positions, atoms.positions)
    assert frame.energy_eV == -3.0
    assert frame.forces_eV_per_A is not None
    assert frame.forces_eV_per_A.tolist() == forces
    assert (frame.tags["energy"], frame.tags["sid"], frame.tags["spg"]) == (atoms.get_potential_energy(), "agm1", 225)
    assert "forces differs from REF_forces" in str(frame.tags["forces_not_taken"])


def test_mace_reads_and_writes_the_same(tmp_path: Path) -> None:
    """MACE's own writer and reader of the format: labels in the calculator and under REF_ names."""
    (module,) = quiet_require("mace.tools.fairchem_dataset.lmdb_dataset_tools")
    images = nickel_oxide(3)
    for atoms in images:
        atoms.info.update(REF_energy=atoms.get_potential_energy(), config_type="bulk")
        atoms.arrays["REF_forces"] = atoms.get_forces()
    path = tmp_path / "mace.aselmdb"
    with module.LMDBDatabase(path) as database:
        for atoms in images:
            database.write(atoms, data={})  # MACE would fill ase's default, which all later writers share
    frames = list(read_frames(path))
    assert_same(frames, images)
    assert {frame.tags["config_type"] for frame in frames} == {"bulk"}
    dataset = module.AseDBDataset(config={"src": str(path)})
    assert_same(frames, [dataset.get_atoms(index) for index in range(3)])
    del dataset


def test_a_frame_can_be_changed_by_its_owner(reader: str, sample: Path) -> None:
    """Arrays are the frame's own: torch warns of arrays that cannot be written."""
    frame: Frame = next(read_frames(sample))
    assert frame.positions.flags.writeable
    assert frame.forces_eV_per_A is not None
    assert frame.forces_eV_per_A.flags.writeable


def test_the_longest_list_that_is_a_tag(tmp_path: Path) -> None:
    data = {"short": [1] * ase_rows.LONGEST_TAG, "long": [1] * (ase_rows.LONGEST_TAG + 1), "nested": {"a": 1}}
    (frame,) = read_frames(write_database(tmp_path / "rows.aselmdb", nickel_oxide(1), data))
    assert {"short"} == {"short", "long", "nested"} & set(frame.tags)
