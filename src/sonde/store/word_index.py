"""Which searches are answered by words in memory and which by SQLite, and what was counted since anybody wrote.

Words in memory need numpy, which takes longer to load than a question to answer: they are loaded when they are needed.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from sonde.records.decisions import EVERYTHING, Within
from sonde.store.ledger import Ledger

if TYPE_CHECKING:
    from sonde.store.word_scores import WordScores

FIRST_SEARCHES = 4
"""Searches that are left to SQLite after anything was written: reading all lengths costs as much as these."""
LEAST_PASSAGES, MOST_PASSAGES = 20_000, 2_000_000
"""Number of the last passage from which looking words up one by one is worth it, and up to which lengths are kept in
memory, at eight bytes each."""
_LAST = "SELECT coalesce(max(id), 0) FROM passage_words_docsize"
Told = TypeVar("Told")


class WordIndex:
    """Words of the passages of a ledger, as far as they were asked for since anybody wrote to it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._version, self._n_searches = (-1, -1), 0
        self._last: int | None = None
        self._counts: dict[tuple[str, Within], int] = {}

    def best(self, terms: Sequence[str], limit: int, within: Within = EVERYTHING) -> list[tuple[int, float]] | None:
        """Numbers and scores of the passages that hold any of the terms, best first; None: SQLite has to be asked.

        It has to be in a huge project and, where everything is searched, in a small one and for the first few searches
        after anything was written.
        """
        self._current()
        self._n_searches += 1
        if within == EVERYTHING and not self._is_worth_it():
            return None
        return self._told(lambda scores: scores.best(terms, limit, within))

    def n_holding(self, terms: Sequence[str], within: Within) -> int | None:
        """How many passages of a part hold any of the terms; None: SQLite has to be asked."""
        return self._told(lambda scores: scores.n_holding(terms, within))

    def n_passages(self, within: Within) -> int | None:
        """How many passages a part holds; None: SQLite has to be asked."""
        return self._told(lambda scores: scores.n_passages(within))

    def counted(self, word: str, within: Within) -> int | None:
        """In how many passages a word stands, where that was asked before."""
        self._current()
        return self._counts.get((word, within))

    def note_count(self, word: str, within: Within, n: int) -> None:
        """Keep in how many passages a word stands."""
        self._counts[word, within] = n

    def _told(self, ask: "Callable[[WordScores], Told]") -> Told | None:
        version = self._current()
        if self._last_passage() > MOST_PASSAGES:
            return None
        told = ask(self._scores)
        # Where somebody wrote meanwhile, what was read is of two states.
        return told if self._ledger.version == version else None

    @cached_property
    def _scores(self) -> "WordScores":
        from sonde.store.word_scores import WordScores

        return WordScores(self._ledger)

    def _current(self) -> tuple[int, int]:
        version = self._ledger.version
        if version != self._version:
            self._version, self._n_searches, self._last, self._counts = version, 0, None, {}
            if "_scores" in vars(self):
                self._scores.forget()
        return version

    def _is_worth_it(self) -> bool:
        return self._n_searches > FIRST_SEARCHES and self._last_passage() >= max(LEAST_PASSAGES, 1)

    def _last_passage(self) -> int:
        if self._last is None:
            ((self._last,),) = self._ledger.rows(_LAST)
        return self._last
