"""The ledger: one SQLite file, written by the holder of the writer lock, read by anybody."""

import sqlite3
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sonde.errors import Locked, SondeError
from sonde.store.failpoints import failpoint
from sonde.store.filesystems import JournalMode, journal_mode_for
from sonde.store.migrations import applied, migrate
from sonde.store.writer_lock import WriterLock

Item = TypeVar("Item")
Row = sqlite3.Row

OLDEST_SQLITE = (3, 34, 0)
"""The first with a trigram index."""
BUSY_TIMEOUT_S = 30.0
CACHE_KIB = 32 * 1024
"""Pages of the ledger in memory: the parts of an index that most questions share."""


class Ledger:
    """A connection to the ledger. It belongs to the thread that opened it.

    Parameters
    ----------
    path : the SQLite file; it must exist unless `create` is set.
    journal_mode : None chooses by the filesystem that holds the file; a rollback journal is kept wherever it is.

    Attributes
    ----------
    batch_rows : rows that one transaction of a stream takes, so few that readers are not kept waiting where there is no
        write-ahead log.
    """

    def __init__(
        self, path: Path, lock: WriterLock, *, journal_mode: JournalMode | None = None, create: bool = False
    ) -> None:
        self.path = path
        self.lock = lock
        self.batch_rows = 500  # until the journal is known
        self._connection = _connect(path, create=create)
        self.close = weakref.finalize(self, _close, self._connection)
        try:
            _set_journal(self._connection, journal_mode or self._journal_mode_here(create=create))
        except sqlite3.DatabaseError as error:
            self.close()
            raise _unreadable(path, error) from error
        if self.journal_mode == "wal":
            self.batch_rows = 5000

    def _journal_mode_here(self, *, create: bool) -> JournalMode:
        # A ledger that once gave up its write-ahead log may be in use over the network: it is not given one again.
        if not create and self.journal_mode == "delete":
            return "DELETE"
        return journal_mode_for(self.path.parent)

    def migrate(self) -> None:
        """Bring an empty or older ledger up to date."""
        with self.lock.held():
            migrate(self._connection)

    @property
    def format(self) -> int:
        """Number of the last migration applied."""
        return applied(self._connection)

    @property
    def journal_mode(self) -> str:
        """The journal in use: wal or delete."""
        return str(self._connection.execute("PRAGMA journal_mode").fetchone()[0])

    @property
    def version(self) -> tuple[int, int]:
        """Differs from what it was before where anybody has written since."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0]), self._connection.total_changes

    def rows(self, query: str, *values: object) -> list[Row]:
        """Read all rows of a query at once, so that no read lock outlives the call."""
        return self._connection.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> Row | None:
        """Read the first row, or None."""
        found: Row | None = self._connection.execute(query, values).fetchone()
        return found

    @contextmanager
    def transaction(self, what: str) -> Iterator[sqlite3.Connection]:
        """Write all of it or nothing, holding the writer lock; `what` names the failpoints around the commit."""
        with self.lock.held():
            self._begin()
            try:
                yield self._connection
                failpoint(f"{what}.written")
                self.lock.require()
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            failpoint(f"{what}.committed")

    def _begin(self) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise Locked(
                f"{self.path} stayed locked for {BUSY_TIMEOUT_S:.0f} s: is another program using it?"
            ) from error

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy of the ledger."""
        target = sqlite3.connect(path)
        try:
            self._connection.backup(target)
        finally:
            target.close()


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut a stream into lists of at most `size` items."""
    stream = iter(items)
    while batch := list(islice(stream, size)):
        yield batch


def placeholders(values: tuple[Any, ...]) -> str:
    """Question marks for a row of values."""
    return ", ".join("?" * len(values))


def _connect(path: Path, *, create: bool) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise SondeError(
            f"sonde needs SQLite 3.34 or newer, this Python has {sqlite3.sqlite_version}: use a newer Python."
        )
    uri = f"{path.resolve().as_uri()}?mode={'rwc' if create else 'rw'}"
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    except sqlite3.OperationalError as error:
        raise _unreadable(path, error) from error
    connection.row_factory = sqlite3.Row
    return connection


def _close(connection: sqlite3.Connection) -> None:
    # The collector of garbage runs in any thread (the lock's heartbeat is one); what it drops, SQLite closes itself.
    with suppress(sqlite3.ProgrammingError):
        connection.close()


def _set_journal(connection: sqlite3.Connection, mode: JournalMode) -> None:
    # Setting the mode that is already there would still take a lock, so ask first.
    if connection.execute("PRAGMA journal_mode").fetchone()[0].upper() != mode:
        connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")


def _unreadable(path: Path, error: sqlite3.Error) -> SondeError:
    if "locked" in str(error):
        return Locked(f"The ledger {path} is in use elsewhere ({error}): try again when that has ended.")
    if path.exists() and any(words in str(error) for words in ("unable to open", "readonly")):
        return SondeError(
            f"The ledger {path} cannot be opened ({error}): reading it takes permission to write in {path.parent}; "
            "ask the project's owner for it (chmod g+w)."
        )
    return SondeError(f"The ledger {path} cannot be opened ({error}): restore it from a backup.")
