"""SIGKILL at every named place and at random ones: a second call leaves everything there exactly once."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.store import laboratory

from sonde.store import Project
from sonde.store.failpoints import FAILPOINTS, failpoint
from sonde.store.filesystems import JournalMode

MODES: tuple[JournalMode, JournalMode] = ("WAL", "DELETE")
REPEATED = tuple(name for name in FAILPOINTS if name.startswith(("lock.", "shard", "passages.")))
"""Passed several times in a session, so killed at a later pass too."""


class Sessions:
    """Runs sessions of the laboratory in processes that are forked from a small one."""

    def __init__(self, server: "subprocess.Popen[str]") -> None:
        assert server.stdin is not None
        assert server.stdout is not None
        self._orders, self._answers = server.stdin, server.stdout

    def run(
        self, session: str, root: Path, failpoint: str, mode: JournalMode, kill_after_s: float | None = None
    ) -> int:
        """Return the exit code of one session; negative is a signal."""
        order = {"session": session, "root": str(root), "failpoint": failpoint, "journal_mode": mode}
        self._orders.write(json.dumps(order) + "\n")
        self._orders.flush()
        pid = int(self._answers.readline())
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return int(self._answers.readline())


@pytest.fixture(scope="module")
def sessions() -> Iterator[Sessions]:
    command = [sys.executable, laboratory.__file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        yield Sessions(server)
        assert server.stdin is not None
        server.stdin.close()


@pytest.mark.parametrize("place", [f"{name}:1" for name in FAILPOINTS if not name.startswith("backup")])
def test_killed_at_a_named_place(sessions: Sessions, folder: Path, place: str) -> None:
    mode = MODES[len(place) % 2]
    assert sessions.run("write_everything", folder, place, mode) == -signal.SIGKILL, (
        "the session never came by this place"
    )
    laboratory.write_everything(folder, mode)
    laboratory.assert_everything(folder)


@pytest.mark.parametrize("place", [f"{name}:3" for name in REPEATED])
def test_killed_at_a_later_pass(sessions: Sessions, folder: Path, place: str) -> None:
    assert sessions.run("write_everything", folder, place, "WAL") == -signal.SIGKILL
    laboratory.write_everything(folder, "WAL")
    laboratory.assert_everything(folder)


@pytest.mark.parametrize(
    "name", [name for name in FAILPOINTS if name.startswith(("backup", "migration", "format", "lock"))]
)
def test_killed_while_upgrading(sessions: Sessions, folder: Path, name: str) -> None:
    laboratory.make_older(folder)
    assert sessions.run("upgrade", folder, f"{name}:1", "WAL") == -signal.SIGKILL
    laboratory.upgrade(folder, "WAL")
    with contextlib.closing(sqlite3.connect(folder / ".sonde" / "ledger.format-0.db")) as backup:
        assert backup.execute("PRAGMA user_version").fetchone() == (0,), "the backup is of the upgraded ledger"
    laboratory.write_everything(folder)
    laboratory.assert_everything(folder)


@pytest.mark.parametrize("seed", range(20))
def test_killed_at_random(sessions: Sessions, folder: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mode = MODES[seed % 2]
    for _ in range(int(rng.integers(1, 4))):
        place = f"{rng.choice(REPEATED)}:{rng.integers(1, 20)}"
        delay_s = rng.uniform(0, 0.4) if rng.random() < 0.7 else None
        sessions.run("write_everything", folder, place, mode, delay_s)
    laboratory.write_everything(folder, mode)
    laboratory.assert_everything(folder)


def test_kill_between_import_and_resumption_skips_what_is_stored(sessions: Sessions, folder: Path) -> None:
    # The third pass is the second shard of `raw`, after the one of `scrap`: two shards are committed.
    sessions.run("write_everything", folder, "shard_row.committed:3", "WAL")
    project = Project.open(folder)
    assert project.datasets.names() == []
    query = "SELECT number, n_bytes FROM shards"
    stored = [tuple(row) for row in project.ledger.rows(query)]
    assert len(stored) == 2
    inode = project.lake.shard_path(2, 1).stat().st_ino
    project.lake.shard_frames = laboratory.SHARD_FRAMES
    project.datasets.add("raw", laboratory.make_frames(), sources=laboratory.SOURCES)
    assert project.lake.shard_path(2, 1).stat().st_ino == inode, "a committed shard was written again"
    laboratory.assert_frames(project, "raw", laboratory.N_FRAMES)


def test_unknown_failpoint_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONDE_FAILPOINT", "shard.writen:1")
    with pytest.raises(ValueError, match=r"asked for 'shard\.writen'"):
        failpoint("shard.written")
