"""Frames read at once are those read one by one, to the last bit, whatever the file holds; so are the errors."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sonde.datasets.readers import extxyz, read_frames, write_extxyz
from sonde.datasets.readers.extxyz import one_by_one
from sonde.datasets.readers.extxyz_together import Together
from sonde.datasets.readers.text_blocks import START, cuts
from sonde.errors import BadInput
from sonde.records.frames import Frame

ARRAYS = ("numbers", "positions", "cell", "pbc", "forces_eV_per_A", "stress_eV_per_A3")
GEOMETRY = 'Lattice="4.0 0.0 0.0 0.0 5.0 0.0 0.0 0.5 6.0" Properties=species:S:1:pos:R:3'
COLUMNS = (
    "species:S:1:pos:R:3",
    "species:S:1:pos:R:3:forces:R:3",
    "species:S:1:pos:R:3:REF_forces:R:3:magmoms:R:1",
    "species:S:1:pos:R:3:forces:R:3:REF_forces:R:3",
    "Z:I:1:pos:R:3:forces:I:3",
    "species:S:1:Z:I:1:pos:R:3:move_mask:L:1",
    "pos:R:3:species:S:1",
    "species:S:1:forces:R:3",
)
ODD_NUMBERS = ("-0", "-0.0", "007", "+1.5", ".5", "5.", "1e5", "1e999", "nan", "1_0", "1d2", "-00.5", "0x1", "7", "-12")
WORDS = ("bulk", "T", "false", "12", "3000000000", "0.5", "-7.25", "007", "None", "nan", "a/b:c", "59e5")
PLAIN_WORDS = (*WORDS, '"two words"', '"1 2 3"', '"0.5 1.25"', '"a=b, c"', '["12"]', '"T F"')
QUOTED_WORDS = (*WORDS, "two", "Ni-O", "a=b,", "[x]", "é", "1", "2.5", "inf", "True")
LABELS = ("energy", "REF_energy", "free_energy", "stress")
ODD_LABELS = (*LABELS, "ENERGY", "REF_stress", "virial", "forces")
ODD_ENDS = ("", "", " ", " flag", ' "quoted key"=1', ' note="a\\"b"', " key1=2", "\x0c", ' empty=""', "\r")
SYMBOLS, ODD_SYMBOLS = ("Al", "Ni", "O", "U"), ("Qq", "X", "13", "al", "Alll")
LETTERS = list('\n\r\t "=[]\\\\0.7naT,\0é\udcff')
N_LAYOUTS, N_OF_EACH = 150, 8
Draw = Callable[[], str]


class Writer:
    """Writes frames of one random layout; `oddity` is the share of what is not as usual."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.oddity = float(self.one([0, 0, 0.02, 0.2]))
        self.usual_columns = self.one([*COLUMNS[:3] * 6, *COLUMNS])
        self.usual_words = self.rng.choice(PLAIN_WORDS, 3).tolist()

    def one(self, choices: Sequence[Any]) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def is_odd(self) -> bool:
        return bool(self.rng.random() < self.oddity)

    def number(self) -> str:
        if self.is_odd():
            return str(self.one([*ODD_NUMBERS, repr(float(self.rng.normal()))]))
        return format(float(self.rng.normal() * 10.0 ** self.rng.integers(-3, 4)), self.one([".8f", ".4f", "+.6f"]))

    def tensor(self) -> str:
        if self.is_odd():
            return self.row()
        xx, yy, zz, yz, xz, xy = (self.number() for _ in range(6))
        return '"' + " ".join([xx, xy, xz, xy, yy, yz, xz, yz, zz]) + '"'

    def row(self) -> str:
        words = [str(self.one([self.number(), *ODD_NUMBERS[:7]])) for _ in range(int(self.one([5, 6, 9, 9, 10])))]
        return f'"{self.one([" ", "  ", chr(9)]).join(words)}"'

    def lattice(self) -> str:
        usual = ['"4.0 0.0 0.0 0.0 5.0 0.0 0.0 0.5 6.0"', '"3.0 0.1 0 0 3 0 -0.0 0 3e0"']
        return self.row() if self.is_odd() else str(self.one(usual))

    def periodic(self) -> str:
        return str(self.one(['"T T"', "T", '"F F F"'] if self.is_odd() else ['"T T T"', '"T F T"']))

    def value(self) -> str:
        if not self.is_odd():
            return str(self.one(self.usual_words))
        words = " ".join(str(self.one(QUOTED_WORDS)) for _ in range(int(self.rng.integers(5))))
        return str(self.one([*PLAIN_WORDS, f'"{words}"', f'["{words}"]', '" x "', '"a  b"', "[1,2]"]))

    def columns(self) -> str:
        return str(self.one(COLUMNS) if self.is_odd() else self.usual_columns)

    def layout(self) -> dict[str, Draw]:
        """Keys in some order with what may stand there."""
        pairs: dict[str, Draw] = {"Properties": self.columns}
        pairs |= {"Lattice": self.lattice} if self.rng.random() < 0.8 else {}
        pairs |= {"pbc": self.periodic} if self.rng.random() < 0.5 else {}
        labels = ODD_LABELS if self.rng.random() < 0.3 else LABELS
        for key in self.rng.permutation(labels)[: self.rng.integers(4)].tolist():
            pairs[key] = self.number if "energy" in key.lower() else self.tensor
        pairs |= {f"key{number}": self.value for number in range(int(self.rng.integers(4)))}
        return {key: pairs[key] for key in self.rng.permutation(list(pairs)).tolist()}

    def frame(self, layout: Mapping[str, Draw], n_atoms: int) -> str:
        values = {key: value() for key, value in layout.items()}
        comment = self.one([" ", "  ", "\t"]).join(f"{key}={value}" for key, value in values.items())
        rows = [self.atom(values["Properties"]) for _ in range(n_atoms)]
        ending = "\r\n" if self.is_odd() else "\n"
        return ending.join([str(n_atoms), comment + (self.one(ODD_ENDS) if self.is_odd() else ""), *rows, ""])

    def atom(self, properties: str) -> str:
        words = properties.split(":")
        cells: list[str] = []
        for kind, width in zip(words[1::3], words[2::3], strict=True):
            cells += [self.cell(kind) for _ in range(int(width))]
        return "   ".join(cells)

    def cell(self, kind: str) -> str:
        if kind == "S":
            return str(self.one(ODD_SYMBOLS if self.is_odd() and self.is_odd() else SYMBOLS))
        return self.number() if kind == "R" else str(self.rng.integers(1, 8)) if kind == "I" else str(self.one("TF"))

    def frames(self) -> list[str]:
        """Several frames of one layout."""
        layout, n_atoms = self.layout(), int(self.rng.integers(1, 5))
        return [self.frame(layout, n_atoms) for _ in range(N_OF_EACH)]


@cache
def pool() -> list[list[str]]:
    """Frames by layout."""
    return [Writer(seed).frames() for seed in range(N_LAYOUTS)]


RUNS = st.tuples(st.integers(0, N_LAYOUTS - 1), st.lists(st.integers(0, N_OF_EACH - 1), min_size=1, max_size=6))
FILES = st.lists(RUNS, min_size=1, max_size=4).map(
    lambda runs: "".join(pool()[layout][frame] for layout, frames in runs for frame in frames)
)


def outcome(frames: Iterator[Frame]) -> tuple[list[Frame], tuple[Any, ...] | None]:
    """Return the frames up to a defect, and the defect."""
    found: list[Frame] = []
    try:
        found.extend(frames)
    except BadInput as defect:
        return found, (defect.path, str(defect))
    return found, None


def single_frames(path: Path) -> Iterator[Frame]:
    """Read a file one by one."""
    with one_by_one(path, path) as single:
        at = START
        while one := single.read(at):
            yield one.frame
            at = one.after


def assert_same(frames: list[Frame], others: list[Frame]) -> None:
    """Same bits, same kinds of arrays, same tags in the same order and of the same types."""
    assert len(frames) == len(others)
    for frame, other in zip(frames, others, strict=True):
        for name in ARRAYS:
            mine, its = getattr(frame, name), getattr(other, name)
            assert (mine is None) == (its is None), name
            if mine is not None:
                assert (mine.dtype, mine.shape, mine.tobytes()) == (its.dtype, its.shape, its.tobytes()), name
                assert mine.flags.owndata or mine.base.nbytes <= 4 * mine.nbytes, name
        assert repr(frame.energy_eV) == repr(other.energy_eV)
        assert repr(dict(frame.tags)) == repr(dict(other.tags))
        assert (frame.source_file, frame.ordinal) == (other.source_file, other.ordinal)


def assert_read_alike(path: Path) -> None:
    together, defect = outcome(extxyz.READER.read(path))
    single, same_defect = outcome(single_frames(path))
    assert defect == same_defect
    assert_same(together, single)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what the first frames of a short file teach serve the others."""
    monkeypatch.setattr(extxyz, "SMALLEST_PIECE", 700)


IN_ONE_FOLDER = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@IN_ONE_FOLDER
@given(text=FILES)
def test_files_of_few_layouts(text: str, tmp_path: Path, small_pieces: None) -> None:
    path = tmp_path / "a.xyz"
    path.write_bytes(text.encode())
    assert_read_alike(path)


@IN_ONE_FOLDER
@given(text=FILES, edits=st.lists(st.tuples(st.floats(0, 1), st.sampled_from(LETTERS)), min_size=1, max_size=3))
def test_damaged_files(
    text: str,
    edits: list[tuple[float, str]],
    tmp_path: Path,
    small_pieces: None,
) -> None:
    """Some character anywhere, put in or put in the place of another."""
    for number, (share, letter) in enumerate(edits):
        at = int(share * len(text))
        text = text[:at] + letter + text[at + number % 2 :]
    path = tmp_path / "a.xyz"
    path.write_bytes(text.encode(errors="surrogateescape"))
    if text.strip() and "\0" not in text[:4096]:
        assert_read_alike(path)


@pytest.mark.parametrize("size", [100, 700, 5000])
def test_pieces_of_any_size(size: int, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames across the ends of pieces, and frames longer than any."""
    path = shared_data / "al_li_mg/al_li_mg.xyz"
    whole = list(read_frames(path))
    monkeypatch.setattr(extxyz, "SMALLEST_PIECE", size)
    monkeypatch.setattr(extxyz, "LARGEST_PIECE", size)
    assert_same(list(read_frames(path)), whole)
    assert_same(whole, list(single_frames(path)))


@pytest.mark.parametrize("length", [*range(1018, 1028), *range(2043, 2050)])
def test_lines_that_fill_the_buffer_of_the_parser(length: int, tmp_path: Path) -> None:
    """It refuses some of them, which ones depends on the longest line above; then others read the frame."""
    start = f"{GEOMETRY} energy=1.5 note="
    frames = [
        f"2\n{start}{'x' * (length - len(start))}\nAl 0 0 0\nNi 0 0 1\n",
        f"2\n{start}a\nAl 0 0 0\nNi 0 0{' ' * (length - 7)}1\n",
    ]
    for number, text in enumerate(frames):
        path = tmp_path / f"{number}.xyz"
        path.write_text(frames[1 - number] * number + text * 3)
        assert_read_alike(path)


HEADERS = {
    "ase": f'{GEOMETRY} energy=-1.5 stress="0.1 0 0 0 0.2 0 0 0 0.3" free_energy=-1.5 pbc="T T T"',
    "mace": f'{GEOMETRY} config_type=Default head=pbe REF_energy=-1.5 REF_stress="0.1 0 0 0 0.2 0 0 0 0.3" pbc="T T T"',
    "virial": f'{GEOMETRY} dft_virial="0.1 0 0 0 0.2 0 0 0 0.3" dft_energy=-1.5 energy=-1.25 config_type=dimer_1',
    "words": f'{GEOMETRY} name="Al slab #7" dipole="0.1 0.2 0.3" k_points="2 2 2" energy=-7 converged=T n=3 x=1.5e-3',
    "cluster": "Properties=species:S:1:pos:R:3 energy=-1.5 config_type=cluster",
}


@pytest.mark.parametrize("name", HEADERS)
def test_usual_headers_are_read_at_once(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_text(f"2\n{HEADERS[name]}\nAl 0 0 0\nNi 0.5 0 1\n" * 3)
    frames = Together(path).read(cuts(path.read_bytes(), START)[0])
    assert_same([frame for frame in frames if frame is not None], list(single_frames(path)))
    assert len(frames) == 3


def test_real_frames_are_read_at_once(shared_data: Path, tmp_path: Path) -> None:
    """All but those that bring a tag that only the parser can tell."""
    path = tmp_path / "a.xyz"
    write_extxyz(path, read_frames(shared_data / "nbmotaw/Multinary_Test.json.gz"))
    together = Together(path)
    found, after = cuts(path.read_bytes(), START)
    for cut, frame in zip(found[:1], single_frames(path), strict=False):
        together.learn(cut, frame.tags)
    assert after.offset == path.stat().st_size
    assert None not in together.read(found)
    assert_read_alike(path)


def test_half_of_the_odd_frames_are_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests above compare is not one way with itself."""
    n_alone = count_calls(monkeypatch, extxyz.OneByOne, "read")
    monkeypatch.setattr(extxyz, "SMALLEST_PIECE", 700)
    n_frames = 0
    for number, texts in enumerate(pool()):
        path = tmp_path / f"{number}.xyz"
        path.write_text("".join(texts) * 3)
        n_frames += len(outcome(extxyz.READER.read(path))[0])
    assert n_frames > 1500
    assert len(n_alone) < 0.5 * n_frames


def count_calls(monkeypatch: pytest.MonkeyPatch, where: Any, name: str) -> list[None]:
    """Return a list that grows with each call."""
    calls: list[None] = []
    called = getattr(where, name)

    def counted(*arguments: Any) -> Any:
        calls.append(None)
        return called(*arguments)

    monkeypatch.setattr(where, name, counted)
    return calls


def test_frames_share_nothing(tmp_path: Path) -> None:
    """Who changes or keeps an array of one frame neither changes nor keeps another."""
    path = tmp_path / "a.xyz"
    path.write_text(f"2\n{HEADERS['mace']}\nAl 0 0 0\nNi 0.5 0 1\n" * 3)
    for frame in Together(path).read(cuts(path.read_bytes(), START)[0]):
        assert frame is not None
        arrays = [getattr(frame, name) for name in ARRAYS if getattr(frame, name) is not None]
        assert all(array.flags.owndata and array.flags.writeable for array in arrays)
