"""Passages: text with its anchor, found again by words or by pieces of words."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from itertools import chain
from operator import attrgetter, itemgetter
from sqlite3 import Connection
from typing import Any

from sonde.records.decisions import EVERYTHING, Passage, Within
from sonde.store.full_text import TITLE_WEIGHT, any_of, match_terms, quoted
from sonde.store.ledger import Ledger, Row, in_batches
from sonde.store.sources import remove_source
from sonde.store.times import optional_time_of, optional_time_text, time_text
from sonde.store.vocabulary import (
    forget_mentions,
    forget_words,
    learn_words,
    words_at_stake,
    words_in,
    words_with_pieces,
)
from sonde.store.word_index import WordIndex

_FIELDS = tuple(field.name for field in fields(Passage))
_COLUMNS = ", ".join(_FIELDS)
COLUMNS = f"id, {_COLUMNS}"
"""What `passage_of` reads, with the number of the passage."""
_VALUES = f"({', '.join('?' * len(_FIELDS))})"
_INSERT = f"INSERT INTO passages ({_COLUMNS}) VALUES {{rows}} ON CONFLICT DO NOTHING"
_REVISE = f"UPDATE passages SET ({_COLUMNS}) = {_VALUES} WHERE source = ? AND anchor = ?"
_KNOWN = f"SELECT {_COLUMNS} FROM passages WHERE source = ? AND anchor IN (SELECT value FROM json_each(?))"
_READ = attrgetter(*_FIELDS)
_TIME, _SOURCE, _ANCHOR, _TEXT, _TITLE = map(_FIELDS.index, ("time", "source", "anchor", "text", "title"))
_TEXTS_OF = itemgetter(*(place for place, field in enumerate(fields(Passage)) if field.type in (str, str | None)))
_OF_PART = "(? IS NULL OR time <= ?) AND (? IS NULL OR source = ?)"
# The order of the tables is forced: each passage that holds a word is looked up, not each word in every passage.
_IN_PART = (
    f"passage_words CROSS JOIN passages ON passages.id = passage_words.rowid WHERE passage_words MATCH ? AND {_OF_PART}"
)
_BEST_IDS = (
    f"SELECT rowid AS id, -bm25(passage_words, 1.0, {TITLE_WEIGHT}) AS score FROM passage_words "
    "WHERE passage_words MATCH ? ORDER BY score DESC, id LIMIT ?"
)
_BEST_IDS_IN_PART = (
    f"SELECT id, -bm25(passage_words, 1.0, {TITLE_WEIGHT}) AS score FROM {_IN_PART} ORDER BY score DESC, id LIMIT ?"
)
_BEST, _BEST_IN_PART = (
    f"SELECT {COLUMNS}, score FROM passages JOIN ({ids}) USING (id) ORDER BY score DESC, id"
    for ids in (_BEST_IDS, _BEST_IDS_IN_PART)
)
_AT = f"SELECT {COLUMNS} FROM passages WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
_PLACES = "SELECT anchor, max(id) AS id FROM passages WHERE anchor IN (SELECT value FROM json_each(?)) GROUP BY anchor"
_LOOSE = (
    f"SELECT {COLUMNS} FROM passages WHERE source = ? AND title IS ? AND time BETWEEN ? AND ? "
    "AND thread IS NULL AND kind IN ('slack', 'mattermost', 'zulip') ORDER BY time, id LIMIT ?"
)
_HOLDING = (
    f"SELECT {COLUMNS} FROM passages WHERE id IN (SELECT rowid FROM passage_words WHERE passage_words MATCH ?) "
    f"AND instr(text, ?) AND {_OF_PART} ORDER BY id LIMIT ?"
)
_SPELLING = (
    "SELECT id, time FROM passages WHERE id IN (SELECT rowid FROM passage_words WHERE passage_words MATCH ? LIMIT ?)"
)
# One look into the index for each author: a plain DISTINCT goes through all passages.
_AUTHORS = (
    "WITH RECURSIVE known (author) AS (SELECT min(author) FROM passages UNION ALL "
    "SELECT (SELECT min(author) FROM passages WHERE author > known.author) FROM known WHERE author IS NOT NULL) "
    "SELECT author FROM known WHERE author IS NOT NULL"
)
_LAST_CHARACTER = "\U0010ffff"
_MOST_SPELLING = 100_000
_INDEX = "INSERT INTO passage_words (rowid, text, title) SELECT id, text, title FROM passages WHERE id > ?"
_PAGE = 1000
_COUNTED = 20_000
_BATCH_CHARACTERS = 2_000_000
_INSERTED_AT_ONCE = 100
"""Rows that one statement inserts, which takes half as long as one by one."""
_Values = tuple[Any, ...]


class PassageStore:
    """Passages of all sources of a project."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._words = WordIndex(ledger)

    def add(self, source: str, passages: Iterable[Passage]) -> int:
        """Add passages under a source's name and return how many are new.

        A passage known by its source and anchor is not added again; where its text has changed it is revised in
        place. Where `passages` raises, what this call added is taken away again.
        """
        n_new = 0
        with self._ledger.lock.held():
            last_before = self._last_id()
            try:
                for batch in self._batches(source, passages):
                    n_new += self._add_batch(source, batch)
            except Exception:
                with self._ledger.transaction("passages") as connection:
                    words = words_at_stake(connection, "id > ?", last_before)
                    connection.execute("DELETE FROM passages WHERE id > ?", (last_before,))
                    forget_words(connection, words)
                raise
        return n_new

    def _batches(self, source: str, passages: Iterable[Passage]) -> Iterator[list[_Values]]:
        """Cut a stream by the number of passages and by their length: a mail may be as long as a thousand messages."""
        batch, size = list[_Values](), 0
        for passage in passages:
            batch.append(_values(passage, source))
            size += len(passage.text)
            if len(batch) >= self._ledger.batch_rows or size > _BATCH_CHARACTERS:
                yield _storable(batch)
                batch, size = [], 0
        if batch:
            yield _storable(batch)

    def all(self, source: str | None = None) -> Iterator[Passage]:
        """Stream the passages, of one source or of all, in the order they were added."""
        last = 0
        query = f"SELECT {COLUMNS} FROM passages WHERE id > ? AND (? IS NULL OR source = ?) ORDER BY id LIMIT ?"
        # By pages, so that a slow reader holds no read lock that a writer would wait for.
        while rows := self._ledger.rows(query, last, source, source, _PAGE):
            yield from (passage_of(row) for row in rows)
            last = rows[-1]["id"]

    def get(self, anchor: str) -> Passage | None:
        """Return the passage at an anchor, of the first source that has it."""
        row = self._ledger.row(f"SELECT {COLUMNS} FROM passages WHERE anchor = ? ORDER BY id LIMIT 1", anchor)
        return None if row is None else passage_of(row)

    def search(
        self, query: str, *, limit: int, trigram: bool = False, within: Within = EVERYTHING
    ) -> list[tuple[Passage, float]]:
        """Find passages that hold any word of the query, best first, with their BM25 score (higher is better).

        Words are matched by their stem; with `trigram`, anywhere inside words, from three characters on. A part of the
        archive is searched as if it were all there is; in a huge project, words weigh there what they weigh in all.
        """
        terms = words_with_pieces(self._ledger, query) if trigram else match_terms(query)
        in_memory = not trigram or within != EVERYTHING
        if in_memory and (best := self._words.best(terms, limit, within)) is not None:
            found = self.at(place for place, _ in best)
            return [(found[place], score) for place, score in best]
        if (expression := any_of(terms)) is None:
            return []
        found_rows = (
            self._ledger.rows(_BEST, expression, limit)
            if within == EVERYTHING
            else self._ledger.rows(_BEST_IN_PART, expression, *_part(within), limit)
        )
        return [(passage_of(row), row["score"]) for row in found_rows]

    def count(self, within: Within = EVERYTHING) -> int:
        """About how many passages there are: removed ones count where nothing was added since."""
        if within == EVERYTHING:
            return self._last_id()
        if (known := self._words.n_passages(within)) is not None:
            return known
        ((n,),) = self._ledger.rows(f"SELECT count(*) FROM passages WHERE {_OF_PART}", *_part(within))
        return int(n)

    def since(self, place: int, *, limit: int) -> list[Passage]:
        """Return the passages that were added after one, in order."""
        rows = self._ledger.rows(f"SELECT {COLUMNS} FROM passages WHERE id > ? ORDER BY id LIMIT ?", place, limit)
        return [passage_of(row) for row in rows]

    def repeats_after(self, place: int) -> bool:
        """Whether a passage that was added after one has the anchor of an earlier passage, of another source."""
        repeated = (
            "SELECT 1 FROM passages AS new JOIN passages AS old USING (anchor) WHERE new.id > ? AND old.id <= ? LIMIT 1"
        )
        return self._ledger.row(repeated, place, place) is not None

    def frequency(self, word: str, within: Within = EVERYTHING) -> int:
        """How many passages hold a word or another form of it; counting ends at 20,000."""
        if (known := self._words.counted(word, within)) is None:
            known = self._counted(match_terms(word), within)
            self._words.note_count(word, within, known)
        return known

    def _counted(self, terms: Sequence[str], within: Within) -> int:
        if (expression := any_of(terms)) is None:
            return 0
        if within == EVERYTHING:
            held = "SELECT rowid FROM passage_words WHERE passage_words MATCH ? LIMIT ?"
            ((n,),) = self._ledger.rows(f"SELECT count(*) FROM ({held})", expression, _COUNTED)
            return int(n)
        if (known := self._words.n_holding(terms, within)) is not None:
            return min(known, _COUNTED)
        held = f"SELECT id FROM {_IN_PART} LIMIT ?"
        ((n,),) = self._ledger.rows(f"SELECT count(*) FROM ({held})", expression, *_part(within), _COUNTED)
        return int(n)

    def beside(self, passage: Passage, n: int) -> list[Passage]:
        """Return up to n passages of the same source before and after one, in the order they were added."""
        known = self._ledger.row(
            "SELECT id FROM passages WHERE source = ? AND anchor = ?", passage.source, passage.anchor
        )
        if known is None:
            return []
        # The plus keeps SQLite from going through all passages of the source.
        query = f"SELECT {COLUMNS} FROM passages WHERE id BETWEEN ? AND ? AND id <> ? AND +source = ? ORDER BY id"
        place = known["id"]
        return [passage_of(row) for row in self._ledger.rows(query, place - n, place + n, place, passage.source)]

    def at(self, places: Iterable[int]) -> dict[int, Passage]:
        """Return passages by their numbers, which count up in the order they were added."""
        rows = self._ledger.rows(_AT, json.dumps(list(places)))
        return {row["id"]: passage_of(row) for row in rows}

    def places(self, anchors: Iterable[str]) -> dict[str, int]:
        """Return the numbers of passages by their anchors; of the last source that has an anchor."""
        return {row["anchor"]: row["id"] for row in self._ledger.rows(_PLACES, json.dumps(list(anchors)))}

    def in_thread(self, source: str, thread: str) -> list[Passage]:
        """Return the passages of a source that state a thread, in the order they were added."""
        query = f"SELECT {COLUMNS} FROM passages WHERE source = ? AND thread = ? ORDER BY id"
        return [passage_of(row) for row in self._ledger.rows(query, source, thread)]

    def beginning(self, anchor: str) -> list[Passage]:
        """Return the passages whose anchors begin so, in the order they were added."""
        query = f"SELECT {COLUMNS} FROM passages WHERE anchor >= ? AND anchor < ? ORDER BY id"
        return [passage_of(row) for row in self._ledger.rows(query, anchor, anchor + _LAST_CHARACTER)]

    def loose(
        self, source: str, title: str | None, since: datetime, until: datetime, most: int | None
    ) -> list[Passage]:
        """Return the chat of a channel that states no thread, from one time to another, in order of time."""
        limit = -1 if most is None else most
        rows = self._ledger.rows(_LOOSE, source, title, time_text(since), time_text(until), limit)
        return [passage_of(row) for row in rows]

    def holding(self, piece: str, *, limit: int, within: Within = EVERYTHING) -> list[Passage]:
        """Return passages whose text holds a piece of a word of three letters or more, in the order they were added."""
        if (expression := any_of(words_with_pieces(self._ledger, piece))) is None:
            return []
        return [passage_of(row) for row in self._ledger.rows(_HOLDING, expression, piece, *_part(within), limit)]

    def spelling(self, word: str) -> list[tuple[int, float | None]]:
        """Numbers and times (in seconds since 1970) of passages that may hold a word, at the most 100,000."""
        rows = self._ledger.rows(_SPELLING, quoted(word), _MOST_SPELLING)
        times = ((row["id"], optional_time_of(row["time"])) for row in rows)
        return [(place, None if time is None else time.timestamp()) for place, time in times]

    def authors(self) -> list[str]:
        """Everybody who wrote something, in order of the alphabet."""
        return [row["author"] for row in self._ledger.rows(_AUTHORS)]

    def remove(self, source: str) -> None:
        """Remove a source with its passages, changes and their links."""
        remove_source(self._ledger, source)

    def discard(self, source: str, anchors: Iterable[str]) -> int:
        """Remove passages of a source by their anchors, and their links; return how many were there."""
        n_gone = 0
        with self._ledger.lock.held():
            for batch in in_batches(anchors, self._ledger.batch_rows):
                n_gone += self._discard_batch(source, batch)
        return n_gone

    def _discard_batch(self, source: str, anchors: Sequence[str]) -> int:
        with self._ledger.transaction("passages_discarded") as connection:
            known = [(source, anchor) for anchor in anchors]
            words = words_in(_texts(self._known(source, anchors).values()))
            cursor = connection.executemany("DELETE FROM passages WHERE source = ? AND anchor = ?", known)
            gone = [(anchor, anchor) for anchor in anchors]
            # A link stays where another source holds the same anchor.
            connection.executemany(
                "DELETE FROM links WHERE passage = ? AND NOT EXISTS (SELECT 1 FROM passages WHERE anchor = ?)", gone
            )
            forget_words(connection, words)
            forget_mentions(connection)
            return cursor.rowcount

    def _add_batch(self, source: str, batch: Sequence[_Values]) -> int:
        given = {values[_ANCHOR]: values for values in batch}
        with self._ledger.transaction("passages") as connection:
            last_before = self._last_id()
            n_new = sum(_inserted(connection, rows) for rows in in_batches(given.values(), _INSERTED_AT_ONCE))
            connection.execute(_INDEX, (last_before,))
            # Most imports bring nothing that was there: only where some did not go in is it asked which.
            known = self._known(source, list(given)) if n_new < len(given) else {}
            changed = {anchor: values for anchor, values in known.items() if values != given[anchor]}
            revised = [given[anchor] for anchor in changed]
            connection.executemany(_REVISE, [(*values, source, values[_ANCHOR]) for values in revised])
            learn_words(connection, _texts(given.values()))
            forget_words(connection, words_in(_texts(changed.values())))
        return n_new

    def _known(self, source: str, anchors: Sequence[str]) -> dict[str, _Values]:
        """Passages of the source that stand at one of the anchors, as they are stored."""
        rows = self._ledger.rows(_KNOWN, source, json.dumps(anchors))
        return {row["anchor"]: tuple(row) for row in rows}

    def _last_id(self) -> int:
        ((last,),) = self._ledger.rows("SELECT coalesce(max(id), 0) FROM passages")
        return int(last)


def _part(within: Within) -> tuple[str | None, ...]:
    """Values of what _OF_PART asks for."""
    until = optional_time_text(within.until)
    return until, until, within.source, within.source


def _texts(rows: Iterable[_Values]) -> Iterator[str]:
    return (text for row in rows for text in (row[_TEXT], row[_TITLE]) if text)


def _inserted(connection: Connection, rows: Sequence[_Values]) -> int:
    """Insert those that are not there, and return how many these are."""
    query = _INSERT.format(rows=", ".join([_VALUES] * len(rows)))
    return connection.execute(query, list(chain.from_iterable(rows))).rowcount


def _values(passage: Passage, source: str) -> _Values:
    values = list(_READ(passage))
    values[_TIME], values[_SOURCE] = optional_time_text(passage.time), source
    return tuple(values)


def _storable(batch: list[_Values]) -> list[_Values]:
    """Half a surrogate pair (cut-off emoji in exports) is no text: it becomes the replacement character."""
    try:
        "".join(filter(None, chain.from_iterable(map(_TEXTS_OF, batch)))).encode()
    except UnicodeEncodeError:
        return [tuple(_whole(value) if isinstance(value, str) else value for value in values) for values in batch]
    return batch


def _whole(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def passage_of(row: Row) -> Passage:
    """Read what a query for COLUMNS gives."""
    _, anchor, text, kind, author, time, thread, title, visibility, source, edited, pinned, *_ = row
    when = optional_time_of(time)
    return Passage(
        anchor, text, kind, author, when, thread, title, visibility, source, bool(edited), bool(pinned)
    )  # in the order of _FIELDS
