"""One writer at a time, over real processes."""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.store import laboratory
from tests.store.laboratory import make_passage

from sonde.errors import Locked
from sonde.store import Project
from sonde.store.times import now, time_text
from sonde.store.writer_lock import Holder, WriterLock, is_alive, read_holder, this_process

WRITER = """
import sys
from sonde.store import Project
project = Project.open(sys.argv[1])
with project.writing():
    print("writing", flush=True)
    sys.stdin.readline()
    project.runs.start("other", {})
"""
AMID_A_TRANSACTION = """
import sys
from sonde.store import Project
project = Project.open(sys.argv[1])
with project.ledger.transaction("run_row") as connection:
    connection.execute("DELETE FROM passages")
    print("writing", flush=True)
    sys.stdin.readline()
"""
COUNTER = """
import pathlib, sys, time
from sonde.errors import Locked
from sonde.store import Project, writer_lock

def slowly():  # runs between looking at the lock and taking it
    time.sleep(0.01)
    return this_process()

this_process, writer_lock.this_process = writer_lock.this_process, slowly
project = Project.open(sys.argv[1])
counter = pathlib.Path(sys.argv[1], "counter")
n_written = 0
print("ready", flush=True)
sys.stdin.readline()
while n_written < 5:
    try:
        with project.writing():
            count = int(counter.read_text())
            time.sleep(0.01)
            counter.write_text(str(count + 1))
            n_written += 1
    except Locked:
        time.sleep(0.005)
"""


@contextlib.contextmanager
def other_writer(root: Path, script: str = WRITER) -> Iterator["subprocess.Popen[str]"]:
    """A second process that holds the lock until it is sent a line."""
    command = [sys.executable, "-c", script, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        try:
            yield process
        finally:
            process.kill()


def lock_path(project: Project) -> Path:
    return project.root / ".sonde" / "writer.lock"


def leave_lock(project: Project, holder: Holder) -> None:
    lock_path(project).write_text(json.dumps(asdict(holder)))


def test_second_writer_is_refused_by_name_and_readers_go_on(project: Project) -> None:
    project.datasets.add("raw", laboratory.make_frames())
    with other_writer(project.root) as other:
        holder = this_process()
        named = rf"{holder.user} on {holder.host} \(pid {other.pid}\)"
        with pytest.raises(Locked, match=named), project.writing():
            pass
        with pytest.raises(Locked, match=named):
            project.datasets.add("more", laboratory.make_frames())
        with pytest.raises(Locked, match=named):
            project.embeddings.put("k", {})
        laboratory.assert_frames(project, "raw", laboratory.N_FRAMES)
        other.communicate("go\n")
        assert other.returncode == 0
    assert [run.kind for run in project.runs.all()] == ["other"]
    project.datasets.add("more", laboratory.make_frames())


def test_readers_go_on_while_another_process_is_amid_a_transaction(project: Project) -> None:
    project.passages.add("chat", [make_passage(0)])
    with other_writer(project.root, AMID_A_TRANSACTION) as other:
        assert list(project.passages.all()) == [make_passage(0)]
        other.communicate("go\n")
    assert list(project.passages.all()) == []


def test_processes_that_race_for_a_dead_writers_lock_take_turns(folder: Path) -> None:
    project = Project.create(folder)
    (project.root / "counter").write_text("0")
    leave_lock(project, replace(this_process(), process_start="1"))
    command = [sys.executable, "-c", COUNTER, str(project.root)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as stack:
        racers = [stack.enter_context(subprocess.Popen(command, **pipes)) for _ in range(3)]  # type: ignore[call-overload]
        assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 3
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        assert [racer.wait() for racer in racers] == [0, 0, 0]
    assert (project.root / "counter").read_text() == "15"


def test_lock_of_a_killed_writer_is_taken_over_and_said(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    with other_writer(project.root) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert lock_path(project).exists()
        with caplog.at_level(logging.WARNING), project.writing():
            holder = read_holder(lock_path(project))
            assert holder is not None
            assert holder.pid == os.getpid()
    assert f"taking over the writer lock of a process that is gone: {this_process().user}" in caplog.text
    assert not lock_path(project).exists()


def test_a_pid_given_to_another_process_is_not_taken_for_the_writer(project: Project) -> None:
    leave_lock(project, replace(this_process(), process_start="1"))
    with project.writing():
        pass


@pytest.mark.parametrize(("minutes", "alive"), [(1, True), (9, True), (11, False)])
def test_on_another_host_the_heartbeat_decides(project: Project, minutes: int, alive: bool) -> None:
    beat = time_text(now() - timedelta(minutes=minutes))
    leave_lock(project, replace(this_process(), host="node17", pid=1, heartbeat=beat))
    if alive:
        with pytest.raises(Locked, match=r"on node17 \(pid 1\)"), project.writing():
            pass
    else:
        with project.writing():
            pass


def test_in_another_container_of_this_host_the_heartbeat_decides() -> None:
    elsewhere = replace(this_process(), pid_namespace="pid:[1]", pid=2**22 + 1, process_start="1")
    assert is_alive(elsewhere, timedelta(minutes=10))
    assert not is_alive(replace(elsewhere, heartbeat=time_text(now() - timedelta(hours=1))), timedelta(minutes=10))


def test_without_process_times_the_pid_decides() -> None:
    mine = replace(this_process(), process_start=None)
    assert is_alive(mine, timedelta(0))
    assert not is_alive(replace(mine, pid=2**22 + 1), timedelta(0))


def test_lock_file_of_a_power_cut_holds_until_it_is_old(project: Project) -> None:
    lock_path(project).write_bytes(b"\0" * 40)
    with pytest.raises(Locked, match="unknown on unknown"), project.writing():
        pass
    an_hour_ago = time.time() - 3600
    os.utime(lock_path(project), (an_hour_ago, an_hour_ago))
    with project.writing():
        pass


def test_lock_is_counted_within_a_process_and_freed_at_the_end(project: Project) -> None:
    with project.writing():
        with project.writing():
            project.runs.start("a", {})
        assert lock_path(project).exists()
        with pytest.raises(Locked, match=f"pid {os.getpid()}"), Project.open(project.root).writing():
            pass
    assert not lock_path(project).exists()
    with pytest.raises(ZeroDivisionError), project.writing():
        raise ZeroDivisionError
    assert not lock_path(project).exists()


def test_a_writer_whose_lock_was_taken_over_writes_no_more(project: Project) -> None:
    with project.writing():
        lock_path(project).unlink()
        leave_lock(project, replace(this_process(), host="node17"))
        with pytest.raises(Locked, match=r"lock was lost: .* on node17"):
            project.runs.start("a", {})
    assert project.runs.all() == []
    assert lock_path(project).exists(), "another's lock was removed"


def test_heartbeat_is_renewed_in_a_file_of_the_same_length(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path / "lock", heartbeat_every_s=0.02)
    with lock.held():
        first = (tmp_path / "lock").read_bytes()
        deadline = time.monotonic() + 10
        while (later := (tmp_path / "lock").read_bytes()) == first and time.monotonic() < deadline:
            time.sleep(0.01)
    assert len(later) == len(first)
    assert json.loads(later)["heartbeat"] > json.loads(first)["heartbeat"]
    assert json.loads(later)["host"] == socket.gethostname()
