"""Search by words in memory: the scores of SQLite's bm25, from where words stand and how long passages are.

SQLite reads the length of each passage that holds a word of a query, and for each query anew. Here lengths are read
once, and where a word stands once for each word, until anybody writes; the scores are the same bit by bit, and so is
their order (https://www.sqlite.org/fts5.html#the_bm25_function).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from sonde.records.arrays import FloatArray, IntArray
from sonde.store.full_text import tokens_of
from sonde.store.ledger import Ledger

K1, B = 1.2, 0.75
LEAST_RARITY = 1e-6
"""Weight of a word that half of the passages hold, or more; SQLite's, as are the two constants above."""
TITLE_WEIGHT = 0.5
FIRST_SEARCHES = 4
"""Searches that are left to SQLite after anything was written: reading all lengths costs as much as these."""
LEAST_PASSAGES, MOST_PASSAGES = 20_000, 2_000_000
"""Number of the last passage from which looking words up one by one is worth it, and up to which lengths are kept in
memory, at eight bytes each."""
MOST_STANDING = 4_000_000
"""Passages that words in memory stand in, together, at sixteen bytes each."""
_OPEN = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.word_places USING fts5vocab(main, passage_words, instance)"
# Numbers as one text, which takes half as long as row by row; what stands in a title is given as a negative number.
_WORD = "SELECT group_concat(CASE col WHEN 'title' THEN -doc ELSE doc END) FROM temp.word_places WHERE term = ?"
_WORD_OF_PHRASE = (
    "SELECT group_concat(doc * 2 + (col = 'title')), group_concat(offset) FROM temp.word_places WHERE term = ?"
)
_LONGEST = 2**31
"""Words that a passage may hold."""
_LENGTHS = "SELECT group_concat(id), group_concat(hex(sz), '') FROM passage_words_docsize"
_LAST = "SELECT coalesce(max(id), 0) FROM passage_words_docsize"


@dataclass(frozen=True)
class _Lengths:
    """What lengths of passages add to the denominator of bm25, by number of the passage; and how many there are."""

    damping: FloatArray
    n_passages: int


@dataclass(frozen=True)
class _Standing:
    """Numbers of the passages that hold a word, in order, and what it adds to the score of each but for its rarity."""

    passages: IntArray
    weights: FloatArray


class WordIndex:
    """Words of the passages of a ledger, as far as they were asked for since anybody wrote to it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tokens: dict[str, tuple[str, ...]] = {}
        self._forget((-1, -1))

    def _forget(self, version: tuple[int, int]) -> None:
        self._version, self._n_searches = version, 0
        self._last: int | None = None
        self._lengths: _Lengths | None = None
        self._standing: dict[str, _Standing] = {}
        self._counts: dict[str, int] = {}

    def best(self, terms: Sequence[str], limit: int) -> list[tuple[int, float]] | None:
        """Numbers and scores of the passages that hold any of the terms, best first; None: SQLite has to be asked.

        It has to be for the first few questions after anything was written, and in a small or a huge project.
        """
        version = self._current()
        self._n_searches += 1
        if self._n_searches <= FIRST_SEARCHES or not self._is_worth_it():
            return None
        lengths = self._all_lengths()
        standing = self._all_standing(terms, lengths)
        # Where somebody wrote meanwhile, what was read is of two states.
        return _best(standing, lengths, limit) if self._ledger.version == version else None

    def counted(self, word: str) -> int | None:
        """In how many passages a word stands, where that was asked before."""
        self._current()
        return self._counts.get(word)

    def note_count(self, word: str, n: int) -> None:
        """Keep in how many passages a word stands."""
        self._counts[word] = n

    def _current(self) -> tuple[int, int]:
        version = self._ledger.version
        if version != self._version:
            self._forget(version)
        return version

    def _is_worth_it(self) -> bool:
        if self._last is None:
            ((self._last,),) = self._ledger.rows(_LAST)
        return max(LEAST_PASSAGES, 1) <= self._last <= MOST_PASSAGES

    def _all_lengths(self) -> _Lengths:
        if self._lengths is None:
            ((numbers, sizes),) = self._ledger.rows(_LENGTHS)
            self._lengths = _lengths(_numbers(numbers), bytes.fromhex(sizes or ""))
        return self._lengths

    def _all_standing(self, terms: Sequence[str], lengths: _Lengths) -> list[_Standing]:
        unknown = [term for term in terms if term not in self._standing]
        if unspelled := [term for term in unknown if term not in self._tokens]:
            self._tokens |= tokens_of(unspelled)
        while sum(len(known.passages) for known in self._standing.values()) > MOST_STANDING:
            del self._standing[next(iter(self._standing))]
            unknown = [term for term in terms if term not in self._standing]
        self._standing |= {term: _standing(self._places(self._tokens[term]), lengths) for term in unknown}
        return [self._standing[term] for term in terms]

    def _places(self, tokens: Sequence[str]) -> IntArray:
        """Number of the passage for each place where a word or a phrase stands, negative where that is a title."""
        self._ledger.rows(_OPEN)
        if len(tokens) == 1:
            ((told,),) = self._ledger.rows(_WORD, tokens[0])
            return _numbers(told)
        rows = (self._ledger.rows(_WORD_OF_PHRASE, token)[0] for token in tokens)
        starts = [_numbers(texts) * _LONGEST + _numbers(offsets) - n for n, (texts, offsets) in enumerate(rows)]
        texts = reduce(np.intersect1d, starts) // _LONGEST if starts else _numbers(None)
        return np.where(texts % 2 == 1, -(texts // 2), texts // 2)


def _numbers(told: str | None) -> IntArray:
    return np.fromstring(told or "", dtype=np.int64, sep=",")


def _lengths(numbers: IntArray, sizes: bytes) -> _Lengths:
    """Read the numbers of words in text and title of each passage, which SQLite packs by seven bits to a byte."""
    if not len(numbers):  # all went since it was asked how many there are
        return _Lengths(np.zeros(1), 0)
    packed = np.frombuffer(sizes, dtype=np.uint8)
    ends = np.flatnonzero(packed < 128)
    starts = np.concatenate([[0], ends[:-1] + 1])
    values = np.zeros(len(ends), dtype=np.int64)
    for place in range(int((ends - starts).max()) + 1):
        longer = starts + place <= ends
        values[longer] = values[longer] * 128 + packed[starts[longer] + place] % 128
    n_words = values.reshape(len(numbers), -1).sum(axis=1)
    damping = np.zeros(int(numbers.max()) + 1)
    damping[numbers] = K1 * (1 - B + B * n_words / (float(n_words.sum()) / len(numbers)))
    return _Lengths(damping, len(numbers))


def _standing(places: IntArray, lengths: _Lengths) -> _Standing:
    numbers = np.abs(places)
    # What came since lengths were read has none yet; a search that it came in the midst of is not answered from here.
    places, numbers = places[numbers < len(lengths.damping)], numbers[numbers < len(lengths.damping)]
    first = np.flatnonzero(np.diff(numbers, prepend=-1))
    if not len(first):
        return _Standing(numbers, np.zeros(0))
    times, passages = np.add.reduceat(np.where(places < 0, TITLE_WEIGHT, 1.0), first), numbers[first]
    return _Standing(passages, (times * (K1 + 1.0)) / (times + lengths.damping[passages]))


def _best(standing: Iterable[_Standing], lengths: _Lengths, limit: int) -> list[tuple[int, float]]:
    scores, held = np.zeros(len(lengths.damping)), np.zeros(len(lengths.damping), dtype=np.bool_)
    for word in standing:
        n = len(word.passages)
        rarity = math.log((lengths.n_passages - n + 0.5) / (n + 0.5))
        # Added and multiplied in SQLite's order, so that passages which are alike stay so.
        scores[word.passages] += (rarity if rarity > 0.0 else LEAST_RARITY) * word.weights
        held[word.passages] = True
    found = np.flatnonzero(held)
    values = scores[found]
    if len(found) > limit > 0:
        kept = values >= np.partition(values, -limit)[-limit]
        found, values = found[kept], values[kept]
    order = np.argsort(-values, kind="stable")[:limit]
    return list(zip(found[order].tolist(), values[order].tolist(), strict=True))
