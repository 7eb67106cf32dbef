"""Queries as SQLite's full-text search takes them: every word quoted, so that no text can become syntax."""

import re
import sqlite3
from collections.abc import Iterable

TOKENS = "porter unicode61 tokenchars '_'"
"""How the words of passages are told apart and cut to their stems, see the first migration."""
TITLE_WEIGHT = 0.5
"""What a word of a title weighs in a search, where one of a text weighs 1."""
_WORD = re.compile(r"\w+")


def match_terms(query: str) -> list[str]:
    """Words of a query, and its pieces of several words (`25.5`, `force-cutoff`) as phrases, each once."""
    terms: dict[str, None] = {}
    for piece in query.replace("\0", " ").split():
        words = _WORD.findall(piece)
        for term in [piece, *words] if words else []:
            terms.setdefault(term.encode("utf-8", "ignore").decode())
    return list(terms)


def any_of(terms: Iterable[str]) -> str | None:
    """Any of some terms; None where there is none."""
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


def tokens_of(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the stems under which words, or phrases of several, stand in the index of passages."""
    listed = list(words)
    index = sqlite3.connect(":memory:")
    try:
        index.execute(f'CREATE VIRTUAL TABLE held USING fts5(text, content="", tokenize="{TOKENS}")')
        index.execute("CREATE VIRTUAL TABLE standing USING fts5vocab(held, instance)")
        index.executemany("INSERT INTO held (rowid, text) VALUES (?, ?)", enumerate(listed))
        found: dict[int, list[str]] = {}
        for place, token in index.execute("SELECT doc, term FROM standing ORDER BY doc, offset"):
            found.setdefault(place, []).append(token)
        return {word: tuple(found.get(place, ())) for place, word in enumerate(listed)}
    finally:
        index.close()
