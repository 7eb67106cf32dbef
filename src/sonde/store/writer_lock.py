"""One writer at a time: a lock file that says who writes, where, and when it was last alive."""

import fcntl
import getpass
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sonde.errors import Locked, SondeError
from sonde.store.atomic_files import publish
from sonde.store.times import now, time_of, time_text

logger = logging.getLogger(__name__)

STALE_AFTER = timedelta(minutes=10)
"""A writer on another host that gave no sign of life for so long is taken for dead."""
HEARTBEAT_EVERY_S = 20.0


@dataclass(frozen=True)
class Holder:
    """Who holds the lock. process_start and pid_namespace tell a reused pid from the one meant; None is unknown."""

    user: str
    host: str
    pid: int
    process_start: str | None
    pid_namespace: str | None
    since: str
    heartbeat: str

    def __str__(self) -> str:
        return f"{self.user} on {self.host} (pid {self.pid}), since {self.since}, last alive {self.heartbeat}"


class WriterLock:
    """The writer lock of a project; entering it again in the same process only counts.

    Parameters
    ----------
    path : the lock file.
    after_taking : called each time the lock is newly taken, to tidy up after a writer that died.
    """

    def __init__(
        self,
        path: Path,
        *,
        after_taking: Callable[[], None] = lambda: None,
        stale_after: timedelta = STALE_AFTER,
        heartbeat_every_s: float = HEARTBEAT_EVERY_S,
    ) -> None:
        self.path = path
        self.after_taking = after_taking
        self._stale_after = stale_after
        self._heartbeat_every_s = heartbeat_every_s
        self._depth = 0
        self._descriptor = -1
        self._mine: Holder | None = None
        self._stop = threading.Event()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Raises Locked where another process holds it."""
        if self._depth == 0:
            self._take()
        self._depth += 1
        try:
            if self._depth == 1:
                self.after_taking()
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._release()

    def require(self) -> None:
        """Raise Locked if another process took the lock over, having taken this one for dead."""
        if not self._is_ours():
            other = read_holder(self.path)
            raise Locked(f"The writer lock was lost: {other or 'someone removed ' + str(self.path)}. Start again.")

    def _take(self) -> None:
        with self._guard():
            holder = read_holder(self.path)
            if holder is not None:
                self._require_dead(holder)
            mine = this_process()
            publish(self.path, lambda temporary: temporary.write_bytes(_encoded(mine)), "lock")
            self._descriptor = os.open(self.path, os.O_RDWR)
        self._mine = mine
        self._stop = threading.Event()
        # The thread closes a descriptor of its own: this one may be released before it has begun.
        beat = (self._stop, os.dup(self._descriptor), mine)
        threading.Thread(target=self._beat, args=beat, name="sonde-writer-lock", daemon=True).start()

    def _require_dead(self, holder: Holder) -> None:
        if is_alive(holder, self._stale_after):
            raise Locked(
                f"Another process writes to this project: {holder}.\n"
                f"  Wait until it has ended, or stop it. (The lock is {self.path}; a dead writer's lock is taken over.)"
            )
        logger.warning("taking over the writer lock of a process that is gone: %s", holder)

    def _release(self) -> None:
        self._stop.set()
        with self._guard():
            # Another host may have taken the lock over: then it is no longer ours to remove.
            if self._is_ours():
                self.path.unlink()
        os.close(self._descriptor)
        self._descriptor, self._mine = -1, None

    def _is_ours(self) -> bool:
        if self._descriptor < 0:
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), self.path.stat())
        except OSError:
            return False

    def _beat(self, stop: threading.Event, descriptor: int, mine: Holder) -> None:
        """Renew the heartbeat in place: after a takeover this writes to our own, unlinked file and harms nobody."""
        try:
            while not stop.wait(self._heartbeat_every_s):
                os.pwrite(descriptor, _encoded(replace(mine, heartbeat=time_text(now()))), 0)
        except OSError as error:
            logger.warning("the heartbeat of the writer lock %s stopped: %s", self.path, error)
        finally:
            os.close(descriptor)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Let one process at a time judge and change the lock file; the kernel frees this guard if it dies."""
        try:
            guard = self.path.with_suffix(".guard").open("ab")
        except PermissionError as error:
            raise SondeError(
                f"You may not write in {self.path.parent}: ask the project's owner for permission (chmod g+w)."
            ) from error
        with guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            yield


def read_holder(path: Path) -> Holder | None:
    """Who holds the lock, or None where nobody does.

    A lock file that cannot be read (a power cut) counts as held by an unknown host until its own time is too old.
    """
    try:
        text = path.read_bytes()
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
    try:
        return Holder(**json.loads(text))
    except (ValueError, TypeError):
        return Holder("unknown", "unknown", 0, None, None, time_text(written), time_text(written))


def this_process() -> Holder:
    """Describe the running process."""
    time = time_text(now())
    pid = os.getpid()
    return Holder(getpass.getuser(), socket.gethostname(), pid, _process_start(pid), _pid_namespace(), time, time)


def is_alive(holder: Holder, stale_after: timedelta) -> bool:
    """Whether a lock's holder must be taken for alive.

    On this host the process itself is looked for; elsewhere, or in another container, the heartbeat decides.
    """
    if (holder.host, holder.pid_namespace) != (socket.gethostname(), _pid_namespace()):
        return now() - time_of(holder.heartbeat) < stale_after
    if holder.process_start is not None:
        return _process_start(holder.pid) == holder.process_start
    return _pid_exists(holder.pid)


def _process_start(pid: int) -> str | None:
    """Start of a process in clock ticks since boot; None without /proc, without such a process, or for a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else fields[18]


def _pid_namespace() -> str | None:
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - the target is no path
    except OSError:
        return None


def _pid_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _encoded(holder: Holder) -> bytes:
    return json.dumps(asdict(holder)).encode() + b"\n"
