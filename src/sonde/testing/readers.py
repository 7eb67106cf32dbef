"""Laws that every reader of structure files keeps. Call them from the tests of your own reader.

    import pytest
    from sonde.testing.readers import LAWS, ReaderCase

    CASE = ReaderCase(MyReader(), Path("sample.my"), n_frames=3, elements=frozenset({8, 28}))

    @pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
    def test_reader_keeps_the_laws(law, tmp_path):
        law(CASE, tmp_path)

A law raises `BrokenLaw`, an AssertionError that says which frame breaks what.
"""

import gzip
import math
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path

import numpy as np

from sonde.datasets.identity import geometry_id, same_labels
from sonde.datasets.matching import match
from sonde.datasets.readers import Reader, read_frames, write_extxyz
from sonde.errors import BadInput
from sonde.records.frames import Frame


class BrokenLaw(AssertionError):  # noqa: N818 - what it is
    """A reader breaks one of the laws."""


@dataclass(frozen=True)
class ReaderCase:
    """A reader with a sample file or folder that it must read, and what is known of it.

    `sample` holds at least two frames. `truncates` says whether half of the file (of a folder: of its largest file) is
    a defect that the reader must report, so for every format with a count or a closing mark. `not_packed` gives the
    reason why a file of this format is never gzipped; without one it is read gzipped too. `beside` are files that must
    lie beside the sample.
    """

    reader: Reader
    sample: Path
    n_frames: int
    elements: frozenset[int]
    truncates: bool = True
    not_packed: str = ""
    beside: tuple[Path, ...] = ()

    def frames(self) -> list[Frame]:
        """Read the whole sample."""
        return list(self.reader.read(self.sample))

    def content(self) -> bytes:
        """Return the sample's bytes, uncompressed."""
        packed = self.sample.read_bytes()
        return gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed

    def head(self) -> bytes:
        """Return what `claims` gets."""
        return b"" if self.sample.is_dir() else self.content()[:4096]

    def copy(self, folder: Path) -> Path:
        """Copy sample, unpacked, and what lies beside it into a new folder; return the path of the copy."""
        folder.mkdir()
        for other in self.beside:
            shutil.copy(other, folder)
        copy = folder / f"sample{_suffix(self)}"
        if self.sample.is_dir():
            shutil.copytree(self.sample, copy)
        else:
            copy.write_bytes(self.content())
        return copy


Law = Callable[[ReaderCase, Path], None]


def _must(holds: bool, law: str, frame: Frame | None = None) -> None:
    if not holds:
        where = f"frame {frame.ordinal} of {frame.source_file}: " if frame is not None else ""
        raise BrokenLaw(where + law)


def _side_by_side(first: Iterable[Frame], second: Iterable[Frame]) -> Iterator[tuple[Frame, Frame]]:
    a, b = list(first), list(second)
    _must(len(a) == len(b), f"{len(a)} frames read once, {len(b)} the other time")
    return zip(a, b, strict=True)


def claims_its_sample(case: ReaderCase, tmp_path: Path) -> None:  # noqa: ARG001 - laws share one signature
    """The reader claims its own sample, and the registry's reader for it gives the same number of frames."""
    _must(case.reader.claims(case.sample, case.head()), f"{case.reader.name} does not claim its own sample")


def counts_its_frames(case: ReaderCase, tmp_path: Path) -> None:  # noqa: ARG001
    """All frames are read, numbered from 0, with the elements that are known to be there."""
    frames = case.frames()
    _must(len(frames) == case.n_frames, f"{len(frames)} frames read, {case.n_frames} expected")
    _must([frame.ordinal for frame in frames] == list(range(case.n_frames)), "ordinals must count from 0")
    elements = {int(number) for frame in frames for number in frame.numbers}
    _must(elements == case.elements, f"elements read {sorted(elements)}, expected {sorted(case.elements)}")
    _must(all(frame.source_file for frame in frames), "source_file must name the file")


def gives_proper_arrays(case: ReaderCase, tmp_path: Path) -> None:  # noqa: ARG001
    """Shapes and types are those of the record `Frame`, every number is finite."""
    for frame in case.frames():
        n = frame.n_atoms
        _must(n > 0 and frame.numbers.dtype.kind == "i", "numbers must be integers, one at least", frame)
        _must(frame.positions.shape == (n, 3) and frame.cell.shape == (3, 3), "positions (n, 3), cell (3, 3)", frame)
        _must(frame.pbc.shape == (3,) and frame.pbc.dtype == np.bool_, "pbc must be three booleans", frame)
        for name, shape in (("forces_eV_per_A", (n, 3)), ("stress_eV_per_A3", (3, 3))):
            array = getattr(frame, name)
            _must(array is None or (array.shape == shape and np.isfinite(array).all()), f"{name}: {shape}", frame)
        _must(bool(np.isfinite(frame.positions).all() and np.isfinite(frame.cell).all()), "not finite", frame)
        _must(frame.energy_eV is None or math.isfinite(frame.energy_eV), "energy must be finite or None", frame)


def symmetric_stress(case: ReaderCase, tmp_path: Path) -> None:  # noqa: ARG001
    """A stress is a symmetric tensor."""
    for frame in case.frames():
        stress = frame.stress_eV_per_A3
        _must(stress is None or np.allclose(stress, stress.T), "the stress is not symmetric", frame)


def periodic_frames_have_a_volume(case: ReaderCase, tmp_path: Path) -> None:  # noqa: ARG001
    """Three periodic directions need a cell with a volume; a frame without lattice vectors is periodic in none."""
    for frame in case.frames():
        volume = abs(float(np.linalg.det(frame.cell)))
        _must(not frame.pbc.all() or volume > 1e-6, "periodic without a volume", frame)
        _must(bool(frame.cell.any() or not frame.pbc.any()), "periodic without lattice vectors", frame)


def tags_are_flat(case: ReaderCase, tmp_path: Path) -> None:  # noqa: ARG001
    """Tags are text, finite numbers, booleans or None."""
    for frame in case.frames():
        for key, value in frame.tags.items():
            plain = value is None or isinstance(value, str | bool | int | float)
            _must(plain and value == value, f"tag {key!r} is {value!r}", frame)  # NaN is not itself


def reads_as_a_stream(case: ReaderCase, tmp_path: Path) -> None:  # noqa: ARG001
    """`read` gives an iterator, and the first frame comes without the rest."""
    stream = case.reader.read(case.sample)
    _must(isinstance(stream, Iterator), "read must return an iterator")
    first = list(islice(stream, 1))
    _must(len(first) == 1, "the first frame must come by itself")


def reads_the_same_twice(case: ReaderCase, tmp_path: Path) -> None:  # noqa: ARG001
    """Two readings give the same frames."""
    for a, b in _side_by_side(case.frames(), case.frames()):
        for field in fields(Frame):
            same = np.array_equal(getattr(a, field.name), getattr(b, field.name))
            _must(same, f"{field.name} differs between two readings", a)


def reads_gzip_alike(case: ReaderCase, tmp_path: Path) -> None:
    """The same content, gzipped or not, gives the same frames, whatever the file is called."""
    if case.not_packed or case.sample.is_dir():
        return
    plain, packed = case.copy(tmp_path / "plain"), case.copy(tmp_path / "packed")
    packed.write_bytes(gzip.compress(case.content()))
    for a, b in _side_by_side(case.reader.read(plain), case.reader.read(packed)):
        _must(geometry_id(a) == geometry_id(b) and same_labels(a, b) and a.tags == b.tags, "gzip changes it", a)


def survives_extxyz(case: ReaderCase, tmp_path: Path) -> None:
    """Written as extended xyz with 5, 6 or 8 decimals and read back, no frame is lost, added or relabelled."""
    frames = case.frames()
    for decimals in (5, 6, 8):
        path = tmp_path / f"{decimals}.xyz"
        write_extxyz(path, frames, decimals)
        again = list(read_frames(path))
        matching = match(frames, again)
        lost = len(matching.dropped) + len(matching.added) + len(matching.relabelled)
        _must(lost == 0, f"{lost} frames lost, added or relabelled through {decimals} decimals")
        for a, b in _side_by_side(frames, again):
            _must(dict(a.tags) == dict(b.tags), "tags change on the way through extended xyz", a)
            _must((a.stress_eV_per_A3 is None) == (b.stress_eV_per_A3 is None), "stress appears or goes", a)


def refuses_half_a_file(case: ReaderCase, tmp_path: Path) -> None:
    """A file cut short is `BadInput` that names the file, never fewer frames without a word."""
    if not case.truncates:
        return
    path = case.copy(tmp_path / "half")
    damaged = _largest(path)
    content = damaged.read_bytes().rstrip()
    last = len(content) if b"\x00" in content else len(content.splitlines()[-1])
    damaged.write_bytes(content[: len(content) - last // 2 - 1])
    _must_refuse(case, path)


def refuses_an_empty_file(case: ReaderCase, tmp_path: Path) -> None:
    """An empty file, or a folder whose largest file is empty, is `BadInput`."""
    path = case.copy(tmp_path / "empty")
    _largest(path).write_bytes(b"")
    _must_refuse(case, path)


def _largest(path: Path) -> Path:
    """Return the file itself, or the largest in a folder, the last by name among equals."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return max(files, key=lambda file: (file.stat().st_size, str(file)))


def _must_refuse(case: ReaderCase, path: Path) -> None:
    try:
        n_frames = len(list(case.reader.read(path)))
    except BadInput as refusal:
        named = Path(refusal.path)
        _must(path in (named, *named.parents), f"BadInput must name the file {path}, names {refusal.path}")
        return
    raise BrokenLaw(f"{case.reader.name} read {n_frames} frames from {path.name} without a word")


def _suffix(case: ReaderCase) -> str:
    return "".join(suffix for suffix in case.sample.suffixes if suffix != ".gz")


LAWS: tuple[Law, ...] = (
    claims_its_sample,
    counts_its_frames,
    gives_proper_arrays,
    symmetric_stress,
    periodic_frames_have_a_volume,
    tags_are_flat,
    reads_as_a_stream,
    reads_the_same_twice,
    reads_gzip_alike,
    survives_extxyz,
    refuses_half_a_file,
    refuses_an_empty_file,
)
