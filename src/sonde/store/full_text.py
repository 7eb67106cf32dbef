"""Queries as SQLite's full-text search takes them: every word quoted, so that no text can become syntax."""

import re
import sqlite3
from collections.abc import Iterable

TOKENS = "porter unicode61 tokenchars '_'"
"""How the words of passages are told apart and cut to their stems, see the first migration."""
_WORD = re.compile(r"\w+")


def match_expression(query: str) -> str | None:
    """Any of the words of a query; None where it holds nothing to search for.

    A piece such as `25.5` or `force-cutoff` is looked for as a phrase as well as by its parts.
    """
    terms: dict[str, None] = {}
    for piece in query.replace("\0", " ").split():
        words = _WORD.findall(piece)
        for term in [piece, *words] if words else []:
            terms.setdefault(term.encode("utf-8", "ignore").decode())
    return " OR ".join(quoted(term) for term in terms) or None


def quoted(term: str) -> str:
    """A term as a phrase."""
    return '"' + term.replace('"', '""') + '"'


def words_spelled(texts: Iterable[str], words: Iterable[str]) -> set[str]:
    """Those of the words that texts hold, as a search would find them."""
    index = sqlite3.connect(":memory:")
    try:
        index.execute(f'CREATE VIRTUAL TABLE held USING fts5(text, tokenize="{TOKENS}")')
        index.executemany("INSERT INTO held VALUES (?)", ((text,) for text in texts))
        look = "SELECT 1 FROM held WHERE held MATCH ? LIMIT 1"
        return {word for word in words if index.execute(look, (quoted(word),)).fetchone()}
    finally:
        index.close()
