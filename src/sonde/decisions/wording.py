"""The words of a question and what else people write for them: stems, synonyms of the field, parts of identifiers."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from sonde.concepts import concept_of, concepts_in, words_of
from sonde.decisions.spelling import other_spellings
from sonde.decisions.stemming import porter
from sonde.decisions.synonyms import meanings

_QUESTION_WORDS = (
    "a about actually all an and any are as at be been being but by can could did do does doing done for from had has"
    " have he her here his how i if in instead into is isn it its just may me might more most must my no not of off on"
    " one only or our out over own rather reason reasons rationale s say she should so some still such t than that the"
    " their them then there these they this those to too up us use used uses using versus vs was we were what when"
    " where which while who whom why will with won would you your explain tell because ever please know came come"
    " decide decided decision choose chose chosen prefer preferred pick picked idea made make makes get got let"
    " don doesn didn can't cannot isn't aren wasn weren couldn shouldn wouldn go going went give given"
)
QUESTION_WORDS = frozenset(_QUESTION_WORDS.split())
_SMALL = (
    "a an and are as at be been by can could did do does for from had has have how i if in is it its of on or our so"
    " than that the their them then there these they this those to us was we were what when where which who why will"
    " with would you your"
)
_SMALL_WORDS = frozenset(_SMALL.split())
_TURNS = (
    ("given up|gave up|done away with|on its way out", "abandoned"),
    ("got rid of|taken out|taken away", "removed"),
    ("left out|leave out|leaves out", "omitted"),
    ("taken back|backed out|rolled back", "reverted"),
    ("cut off|cut short", "truncated"),
    ("switched off|turned off|switch off|turn off", "disabled"),
    ("by hand", "manually"),
    ("on purpose", "intentionally"),
    ("at once|straight away|right away", "immediately"),
    ("on demand|on request", "lazily"),
    ("at the same time", "simultaneously"),
    ("work around|works around|worked around", "workaround"),
    ("written out|spelled out|spelt out", "explicit"),
    ("man(?:ual)? pages?", "manpage"),
)  # fmt: skip
"""Turns of several words, none of which tells by itself, and the word that people write for them."""
_TURNED = tuple((re.compile(rf"\b(?:{turn})\b", re.IGNORECASE), word) for turn, word in _TURNS)
_WORD = re.compile(r"[^\W_]+(?:_[^\W_]+)*")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_|(?<=[A-Za-z])(?=\d)")
BY_SYNONYM, BY_PART = 0.55, 0.85
"""How much of a word a synonym and a part of an identifier count for."""


@lru_cache(maxsize=1)
def _synonyms() -> dict[str, frozenset[str]]:
    """Stems by stem."""
    found: dict[str, set[str]] = {}
    for meaning in meanings():
        stems = {porter(word) for word in meaning}
        for stem in stems:
            found.setdefault(stem, set()).update(stems - {stem})
    return {stem: frozenset(others) for stem, others in found.items()}


def synonyms_of(stem: str) -> frozenset[str]:
    """Stems that may stand for a stem."""
    return _synonyms().get(stem, frozenset())


@lru_cache(maxsize=1)
def _spelled() -> dict[str, tuple[str, ...]]:
    spelled: dict[str, list[str]] = {}
    for word in dict.fromkeys(word for meaning in meanings() for word in meaning):
        spelled.setdefault(porter(word), []).append(word)
    return {stem: tuple(words) for stem, words in spelled.items()}


@dataclass(frozen=True)
class Term:
    """One telling word of a question."""

    word: str
    """As it is written, in lower case."""
    stem: str
    others: frozenset[str]
    """Stems of what may stand for it."""
    spellings: tuple[str, ...] = ()
    """How else it is spelled."""

    @cached_property
    def stems(self) -> frozenset[str]:
        """Its stem, and those of its other spellings."""
        return frozenset((self.stem, *map(porter, self.spellings)))

    @property
    def searched(self) -> tuple[str, ...]:
        """Words to look for in place of it."""
        return tuple(dict.fromkeys(word for stem in sorted(self.others) for word in _spelled().get(stem, (stem,))[:1]))


def terms_in(question: str) -> tuple[Term, ...]:
    """Return a question's telling words, each once; where nothing else is left, whatever it holds."""
    for turn, word in _TURNED:
        question = turn.sub(word, question)
    words = dict.fromkeys(word for written in _WORD.findall(question) for word in _parts(written))
    telling = [word for word in words if word not in QUESTION_WORDS and (len(word) > 1 or word.isdigit())]
    terms: dict[str, Term] = {}
    for word in telling:
        stem = porter(word)
        terms.setdefault(stem, _term(word, stem))
    return tuple(terms.values())


def _term(word: str, stem: str) -> Term:
    spellings = tuple(one for one in other_spellings(word) if porter(one) != stem)
    others = [synonyms_of(one) for one in (stem, *map(porter, spellings))]
    return Term(word, stem, frozenset[str]().union(*others) | _names(word), spellings)


def spoken_words(question: str) -> tuple[str, ...]:
    """Return a question's words without those that stand in any text; more than the telling ones: no, now, used."""
    return tuple(dict.fromkeys(word for word in _WORD.findall(question) if word.lower() not in _SMALL_WORDS))


def _names(word: str) -> frozenset[str]:
    """Stems of the other names of the setting that a word names by itself: ENCUT is a plane-wave cutoff."""
    concept = concept_of(word) or next(iter(concepts_in(word)), None)
    return frozenset(porter(part) for part in re.findall(r"[a-z]+", words_of(concept).lower())) if concept else (
        frozenset()
    )  # fmt: skip


def _parts(written: str) -> Iterable[str]:
    """A word in lower case; an identifier also by its parts."""
    parts = [part.lower() for part in _HUMP.split(written) if part]
    return [written.lower(), *parts] if len(parts) > 1 and "_" in written else [written.lower()]


@lru_cache(maxsize=20_000)
def stems_of(text: str) -> tuple[str, ...]:
    """Return the stems of a text's words in order."""
    return tuple(porter(word.lower()) for word in _WORD.findall(text))


@lru_cache(maxsize=50_000)
def _part_stems(word: str) -> tuple[str, ...]:
    parts = [part for part in _HUMP.split(word) if part]
    return tuple(porter(part.lower()) for part in parts) if len(parts) > 1 else ()


@lru_cache(maxsize=20_000)
def parted_stems(text: str) -> tuple[str, ...]:
    """Return the stems of a text's words in order, an identifier by its parts."""
    return tuple(stem for word in _WORD.findall(text) for stem in (_part_stems(word) or (porter(word.lower()),)))


@lru_cache(maxsize=20_000)
def held_by(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Stems of a text's words, and stems of the parts of its identifiers."""
    parts = frozenset(stem for word in _WORD.findall(text) for stem in _part_stems(word))
    return frozenset(stems_of(text)), parts


def how_held(terms: Sequence[Term], text: str) -> tuple[float, ...]:
    """How far a text holds each term: 1 by the word itself, less by a part of an identifier or a synonym, else 0."""
    whole, parts = held_by(text)
    return tuple(_held(term, whole, parts) for term in terms)


def _held(term: Term, whole: frozenset[str], parts: frozenset[str]) -> float:
    if term.stems & whole:
        return 1.0
    if term.stems & parts:
        return BY_PART
    return BY_SYNONYM if term.others & whole or term.others & parts else 0.0
