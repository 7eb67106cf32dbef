"""Changes of values in repositories, and their links to passages."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from itertools import groupby
from sqlite3 import Connection
from typing import Any

from sonde.errors import NotFound, WrongUse
from sonde.records.decisions import Change, Link, Passage
from sonde.store.ledger import Ledger, Row, in_batches
from sonde.store.passages import COLUMNS, passage_of
from sonde.store.times import time_of, time_text

_FIELDS = tuple(field.name for field in fields(Change))
_COLUMNS = ", ".join(f'"{name}"' for name in _FIELDS)
_INSERT = (
    f"INSERT INTO changes (fingerprint, {_COLUMNS}) VALUES (?, {', '.join('?' * len(_FIELDS))}) ON CONFLICT DO NOTHING"
)
_SUGGEST = (
    "INSERT INTO links (passage, change_id, score, evidence, status) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (passage, change_id) DO UPDATE SET score = excluded.score, evidence = excluded.evidence, "
    "status = CASE excluded.status WHEN 'suggested' THEN links.status ELSE excluded.status END"
)

_FORGET = "DELETE FROM links WHERE change_id = ? AND status = 'suggested'"
_OF_CHANGE = (
    "SELECT links.* FROM changes JOIN links ON change_id = changes.id "
    "WHERE source = ? AND fingerprint = ? ORDER BY links.id"
)
_GONE = f"SELECT {COLUMNS} FROM gone ORDER BY number LIMIT ?"
_REVISED = f"SELECT {COLUMNS} FROM passages WHERE id IN (SELECT id FROM gone) ORDER BY id"
_GONE_REPEATS = "SELECT 1 FROM gone JOIN passages USING (anchor) WHERE passages.source <> gone.source LIMIT 1"


class ChangeStore:
    """Changes of all sources of a project; their order is that of their addition."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(self, source: str, changes: Iterable[Change]) -> int:
        """Add changes under a source's name and return how many are new; the same change is stored once.

        Where `changes` raises, what this call added is taken away again.
        """
        n_new = 0
        with self._ledger.lock.held():
            ((last_before,),) = self._ledger.rows("SELECT coalesce(max(id), 0) FROM changes")
            try:
                for batch in in_batches(changes, self._ledger.batch_rows):
                    with self._ledger.transaction("changes") as connection:
                        rows = [_values(replace(change, source=source)) for change in batch]
                        n_new += sum(connection.execute(_INSERT, row).rowcount for row in rows)
            except Exception:
                with self._ledger.transaction("changes") as connection:
                    connection.execute("DELETE FROM changes WHERE id > ?", (last_before,))
                raise
        return n_new

    def replace(self, source: str, changes: Iterable[Change]) -> int:
        """Let a source hold exactly these changes; return how many are new. Links of those that went go with them."""
        given = list(changes)
        with self._ledger.lock.held():
            n_new = self.add(source, given)
            kept = {_values(replace(change, source=source))[0] for change in given}
            rows = self._ledger.rows("SELECT id, fingerprint FROM changes WHERE source = ?", source)
            gone = [(row["id"],) for row in rows if row["fingerprint"] not in kept]
            with self._ledger.transaction("changes_replaced") as connection:
                connection.executemany("DELETE FROM changes WHERE id = ?", gone)
        return n_new

    def last_id(self) -> int:
        """Number of the change that was added last; numbers count up and are never given twice."""
        ((last,),) = self._ledger.rows("SELECT coalesce(max(id), 0) FROM changes")
        return int(last)

    def n_until(self, last_id: int) -> int:
        """How many changes have a number up to one: so many of `all` come first."""
        ((n,),) = self._ledger.rows("SELECT count(*) FROM changes WHERE id <= ?", last_id)
        return int(n)

    def all(self) -> list[Change]:
        """Return all changes; a Link names a change by its ordinal in this list."""
        return [_change(row) for row in self._ledger.rows(f"SELECT {_COLUMNS} FROM changes ORDER BY id")]


class LinkStore:
    """Links between passages and changes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def replace(self, links: Iterable[Link], changes: Sequence[int] | None = None) -> int:
        """Put new suggestions in the place of the old, and return how many; what a person said of a link stays so.

        links: in the order of their changes. They are stored as they come, so that they need not fit into memory.
        changes: ordinals of the changes that they are for, in order; None: of all.
        """
        n, done = 0, 0
        with self._ledger.lock.held():
            ids = [row["id"] for row in self._ledger.rows("SELECT id FROM changes ORDER BY id")]
            asked = range(len(ids)) if changes is None else changes
            for batch in _whole_changes(links, self._ledger.batch_rows):
                upto = bisect_right(asked, max(link.change for link in batch))
                self._replace(ids, batch, asked[done:upto])
                n, done = n + len(batch), max(done, upto)
            self._replace(ids, (), asked[done:])
        return n

    def _replace(self, ids: Sequence[int], links: Sequence[Link], changes: Sequence[int]) -> None:
        """Replace the suggestions of changes, by their ordinals."""
        rows = [
            (one.passage, _id_at(ids, one.change), one.score, json.dumps(one.evidence), one.status) for one in links
        ]
        with self._ledger.transaction("links") as connection:
            connection.executemany(_FORGET, [(_id_at(ids, change),) for change in changes])
            connection.executemany(_SUGGEST, rows)

    def count(self) -> int:
        """How many links there are."""
        ((n,),) = self._ledger.rows("SELECT count(*) FROM links")
        return int(n)

    def standing(self) -> str | None:
        """What was noted when all was linked; None where it never was."""
        row = self._ledger.row("SELECT standing FROM linked")
        return None if row is None else str(row["standing"])

    def note_standing(self, standing: str | None) -> None:
        """Note what it takes to tell what has to be linked the next time."""
        with self._ledger.transaction("linked") as connection:
            connection.execute("DELETE FROM linked")
            connection.executemany("INSERT INTO linked VALUES (?)", [(standing,)] if standing is not None else [])

    def gone(self, *, limit: int) -> list[Passage]:
        """Return passages that went or were revised since all was linked, as they were, in order; at the most 2001."""
        return [passage_of(row) for row in self._ledger.rows(_GONE, limit)]

    def revised(self) -> list[Passage]:
        """Return those of `gone` that are still there, as they are now."""
        return [passage_of(row) for row in self._ledger.rows(_REVISED)]

    def gone_repeats(self) -> bool:
        """Whether another source has the anchor of a passage of `gone`."""
        return self._ledger.row(_GONE_REPEATS) is not None

    def of(self, change: Change) -> list[Link]:
        """Return the links of one change; they name no ordinal of it but 0."""
        rows = self._ledger.rows(_OF_CHANGE, change.source, _values(change)[0])
        return [
            Link(row["passage"], 0, row["score"], tuple(json.loads(row["evidence"])), row["status"]) for row in rows
        ]

    def all(self) -> list[Link]:
        """Return all links."""
        query = (
            "SELECT links.*, ordinal FROM links "
            "JOIN (SELECT id AS change_id, row_number() OVER (ORDER BY id) - 1 AS ordinal FROM changes) "
            "USING (change_id) ORDER BY links.id"
        )
        return [
            Link(row["passage"], row["ordinal"], row["score"], tuple(json.loads(row["evidence"])), row["status"])
            for row in self._ledger.rows(query)
        ]

    def add(self, link: Link) -> None:
        """Add a link, or bring one up to date; a suggestion does not undo what a person said."""
        with self._ledger.transaction("link") as connection:
            row = (link.passage, _id_at(_change_ids(connection), link.change), link.score, json.dumps(link.evidence))
            connection.execute(_SUGGEST, (*row, link.status))

    def set_status(self, passage: str, change: int, status: str) -> None:
        """Confirm or reject a link, by its passage's anchor and its change's ordinal. Raises NotFound."""
        with self._ledger.transaction("link_status") as connection:
            found = connection.execute(
                "UPDATE links SET status = ? WHERE passage = ? AND change_id = ?",
                (status, passage, _id_at(_change_ids(connection), change)),
            )
            if found.rowcount == 0:
                raise NotFound("link", f"{passage} to change {change}", [])


def _whole_changes(links: Iterable[Link], size: int) -> Iterator[list[Link]]:
    """Cut links into lists of about `size`, never between two of one change."""
    batch: list[Link] = []
    for _, of_change in groupby(links, key=lambda link: link.change):
        batch.extend(of_change)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch


def _change_ids(connection: Connection) -> list[int]:
    return [row["id"] for row in connection.execute("SELECT id FROM changes ORDER BY id")]


def _id_at(ids: Sequence[int], ordinal: int) -> int:
    if not 0 <= ordinal < len(ids):
        raise WrongUse(f"A link names change {ordinal}, but the project holds {len(ids)}: link again.")
    return ids[ordinal]


def _values(change: Change) -> tuple[Any, ...]:
    named = {name: getattr(change, name) for name in _FIELDS} | {"time": time_text(change.time)}
    fingerprint = hashlib.sha256(json.dumps(named).encode()).hexdigest()
    return (fingerprint, *named.values())


def _change(row: Row) -> Change:
    key, old, new, unit, commit, path, line, author, time, summary, source = row
    when = time_of(time)
    return Change(key, old, new, unit, commit, path, line, author, when, summary, source)  # in the order of _FIELDS
