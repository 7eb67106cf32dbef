"""What came by before: keys of exports larger than memory, the most of them in a temporary file."""

import sqlite3
from collections.abc import Iterable

AT_HAND = 100_000
"""Keys in memory; an export that has fewer never touches the disk."""


class Once:
    """Tells the first time that a key comes by from later ones."""

    def __init__(self, seen: Iterable[str] = ()) -> None:
        self._recent = set(seen)
        self._older: sqlite3.Connection | None = None

    def is_new(self, key: str) -> bool:
        """Whether a key comes by for the first time."""
        if key in self._recent or self._was_put_away(key):
            return False
        self._recent.add(key)
        if len(self._recent) > AT_HAND:
            self._put_away()
        return True

    def __contains__(self, key: str) -> bool:
        return key in self._recent or self._was_put_away(key)

    def _was_put_away(self, key: str) -> bool:
        held = "SELECT 1 FROM seen WHERE key = ?"
        return self._older is not None and self._older.execute(held, (key,)).fetchone() is not None

    def _put_away(self) -> None:
        if self._older is None:
            self._older = temporary_database("CREATE TABLE seen (key TEXT PRIMARY KEY) WITHOUT ROWID")
        self._older.executemany("INSERT OR IGNORE INTO seen VALUES (?)", ((key,) for key in sorted(self._recent)))
        self._recent.clear()


def temporary_database(schema: str) -> sqlite3.Connection:
    """Open a database in a file that nobody else sees and that goes with it; little of it is in memory at a time."""
    connection = sqlite3.connect("", isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA cache_size = -8192")  # KiB
    connection.executescript(schema)
    return connection
