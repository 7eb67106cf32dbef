"""Structure JSON: units, the order of the stress, tags, streaming, and every defect with its record."""

import bz2
import gzip
import json
from collections import Counter
from copy import deepcopy
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.units import GPa

from sonde.datasets.readers import json_stream, read_frames
from sonde.errors import BadInput
from sonde.records.frames import Frame

RECORD: dict[str, Any] = {
    "structure": {
        "lattice": {"matrix": [[3.0, 0, 0], [0, 3.0, 0], [0, 0, 3.0]]},
        "sites": [
            {"species": [{"element": "Nb", "occu": 1}], "abc": [0, 0, 0], "xyz": [0, 0, 0]},
            {"species": [{"element": "Mo", "occu": 1}], "abc": [0.5, 0.5, 0.5], "xyz": [1.5, 1.5, 1.5]},
        ],
    },
    "outputs": {"energy": -20.5, "forces": [[0, 0, 0.1], [0, 0, -0.1]], "stress": [10, 20, 30, 1, 2, 3]},
    "num_atoms": 2,
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the record with one entry, `a/b/0`, set to a value."""
    record = deepcopy(RECORD)
    *way, last = path.split("/")
    holder: Any = record
    for step in way:
        holder = holder[int(step) if step.isdigit() else step]
    holder[int(last) if last.isdigit() else last] = value
    return record


def read(folder: Path, content: Any) -> list[Frame]:
    path = folder / "records.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return list(read_frames(path))


def strain_and_stress(path: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Symmetric strain from the softest cell, and the stress read, (n, 3, 3) each."""
    frames = list(read_frames(path))
    rest = min(frames, key=lambda frame: frame.energy_eV or 0.0)
    gradient = np.linalg.inv(rest.cell) @ np.stack([frame.cell for frame in frames])
    strain = (gradient + gradient.transpose(0, 2, 1)) / 2 - np.eye(3)
    return strain, np.stack([frame.stress_eV_per_A3 for frame in frames if frame.stress_eV_per_A3 is not None])


@pytest.mark.parametrize("element", ["Mo", "Nb", "Ta", "W"])
def test_stress_order_and_sign_by_the_strained_cells(element: str, shared_data: Path) -> None:
    """Cubic metals: shear stress follows the same shear strain and no other, tension is positive."""
    strain, stress = strain_and_stress(shared_data / f"nbmotaw/{element}_Elastic.json.gz")
    shears = [(1, 2), (0, 2), (0, 1)]
    for i in shears:
        for j in shears:
            correlation = np.corrcoef(strain[:, i[0], i[1]], stress[:, j[0], j[1]])[0, 1]
            assert (correlation > 0.9) if i == j else (abs(correlation) < 0.05)
    assert np.corrcoef(np.trace(strain, axis1=1, axis2=2), np.trace(stress, axis1=1, axis2=2))[0, 1] > 0.9


def test_bulk_modulus_of_tungsten(shared_data: Path) -> None:
    """The unit: stress over volume strain of pure strain states gives about 300 GPa (measured: 310)."""
    strain, stress = strain_and_stress(shared_data / "nbmotaw/W_Elastic.json.gz")
    volume_strain, pressure = np.trace(strain, axis1=1, axis2=2), np.trace(stress, axis1=1, axis2=2) / 3
    modulus = np.polyfit(volume_strain, pressure, 1)[0] / GPa
    assert 250 < modulus < 350


def test_what_a_record_says(shared_data: Path) -> None:
    first = next(read_frames(shared_data / "nbmotaw/MoTa_SS.json.gz"))
    expected = {"config_type": "unrelax", "group": "Ta-Mo", "notes_unrelax": "157", "pp": "Mo:Mo_pv Ta:Ta_pv"}
    assert {key: first.tags[key] for key in expected} == expected
    assert (first.tags["e_cut"], first.tags["k_prod"], first.tags["bader"]) == (520, 40, False)
    assert first.tags["stress_order"] == "assumed: xx yy zz xy yz zx"
    assert first.n_atoms == 16


def test_the_odd_file(shared_data: Path) -> None:
    """Mo_Surface: k_prod is the text NAN (unknown, text kept), tags a bare string, no notes."""
    for frame in read_frames(shared_data / "nbmotaw/Mo_Surface.json.gz"):
        assert (frame.tags["k_prod"], frame.tags["k_prod_text"]) == (None, "NAN")
        assert frame.tags["config_type"] == "Surface"
        assert not any(key.startswith("notes") for key in frame.tags)


def test_config_types_tell_groups_apart(shared_data: Path) -> None:
    files = [shared_data / f"nbmotaw/{name}.json.gz" for name in ("W_AIMD", "W_Test", "NbW_Test", "Mo_Elastic")]
    counted = Counter(frame.tags["config_type"] for file in files for frame in read_frames(file))
    expected = {"Md": 120, "Md_90": 40, "Md_110": 40, "test_Md": 30, "test_relax": 20, "test_unrelax": 20}
    assert counted == {**expected, "Strain_new": 121}


def test_computed_entries(shared_data: Path) -> None:
    """Raw energies, no forces; potentials by title, U and run type from the parameters."""
    frames = list(read_frames(shared_data / "li_fe_o/Li-Fe-O.json.gz"))
    assert Counter(frame.tags["run_type"] for frame in frames) == {"GGA": 64, "GGA+U": 311}
    assert all(frame.forces_eV_per_A is None and frame.stress_eV_per_A3 is None for frame in frames)
    with_u = next(frame for frame in frames if frame.tags["run_type"] == "GGA+U")
    assert "Fe:5.3" in str(with_u.tags["hubbards"])
    titles = {title for frame in frames for title in str(frame.tags["pp"]).split() if title.startswith("Li:")}
    assert titles == {"Li:PAW_PBE_Li_sv_10Sep2004", "Li:PAW_PBE_Li_sv_23Jan2001"}


def test_task_documents(shared_data: Path) -> None:
    """Labels under `output`, settings from INCAR and the last calculation; nested reports are no tags."""
    frames = list(read_frames(shared_data / "li_fe_o/tasks_Li_Fe_V.json.gz"))
    assert (len(frames), sum(frame.forces_eV_per_A is not None for frame in frames)) == (99, 25)
    assert {frame.tags["ENCUT"] for frame in frames} == {520}
    versions = {".".join(str(frame.tags["vasp_version"]).split(".")[:3]) for frame in frames}
    assert versions == {"5.2.2", "5.2.12", "5.4.1", "5.4.4"}
    assert {frame.tags["ISMEAR"] for frame in frames} == {1, -5}
    assert "KSPACING" not in frames[0].tags  # VASP's list of parameters holds a default that was not used
    assert max(len(str(value)) for frame in frames for value in frame.tags.values()) < 300


def test_units(tmp_path: Path) -> None:
    (frame,) = read(tmp_path, [RECORD])
    kbar = -0.1 * GPa
    assert frame.stress_eV_per_A3 is not None
    np.testing.assert_allclose(frame.stress_eV_per_A3, kbar * np.array([[10.0, 1, 3], [1, 20, 2], [3, 2, 30]]))
    assert frame.energy_eV == -20.5
    assert frame.forces_eV_per_A is not None
    assert frame.forces_eV_per_A.tolist() == [[0, 0, 0.1], [0, 0, -0.1]]


def test_matpes_documents_another_order(tmp_path: Path) -> None:
    (frame,) = read(tmp_path, [{**RECORD, "matpes_id": "matpes-1"}])
    assert frame.stress_eV_per_A3 is not None
    np.testing.assert_allclose(frame.stress_eV_per_A3[1, 2], -0.1 * GPa * 1)
    assert frame.tags["stress_order"] == "documented: xx yy zz yz xz xy"


@pytest.mark.parametrize("form", ["list", "lines", "one", "indented"])
def test_forms(form: str, tmp_path: Path) -> None:
    text = {
        "list": json.dumps([RECORD] * 3),
        "lines": "\n".join([json.dumps(RECORD)] * 3) + "\n",
        "one": json.dumps(RECORD),
        "indented": json.dumps([RECORD] * 3, indent=4),
    }[form]
    assert [frame.ordinal for frame in read(tmp_path, text)] == ([0] if form == "one" else [0, 1, 2])


def test_bare_structure_and_fractional_sites(tmp_path: Path) -> None:
    structure = deepcopy(RECORD["structure"])
    for site in structure["sites"]:
        del site["xyz"]
    (frame,) = read(tmp_path, structure)
    assert frame.positions.tolist() == [[0, 0, 0], [1.5, 1.5, 1.5]]
    assert frame.energy_eV is None


def test_pbc_of_the_lattice(tmp_path: Path) -> None:
    (frame,) = read(tmp_path, [changed("structure/lattice/pbc", [True, True, False])])
    assert frame.pbc.tolist() == [True, True, False]


def test_reads_record_by_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect far down does not hinder the first records, and windows smaller than a record work."""
    monkeypatch.setattr(json_stream, "CHUNK_BYTES", 64)
    path = tmp_path / "records.json"
    path.write_text(json.dumps([RECORD] * 50)[:-1] + ", }")
    assert [frame.ordinal for frame in islice(read_frames(path), 50)] == list(range(50))
    with pytest.raises(BadInput, match="frame 50, line 1: '}' stands where"):
        list(read_frames(path))


TEXT = json.dumps([RECORD, RECORD], indent=1)
BAD: dict[str, tuple[Any, str]] = {
    "cut in a record": (TEXT[: len(TEXT) * 3 // 4], "frame 1, line 8[0-9]: the file is truncated"),
    "list not closed": (TEXT.rstrip().rstrip("]"), "the list is not closed"),
    "not JSON": (TEXT.replace('"xyz"', "xyz", 1), "frame 0, line 3[0-9]: this is not JSON: Expecting property name"),
    "no record": ("[]", "the file is empty: it holds no record"),
    "a number": ("[1, 2]", "frame 0, line 1: a record must hold a pymatgen structure.*found int"),
    "no structure": ([{"energy": 1.0}], r"frame 0, line 1: a record must hold .* found \['energy'\]"),
    "unknown element": (
        [RECORD, changed("structure/sites/1/species/0/element", "Qq")],
        r"frame 1, line 1: 'Qq' is no element \(atom 1\)",
    ),
    "mixed site": (
        [changed("structure/sites/0/species", [{"element": "Nb", "occu": 0.5}, {"element": "Mo", "occu": 0.5}])],
        "frame 0, line 1: atom 0 is a site of mixed or partial occupation",
    ),
    "count": ([changed("num_atoms", 3)], "frame 0, line 1: the record states 3 atoms, its structure holds 2"),
    "few forces": ([changed("outputs/forces", [[0, 0, 0]])], r"forces must have shape \(2, 3\), found \(1, 3\)"),
    "ragged forces": ([changed("outputs/forces", [[0, 0], [0, 0, 0]])], "forces must be numbers in rows of equal"),
    "nan force": ([changed("outputs/forces/1/0", float("nan"))], r"forces hold NaN or inf \(atom 1\)"),
    "nan energy": ([changed("outputs/energy", float("nan"))], "frame 0, line 1: energy is not a finite number: nan"),
    "energy as text": ([changed("outputs/energy", "-20.5")], "energy is not a finite number: '-20.5'"),
    "inf stress": ([changed("outputs/stress/2", float("inf"))], "stress holds NaN or inf"),
    "stress of 5": ([changed("outputs/stress", [1, 2, 3, 4, 5])], "stress must hold 9 numbers, 3 × 3 or 6"),
    "nan position": ([changed("structure/sites/0/xyz/0", float("nan"))], r"positions hold NaN or inf \(atom 0\)"),
    "flat cell": ([changed("structure/lattice/matrix/2", [3.0, 0, 0])], "the lattice vectors span no volume"),
    "short lattice": ([changed("structure/lattice/matrix", [[3.0, 0, 0]])], r"shape \(3, 3\), found \(1, 3\)"),
    "no lattice matrix": ([changed("structure/lattice", {"a": 3.0})], "the lattice matrix must"),
    "a species of text": (
        [changed("structure/sites/0/species", ["Nb"])],
        "frame 0, line 1: the record is not built like",
    ),
    "nested a thousandfold": ("[" * 100_000, "frame 0, line 1: the record cannot be decoded: maximum recursion"),
    "endless integer": ('[{"energy": ' + "1" * 5000 + "}]", "the record cannot be decoded: Exceeds the limit"),
    "no positions": ([changed("structure/sites/0", {"species": [{"element": "Nb"}]})], "every site must have xyz"),
}


@pytest.mark.parametrize("name", BAD)
def test_defects_are_named_with_their_record(name: str, tmp_path: Path) -> None:
    content, message = BAD[name]
    with pytest.raises(BadInput, match=message) as caught:
        read(tmp_path, content)
    assert caught.value.path == str(tmp_path / "records.json")


def test_archive_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "records.json.gz"
    path.write_bytes(gzip.compress(json.dumps([RECORD] * 100).encode())[:-30])
    with pytest.raises(BadInput, match=r"records\.json\.gz: the gzip archive is truncated or damaged"):
        list(read_frames(path))


@pytest.mark.parametrize(
    ("extra", "energy", "convention"),
    [
        ({}, -20.5, "assumed: total"),
        ({"energy_per_atom": -10.25}, -20.5, "found: total, energy_per_atom beside it agrees"),
        ({"energy_per_atom": -20.5}, -41.0, "found: per atom, times the number of atoms"),
        ({"energy_per_atom": -7.0}, -20.5, "assumed: total"),
    ],
)
def test_energy_of_the_cell_or_of_an_atom(
    extra: dict[str, float], energy: float, convention: str, tmp_path: Path
) -> None:
    (frame,) = read(tmp_path, [{**RECORD, "outputs": {**RECORD["outputs"], **extra}}])
    assert (frame.energy_eV, frame.tags["energy_convention"]) == (energy, convention)


def test_conventions_of_computed_entries(shared_data: Path) -> None:
    """The raw energy is taken: energy + correction would be the published one."""
    frames = list(read_frames(shared_data / "li_fe_o/Li-Fe-O.json.gz"))
    assert {frame.tags["energy_convention"] for frame in frames} == {"documented: total, uncorrected"}
    records = json.loads(gzip.decompress((shared_data / "li_fe_o/Li-Fe-O.json.gz").read_bytes()))
    assert [frame.energy_eV for frame in frames] == [record["energy"] for record in records]


@pytest.mark.parametrize("packing", ["plain", "bz2"])
def test_entries_in_an_object(packing: str, tmp_path: Path) -> None:
    """How Alexandria is published: {"entries": [...]}, in bzip2."""
    text = json.dumps({"entries": [RECORD] * 3}).encode()
    path = tmp_path / "alexandria.json.bz2"
    path.write_bytes(bz2.compress(text) if packing == "bz2" else text)
    assert [frame.ordinal for frame in read_frames(path)] == [0, 1, 2]
    path.write_bytes(bz2.compress(text)[:-20])
    with pytest.raises(BadInput, match="the bzip2 archive is truncated or damaged"):
        list(read_frames(path))


def test_a_record_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "LONGEST_VALUE", 3000)
    monkeypatch.setattr(json_stream, "CHUNK_BYTES", 64)
    with pytest.raises(BadInput, match="frame 1, line 1: a record is longer than 3000 characters"):
        read(tmp_path, json.dumps([RECORD, {**RECORD, "notes": "x" * 100_000}]))


def test_text_of_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "latin.json"
    path.write_bytes(json.dumps([{**RECORD, "author": "J\xfcrgen"}], ensure_ascii=False).encode("latin-1"))
    with pytest.raises(BadInput, match="the text is not UTF-8"):
        list(read_frames(path))


def test_missing_labels_are_none(tmp_path: Path) -> None:
    (frame,) = read(tmp_path, [{**RECORD, "outputs": {"energy": None, "forces": [], "stress": None}}])
    assert (frame.energy_eV, frame.forces_eV_per_A, frame.stress_eV_per_A3) == (None, None, None)
