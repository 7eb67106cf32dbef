"""What passages mention: an index from settings, values, commits, files and materials to the passages that name them.

It is brought up to date when it is needed, passage by passage: reading costs more than storing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sonde.progress import SILENT, Progress
from sonde.records.decisions import Passage
from sonde.store.ledger import Ledger, Row
from sonde.store.passages import COLUMNS, passage_of

_REVISED = f"SELECT {COLUMNS} FROM passages WHERE id IN (SELECT passage FROM unread LIMIT ?)"
_FRESH = f"SELECT {COLUMNS} FROM passages WHERE id > (SELECT passage FROM read_until) ORDER BY id LIMIT ?"
_N_UNREAD = (
    "SELECT (SELECT count(*) FROM unread) "
    "+ max((SELECT coalesce(max(id), 0) FROM passages) - (SELECT passage FROM read_until), 0)"
)
_NAME = "INSERT OR IGNORE INTO entities (name) VALUES (?)"
_MENTION = (
    "INSERT OR IGNORE INTO mentions (passage, time, conversation, entity) "
    "SELECT ?, ?, ?, id FROM entities WHERE name = ?"
)
_HOLDING = (
    "SELECT passage, time, conversation FROM mentions WHERE entity = (SELECT id FROM entities WHERE name = ?) "
    "ORDER BY passage"
)
_COUNTS = (
    "SELECT name, count(*) AS n FROM entities JOIN mentions ON entity = entities.id "
    "WHERE name >= ? AND name < ? AND (? IS NULL OR time <= ?) GROUP BY entities.id"
)
_COUNTS_IN_SOURCE = (
    "SELECT name, count(*) AS n FROM entities JOIN mentions ON entity = entities.id "
    "JOIN passages ON passages.id = passage "
    "WHERE name >= ? AND name < ? AND (? IS NULL OR mentions.time <= ?) AND source = ? GROUP BY entities.id"
)
_PAGE = 2000


Read = Callable[[Passage], tuple[Iterable[str], int]]
"""Tells what a passage mentions, by name, and a number that the passages of its conversation share."""


class MentionStore:
    """Mentions in the passages of a project."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def begun(self) -> bool:
        """Whether any passages were read yet."""
        ((last,),) = self._ledger.rows("SELECT passage FROM read_until")
        return last > 0

    def update(self, read: Read, progress: Progress = SILENT) -> int:
        """Read the passages that came or changed since the last time; return how many they were."""
        ((most,),) = self._ledger.rows(_N_UNREAD)
        with self._ledger.lock.held():
            pages = progress.track(self._unread(), "reading what passages mention", -(-most // _PAGE))
            return sum(self._take_in(rows, read) for rows in pages)

    def _unread(self) -> Iterator[list[Row]]:
        while rows := [*self._ledger.rows(_REVISED, _PAGE), *self._ledger.rows(_FRESH, _PAGE)]:
            yield rows

    def _take_in(self, rows: Sequence[Row], read: Read) -> int:
        found = [told for row in rows for told in _told(row["id"], passage_of(row), read)]
        with self._ledger.transaction("mentions") as connection:
            connection.executemany(_NAME, {(name,) for *_, name in found})
            connection.executemany(_MENTION, found)
            connection.executemany("DELETE FROM unread WHERE passage = ?", [(row["id"],) for row in rows])
            connection.execute("UPDATE read_until SET passage = max(passage, ?)", (max(row["id"] for row in rows),))
        return len(rows)

    def of(self, entity: str) -> list[tuple[int, float | None, int]]:
        """Passages that mention something: (number, time in seconds since 1970, conversation), in order of number."""
        return [tuple(row) for row in self._ledger.rows(_HOLDING, entity)]

    def counts(self, prefix: str, *, until: datetime | None = None, source: str | None = None) -> dict[str, int]:
        """How many passages mention each of the things whose names begin so; `until` leaves out what has no date."""
        seconds = None if until is None else until.timestamp()
        values = (prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1), seconds, seconds)
        rows = self._ledger.rows(_COUNTS, *values) if source is None else (
            self._ledger.rows(_COUNTS_IN_SOURCE, *values, source)
        )  # fmt: skip
        return {row["name"]: row["n"] for row in rows}


def _told(place: int, passage: Passage, read: Read) -> Iterator[tuple[Any, ...]]:
    entities, conversation = read(passage)
    time = None if passage.time is None else passage.time.timestamp()
    return ((place, time, conversation, name) for name in entities)
