"""The words of a question and what else people write for them: stems, synonyms of the field, parts of identifiers."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sonde.concepts import concept_of, concepts_in, words_of
from sonde.decisions.stemming import porter

_SAME = (
    "max maximum upper largest most",
    "min minimum lower smallest least",
    "drop remove delete discard exclude eliminate strip omit skip prune discontinue",
    "filter exclude discard reject drop",
    "add introduce include insert",
    "allow permit accept support enable",
    "forbid disallow prohibit ban prevent disable",
    "reject refuse decline rejected",
    "replace substitute swap supersede switch migrate",
    "rename name call naming",
    "raise increase bump enlarge grow higher larger",
    "lower reduce decrease shrink smaller limit",
    "limit restrict cap bound maximum restriction",
    "fix repair bugfix patch correct mend",
    "bug error failure fault problem issue crash wrong",
    "fail crash break abort",
    "fast speed quick performance efficient slow faster quicker speedup overhead",
    "memory ram oom footprint",
    "expensive cost costly cheap",
    "dependency require requirement depend package library",
    "pin constrain cap freeze",
    "deprecate obsolete legacy discontinue",
    "argument parameter option flag keyword setting arg param kwarg",
    "configuration config setting configure",
    "function method routine",
    "folder directory path",
    "file document",
    "test check verify testing",
    "documentation docs docstring doc",
    "default standard",
    "float32 fp32 single precision",
    "float64 fp64 double precision",
    "gpu cuda device",
    "cpu processor",
    "random stochastic randomness seed rng",
    "weight checkpoint parameter model",
    "ensemble committee",
    "train training fit fitting",
    "dataset data",
    "structure configuration frame snapshot cell geometry",
    "force gradient",
    "stress virial",
    "cell lattice",
    "neighbor neighbour",
    "cutoff radius",
    "functional xc",
    "relax relaxation optimise optimize optimization",
    "simple simplicity easy simpler easier simplify",
    "complex complicated complexity difficult hard",
    "compatible compatibility backward backwards compat",
    "license licence",
    "color colour",
    "behavior behaviour",
    "optimise optimize",
    "initialise initialize init",
    "normalise normalize",
    "safe security secure unsafe vulnerability",
    "version release",
    "user people person",
    "syntax grammar notation",
    "separate split distinct",
    "merge join combine unify",
    "warn warning",
    "exception error",
    "store save keep write persist cache",
    "load read parse",
    "number integer int",
    "string text str",
    "dictionary dict mapping",
    "list array sequence",
    "explicit explicitly",
    "implicit implicitly automatic automatically",
    "underline caret highlight mark",
    "quick faster speed",
    "span range",
    "one single",
    "confusing confusion confuse unclear misleading surprising",
    "ambiguous ambiguity",
    "consistent consistency inconsistent",
    "build compile",
    "tool tooling",
    "node machine server",
    "ignore skip",
    "wait delay sleep timeout",
    "retry repeat again",
    "parallel concurrent thread multiprocessing",
    "hash digest checksum",
    "email mail",
    "image picture figure",
    "average mean",
    "threshold limit cutoff",
    "lazy lazily deferred defer postpone demand",
    "manual manually hand",
    "empty blank null none",
    "spawn start launch create begin",
    "cancel abort interrupt stop",
    "old legacy stale outdated former",
    "recommend prefer favour favor encourage",
    "print log output emit",
    "order sort sequence",
    "risk danger risky dangerous hazard unsafe",
    "deterministic reproducible repeatable",
    "hang freeze stall deadlock",
    "workaround hack trick",
    "guess infer detect heuristic",
    "equal equality compare comparison",
    "precise accurate accuracy exact precision",
    "symlink symbolic",
    "glob wildcard",
    "llm ai gpt chatgpt",
    "shortcut alias abbreviation",
    "mandatory required obligatory compulsory",
    "optional voluntary",
    "nested nesting inner",
    "broken defective faulty corrupt damaged",
    "unify uniform consistent standardize standardise",
    "scatter spread distribute",
    "quote quotation",
    "loop cycle iterate iteration",
    "private internal hidden underscore",
    "public exported exposed",
    "generate produce build create",
    "connection socket",
    "descriptor handle fd",
    "subclass inherit derive derived inheritance",
    "immutable frozen readonly constant",
    "mutable modify mutate change",
    "convergence converge tolerance",
    "temperature thermostat",
    "pressure barostat",
    "charge oxidation",
    "spin magnetic magnetism magmom",
    "energy energies",
    "loss objective",
    "split partition",
    "duplicate copy duplication",
    "noise noisy",
    "outlier anomaly",
)  # fmt: skip
"""Words that people write for one another, in software and in the field, one meaning to a row."""
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
_WORD = re.compile(r"[^\W_]+(?:_[^\W_]+)*")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_|(?<=[A-Za-z])(?=\d)")
BY_SYNONYM, BY_PART = 0.55, 0.85
"""How much of a word a synonym and a part of an identifier count for."""


@lru_cache(maxsize=1)
def _synonyms() -> dict[str, frozenset[str]]:
    """Stems by stem."""
    rows = [{porter(word) for word in row.split()} for row in _SAME]
    stems = {stem for row in rows for stem in row}
    return {stem: frozenset().union(*(row for row in rows if stem in row)) - {stem} for stem in stems}


def synonyms_of(stem: str) -> frozenset[str]:
    """Stems that may stand for a stem."""
    return _synonyms().get(stem, frozenset())


@lru_cache(maxsize=1)
def _spelled() -> dict[str, tuple[str, ...]]:
    spelled: dict[str, list[str]] = {}
    for word in dict.fromkeys(word for row in _SAME for word in row.split()):
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

    @property
    def searched(self) -> tuple[str, ...]:
        """Words to look for in place of it."""
        return tuple(dict.fromkeys(word for stem in sorted(self.others) for word in _spelled().get(stem, (stem,))[:1]))


def terms_in(question: str) -> tuple[Term, ...]:
    """Return a question's telling words, each once; where nothing else is left, whatever it holds."""
    words = dict.fromkeys(word for written in _WORD.findall(question) for word in _parts(written))
    telling = [word for word in words if word not in QUESTION_WORDS and (len(word) > 1 or word.isdigit())]
    terms: dict[str, Term] = {}
    for word in telling:
        stem = porter(word)
        terms.setdefault(stem, Term(word, stem, synonyms_of(stem) | _names(word)))
    return tuple(terms.values())


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
    if term.stem in whole:
        return 1.0
    if term.stem in parts:
        return BY_PART
    return BY_SYNONYM if term.others & whole or term.others & parts else 0.0
