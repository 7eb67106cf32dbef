"""Regions of feature space without a single survivor: one condition, bands, conjunctions and disjunctions.

Every one-sided condition is read as `value > bound` over signed columns (−x for `<`). For each shape of rule the
largest region that holds no kept frame is found exactly; for two columns its corner lies on the Pareto front of the
kept frames.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np

from sonde.datasets.significance import LIKELY_CHANCE, evidence, log_binomial, near_frames
from sonde.records.arrays import AnyArray, BoolArray, FloatArray, IntArray
from sonde.records.datasets import FeatureTable

Joined = Literal["and", "or"]
Side = Literal[">", "<"]
SIDES: tuple[Side, ...] = (">", "<")


MOST_WORDS = 300
"""A feature with more words is not searched word by word beside another."""


@dataclass(frozen=True)
class Term:
    """One condition over a column: beyond a bound, or one of some values."""

    feature: str
    op: Literal[">", "<", "in"]
    bound: float = math.nan
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Region:
    """A region without survivors. cost: ln of the number of rules that were searched for it."""

    terms: tuple[Term, ...]
    joined_by: Joined | None
    n_dropped: int
    cost: float

    @property
    def complexity(self) -> int:
        return len(self.terms)


@dataclass(frozen=True, eq=False)
class SearchTable:
    """Features made ready for the search: signed columns in which NaN is −inf, sorted orders, and codes of words."""

    names: tuple[tuple[str, Side], ...]
    columns: FloatArray
    """(n_columns, n_frames)"""
    order: IntArray
    """Descending order of every column."""
    words: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, IntArray]
    """Place in `words`, −1 where unknown."""
    numeric: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def n_frames(self) -> int:
        return self.columns.shape[1]

    @property
    def n_single(self) -> int:
        """Number of rules of one condition, thresholds apart."""
        return len(self.names) + len(self.codes)

    @cached_property
    def nearest(self) -> IntArray:
        return near_frames(self.columns[::2])

    def holds(self, term: Term) -> BoolArray:
        """Tell for which frames a term holds."""
        if term.op == "in":
            wanted = [self.words[term.feature].index(value) for value in term.values]
            return np.asarray(np.isin(self.codes[term.feature], wanted), bool)
        values = self.columns[self.names.index((term.feature, term.op))]
        return np.asarray(values > (term.bound if term.op == ">" else -term.bound), bool)

    def mask(self, region: Region) -> BoolArray:
        """Tell for which frames a region's rule holds."""
        masks = [self.holds(term) for term in region.terms]
        return np.asarray(np.logical_or.reduce(masks) if region.joined_by == "or" else np.logical_and.reduce(masks))

    def decided_by_each(self, region: Region) -> list[BoolArray]:
        """Tell, per term, which frames' fate rests on it alone: all other terms hold (and), or none does (or)."""
        masks = np.array([self.holds(term) for term in region.terms])
        others = [np.delete(masks, i, axis=0) for i in range(len(masks))]
        if region.joined_by == "or":
            return [np.asarray(~other.any(axis=0), np.bool_) for other in others]
        return [np.asarray(other.all(axis=0), np.bool_) for other in others]


@lru_cache(maxsize=2)
def search_table(table: FeatureTable) -> SearchTable:
    """Prepare a feature table, once; features that are the same for all frames, or unknown, are left out."""
    numeric = {
        name: values for name, values in table.numeric.items() if len(np.unique(values[np.isfinite(values)])) > 1
    }
    names: list[tuple[str, Side]] = [(name, op) for name in numeric for op in SIDES]
    signed = [np.where(np.isfinite(x), x if op == ">" else -x, -np.inf) for x in numeric.values() for op in SIDES]
    columns = np.array(signed, float).reshape(len(names), table.n_frames)
    words = {name: tuple(sorted({v for v in values if v is not None})) for name, values in table.categorical.items()}
    words = {name: values for name, values in words.items() if len(values) > 1}
    codes = {name: _codes(table.categorical[name], values) for name, values in words.items()}
    order = np.argsort(-columns, axis=1, kind="stable")
    return SearchTable(tuple(names), columns, order, words, codes, numeric)


def _codes(values: tuple[str | None, ...], words: tuple[str, ...]) -> IntArray:
    place = {word: i for i, word in enumerate(words)}
    return np.array([-1 if value is None else place[value] for value in values], np.int64)


@dataclass(frozen=True, eq=False)
class Loss:
    """The frames of a search that were kept and dropped; frames in neither are left out of it."""

    kept: BoolArray
    dropped: BoolArray

    @cached_property
    def n(self) -> int:
        return int(np.count_nonzero(self.kept | self.dropped))

    @cached_property
    def n_dropped(self) -> int:
        return int(np.count_nonzero(self.dropped))

    def rate_outside(self, n_region: int) -> float:
        """Return the loss rate among the frames outside a region without survivors."""
        return (self.n_dropped - n_region) / max(self.n - n_region, 1)

    def evidence(self, n_region: AnyArray | int) -> FloatArray:
        return evidence(self.n, self.n_dropped, n_region)


# ---- one condition ----


def single_regions(table: SearchTable, loss: Loss) -> list[Region]:
    """Find, for every column and every word feature, the largest region without survivors."""
    cost = math.log(max(table.n_single, 1))
    found = []
    for (feature, op), column in zip(table.names, table.columns, strict=True):
        bound = float(np.max(column, where=loss.kept, initial=-np.inf))
        if not math.isfinite(bound):  # no survivor states the feature: nothing to compare with
            continue
        n_dropped = int(np.count_nonzero(loss.dropped & (column > bound)))
        found.append(Region((_tail(feature, op, bound),), None, n_dropped, cost))
    for feature, codes in table.codes.items():
        values, n_dropped, choices = emptied_values(codes, table.words[feature], loss)
        found.append(Region((Term(feature, "in", values=values),), None, n_dropped, cost + choices))
    return [region for region in found if region.n_dropped]


def _tail(feature: str, op: Side, bound: float) -> Term:
    return Term(feature, op, bound if op == ">" else -bound + 0.0)


def emptied_values(codes: IntArray, words: tuple[str, ...], loss: Loss) -> tuple[tuple[str, ...], int, float]:
    """Return the words that no survivor carries, the number of frames they cover, and ln of the choices there were.

    Words so rare that random loss may well have emptied them are left out.
    """
    drops = np.bincount(codes[loss.dropped & (codes >= 0)], minlength=len(words))
    keeps = np.bincount(codes[loss.kept & (codes >= 0)], minlength=len(words))
    emptied = (keeps == 0) & (drops > 0)
    rate = loss.rate_outside(int(drops[emptied].sum()))
    emptied &= rate ** np.maximum(drops, 1) < LIKELY_CHANCE
    n_words = np.count_nonzero(drops + keeps)
    choices = float(log_binomial(n_words, np.count_nonzero(emptied)))
    return tuple(words[i] for i in np.flatnonzero(emptied)), int(drops[emptied].sum()), choices


# ---- two conditions, both to hold ----


def corner_regions(table: SearchTable, loss: Loss) -> Iterator[Region]:
    """Find, for every pair of columns, the largest corner without survivors; x < b with x > a is a band."""
    pairs = list(itertools.combinations(range(len(table.names)), 2))
    in_loss = loss.kept | loss.dropped
    for i, group in itertools.groupby(pairs, key=lambda pair: pair[0]):
        kept = table.order[i][loss.kept[table.order[i]]]
        dropped = np.flatnonzero(loss.dropped & in_loss)
        for _, j in group:
            corner = largest_corner(table.columns[i], table.columns[j], kept, dropped)
            if corner is not None:
                a, b, n_dropped, n_corners = corner
                one, other = table.names[i], table.names[j]
                terms = (_tail(one[0], one[1], a), _tail(other[0], other[1], b))
                yield Region(terms, "and", n_dropped, math.log(len(pairs) * n_corners))


def largest_corner(
    a: FloatArray, b: FloatArray, kept: IntArray, dropped: IntArray
) -> tuple[float, float, int, int] | None:
    """Return (bound of a, bound of b, dropped frames in it, corners there are) of the fullest corner without survivors.

    `kept` must be in descending order of a. Survivors that are highest in b among all with as high an a form the
    Pareto front; between each two neighbours on it lies one corner that cannot be widened.
    """
    height = b[kept]
    record = np.flatnonzero(height > np.concatenate([[-np.inf], np.maximum.accumulate(height)[:-1]]))
    front_a, front_b = a[kept[record]], b[kept[record]]
    last = np.append(front_a[1:] < front_a[:-1], True) if len(record) else np.zeros(0, bool)
    front_a, front_b = front_a[last], front_b[last]
    if len(front_a) < 2:
        return None
    # Corner i is {a > front_a[i + 1], b > front_b[i]}; a frame lies in all corners from `first` up to `end`.
    first = len(front_a) - 1 - np.searchsorted(front_a[:0:-1], a[dropped], side="left")
    end = np.searchsorted(front_b[:-1], b[dropped], side="left")
    inside = first < end
    steps = np.bincount(first[inside], minlength=len(front_a)) - np.bincount(end[inside], minlength=len(front_a))
    stated = np.isfinite(front_a[1:]) & np.isfinite(front_b[:-1])
    counts = np.cumsum(steps)[:-1] * stated
    best = int(np.argmax(counts))
    if counts[best] == 0:
        return None
    return float(front_a[best + 1]), float(front_b[best]), int(counts[best]), len(front_a) - 1


def word_corner_regions(table: SearchTable, loss: Loss) -> Iterator[Region]:
    """Find, for every column and word feature, the best `column beyond bound and feature in {…}`."""
    n_pairs = max(1, len(table.names) * len(table.codes))
    for feature, codes in table.codes.items():
        for name, column in zip(table.names, table.columns, strict=True):
            bound = _best_word_bound(column, codes, len(table.words[feature]), loss)
            if bound is None:
                continue
            beyond = column > bound
            inside = Loss(loss.kept & beyond, loss.dropped & beyond)
            values, n_dropped, choices = emptied_values(codes, table.words[feature], inside)
            if n_dropped:
                cost = math.log(n_pairs * len(table.words[feature])) + choices
                yield Region(
                    (_tail(name[0], name[1], bound), Term(feature, "in", values=values)), "and", n_dropped, cost
                )


def _best_word_bound(column: FloatArray, codes: IntArray, n_words: int, loss: Loss) -> float | None:
    """Return the bound beyond which the words without survivors are worth most, given how many choices they cost."""
    highest_kept, highest_dropped = np.full(n_words, -np.inf), np.full(n_words, -np.inf)
    known = codes >= 0
    np.maximum.at(highest_kept, codes[loss.kept & known], column[loss.kept & known])
    np.maximum.at(highest_dropped, codes[loss.dropped & known], column[loss.dropped & known])
    bounds = np.unique(highest_kept[np.isfinite(highest_kept)])
    frames = np.flatnonzero(loss.dropped & known & (column > highest_kept[codes]))
    if not len(bounds) or not len(frames):
        return None
    # A dropped frame counts for every bound from its word's highest survivor up to itself; so does its word.
    n_dropped = _covering(bounds, highest_kept[codes[frames]], column[frames])
    words = np.flatnonzero(highest_dropped > highest_kept)
    n_values = _covering(bounds, highest_kept[words], highest_dropped[words])
    worth = loss.evidence(n_dropped) - log_binomial(n_words, np.minimum(n_values, n_words))
    best = int(np.argmax(np.where(n_dropped > 0, worth, -np.inf)))
    return float(bounds[best])


def _covering(bounds: FloatArray, low: FloatArray, high: FloatArray) -> IntArray:
    """Count, for each of the ascending bounds, the intervals [low, high) that it lies in."""
    starts = np.bincount(np.searchsorted(bounds, low, side="left"), minlength=len(bounds) + 1)
    ends = np.bincount(np.searchsorted(bounds, high, side="left"), minlength=len(bounds) + 1)
    return np.asarray(np.cumsum(starts - ends)[:-1], np.int64)


def word_pair_regions(table: SearchTable, loss: Loss) -> Iterator[Region]:
    """Find, for every word of one feature, the words of another that have no survivor with it."""
    pairs = list(itertools.permutations(table.codes, 2))
    for one, other in pairs:
        if len(table.words[one]) > MOST_WORDS:
            continue
        cost = math.log(len(pairs) * len(table.words[one]))
        for i, word in enumerate(table.words[one]):
            has = table.codes[one] == i
            if not np.any(loss.dropped & has):
                continue
            values, n_dropped, choices = emptied_values(
                table.codes[other], table.words[other], Loss(loss.kept & has, loss.dropped & has)
            )
            if n_dropped:
                terms = (Term(one, "in", values=(word,)), Term(other, "in", values=values))
                yield Region(terms, "and", n_dropped, cost + choices)


# ---- either of several conditions ----


def either_regions(table: SearchTable, loss: Loss, singles: list[Region], n_terms: int) -> Iterator[Region]:
    """Join single regions by "or", each combination of n_terms of them; each must add frames of its own."""
    masks = np.array([table.mask(single) & loss.dropped for single in singles])
    n_choices = math.comb(max(table.n_single, n_terms), n_terms)
    for group in itertools.combinations(range(len(singles)), n_terms):
        n_dropped = int(np.count_nonzero(np.logical_or.reduce(masks[list(group)])))
        if n_dropped > max(singles[i].n_dropped for i in group):
            extra = sum(singles[i].cost - math.log(max(table.n_single, 1)) for i in group)
            terms = tuple(singles[i].terms[0] for i in group)
            yield Region(terms, "or", n_dropped, math.log(n_choices) + extra)
