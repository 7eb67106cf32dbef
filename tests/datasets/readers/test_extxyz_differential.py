"""Extended xyz of random layouts against ase, and what is read without the parser's grammar against the parser."""

import json
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from extxyz import cextxyz

from sonde.datasets.readers import read_frames
from sonde.datasets.readers.extxyz_comment import KnownPairs, plain_tag
from sonde.datasets.readers.tags import tag_of
from sonde.records.frames import Frame

COLUMNS = "Properties=species:S:1:pos:R:3"
ELEMENTS = ("H", "O", "Al", "Ni", "Ta", "U")
WORD_LETTERS = "abeEinfNTFx0123456789.+-_:/@#é"
NUMBER_LETTERS = "0123456789.+-eE_ n"


def number(rng: np.random.Generator) -> str:
    """A number as people write it."""
    value = float(rng.normal() * 10.0 ** rng.integers(-12, 6))
    return str(rng.choice([repr(value), f"{value:.8f}", f"{value:.3e}", f"{value:+.6f}", f"{value:.12E}"]))


def tag(rng: np.random.Generator) -> str:
    """A value that all parsers take alike."""
    kinds = (
        lambda: str(rng.choice(["bulk", "slab-110", "a.b/c:d", "Ni_pv", "x1"])),
        lambda: str(int(rng.integers(-10_000, 10_000))),
        lambda: number(rng),
        lambda: str(rng.choice(["T", "F"])),
        lambda: str(rng.choice(['"two words"', '"Ni O"', '"a=b, c"'])),
        lambda: f'"{" ".join(number(rng) for _ in range(4))}"',
    )
    return kinds[rng.integers(len(kinds))]()


def matrix(rng: np.random.Generator, values: np.ndarray[Any, Any]) -> str:
    digits = rng.choice([".8f", ".16g", ".10e"])
    return '"' + " ".join(format(value, digits) for value in values.ravel()) + '"'


def layout(rng: np.random.Generator) -> tuple[str, list[str], int]:
    """Columns, keys of tags and the number of atoms, which some frames in a row share."""
    columns = "species:S:1:pos:R:3" + str(rng.choice(["", ":forces:R:3", ":forces:R:3:magmoms:R:1"]))
    keys = [f"key{k}" for k in rng.permutation(int(rng.integers(0, 12)))]
    return columns, keys, int(rng.integers(1, 40))


def frame_text(rng: np.random.Generator, columns: str, keys: list[str], n_atoms: int) -> str:
    pairs = [f"{key}={tag(rng)}" for key in keys] + [f"Properties={columns}"]
    if rng.random() < 0.8:
        pairs.append(f"Lattice={matrix(rng, 9 * np.eye(3) + rng.random((3, 3)))}")
        pairs.append('pbc="' + " ".join(rng.choice(["T", "F"], 3)) + '"')
        stress = rng.normal(size=(3, 3))
        pairs.append(f"stress={matrix(rng, stress + stress.T)}")
    if rng.random() < 0.9:
        pairs.append(f"energy={number(rng)}")
    if rng.random() < 0.3:
        rng.shuffle(pairs)
    width = sum(int(word) for word in columns.split(":")[2::3]) - 1
    blank = str(rng.choice([" ", "   ", "\t"]))
    rows = [blank.join([str(rng.choice(ELEMENTS)), *(number(rng) for _ in range(width))]) for _ in range(n_atoms)]
    return "\n".join([str(n_atoms), " ".join(pairs), *rows, ""])


@pytest.mark.parametrize("seed", range(6))
def test_random_layouts_are_read_as_ase_reads_them(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    texts: list[str] = []
    while len(texts) < 60:
        same = layout(rng)
        texts += [frame_text(rng, *same) for _ in range(int(rng.integers(1, 8)))]
    (tmp_path / "a.xyz").write_text("".join(texts))
    frames = list(read_frames(tmp_path / "a.xyz"))
    images = ase.io.read(tmp_path / "a.xyz", ":")
    assert len(frames) == len(images) == len(texts)
    for frame, atoms in zip(frames, images, strict=True):
        assert_as_ase(frame, atoms)


def assert_as_ase(frame: Frame, atoms: Any) -> None:
    """Same geometry, labels and tags, to the last bit but for the rounding of numbers as texts."""
    results = dict(atoms.calc.results) if atoms.calc else {}
    np.testing.assert_array_equal(frame.numbers, atoms.numbers)
    np.testing.assert_allclose(frame.positions, atoms.positions, rtol=1e-14)
    np.testing.assert_allclose(frame.cell, atoms.cell.array, rtol=1e-14)
    np.testing.assert_array_equal(frame.pbc, atoms.pbc)
    assert frame.energy_eV == (pytest.approx(results["energy"], rel=1e-14) if "energy" in results else None)
    if "forces" in results:
        assert frame.forces_eV_per_A is not None
        np.testing.assert_allclose(frame.forces_eV_per_A, results["forces"], rtol=1e-14)
    else:
        assert frame.forces_eV_per_A is None
    if "stress" in results:
        assert frame.stress_eV_per_A3 is not None
        voigt = frame.stress_eV_per_A3[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
        np.testing.assert_allclose(voigt, results["stress"], rtol=1e-7, atol=1e-8)
    stated = {key: tag_of(value) for key, value in atoms.info.items()}
    assert {key: value for key, value in frame.tags.items() if key.startswith("key")} == stated


def by_the_parser(path: Path, values: list[str]) -> list[Any]:
    """What the parser says of values, each in a frame of its own; its refusals as None."""
    frames = [f"1\n{COLUMNS} key={value}\nAl 0 0 0\n".encode() for value in values]
    path.write_bytes(b"".join(frames))
    handle = cextxyz.cfopen(str(path), "r")
    said: list[Any] = []
    for offset in np.cumsum([0, *map(len, frames[:-1])]).tolist():
        cextxyz.cfseek(handle, offset, 0)
        try:
            said.append(cextxyz.read_frame_dicts(handle, use_cleri=False)[1].get("key"))
        except cextxyz.ExtXYZError:
            said.append(None)
    cextxyz.cfclose(handle)
    return said


def test_plain_words_mean_what_the_parser_says(tmp_path: Path) -> None:
    """Words of letters that make numbers, truth values and names; many of them have to be read, not left."""
    rng = np.random.default_rng(1)
    words = ["".join(rng.choice(list(WORD_LETTERS), rng.integers(1, 7))) for _ in range(2000)]
    words += ["T", "F", "true", "True", "TRUE", "false", "False", "FALSE", "tRUE", "None", "nan", "inf", "-0", "+7"]
    words += ["007", "0", "00", "0.5", "00.5", "1.0e400", "-1.5E-3", "123456789", "2147483648", "1e5", ".5", "5."]
    n_read = 0
    for word, said in zip(words, by_the_parser(tmp_path / "a.xyz", words), strict=True):
        comment = KnownPairs().split(f"{COLUMNS} key={word}")
        if comment is None or any(key == "key" for key, _ in comment.unread):
            continue
        n_read += 1
        expected = int(word) if isinstance(said, int) and not isinstance(said, bool) else tag_of(said)
        assert (comment.tags["key"], type(comment.tags["key"])) == (expected, type(expected)), word
    assert n_read > 400


def test_quoted_words_mean_what_the_parser_says(tmp_path: Path) -> None:
    """Texts, and rows of numbers that make no matrix."""
    rng = np.random.default_rng(3)
    known = [
        "T",
        "F",
        "true",
        "two",
        "Ni",
        "nan",
        "inf",
        "1",
        "2.5",
        "-7",
        "007",
        "1e5",
        "a=b,",
        "[x]",
        "None",
        "{",
        ",",
    ]

    def word() -> str:
        made = "".join(rng.choice(list(WORD_LETTERS), rng.integers(1, 5)))
        return str(rng.choice([made, rng.choice(known), number(rng), str(rng.integers(-99, 99))]))

    values = [f'"{str(rng.choice([" ", "  "])).join(word() for _ in range(rng.integers(0, 5)))}"' for _ in range(2500)]
    values += [json.dumps(" ".join(number(rng) for _ in range(n))) for n in (2, 3, 4, 9, 12) for _ in range(20)]
    values += ['" x "', '"x "', '" 1 2"', '"1 2 "', '"1 2.5"', '"T T F"', '"3000000000 1"', '"-0 1"']
    n_read = 0
    for value, said in zip(values, by_the_parser(tmp_path / "a.xyz", values), strict=True):
        tag = plain_tag(value)
        if tag is not None:
            n_read += 1
            assert (tag, type(tag)) == (tag_of(said), type(tag_of(said))), value
    assert n_read > 600


def test_rows_of_numbers_mean_what_the_parser_says(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rows = [
        " ".join("".join(rng.choice(list(NUMBER_LETTERS), rng.integers(1, 5))) for _ in range(6)) for _ in range(1500)
    ]
    rows += [" ".join(number(rng) for _ in range(n)) for n in (6, 9) for _ in range(100)]
    values = [json.dumps(row) for row in rows]
    n_read = 0
    for value, said in zip(values, by_the_parser(tmp_path / "a.xyz", values), strict=True):
        comment = KnownPairs().split(f"{COLUMNS} stress={value}")
        if comment is None or "stress" not in comment.read:
            continue
        n_read += 1
        np.testing.assert_array_equal(comment.read["stress"], said, err_msg=value)
    assert n_read >= 200
