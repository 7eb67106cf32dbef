"""What the tests of the store write: frames and passages that are the same in every process, and whole sessions."""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from sonde.records.decisions import Change, Link, Passage
from sonde.records.frames import Frame
from sonde.records.potentials import ForceResiduals, PotentialIdentity, RegisteredPotential
from sonde.store import Project, SourceFile
from sonde.store.filesystems import JournalMode

N_FRAMES = 23
N_PASSAGES = 53
BATCH_ROWS = 20
SHARD_FRAMES = 5
SOURCES = (SourceFile("raw.xyz", 100, "ab" * 32),)
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def make_frame(ordinal: int) -> Frame:
    """A frame that its ordinal determines, with labels that are missing now and then."""
    rng = np.random.default_rng(ordinal)
    n_atoms = int(rng.integers(1, 7))
    return Frame(
        numbers=rng.integers(1, 90, n_atoms),
        positions=rng.normal(size=(n_atoms, 3)),
        cell=3 * np.eye(3),
        pbc=np.array([True, True, ordinal % 2 == 0]),
        energy_eV=None if ordinal % 5 == 0 else float(rng.normal()),
        forces_eV_per_A=None if ordinal % 7 == 0 else rng.normal(size=(n_atoms, 3)),
        stress_eV_per_A3=rng.normal(size=(3, 3)) if ordinal % 3 == 0 else None,
        tags={"config_type": f"type {ordinal % 4}", "scf_converged": True, "index": ordinal, "weight": 0.1 * ordinal},
        source_file=None if ordinal == 3 else "raw.xyz",
        ordinal=ordinal,
    )


def make_frames(n_frames: int = N_FRAMES) -> Iterator[Frame]:
    return (make_frame(ordinal) for ordinal in range(n_frames))


def make_passage(i: int, source: str = "chat") -> Passage:
    return Passage(
        anchor=f"slack:curation/{i}",
        text=f"message {i}: the force_cutoff stays at {i % 50} eV/Å, word{i}",
        kind="slack",
        author=None if i % 3 == 0 else "Asel",
        time=NOON + timedelta(seconds=i),
        thread=f"thread {i // 10}",
        source=source,
    )


def make_change(i: int, source: str = "repository") -> Change:
    commit = hashlib.sha1(str(i).encode()).hexdigest()
    return Change("force_cutoff", str(i), str(i + 1), "eV/Å", commit, "curate.yaml", i, "Asel", NOON, "Tighten", source)


def make_links() -> list[Link]:
    return [Link(f"slack:curation/{i}", i, 0.5 + i / 100, ("same value", "same day")) for i in range(4)]


def make_potential() -> RegisteredPotential:
    identity = PotentialIdentity("mace", "cd" * 32, None, "float64", (3, 12, 13), 5.0, 10.0, "products, scalars, 32")
    residuals = ForceResiduals(10, 320, 0.1 + 0.2, 0.05, None, -1.5)
    return RegisteredPotential("m", identity, "m.model", "raw", "2024-05-01", residuals, {3: -0.29, 12: None}, False)


def write_everything(root: Path, journal_mode: JournalMode | None = None) -> None:
    """Write some of everything; what an earlier, killed call has written is taken as it is."""
    project = Project.create(root, journal_mode=journal_mode)
    project.lake.shard_frames = SHARD_FRAMES
    project.ledger.batch_rows = BATCH_ROWS
    if "raw" not in project.datasets.names():
        _write_and_remove_scrap(project)
    project.datasets.add("raw", make_frames(), sources=SOURCES)
    project.datasets.add("train", make_frames(7), child_of="raw", sources=SOURCES)
    project.sources.add("chat", kind="slack", path="export", fingerprint="1")
    project.passages.add("chat", (make_passage(i) for i in range(N_PASSAGES)))
    project.changes.add("repository", (make_change(i) for i in range(4)))
    project.links.replace(make_links())
    project.links.set_status("slack:curation/2", 2, "confirmed")
    _write_small_things(project)
    project.close()


def _write_and_remove_scrap(project: Project) -> None:
    """A dataset and a source that come and go."""
    project.datasets.add("scrap", make_frames(3), sources=SOURCES)
    project.passages.add("scrap", [make_passage(0, "scrap")])
    project.passages.remove("scrap")
    project.datasets.remove("scrap")


def _write_small_things(project: Project) -> None:
    project.potentials.add(make_potential())
    if project.artifacts.get("probe", "m") is None:
        project.artifacts.put("probe", "m", b"first", {"version": 1})
    project.artifacts.put("probe", "m", b"second", {"version": 2})
    project.embeddings.put("k", {"embeddings": np.ones((4, 2)), "energies": np.arange(4.0)})
    run = project.runs.start("train", {"seed": 1})
    project.runs.close(run, "done", {"loss": 0.5})
    project.potentials.remove("m")
    project.potentials.add(make_potential())


def upgrade(root: Path, journal_mode: JournalMode | None = None) -> None:
    """Upgrade a project made by `make_older`, or go on with it."""
    Project.upgrade(root, journal_mode=journal_mode)


def make_older(root: Path) -> None:
    """A project as a sonde before the first migration would have left it: an empty ledger, format 0."""
    folder = root / ".sonde"
    for part in ("frames", "embeddings", "artifacts"):
        (folder / "lake" / part).mkdir(parents=True)
    (folder / "ledger.db").touch()
    (folder / "format").write_text("0\n")


SESSIONS = {"write_everything": write_everything, "upgrade": upgrade}


def serve() -> None:
    """Fork a process per line of stdin, so that none has to import anything anew; answer with its pid and its end."""
    # The first session in a process costs more than all that follow: this one is for all of them.
    with tempfile.TemporaryDirectory() as folder:
        write_everything(Path(folder))
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.environ["SONDE_FAILPOINT"] = order["failpoint"]
            SESSIONS[order["session"]](Path(order["root"]), order["journal_mode"])
            os._exit(0)
        _answer(pid)
        _answer(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def assert_same_frame(found: Frame, expected: Frame) -> None:
    """Equal bit by bit, types included."""
    for field in fields(Frame):
        a, b = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(b, np.ndarray):
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, np.ascontiguousarray(b).tobytes()), field.name
        else:
            assert (type(a), repr(a)) == (type(b), repr(b)), field.name


def assert_frames(project: Project, name: str, n_frames: int) -> None:
    """Every frame once and in order."""
    found = list(project.datasets.frames(name))
    assert len(found) == n_frames == project.datasets.row(name).n_frames
    for frame, expected in zip(found, make_frames(n_frames), strict=True):
        assert_same_frame(frame, expected)


def assert_everything(root: Path) -> None:
    """What `write_everything` writes is there, once, and nothing else is."""
    project = Project.open(root)
    with project.writing():
        pass
    assert project.datasets.names() == ["raw", "train"]
    assert_frames(project, "raw", N_FRAMES)
    assert_frames(project, "train", 7)
    assert list(project.passages.all()) == [make_passage(i) for i in range(N_PASSAGES)]
    assert_index_in_step(project)
    assert project.changes.all() == [make_change(i) for i in range(4)]
    expected = [replace(link, status="confirmed") if link.change == 2 else link for link in make_links()]
    assert sorted(project.links.all(), key=lambda link: link.change) == expected
    assert project.potentials.get("m") == make_potential()
    assert project.artifacts.get("probe", "m") == (b"second", {"version": 2})
    embeddings = project.embeddings.get("k")
    assert embeddings is not None
    assert np.array_equal(embeddings["energies"], np.arange(4.0))
    assert_no_orphans(project)
    project.close()


def assert_index_in_step(project: Project) -> None:
    """Both full-text tables say of themselves that they fit the passages."""
    with project.ledger.transaction("passages") as connection:
        for table in ("passage_words", "word_pieces"):
            connection.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")


def assert_no_orphans(project: Project) -> None:
    """Every file of the project is one that the ledger knows."""
    rows = project.ledger.rows("SELECT dataset_id, number FROM shards")
    shards = {project.lake.shard_path(row["dataset_id"], row["number"]) for row in rows}
    assert set(project.lake.frames_folder.rglob("*.*")) == shards
    assert {path.name for path in project.lake.artifacts_folder.iterdir()} == project.artifacts.contents()
    assert not list((project.root / ".sonde").rglob("*.tmp"))
    assert not (project.root / ".sonde" / "writer.lock").exists()


if __name__ == "__main__":
    serve()
