"""Finding, making, refusing and upgrading projects."""

import contextlib
import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from tests.store import laboratory

from sonde.errors import Locked, SondeError, WrongUse
from sonde.records.decisions import Access
from sonde.store import Project
from sonde.store.filesystems import JournalMode, journal_mode_for
from sonde.store.migrations import FORMAT, m001_ledger

MIGRATIONS = {
    "m001_ledger.py": "178e903101504a41363835ef184ed00e8630e5717c43028f54b8376d3552bff9",
    "m002_access.py": "a194b12a23eb800d5efedb851c5fec0a5912b73b9e33c5b7278f9b79ac5abf30",
    "m003_bulk_index.py": "b4f22e1ad5d63d5f55eefed4b237b30ac003af4fbdabbd2525f51a45ddb87fbb",
    "m004_merge_later.py": "6cd7eb82899306c14d51aad0ff4e5dd1f16687609fbe593579e7f0a8748c4b39",
    "m006_identities.py": "31fc12ece0087dc6d1f0d3fc6a59b9dacc22f0e0d69b7bd3c7f77eb2d5c00d97",
    "m007_mentions.py": "9de456a47d16ee31875d081842f408cf3321b65b8ea5ec25b72ad2389e970672",
    "m005_vocabulary.py": "afe319fd913f9d09754457710e591d9da9b346c2133b76020bfd0b602e892c29",
    "m008_linked.py": "aeb75aab3da655d0643c69b21c707fa168983b6045a3cae4e459e940690eb914",
    "m009_text_vectors.py": "1014d00504911c07f4213ded8c83c32c16bc3f80962bece704e836556f0ae52d",
    "m010_gone.py": "362ae48d6813f8f20ee76aebf97427704726628377e7e5a1c74fa6eca82ad5d4",
    "m011_read_again.py": "146b2c6674faed896f27e28b82069c67bbf02ac4bffca1f8f52a3e827d8af23b",
}
"""A released migration is never edited: projects that went through it would differ from those that did not."""


def test_open_walks_up_from_a_folder_below(tmp_path: Path) -> None:
    Project.create(tmp_path).close()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    project = Project.open(below)
    assert project.root == tmp_path
    project.close()


def test_open_without_a_project_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(SondeError, match=r"no sonde project .* run `sonde init`"):
        Project.open(tmp_path)


def test_a_project_that_was_not_made_to_the_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".sonde").mkdir()
    with pytest.raises(SondeError, match="not made to the end: run `sonde init`"):
        Project.open(tmp_path)


def test_create_opens_what_is_there(project: Project) -> None:
    project.potentials.add(laboratory.make_potential())
    again = Project.create(project.root)
    assert again.potentials.names() == ["m"]
    again.close()


@pytest.mark.parametrize(
    ("format_text", "error", "message"),
    [
        (f"{FORMAT + 1}\n", SondeError, "pip install --upgrade"),
        (f"{FORMAT - 1}\n", WrongUse, "run `sonde upgrade`"),
        ("one", SondeError, "must hold one whole number, not 'one'"),
    ],
)
def test_another_format_is_refused(project: Project, format_text: str, error: type[SondeError], message: str) -> None:
    (project.root / ".sonde" / "format").write_text(format_text)
    with pytest.raises(error, match=message):
        Project.open(project.root)


def test_a_newer_ledger_is_refused_whatever_the_format_file_says(project: Project) -> None:
    with project.ledger.transaction("run_row") as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(SondeError, match=f"has format {FORMAT + 1}"):
        Project.open(project.root)


def test_upgrade_from_an_empty_ledger_keeps_a_backup(tmp_path: Path) -> None:
    laboratory.make_older(tmp_path)
    with pytest.raises(WrongUse, match="run `sonde upgrade`"):
        Project.open(tmp_path)
    backup = Project.upgrade(tmp_path)
    assert backup == tmp_path / ".sonde" / "ledger.format-0.db"
    assert backup.exists()
    assert Project.upgrade(tmp_path) is None
    project = Project.open(tmp_path)
    assert project.ledger.format == FORMAT
    assert project.datasets.names() == []
    project.close()


def test_upgrade_from_the_first_format_keeps_what_is_there(tmp_path: Path) -> None:
    Project.create(tmp_path).close()
    ledger, kept = tmp_path / ".sonde" / "ledger.db", laboratory.make_passage(0)
    for path in ledger.parent.glob("ledger.db*"):
        path.unlink()
    with contextlib.closing(sqlite3.connect(ledger)) as old:
        old.executescript(f"{m001_ledger.SCRIPT}; PRAGMA user_version = 1")
        row = ("chat", kept.anchor, kept.text, kept.kind, None, str(kept.time), kept.thread, None, "public")
        old.execute(
            "INSERT INTO passages (source, anchor, text, kind, author, time, thread, title, visibility) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        old.execute("INSERT INTO sources VALUES ('chat', 'slack', 'export.zip', '2024-05-01T12:00:00+00:00', 'ab')")
        old.commit()
    (ledger.parent / "format").write_text("1\n")
    assert Project.upgrade(tmp_path) == ledger.parent / "ledger.format-1.db"
    project = Project.open(tmp_path)
    assert list(project.passages.all()) == [replace(kept, source="chat")]
    added = replace(kept, anchor="slack:a/9.9", text="ENCUT stays 520 eV")
    assert project.passages.add("chat", [kept, added]) == 1
    assert project.passages.search("ENCUT stays", limit=9)[0][0].anchor == added.anchor
    assert project.passages.search(kept.text, limit=9)
    assert project.passages.search("ord0", limit=9, trigram=True)[0][0].anchor == kept.anchor
    assert project.sources.row("chat").access == Access()
    project.close()


def test_upgrade_refuses_a_newer_project(project: Project) -> None:
    (project.root / ".sonde" / "format").write_text(f"{FORMAT + 1}\n")
    with pytest.raises(SondeError, match="pip install --upgrade"):
        Project.upgrade(project.root)


@pytest.mark.parametrize("content", [None, b"this is no database, however long one looks at it" * 100])
def test_a_ledger_that_is_gone_or_damaged_is_said(tmp_path: Path, content: bytes | None) -> None:
    Project.create(tmp_path, journal_mode="DELETE").close()
    ledger = tmp_path / ".sonde" / "ledger.db"
    ledger.unlink()
    if content is not None:
        ledger.write_bytes(content)
    with pytest.raises(SondeError, match=r"cannot be opened .* restore it from a backup"):
        Project.open(tmp_path)


def test_the_journal_follows_the_filesystem(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    assert project.ledger.journal_mode.upper() == journal_mode_for(tmp_path)
    project.close()


def test_a_project_that_moves_to_a_network_filesystem_loses_nothing(tmp_path: Path) -> None:
    laboratory.write_everything(tmp_path, "WAL")
    moved = Project.open(tmp_path, journal_mode="DELETE")
    assert moved.ledger.journal_mode == "delete"
    moved.close()
    laboratory.assert_everything(tmp_path)
    back = Project.open(tmp_path)
    assert back.ledger.journal_mode == "delete", "another host may have it open"
    back.close()


def test_a_ledger_in_use_keeps_its_journal(project: Project) -> None:
    other: JournalMode = "DELETE" if project.ledger.journal_mode == "wal" else "WAL"
    with project.ledger.transaction("run_row") as connection:
        connection.execute("DELETE FROM runs")
        with pytest.raises(Locked, match="is in use elsewhere"):
            Project.open(project.root, journal_mode=other)


@contextmanager
def another_user() -> Iterator[None]:
    """Be somebody whom permissions bind, also where the tests run as root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_project_that_one_may_only_read(folder: Path, mode: JournalMode) -> None:
    project = Project.create(folder, journal_mode=mode)
    project.datasets.add("raw", laboratory.make_frames())
    project.close()
    for path in (folder, folder / ".sonde", folder / ".sonde" / "writer.guard"):
        path.chmod(0o555)
    try:
        with another_user():
            if mode == "WAL":
                with pytest.raises(SondeError, match=r"takes permission to write in .* \(chmod g\+w\)"):
                    Project.open(folder)
            else:
                read_but_not_written(folder)
    finally:
        (folder / ".sonde").chmod(0o755)
        folder.chmod(0o755)


def read_but_not_written(folder: Path) -> None:
    project = Project.open(folder)
    laboratory.assert_frames(project, "raw", laboratory.N_FRAMES)
    with pytest.raises(SondeError, match="You may not write in"):
        project.runs.start("train", {})
    project.close()


def test_importing_the_store_imports_nothing_heavy() -> None:
    check = "import sonde.store, sys; print([m for m in ('pyarrow', 'ase', 'scipy', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_released_migrations_are_as_they_were() -> None:
    folder = resources.files("sonde.store.migrations")
    steps = [path for path in folder.iterdir() if path.name.startswith("m0")]
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in steps}
    assert found == MIGRATIONS
    assert len(found) == FORMAT
