"""Which mail answers which, as the headers say; of a mailbox larger than memory, the most of it in a temporary file."""

from collections.abc import Sequence

from sonde.decisions.sources.once import temporary_database

_SCHEMA = """
CREATE TABLE here (id TEXT PRIMARY KEY, parent TEXT) WITHOUT ROWID;
CREATE TABLE mentioned (id TEXT PRIMARY KEY, parent TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE roots (id TEXT PRIMARY KEY, root TEXT NOT NULL) WITHOUT ROWID;
"""
_MAIL = (
    "INSERT INTO here VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET parent = excluded.parent "
    "WHERE excluded.parent IS NOT NULL"
)
_PARENT = (
    "SELECT coalesce((SELECT parent FROM here WHERE id = ?1), (SELECT parent FROM mentioned WHERE id = ?1)), "
    "(SELECT root FROM roots WHERE id = ?1)"
)


class Threads:
    """Parents of mails that are here, and of those that may be missing, as References gives them."""

    def __init__(self) -> None:
        self._known = temporary_database(_SCHEMA)

    def add(self, message_id: str | None, before: Sequence[str]) -> None:
        """Take in the headers of one mail: its id, and those of the mails before it, the one that it answers last."""
        parents = zip(before[1:], before, strict=False)
        self._known.executemany("INSERT OR REPLACE INTO mentioned VALUES (?, ?)", parents)
        if message_id:
            self._known.execute(_MAIL, (message_id, before[-1] if before else None))

    def __contains__(self, message_id: str) -> bool:
        return self._known.execute("SELECT 1 FROM here WHERE id = ?", (message_id,)).fetchone() is not None

    def root(self, message_id: str) -> str:
        """Follow parents to the first mail that is known of; a circle ends where it closes."""
        last, followed = message_id, dict.fromkeys([message_id])
        parent, root = self._parent(last)
        while root is None and parent is not None and parent not in followed:
            followed[parent] = None
            last = parent
            parent, root = self._parent(last)
        found = root or last
        # What was found is kept: a long thread is followed once.
        self._known.executemany("INSERT OR IGNORE INTO roots VALUES (?, ?)", ((one, found) for one in followed))
        return found

    def _parent(self, message_id: str) -> tuple[str | None, str | None]:
        parent, root = self._known.execute(_PARENT, (message_id,)).fetchone()
        return parent, root
