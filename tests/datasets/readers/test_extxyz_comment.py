"""Pairs of a comment line that were read before mean what they meant: frames do not depend on those above them."""

from pathlib import Path

import numpy as np
import pytest

from sonde.datasets.readers import extxyz_comment, read_frames
from sonde.datasets.readers.extxyz_comment import KnownPairs
from sonde.records.frames import Frame

GEOMETRY = 'Lattice="4.0 0.0 0.0 0.0 5.0 0.0 0.0 0.0 6.0" Properties=species:S:1:pos:R:3 pbc="T T F"'
LINES = [
    f'{GEOMETRY} config_type=bulk energy=-1.5 stress="1 0 0 0 2 0 0 0 3"',
    f'config_type=bulk {GEOMETRY} energy=-2.5 note="two words" flag=T none=None count=7',
    f'{GEOMETRY} energy=-2.5 note=["two words"] flag=F none=None count=7.0',
    f'{GEOMETRY} REF_energy=-3 energy=-2.5 note=["None"] flag=True count=007 empty=""',
    f'{GEOMETRY} energy=-2.5 numbers="1 2 3" list=[1,2,3] nested=[[1.0,2.0],[3.0,4.0]]',
    f'{GEOMETRY} energy=-2.5 big=123456789012 "quoted key"=1 note="a=b, c"',
    f'{GEOMETRY} energy=-2.5 big=123456789012 lattice=fcc LATTICE=bcc note="two words"',
    f"{GEOMETRY} energy=-2.5 config_type=bulk bareword note=bulk",
    f'{GEOMETRY} energy=-2.5 config_type=bulk escaped="a \\" b" unit=eV/Å',
    f"{GEOMETRY} free_energy=-2.5 config_type=bulk config_type=slab",
    f'{GEOMETRY} energy=-2.50 config_type=bulk virial="1 2 3 2 5 6 3 6 9" stress="1.0 2 3.5 0 -0 6e-2"',
    f'{GEOMETRY} config_type=bulk REF_energy=-2.5 dft_energy="-7.0" stress="1.0 0 0 0 -0 0 0 0 -1e-05" note=00.5',
    "Properties=species:S:1:pos:R:3 config_type=bulk",
    "config_type=bulk flag=T",
]


def frame_text(line: str, x: float) -> str:
    return f"2\n{line}\nNi 0.0 0.0 {x}\nO 1.0 1.5 2.0\n"


def read(path: Path, text: str) -> list[Frame]:
    path.write_text(text)
    return list(read_frames(path))


def assert_alike(frame: Frame, other: Frame) -> None:
    """Same tags in the same order and of the same types, same labels and geometry."""
    assert list(frame.tags.items()) == list(other.tags.items())
    assert [type(value) for value in frame.tags.values()] == [type(value) for value in other.tags.values()]
    assert frame.energy_eV == other.energy_eV
    for name in ("positions", "cell", "pbc", "stress_eV_per_A3"):
        np.testing.assert_array_equal(getattr(frame, name), getattr(other, name))


@pytest.mark.parametrize("most", [4096, 3])
def test_frames_do_not_depend_on_each_other(most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line alone, and among all the others in many orders, whether or not the pairs have to be forgotten."""
    monkeypatch.setattr(extxyz_comment, "MOST_PAIRS", most)
    alone = [read(tmp_path / "one.xyz", frame_text(line, 0.5))[0] for line in LINES]
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(len(LINES)), 8))
    together = read(tmp_path / "all.xyz", "".join(frame_text(LINES[index], 0.5) for index in order))
    for index, frame in zip(order, together, strict=True):
        assert_alike(frame, alone[index])


def test_what_is_left_to_the_parser() -> None:
    """The second time the names of the columns only."""
    pairs = KnownPairs()
    first = pairs.split(LINES[1])
    assert first is not None
    pairs.keep(first, {"config_type": "bulk", "note": "two words", "flag": True, "none": None, "count": 7})
    second = pairs.split(LINES[1])
    assert second is not None
    assert second.line == "Properties=species:S:1:pos:R:3"
    assert [key for key, _ in second.special] == ["Lattice", "Properties", "pbc", "energy"]
    assert {key: value for key, value in second.tags.items() if value is not None} == {
        "config_type": "bulk",
        "note": "two words",
        "flag": True,
        "count": 7,
    }


@pytest.mark.parametrize(
    "value",
    ["1", "-00.5", "nan", "1_0.5", '"1 2"', '"1 2 3 4 5 x"', '"1 2 3 4 5 007"', '"1 2 3 4 5 inf"', '"١ 2 3 4 5 6"'],
)
def test_numbers_that_are_left_to_the_parser(value: str) -> None:
    comment = KnownPairs().split(f"{GEOMETRY} stress={value}")
    assert comment is not None
    assert comment.unread[-1] == ("stress", value)


def test_numbers_that_are_not() -> None:
    """Rows of nine are matrices with columns first, as the parser has them."""
    comment = KnownPairs().split(f'{GEOMETRY} energy=-1.5e-3 stress="1 -2.5 3 4 5 6e2 7 8 9" virial="1 2 3 4 5 6"')
    assert comment is not None
    assert comment.line == "Properties=species:S:1:pos:R:3"
    assert comment.read["energy"] == -0.0015
    assert comment.read["stress"].tolist() == [[1, 4, 7], [-2.5, 5, 8], [3, 600, 9]]
    assert comment.read["virial"].tolist() == [1, 2, 3, 4, 5, 6]
    assert comment.read["pbc"] == (True, True, False)


@pytest.mark.parametrize("line", ["a b=1", "a=1 a=2", "a=[1,2]", 'a="x\\"y"', "", "a={1 2}", 'a="x"b=1', "a=1,2"])
def test_lines_that_are_not_parted(line: str) -> None:
    assert KnownPairs().split(line) is None


def test_arrays_are_not_shared(tmp_path: Path) -> None:
    """Geometry is each frame's own, however often the same line comes."""
    first, second = read(tmp_path / "a.xyz", frame_text(LINES[0], 0.5) * 2)
    first.cell[0, 0] = first.positions[0, 0] = 99.0
    first.pbc[0] = False
    assert (second.cell[0, 0], second.positions[0, 0], second.pbc[0]) == (4.0, 0.0, True)
