"""Search by words in memory: the scores of SQLite's bm25, from where words stand and how long passages are.

SQLite reads the length of each passage that holds a word of a query, and for each query anew. Here lengths are read
once, and where a word stands once for each word, until anybody writes; the scores are the same bit by bit, and so is
their order (https://www.sqlite.org/fts5.html#the_bm25_function). A part of the archive is searched as if it were all
there is: what came later, or stands in another source, changes neither what is found nor its score.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property, reduce

import numpy as np

from sonde.records.arrays import AnyArray, BoolArray, FloatArray, IntArray
from sonde.records.decisions import EVERYTHING, Within
from sonde.store.full_text import TITLE_WEIGHT, tokens_of
from sonde.store.ledger import Ledger
from sonde.store.times import optional_time_text

K1, B = 1.2, 0.75
LEAST_RARITY = 1e-6
"""Weight of a word that half of the passages hold, or more; SQLite's, as are the two constants above."""
MOST_STANDING = 4_000_000
"""Passages that words in memory stand in, together, at sixteen bytes each."""
MOST_PARTS = 4
"""Parts of the archive that are kept in memory, at seventeen bytes a passage; times take sixteen."""
_OPEN = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.word_places USING fts5vocab(main, passage_words, instance)"
# Numbers as one text, which takes half as long as row by row; what stands in a title is given as a negative number.
_WORD = "SELECT group_concat(CASE col WHEN 'title' THEN -doc ELSE doc END) FROM temp.word_places WHERE term = ?"
_WORD_OF_PHRASE = (
    "SELECT group_concat(doc * 2 + (col = 'title')), group_concat(offset) FROM temp.word_places WHERE term = ?"
)
_TIMES = "SELECT group_concat(id), group_concat(substr(time, 1, 26), '') FROM passages WHERE time IS NOT NULL"
"""Times of one length, to the microsecond, see `times.time_text`; their zone, which is always UTC, is cut off."""
_LONGEST = 2**31
"""Words that a passage may hold."""
_LENGTHS = "SELECT group_concat(id), CAST(group_concat(sz, '') AS BLOB) FROM passage_words_docsize"
_PART = "SELECT group_concat(id) FROM passages WHERE (?1 IS NULL OR time <= ?1) AND (?2 IS NULL OR source = ?2)"


@dataclass(frozen=True)
class _Lengths:
    """Words that passages hold, by number of the passage, and the numbers of those that count."""

    n_words: IntArray
    counted: IntArray

    @property
    def n_passages(self) -> int:
        return len(self.counted)

    @cached_property
    def held(self) -> BoolArray:
        """Whether a passage counts, by its number."""
        held = np.zeros(len(self.n_words), dtype=np.bool_)
        held[self.counted] = True
        return held

    @cached_property
    def damping(self) -> FloatArray:
        """What the length of a passage adds to the denominator of bm25, by its number."""
        n_words, damping = self.n_words[self.counted], np.zeros(len(self.n_words))
        damping[self.counted] = K1 * (1 - B + B * n_words / (float(n_words.sum()) / max(len(n_words), 1)))
        return damping

    def of(self, numbers: IntArray) -> "_Lengths":
        """Those of some passages alone; what came since they were read has no length yet."""
        known = numbers[numbers < len(self.n_words)]
        return _Lengths(self.n_words, known[self.held[known]])


@dataclass(frozen=True)
class _Standing:
    """Numbers of the passages that hold a word, in order, and how often each does; half as often where in a title."""

    passages: IntArray
    times: FloatArray

    def within(self, lengths: _Lengths) -> "_Standing":
        """Where the word stands in the passages that count."""
        held = lengths.held[self.passages]
        return _Standing(self.passages[held], self.times[held])


class WordScores:
    """Words of the passages of a ledger, as far as they were asked for; what was read holds until anybody writes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tokens: dict[str, tuple[str, ...]] = {}
        self._parts: dict[Within, _Lengths] = {}
        self._standing: dict[str, _Standing] = {}
        self._asked_of_a_time = False
        self._dated: tuple[IntArray, AnyArray] | None = None

    def forget(self) -> None:
        """Read anew from now on."""
        self._parts, self._standing = {}, {}
        self._asked_of_a_time, self._dated = False, None

    def best(self, terms: Sequence[str], limit: int, within: Within) -> list[tuple[int, float]]:
        """Numbers and scores of the passages of a part that hold any of the terms, best first."""
        lengths = self._part(within)
        return _best(self._all_standing(terms, within), lengths, limit)

    def n_holding(self, terms: Sequence[str], within: Within) -> int:
        """How many passages of a part hold any of the terms."""
        held = [word.passages for word in self._all_standing(terms, within)]
        return len(reduce(np.union1d, held, _numbers(None)))

    def n_passages(self, within: Within) -> int:
        """How many passages a part holds."""
        return self._part(within).n_passages

    def _part(self, within: Within) -> _Lengths:
        if EVERYTHING not in self._parts:
            ((numbers, sizes),) = self._ledger.rows(_LENGTHS)
            self._parts[EVERYTHING] = _lengths(_numbers(numbers), sizes or b"")
        if within not in self._parts:
            while len(self._parts) > MOST_PARTS:
                del self._parts[next(part for part in self._parts if part != EVERYTHING)]
            self._parts[within] = self._parts[EVERYTHING].of(self._numbers_of(within))
        return self._parts[within]

    def _numbers_of(self, within: Within) -> IntArray:
        """Numbers of the passages of a part: asked of SQLite for the first time only, later told from all times."""
        if within.until is None or not self._asked_of_a_time:
            self._asked_of_a_time |= within.until is not None
            ((told,),) = self._ledger.rows(_PART, optional_time_text(within.until), within.source)
            return _numbers(told)
        numbers, times = self._times()
        dated = numbers[times <= np.datetime64(within.until.astimezone(UTC).replace(tzinfo=None))]
        return (
            dated if within.source is None else np.intersect1d(dated, self._part(Within(None, within.source)).counted)
        )

    def _times(self) -> tuple[IntArray, AnyArray]:
        """Numbers of all dated passages and their times (datetime64 in µs, UTC); reading them takes two parts' time."""
        if self._dated is None:
            ((numbers, times),) = self._ledger.rows(_TIMES)
            self._dated = _numbers(numbers), np.frombuffer((times or "").encode(), "S26").astype("datetime64[us]")
        return self._dated

    def _all_standing(self, terms: Sequence[str], within: Within) -> list[_Standing]:
        unknown = [term for term in terms if term not in self._standing]
        if unspelled := [term for term in unknown if term not in self._tokens]:
            self._tokens |= tokens_of(unspelled)
        while sum(len(known.passages) for known in self._standing.values()) > MOST_STANDING:
            del self._standing[next(iter(self._standing))]
            unknown = [term for term in terms if term not in self._standing]
        n_known = len(self._part(EVERYTHING).n_words)
        self._standing |= {term: _standing(self._places(self._tokens[term]), n_known) for term in unknown}
        standing = [self._standing[term] for term in terms]
        return standing if within == EVERYTHING else [word.within(self._part(within)) for word in standing]

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
        return _Lengths(np.zeros(1, dtype=np.int64), numbers)
    packed = np.frombuffer(sizes, dtype=np.uint8)
    ends = np.flatnonzero(packed < 128)
    starts = np.concatenate([[0], ends[:-1] + 1])
    values = np.zeros(len(ends), dtype=np.int64)
    for place in range(int((ends - starts).max()) + 1):
        longer = starts + place <= ends
        values[longer] = values[longer] * 128 + packed[starts[longer] + place] % 128
    n_words = np.zeros(int(numbers.max()) + 1, dtype=np.int64)
    n_words[numbers] = values.reshape(len(numbers), -1).sum(axis=1)
    return _Lengths(n_words, numbers)


def _standing(places: IntArray, n_known: int) -> _Standing:
    numbers = np.abs(places)
    # What came since lengths were read has none yet; a search that it came in the midst of is not answered from here.
    places, numbers = places[numbers < n_known], numbers[numbers < n_known]
    first = np.flatnonzero(np.diff(numbers, prepend=-1))
    if not len(first):
        return _Standing(numbers, np.zeros(0))
    return _Standing(numbers[first], np.add.reduceat(np.where(places < 0, TITLE_WEIGHT, 1.0), first))


def _best(standing: Iterable[_Standing], lengths: _Lengths, limit: int) -> list[tuple[int, float]]:
    scores, held = np.zeros(len(lengths.n_words)), np.zeros(len(lengths.n_words), dtype=np.bool_)
    for word in standing:
        n = len(word.passages)
        rarity = math.log((lengths.n_passages - n + 0.5) / (n + 0.5))
        weights = (word.times * (K1 + 1.0)) / (word.times + lengths.damping[word.passages])
        # Added and multiplied in SQLite's order, so that passages which are alike stay so.
        scores[word.passages] += (rarity if rarity > 0.0 else LEAST_RARITY) * weights
        held[word.passages] = True
    found = np.flatnonzero(held)
    values = scores[found]
    if len(found) > limit > 0:
        kept = values >= np.partition(values, -limit)[-limit]
        found, values = found[kept], values[kept]
    order = np.argsort(-values, kind="stable")[:limit]
    return list(zip(found[order].tolist(), values[order].tolist(), strict=True))
