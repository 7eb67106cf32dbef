"""Finding passages for a question in free words: words, pieces of words and typed entities, ranks fused."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Protocol

from sonde.concepts import concept_of, concepts_in, words_of
from sonde.decisions.systems import System, systems_in
from sonde.quantities import Quantity, find_quantities, same_quantity
from sonde.records.decisions import EVERYTHING, Passage, Within

RRF_K = 60
"""Constant of reciprocal rank fusion, as in Cormack, Clarke, Büttcher, doi:10.1145/1571941.1572114."""
_STOP_WORDS = (
    "a about actually all an and any are as at be been but by can chose choose chosen could decide decided"
    " decision did do does done for from had has have he her his how i if in instead into is it its keep kept"
    " like made make me my not of off on one or our out over pick picked prefer preferred rather reason"
    " reasons rationale remember s say set she should so some still t than that the their them then there"
    " these they this those to up us use used using value was we were what when where which who whom why will"
    " with would you your explain tell behind ever go going went change changed changes changing switch"
    " switched move moved between now only there lower lowered raise raised increase increased reduce reduced"
    " get got being somebody anyone anybody did please know because versus vs"
)
_STOP = frozenset(_STOP_WORDS.split())
_WORD = re.compile(r"[^\W_]+(?:[_'][^\W_]+)*")
_HASH = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{7,40}(?![0-9a-zA-Z])")
_PATH = re.compile(r"[\w\-]+(?:/[\w\-.]+)*\.\w{1,5}(?::\d+)?|\b(?:INCAR|KPOINTS)\b")


class PassageIndex(Protocol):
    """What rooms need of an archive of passages."""

    def all(self, source: str | None = None) -> Iterator[Passage]:
        """Stream the passages."""
        ...

    def get(self, anchor: str) -> Passage | None:
        """Return the passage at an anchor."""
        ...

    def search(
        self, query: str, *, limit: int, trigram: bool = False, within: Within = EVERYTHING
    ) -> list[tuple[Passage, float]]:
        """Find passages of a part that hold any word of the query, best first, as if the part were all there is."""
        ...

    def count(self, within: Within = EVERYTHING) -> int:
        """About how many passages there are in a part."""
        ...

    def frequency(self, word: str, within: Within = EVERYTHING) -> int:
        """About how many passages of a part hold a word."""
        ...

    def beside(self, passage: Passage, n: int) -> list[Passage]:
        """Return up to n passages of the same source before and after one, in the order they were added."""
        ...


@dataclass(frozen=True)
class Restricted:
    """An index as it stood at a time, or one source of it."""

    index: PassageIndex
    as_of: datetime | None = None
    source: str | None = None

    @cached_property
    def part(self) -> Within:
        return part_of(self.as_of, self.source)

    def all(self, source: str | None = None) -> Iterator[Passage]:
        return (passage for passage in self.index.all(source or self.part.source) if self.part.holds(passage))

    def get(self, anchor: str) -> Passage | None:
        passage = self.index.get(anchor)
        return passage if passage and self.part.holds(passage) else None

    def search(
        self, query: str, *, limit: int, trigram: bool = False, within: Within = EVERYTHING
    ) -> list[tuple[Passage, float]]:
        return self.index.search(query, limit=limit, trigram=trigram, within=self.part.also(within))

    def count(self, within: Within = EVERYTHING) -> int:
        return self.index.count(self.part.also(within))

    def frequency(self, word: str, within: Within = EVERYTHING) -> int:
        return self.index.frequency(word, self.part.also(within))

    def beside(self, passage: Passage, n: int) -> list[Passage]:
        return [other for other in self.index.beside(passage, n) if self.part.holds(other)]


def part_of(as_of: datetime | None, source: str | None) -> Within:
    """Everything that was there at a time, in one source or in any; a time without a zone is one of UTC."""
    return Within(None if as_of is None else aware(as_of), source)


def holds(passage: Passage, as_of: datetime | None, source: str | None) -> bool:
    """Whether a passage was there at a time, in one source or in any."""
    return part_of(as_of, source).holds(passage)


@dataclass(frozen=True)
class Query:
    """A question taken apart."""

    text: str
    terms: tuple[str, ...]
    """Stems of its telling words."""
    concepts: frozenset[str]
    quantities: tuple[Quantity, ...]
    commits: tuple[str, ...]
    paths: tuple[str, ...]
    systems: frozenset[System]


def parse_question(text: str) -> Query:
    """Take a question apart into words and typed entities."""
    words = _WORD.findall(text)
    named = {concept for word in words if ("_" in word or word.isupper()) and (concept := concept_of(word))}
    paths = tuple(match.group() for match in _PATH.finditer(text) if not match.group()[0].isdigit())
    commits = tuple(c for c in _HASH.findall(text) if re.search(r"\d", c))
    return Query(
        text=text,
        terms=terms_of(text),
        concepts=frozenset(concepts_in(text) | named),
        quantities=tuple(q for q in find_quantities(text) if q.counted is None),
        commits=commits,
        paths=paths,
        systems=systems_in(text),
    )


def is_telling(word: str) -> bool:
    """Tell whether a word in lower case names a matter, and not only that something was done or asked."""
    return word not in _STOP


def terms_of(text: str) -> tuple[str, ...]:
    """Return the stems of a text's telling words, each once."""
    words = (word.lower() for word in _WORD.findall(text))
    return tuple(dict.fromkeys(stem(word) for word in words if word not in _STOP and len(word) > 1))


def stem(word: str) -> str:
    """Cut the endings that forms of one word differ by; short words stay whole."""
    for ending in ("ations", "ation", "ings", "ing", "ies", "ied", "ed", "es", "s", "ly", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def retrieve(index: PassageIndex, query: Query, limit: int = 60) -> list[tuple[Passage, float]]:
    """Rank passages by fusing word search, trigram search and shared entities, best first."""
    spelled = " ".join([query.text, *(words_of(concept) for concept in query.concepts)])
    telling = " ".join(word for word in _WORD.findall(spelled) if word.lower() not in _STOP)
    if not telling:
        return []
    by_words = [passage for passage, _ in index.search(telling, limit=3 * limit)]
    by_pieces = [passage for passage, _ in index.search(telling, limit=limit, trigram=True)]
    by_entities = sorted(by_words, key=lambda passage: -_shared(query, passage))
    shared = [passage for passage in by_entities if _shared(query, passage) > 0]
    return fuse([by_words[:limit], by_pieces, shared[:limit]])[:limit]


def fuse(rankings: Sequence[Sequence[Passage]]) -> list[tuple[Passage, float]]:
    """Fuse rankings by the sum of 1 / (60 + rank)."""
    scores: dict[str, float] = {}
    passages: dict[str, Passage] = {}
    for ranking in rankings:
        for rank, passage in enumerate(ranking, start=1):
            scores[passage.anchor] = scores.get(passage.anchor, 0.0) + 1.0 / (RRF_K + rank)
            passages[passage.anchor] = passage
    return sorted(((passages[anchor], score) for anchor, score in scores.items()), key=lambda item: -item[1])


def shares_entities(query: Query, text: str) -> bool:
    """Whether a text holds every quantity and system that the question names."""
    found = find_quantities(text)
    for wanted in query.quantities:
        if not any(_alike(wanted, quantity) for quantity in found):
            return False
    systems = systems_in(text)
    return all(any(system <= other or other <= system for other in systems) for system in query.systems)


def aware(time: datetime) -> datetime:
    """Take a time without a zone as UTC."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _shared(query: Query, passage: Passage) -> float:
    found = concepts_in(passage.text) & query.concepts
    quantities = find_quantities(passage.text) if query.quantities else ()
    values = sum(any(_alike(wanted, quantity) for quantity in quantities) for wanted in query.quantities)
    systems = len(query.systems & systems_in(passage.text)) if query.systems else 0
    commits = sum(commit[:7] in passage.text for commit in query.commits)
    return len(found) + 2.0 * values + systems + 3.0 * commits


def _alike(wanted: Quantity, quantity: Quantity) -> bool:
    if (wanted.unit is None) != (quantity.unit is None):
        return math.isclose(wanted.value, quantity.value)
    return same_quantity(wanted, quantity)
