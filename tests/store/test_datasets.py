"""Datasets: what goes in comes out, an import is all or nothing, and it goes on after an interruption."""

import gc
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ase
import ase.io
import numpy as np
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.store import laboratory
from tests.store.laboratory import SOURCES, make_frame, make_frames

from sonde.errors import BadInput, NotFound, SondeError, WrongUse
from sonde.records.arrays import AnyArray
from sonde.records.frames import Frame
from sonde.store import DatasetRow, Project, SourceFile
from sonde.store.frame_shards import read_frames, write_frames

OTHER_SOURCES = (SourceFile("raw.xyz", 100, "ef" * 32),)
any_float = st.floats(width=64)
tags = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | any_float | st.text(), max_size=4)


def floats(*shape: int) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.float64, shape, elements=any_float)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    n = draw(st.integers(0, 4))
    return Frame(
        numbers=draw(hnp.arrays(np.int64, n, elements=st.integers(0, 118))),
        positions=draw(floats(n, 3)),
        cell=draw(floats(3, 3)),
        pbc=draw(hnp.arrays(np.bool_, 3)),
        energy_eV=draw(st.none() | any_float),
        forces_eV_per_A=draw(st.none() | floats(n, 3)),
        stress_eV_per_A3=draw(st.none() | floats(3, 3)),
        tags=draw(tags),
        source_file=draw(st.none() | st.text() | st.just("caf\udce9.xyz")),
    )


@given(st.lists(frames(), min_size=1, max_size=6), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_frames_come_back_bit_by_bit(written: list[Frame], first: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shard.parquet"
        write_frames(path, written, first)
        found = list(read_frames(path, len(written)))
    for i, (a, b) in enumerate(zip(found, written, strict=True)):
        laboratory.assert_same_frame(a, b.numbered(first + i))


def test_real_frames_come_back_bit_by_bit(folder: Path, shared_data: Path) -> None:
    path = shared_data / "ni_o" / "ni_o.xyz"
    project = Project.create(folder)
    frames = [frame_of(atoms, i) for i, atoms in enumerate(ase.io.iread(path, index=":"))]
    project.datasets.add("ni_o", iter(frames), sources=[SourceFile.of(path)])
    assert len(frames) == 87
    for found, frame in zip(project.datasets.frames("ni_o"), frames, strict=True):
        laboratory.assert_same_frame(found, frame)
    project.close()


def frame_of(atoms: ase.Atoms, ordinal: int) -> Frame:
    scalars = {name: np.asarray(value).item() for name, value in atoms.info.items() if np.ndim(value) == 0}
    numbers, positions = atoms.numbers.astype(np.int64), atoms.positions
    return Frame(numbers, positions, atoms.cell.array, atoms.pbc, tags=scalars, source_file="ni_o.xyz", ordinal=ordinal)


def test_arrays_of_other_types_and_layouts_come_back_as_records_want_them(tmp_path: Path) -> None:
    positions: AnyArray = np.arange(12, dtype=np.float32).reshape(3, 4).T
    numbers: AnyArray = np.array([1, 2, 3, 4], np.uint8)
    tag: Any = np.int64(3)
    frame = Frame(numbers, positions, np.eye(3), np.zeros(3, bool), tags={"n": tag})
    write_frames(tmp_path / "f", [frame], 0)
    (found,) = read_frames(tmp_path / "f", 1)
    assert (found.positions.dtype.name, found.numbers.dtype.name) == ("float64", "int64")
    assert np.array_equal(found.positions, positions)
    assert found.tags == {"n": 3}
    assert found.positions.flags.writeable
    assert found.positions.base is None


def test_tags_that_are_no_scalars_are_refused(tmp_path: Path) -> None:
    frame = Frame(np.array([1]), np.zeros((1, 3)), np.eye(3), np.zeros(3, bool), tags={"info": {1, 2}})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="a tag must be text, a number, true, false or null, not set"):
        write_frames(tmp_path / "f", [frame], 0)


def test_frames_are_numbered_anew_over_shards(project: Project) -> None:
    project.lake.shard_frames = 4
    row = project.datasets.add("raw", (make_frame(i).numbered(0) for i in range(11)), sources=SOURCES)
    assert row == DatasetRow("raw", None, 11, row.created, SOURCES)
    assert row == project.datasets.row("raw")
    laboratory.assert_frames(project, "raw", 11)
    assert len(list(project.lake.frames_folder.rglob("*.parquet"))) == 3


def test_a_child_can_be_cut_from_its_parent_while_that_is_read(project: Project) -> None:
    project.datasets.add("raw", make_frames())
    kept = (frame for frame in project.datasets.frames("raw") if frame.ordinal < 7)
    row = project.datasets.add("train", kept, child_of="raw")
    assert (row.child_of, row.n_frames) == ("raw", 7)
    assert project.datasets.names() == ["raw", "train"]


def failing(n_frames: int, error: BaseException) -> Iterator[Frame]:
    yield from make_frames(n_frames)
    raise error


@pytest.mark.parametrize("n_frames", [0, 3, 9])
def test_bad_input_leaves_the_project_as_it_was(project: Project, n_frames: int) -> None:
    project.lake.shard_frames = 4
    project.datasets.add("raw", make_frames())
    problem = BadInput("x.xyz", "frame 9", "no lattice", "give one.")
    with pytest.raises(BadInput, match="frame 9"):
        project.datasets.add("train", failing(n_frames, problem), child_of="raw", sources=SOURCES)
    assert project.datasets.names() == ["raw"]
    assert project.ledger.rows("SELECT * FROM datasets WHERE name = 'train'") == []
    laboratory.assert_no_orphans(project)


def test_interrupted_import_is_invisible_and_goes_on(project: Project) -> None:
    project.lake.shard_frames = 4
    with pytest.raises(KeyboardInterrupt):
        project.datasets.add("raw", failing(9, KeyboardInterrupt()), sources=SOURCES)
    assert project.datasets.names() == []
    with pytest.raises(NotFound, match="No dataset is called 'raw'"):
        project.datasets.frames("raw")
    stamps = [path.stat().st_mtime_ns for path in sorted(project.lake.frames_folder.rglob("*.parquet"))]
    assert len(stamps) == 2
    project.datasets.add("raw", make_frames(), sources=SOURCES)
    again = [path.stat().st_mtime_ns for path in sorted(project.lake.frames_folder.rglob("*.parquet"))]
    assert again[:2] == stamps
    laboratory.assert_frames(project, "raw", laboratory.N_FRAMES)


def test_what_an_interrupted_import_left_can_be_removed(project: Project) -> None:
    project.lake.shard_frames = 4
    with pytest.raises(KeyboardInterrupt):
        project.datasets.add("raw", failing(9, KeyboardInterrupt()), sources=SOURCES)
    project.datasets.remove("raw")
    laboratory.assert_no_orphans(project)
    assert project.datasets.unfinished_imports() == {}


@pytest.mark.parametrize("sources", [OTHER_SOURCES, ()])
def test_import_of_other_sources_starts_anew(project: Project, sources: tuple[SourceFile, ...]) -> None:
    project.lake.shard_frames = 4
    with pytest.raises(KeyboardInterrupt):
        project.datasets.add("raw", failing(9, KeyboardInterrupt()), sources=sources and SOURCES)
    others = [make_frame(i + 100) for i in range(6)]
    project.datasets.add("raw", others, sources=sources)
    assert [frame.tags["index"] for frame in project.datasets.frames("raw")] == list(range(100, 106))
    laboratory.assert_no_orphans(project)


def test_import_by_another_version_starts_anew(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.lake.shard_frames = 4
    with pytest.raises(KeyboardInterrupt):
        project.datasets.add("raw", failing(9, KeyboardInterrupt()), sources=SOURCES)
    monkeypatch.setattr("sonde.__version__", "999")
    project.datasets.add("raw", make_frames(6), sources=SOURCES)
    laboratory.assert_frames(project, "raw", 6)


def test_fewer_frames_than_are_stored_already_end_the_import(project: Project) -> None:
    project.lake.shard_frames = 4
    with pytest.raises(KeyboardInterrupt):
        project.datasets.add("raw", failing(9, KeyboardInterrupt()), sources=SOURCES)
    with pytest.raises(SondeError, match="stored 8 frames, but only 5 came now"):
        project.datasets.add("raw", make_frames(5), sources=SOURCES)
    laboratory.assert_no_orphans(project)


def test_same_sources_again_are_taken_as_done(project: Project) -> None:
    first = project.datasets.add("raw", make_frames(), sources=SOURCES)
    moved = [SourceFile("elsewhere/raw.xyz", 100, "ab" * 32)]
    assert project.datasets.add("raw", iter(()), sources=moved) == first


@pytest.mark.parametrize(("sources", "child_of"), [(OTHER_SOURCES, None), ((), None), (SOURCES, "pool")])
def test_a_name_is_given_once(project: Project, sources: tuple[SourceFile, ...], child_of: str | None) -> None:
    project.datasets.add("pool", make_frames(2))
    project.datasets.add("raw", make_frames(), sources=SOURCES)
    with pytest.raises(WrongUse, match="take another name, or remove it first"):
        project.datasets.add("raw", make_frames(3), sources=sources, child_of=child_of)
    laboratory.assert_frames(project, "raw", laboratory.N_FRAMES)


def test_unknown_parent_and_empty_import_are_refused(project: Project) -> None:
    project.datasets.add("raw_pool", make_frames(2))
    with pytest.raises(NotFound, match="did you mean 'raw_pool'"):
        project.datasets.add("train", make_frames(), child_of="raw_pol")
    with pytest.raises(BadInput, match="there are no frames"):
        project.datasets.add("train", iter(()))
    assert project.datasets.names() == ["raw_pool"]
    laboratory.assert_no_orphans(project)


def test_remove_takes_the_shards_and_spares_parents(project: Project) -> None:
    project.datasets.add("raw", make_frames())
    project.datasets.add("train", make_frames(3), child_of="raw")
    with pytest.raises(WrongUse, match="'train' is a child of 'raw'"):
        project.datasets.remove("raw")
    project.datasets.remove("train")
    project.datasets.remove("raw")
    assert list(project.lake.frames_folder.iterdir()) == []
    with pytest.raises(NotFound, match="none yet"):
        project.datasets.remove("raw")


def test_a_missing_or_cut_shard_is_said(project: Project) -> None:
    project.datasets.add("raw", make_frames())
    (shard,) = project.lake.frames_folder.rglob("*.parquet")
    write_frames(shard, list(make_frames(3)), 0)
    with pytest.raises(SondeError, match="3 frames instead of 23"):
        list(project.datasets.frames("raw"))
    shard.write_bytes(shard.read_bytes()[:50])
    with pytest.raises(SondeError, match="not as it was written"):
        list(project.datasets.frames("raw"))
    shard.unlink()
    with pytest.raises(SondeError, match="not as it was written"):
        list(project.datasets.frames("raw"))


def test_orphans_are_swept_by_the_next_writer_and_strangers_are_left(project: Project) -> None:
    project.datasets.add("raw", make_frames())
    lake = project.lake
    orphans = [
        lake.shard_path(1, 0).with_name("000000.parquet.77.tmp"),
        lake.shard_path(99, 0),
        lake.embeddings_folder / "k.parquet.77.tmp",
        lake.artifacts_folder / ("ab" * 32),
        project.root / ".sonde" / "format.77.tmp",
    ]
    strangers = [lake.frames_folder / "README", lake.artifacts_folder / "README", project.root / "notes.tmp"]
    for path in (*orphans, *strangers):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    with project.writing():
        pass
    assert [path for path in orphans[1:] if path.exists()] == []
    assert all(path.exists() for path in strangers)
    laboratory.assert_frames(project, "raw", laboratory.N_FRAMES)


def peak_bytes(project: Project, name: str, n_frames: int) -> int:
    """Most memory that importing and reading a dataset takes, Python's and Arrow's."""
    gc.collect()
    usual = pyarrow.default_memory_pool()
    pool = pyarrow.proxy_memory_pool(usual)
    pyarrow.set_memory_pool(pool)
    tracemalloc.start()
    try:
        project.datasets.add(name, make_frames(n_frames))
        assert sum(1 for _ in project.datasets.frames(name)) == n_frames
        return tracemalloc.get_traced_memory()[1] + pool.max_memory()
    finally:
        tracemalloc.stop()
        pyarrow.set_memory_pool(usual)


@pytest.mark.parametrize(("shard_frames", "grows"), [(50, False), (10_000, True)])
def test_memory_follows_the_shard_and_not_the_dataset(folder: Path, shard_frames: int, grows: bool) -> None:
    project = Project.create(folder)
    project.lake.shard_frames = shard_frames
    peak_bytes(project, "warm", 100)
    growth = peak_bytes(project, "large", 1000) / peak_bytes(project, "small", 100)
    assert growth > 3 if grows else growth < 1.5
    project.close()


def test_source_file_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert SourceFile.of(path) == SourceFile(str(path), 3, known)
