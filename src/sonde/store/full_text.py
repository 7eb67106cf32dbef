"""Queries as SQLite's full-text search takes them: every word quoted, so that no text can become syntax."""

import re

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
