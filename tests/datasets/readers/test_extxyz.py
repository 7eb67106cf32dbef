"""Extended xyz: labels, sign of the stress, odd comment lines, and every defect with its place."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sonde.datasets.readers import read_frames, write_extxyz
from sonde.errors import BadInput, WrongUse
from sonde.records.frames import Frame

LATTICE = 'Lattice="2 0 0 0 3 0 0 0 4"'
PLAIN = "Properties=species:S:1:pos:R:3"
WITH_FORCES = "Properties=species:S:1:pos:R:3:REF_forces:R:3"
ATOM = "Al 0 0 0"
VOLUME = 24.0


def file_of(folder: Path, *blocks: str) -> Path:
    path = folder / "frames.xyz"
    path.write_text("".join(blocks))
    return path


def block(comment: str = "", atoms: str = ATOM, lattice: str = LATTICE, properties: str = PLAIN) -> str:
    n = len(atoms.splitlines())
    return f"{n}\n{lattice} {properties} {comment}\n{atoms}\n"


def one(folder: Path, text: str) -> Frame:
    (frame,) = read_frames(file_of(folder, text))
    return frame


@pytest.mark.parametrize(
    ("comment", "energy", "tags"),
    [
        ("energy=1.5", 1.5, {}),
        ("REF_energy=1.5", 1.5, {}),
        ("ref_energy=1.5", 1.5, {}),
        ("DFT_energy=1.5", 1.5, {}),
        ("dft_energy=1.5 energy=2.5", 1.5, {"energy": 2.5}),
        ("energy=3.5 dft_energy=2.5 REF_energy=1.5", 1.5, {"energy": 3.5, "dft_energy": 2.5}),
        ("energy=1.5 free_energy=1.4", 1.5, {"free_energy": 1.4}),
        ("energy=1.5 Energy=1.5", 1.5, {}),
        ("REF_energy=None energy=1.5", 1.5, {"REF_energy": None}),
        ("energy=-3", -3.0, {}),
        ("", None, {}),
        ("scf_converged=F", None, {"scf_converged": False}),
    ],
)
def test_energy_by_preference(comment: str, energy: float | None, tags: dict[str, object], tmp_path: Path) -> None:
    frame = one(tmp_path, block(comment))
    assert frame.energy_eV == energy
    assert dict(frame.tags) == tags


@pytest.mark.parametrize(
    ("comment", "factor"),
    [
        ('stress="1 2 3 2 5 6 3 6 9"', 1.0),
        ('REF_stress="1 2 3 2 5 6 3 6 9"', 1.0),
        ("stress=[[1,2,3],[2,5,6],[3,6,9]]", 1.0),
        ('dft_stress="1 5 9 6 3 2"', 1.0),
        ('virial="1 2 3 2 5 6 3 6 9"', -1 / VOLUME),
        ('REF_virials="1 5 9 6 3 2"', -1 / VOLUME),
        ('REF_virial="1 2 3 2 5 6 3 6 9" flag', -1 / VOLUME),
    ],
)
def test_stress_in_all_shapes(comment: str, factor: float, tmp_path: Path) -> None:
    """Nine numbers, 3 × 3 or six (xx yy zz yz xz xy); a virial is −V times the stress."""
    stress = one(tmp_path, block(comment)).stress_eV_per_A3
    assert stress is not None
    np.testing.assert_allclose(stress, factor * np.array([[1.0, 2, 3], [2, 5, 6], [3, 6, 9]]))


def test_virial_sign_is_that_of_compression(tmp_path: Path) -> None:
    """A compressed crystal pushes outward: positive virial, negative stress (ASE's sign)."""
    frame = one(tmp_path, block('virial="1 0 0 0 1 0 0 0 1"'))
    assert frame.stress_eV_per_A3 is not None
    assert np.trace(frame.stress_eV_per_A3) < 0


def test_stress_sign_on_real_cells(shared_data: Path) -> None:
    """Strained metals: the trace of the stress rises with the lattice, and is −dE/dV within a class."""
    frames = [f for f in read_frames(shared_data / "al_li_mg/al_li_mg.xyz") if f.tags["config_type"] == "bulk_strain"]
    fcc = [f for f in frames if f.tags["lattice"] == "fcc" and (f.numbers == 13).all()]
    fcc.sort(key=lambda f: float(np.linalg.det(f.cell)))
    volumes = np.array([np.linalg.det(f.cell) for f in fcc])
    slopes = np.gradient(np.array([f.energy_eV for f in fcc]), volumes)
    traces = np.array([np.trace(f.stress_eV_per_A3) / 3 for f in fcc])  # type: ignore[arg-type]
    assert np.all(np.diff(traces) > 0)
    np.testing.assert_allclose(traces[1:-1], slopes[1:-1], atol=0.02)


def test_forces_by_preference_and_the_loser_is_named(tmp_path: Path) -> None:
    columns = "Properties=species:S:1:pos:R:3:forces:R:3:REF_forces:R:3"
    frame = one(tmp_path, block(atoms="Al 0 0 0 1 1 1 2 2 2.5", properties=columns))
    assert frame.forces_eV_per_A is not None
    assert frame.forces_eV_per_A.tolist() == [[2, 2, 2.5]]
    assert frame.tags["forces_not_taken"] == "forces differs from REF_forces by up to 1.5 eV/Å"


def test_stress_before_virial(tmp_path: Path) -> None:
    frame = one(tmp_path, block('virial="24 0 0 0 24 0 0 0 24" stress="-1 0 0 0 -1 0 0 0 -1"'))
    assert "stress_not_taken" not in frame.tags
    other = one(tmp_path, block('virial="24 0 0 0 24 0 0 0 24" stress="1 0 0 0 1 0 0 0 1"'))
    assert "virial differs from stress by up to 2 eV/Å³" in str(other.tags["stress_not_taken"])


@pytest.mark.parametrize(
    ("comment", "tags"),
    [
        ("flag relaxed", {"flag": True, "relaxed": True}),
        ("mixing=1,2,3 energy=1", {"mixing": "1 2 3"}),
        ('note="" energy=1', {"note": "", "energy": 1}),
        ('note="" energy=1 flag', {"note": "", "energy": 1, "flag": True}),
    ],
)
def test_comment_lines_that_the_c_grammar_refuses(comment: str, tags: dict[str, object], tmp_path: Path) -> None:
    """There `extxyz.iread_dicts` drops everything, lattice and labels; here nothing is lost."""
    frame = one(tmp_path, block(f"REF_energy=-4.5 {comment}", "Al 0 0 0 1 2 3", properties=WITH_FORCES))
    assert frame.energy_eV == -4.5
    assert frame.forces_eV_per_A is not None
    assert frame.forces_eV_per_A.tolist() == [[1, 2, 3]]
    assert np.diag(frame.cell).tolist() == [2, 3, 4]
    assert frame.pbc.all()
    for key, value in tags.items():
        assert frame.tags[key] == value


def test_six_atoms_and_six_stress_components_by_the_wide_grammar(tmp_path: Path) -> None:
    atoms = "\n".join(f"Al 0 0 {z} 0 0 {z}" for z in range(6))
    columns = PLAIN + ":forces:R:3"
    frame = one(tmp_path, block('flag energy=2 stress="1 2 3 2 5 6 3 6 9"', atoms, properties=columns))
    assert frame.stress_eV_per_A3 is not None
    assert frame.stress_eV_per_A3[1, 2] == 6
    assert frame.forces_eV_per_A is not None
    assert frame.forces_eV_per_A[5].tolist() == [0, 0, 5]
    assert frame.energy_eV == 2


def test_integers_beyond_32_bits(tmp_path: Path) -> None:
    frame = one(tmp_path, block('job=3000000000 run="12345678901" short=12'))
    assert frame.tags == {"job": 3000000000, "run": 12345678901, "short": 12}


def test_text_that_overflows_as_a_number_stays_text(tmp_path: Path) -> None:
    assert one(tmp_path, block("record=59e555")).tags == {"record": "inf"}


def test_plain_xyz_is_not_periodic(tmp_path: Path) -> None:
    frame = one(tmp_path, "2\nwater at 300 K\nO 0 0 0 0.3\nH 1 0 0 0.1\n")
    assert not frame.pbc.any()
    assert not frame.cell.any()
    assert frame.tags == {"comment": "water at 300 K"}
    assert frame.energy_eV is None


def test_lattice_vectors_are_rows(tmp_path: Path) -> None:
    cell = [[2.0, 0.1, 0.2], [0.0, 3.0, 0.3], [0.0, 0.0, 4.0]]
    text = block(lattice='Lattice="2 0.1 0.2 0 3 0.3 0 0 4"')
    assert one(tmp_path, text).cell.tolist() == cell
    assert one(tmp_path, text.replace(PLAIN, f"{PLAIN} flag")).cell.tolist() == cell


def test_pbc_as_stated(tmp_path: Path) -> None:
    assert one(tmp_path, block('pbc="T F T"')).pbc.tolist() == [True, False, True]


def test_atomic_numbers_instead_of_symbols(tmp_path: Path) -> None:
    frame = one(tmp_path, block(atoms="13 0 0 0\n8 1 1 1", properties="Properties=Z:I:1:pos:R:3"))
    assert frame.numbers.tolist() == [13, 8]


def test_moments_per_atom_are_summed(tmp_path: Path) -> None:
    columns = "Properties=species:S:1:pos:R:3:magmoms:R:1"
    frame = one(tmp_path, block(atoms="Ni 0 0 0 1.5\nNi 1 1 1 -1.0", properties=columns))
    assert frame.tags == {"total_magnetic_moment": 0.5, "absolute_magnetic_moment": 2.5}


def test_missing_labels_are_none(shared_data: Path) -> None:
    """Eight records of ni_o did not reach self-consistency and carry no labels: None, never zero."""
    frames = list(read_frames(shared_data / "ni_o/ni_o.xyz"))
    failed = [frame for frame in frames if frame.tags["scf_converged"] is False]
    assert len(failed) == 8
    assert all(frame.energy_eV is None and frame.forces_eV_per_A is None for frame in failed)
    assert all(frame.energy_eV is not None for frame in frames if frame not in failed)


GOOD = block()
BAD = {
    "truncated in the last frame": (GOOD + "2\n" + GOOD.split("\n", 1)[1], "frame 1, line 4: the file is truncated: 2"),
    "truncated after the count": (GOOD + "2\n", "frame 1, line 4: the file is truncated: 2 atoms announced, 0 found"),
    "truncated in the last line": (block(atoms="Al 0 0 0\nAl 0 0"), "frame 0, line 4: expected 4 fields"),
    "too many atoms": (block(atoms=f"{ATOM}\n{ATOM}").replace("2\n", "1\n", 1) + GOOD, "frame 1, line 4: the number"),
    "too few atoms": ("2\n" + GOOD.split("\n", 1)[1] + GOOD, r"frame 0, line 4: expected 4 fields.*\('1'\)"),
    "negative count": (GOOD + "-1\n" + GOOD.split("\n", 1)[1], "frame 1, line 4: the number of atoms must be positive"),
    "no atoms": (GOOD + f"0\n{LATTICE} {PLAIN}\n", "frame 1, line 4: the number of atoms must be positive, found 0"),
    "a count beyond all": (
        "9" * 40 + f"\n{LATTICE} {PLAIN}\n{ATOM}\n",
        "frame 0, line 1: no structure has so many atoms",
    ),
    "blank line between": (GOOD + "\n" + GOOD, "frame 1, line 5: text follows a blank line"),
    "blank atom": (block(atoms="Al 0 0 0\n\nAl 1 1 1"), "frame 0, line 4: a blank line stands where atom 1 of 3"),
    "unknown element": (block(atoms="Al 0 0 0\nQq 0 0 1"), "frame 0, line 4: 'Qq' is no element"),
    "dummy atom": (block(atoms="X 0 0 0"), "frame 0, line 3: 'X' is no element"),
    "element 0": (
        block(atoms="0 0 0 0", properties="Properties=Z:I:1:pos:R:3"),
        "frame 0, line 3: 0 is no element's number",
    ),
    "nan position": (block(atoms="Al 0 0 0\nAl 0 nan 1"), "frame 0, line 4: atom 1 holds NaN"),
    "inf force": (block(atoms="Al 0 0 0 0 inf 0", properties=WITH_FORCES), "frame 0, line 3: atom 0 holds NaN or inf"),
    "nan by the wide grammar": (block("flag", "Al 0 0 nan"), "frame 0, line 3"),
    "overflow": (block(atoms="Al 0 0 1e999"), "frame 0, line 3"),
    "word": (block(atoms="Al 0 0 abc"), "frame 0, line 3: invalid field 'abc'"),
    "extra column": (block(atoms="Al 0 0 0 1"), "frame 0, line 3: expected 4 fields"),
    "nan energy": (GOOD + block("REF_energy=nan"), "frame 1, line 5: REF_energy is not a finite number: 'nan'"),
    "inf energy": (block("energy=1e999"), "frame 0, line 2: energy is not a finite number: inf"),
    "energy in words": (block("energy=low"), "frame 0, line 2: energy is not a finite number: 'low'"),
    "energy twice": (block("energy=1 energy=2"), "frame 0, line 2: energy stands twice with different values: 1 and 2"),
    "energy in two spellings": (block("REF_energy=1 ref_energy=2"), "frame 0, line 2: ref_energy stands twice"),
    "stress of 7": (block('stress="1 2 3 4 5 6 7"'), "frame 0, line 2: stress must hold 9 numbers"),
    "stress not symmetric": (block('stress="1 2 3 4 5 6 7 8 9"'), "frame 0, line 2: stress is not symmetric"),
    "virial without a cell": (block('virial="1 0 0 0 1 0 0 0 1"', lattice=""), "frame 0, line 2: virial needs a cell"),
    "forces of two columns": (
        block(atoms="Al 0 0 0 1 1", properties="Properties=species:S:1:pos:R:3:forces:R:2"),
        "frame 0, line 2: forces must have three columns",
    ),
    "flat lattice": (block(lattice='Lattice="2 0 0 0 3 0 0 3 0"'), "frame 0, line 2: the lattice vectors span no"),
    "lattice of 8": (block(lattice='Lattice="2 0 0 0 3 0 0 0"'), "frame 0, line 2: Lattice must hold 9 numbers"),
    "NUL in the comment": (GOOD * 100 + block("note=a\0b"), "frame 100, line 302: the line holds a NUL"),
    "no column for elements": (block(atoms="0 0 0", properties="Properties=pos:R:3"), "frame 0, line 2"),
    "no column for positions": (block(atoms="Al", properties="Properties=species:S:1"), "frame 0, line 2"),
}


@pytest.mark.parametrize("name", BAD)
def test_defects_are_named_with_their_place(name: str, tmp_path: Path) -> None:
    text, message = BAD[name]
    path = file_of(tmp_path, text)
    with pytest.raises(BadInput, match=message) as caught:
        list(read_frames(path))
    assert caught.value.path == str(path)


@pytest.mark.parametrize("name", ["truncated in the last frame", "unknown element", "nan energy"])
def test_defects_in_an_archive_name_the_archive(name: str, tmp_path: Path) -> None:
    path = tmp_path / "frames.xyz.gz"
    path.write_bytes(gzip.compress(BAD[name][0].encode()))
    with pytest.raises(BadInput, match=rf"frames\.xyz\.gz, {BAD[name][1]}"):
        list(read_frames(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (bytes(range(256)), "the file is not text"),
        (b"hello world\n", "no reader knows this format"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
        (gzip.compress(GOOD.encode() * 500, mtime=0)[:-20], "truncated or damaged"),
        (b"\x1f\x8b garbage", "truncated or damaged"),
        (f"1\n{LATTICE} {PLAIN} name=caf\xe9\n{ATOM}\n".encode("latin-1"), "line 2: the line is not UTF-8"),
        (f"1\n{LATTICE} {PLAIN}\nAl 0 0 \xe91\n".encode("latin-1"), "frame 0, line 3: the line is not UTF-8"),
    ],
)
def test_files_that_are_no_frames(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "strange.xyz"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        list(read_frames(path))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read_frames(tmp_path / "absent.xyz")
    with pytest.raises(BadInput, match="is a folder"):
        read_frames(tmp_path)


def test_good_frames_before_the_defect_are_given(tmp_path: Path) -> None:
    stream = read_frames(file_of(tmp_path, GOOD, GOOD, BAD["unknown element"][0]))
    assert [next(stream).ordinal, next(stream).ordinal] == [0, 1]
    with pytest.raises(BadInput, match="frame 2, line 10: 'Qq'"):
        next(stream)


# ---- writing ---------------------------------------------------------------------------------------------------------

STRANGE_TAGS: dict[str, str | int | float | bool | None] = {
    "plain": "fcc", "number": "157", "exponent": "5e10", "zeros": "007", "truth": "T", "none": "none", "empty": "",
    "blank": "a b", "list": "1 2 3", "comma": "1,2", "quote": 'say "hi"', "back": "a\\b", "line": "a\nb", "null": None,
    "int": 12, "long": 3_000_000_000, "float": 1.0, "small": -1.5e-7, "yes": True, "no": False, "Å": "Ångström",
    "brackets": "[1, 2]", "equals": "a=b", "None": "None?", "date": "2018-10-30 12:59:37.910000", "dash": "-",
}  # fmt: skip


def labelled(tags: dict[str, str | int | float | bool | None]) -> Frame:
    stress = np.array([[1e-9, 0.1, 0], [0.1, -2 / 3, 0], [0, 0, 1e3]])
    cell = np.array([[2.0, 0.1, 0.2], [0, 3, 0.3], [0, 0, 4]])
    pbc = np.array([True, False, True])
    return Frame(np.array([13, 8]), np.eye(3)[:2] / 3, cell, pbc, -1 / 3, np.eye(3)[:2] / 7, stress, tags)


def test_tags_survive_whatever_they_say(tmp_path: Path) -> None:
    write_extxyz(tmp_path / "a.xyz", [labelled(STRANGE_TAGS)])
    (frame,) = read_frames(tmp_path / "a.xyz")
    assert dict(frame.tags) == STRANGE_TAGS
    assert {key: type(value) for key, value in frame.tags.items()} == {k: type(v) for k, v in STRANGE_TAGS.items()}


@pytest.mark.parametrize("decimals", [3, 8])
def test_decimals(decimals: int, tmp_path: Path) -> None:
    original = labelled({})
    assert write_extxyz(tmp_path / "a.xyz", [original], decimals) == 1
    (frame,) = read_frames(tmp_path / "a.xyz")
    half = 0.5 * 10.0**-decimals * 1.001
    assert frame.forces_eV_per_A is not None
    assert original.forces_eV_per_A is not None
    assert frame.stress_eV_per_A3 is not None
    assert original.stress_eV_per_A3 is not None
    assert frame.energy_eV == round(-1 / 3, decimals)
    np.testing.assert_allclose(frame.positions, original.positions, rtol=0, atol=half)
    np.testing.assert_allclose(frame.forces_eV_per_A, original.forces_eV_per_A, rtol=0, atol=half)
    np.testing.assert_allclose(frame.stress_eV_per_A3, original.stress_eV_per_A3, rtol=1e-15)
    assert frame.pbc.tolist() == [True, False, True]


def test_ase_reads_what_is_written(tmp_path: Path) -> None:
    import ase.io

    write_extxyz(tmp_path / "a.xyz", [labelled({"config_type": "bulk", "note": "a b"})])
    atoms = ase.io.read(tmp_path / "a.xyz")
    assert atoms.get_chemical_formula() == "AlO"
    assert atoms.info["REF_energy"] == pytest.approx(-1 / 3, abs=1e-8)
    assert atoms.arrays["REF_forces"].shape == (2, 3)
    assert atoms.cell[0, 1] == pytest.approx(0.1)


@pytest.mark.parametrize("key", ["Lattice", "pbc", "REF_energy", "forces", "virial"])
def test_tags_that_would_be_labels_are_refused(key: str, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=f"'{key}' would be read back as a label"):
        write_extxyz(tmp_path / "a.xyz", [labelled({key: 1.0})])
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_a_failed_write(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_text("old")

    def failing() -> Iterator[Frame]:
        yield labelled({})
        raise BadInput("elsewhere", None, "broken", "mend it")

    with pytest.raises(BadInput, match="broken"):
        write_extxyz(tmp_path / "a.xyz", failing())
    assert [path.name for path in tmp_path.iterdir()] == ["a.xyz"]
    assert (tmp_path / "a.xyz").read_text() == "old"
