"""The words of all passages, each once: pieces are looked for among them, then the words in the passages."""

import json
import re
from collections.abc import Iterable, Iterator
from sqlite3 import Connection

from sonde.store.full_text import quoted
from sonde.store.ledger import Ledger, in_batches

LONGEST = 100
"""Characters of a word; what is longer is code or a picture written as text."""
LOOKED_AT, TAKEN = 1000, 40
"""Words that hold a piece: of the first so many the shortest, which are closest to the piece, are searched for."""
AT_ONCE = 100
"""Texts whose pieces are in memory together."""
PAGE = 1000
MOST = 400
"""Words that one search looks for, about."""
_WORD = re.compile(rf"\w{{3,{LONGEST}}}(?!\w)")
_NEW = "INSERT OR IGNORE INTO words (word) SELECT value FROM json_each(?)"
_INDEX = "INSERT INTO word_pieces (rowid, word) SELECT id, word FROM words WHERE id > ?"
_PAGE_OF_WORDS = "SELECT id, word FROM words WHERE id > ? ORDER BY id LIMIT ?"
_HOLDING = "SELECT rowid AS id FROM word_pieces WHERE word_pieces MATCH ? LIMIT ?"
_SHORTEST = f"SELECT word FROM words JOIN ({_HOLDING}) USING (id) ORDER BY length(word), word LIMIT ?"


def words_in(texts: Iterable[str]) -> set[str]:
    """Every word of three letters or more, in lower case."""
    pieces = set[str]()
    for batch in in_batches(texts, AT_ONCE):
        pieces.update("\n".join(batch).lower().split())
    # Most pieces repeat: each is looked through once.
    return set(_WORD.findall(" ".join(pieces)))


def words_at_stake(connection: Connection, where: str, value: object) -> Iterable[str]:
    """Every word that may go with the stored passages that a condition holds for; the passages may go meanwhile.

    Where there are fewer words in all than such passages, all are: that is quicker than to read the passages, and they
    are not in memory together.
    """
    ((n_passages,),) = connection.execute(f"SELECT count(*) FROM passages WHERE {where}", (value,))
    ((n_words,),) = connection.execute("SELECT count(*) FROM words")
    if n_passages > n_words:
        return _all_words(connection)
    found = connection.execute(f"SELECT text || ' ' || coalesce(title, '') FROM passages WHERE {where}", (value,))
    return {word for (text,) in found for word in words_in([text])}


def _all_words(connection: Connection) -> Iterator[str]:
    last = 0
    while rows := connection.execute(_PAGE_OF_WORDS, (last, PAGE)).fetchall():
        yield from (word for _, word in rows)
        last = rows[-1][0]


def learn_words(connection: Connection, texts: Iterable[str]) -> None:
    """Add the words of new passages."""
    ((last,),) = connection.execute("SELECT coalesce(max(id), 0) FROM words").fetchall()
    connection.execute(_NEW, (json.dumps(list(words_in(texts))),))
    connection.execute(_INDEX, (last,))


def forget_words(connection: Connection, words: Iterable[str]) -> None:
    """Take out those words of removed passages that no passage holds any more."""
    for word in words:
        held = "SELECT 1 FROM passage_words WHERE passage_words MATCH ? LIMIT 1"
        if connection.execute(held, (quoted(word),)).fetchone() is None:
            connection.execute("DELETE FROM words WHERE word = ?", (word,))


def forget_mentions(connection: Connection) -> None:
    """Take out the names of things that no passage mentions any more."""
    connection.execute("DELETE FROM entities WHERE NOT EXISTS (SELECT 1 FROM mentions WHERE entity = entities.id)")


def words_with_pieces(ledger: Ledger, query: str) -> list[str]:
    """Words of passages that hold a word of the query, the closest to each first."""
    found: dict[str, None] = {}
    for piece in dict.fromkeys(_WORD.findall(query)):
        rows = ledger.rows(_SHORTEST, quoted(piece), LOOKED_AT, TAKEN)
        found |= dict.fromkeys(row["word"] for row in rows)
        if len(found) >= MOST:
            break
    return list(found)
