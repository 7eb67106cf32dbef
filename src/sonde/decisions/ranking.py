"""Ranking of passages for a question in free words: what they hold of it, where, and how near to words of a reason."""

import math
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from itertools import accumulate, islice

from sonde.concepts import words_of
from sonde.decisions.meaning import Likeness
from sonde.decisions.retrieval import PassageIndex, Query, fuse
from sonde.decisions.signs import Asked, Near, Signs, held, score_of, share, signs_of, standing_for
from sonde.decisions.wording import spoken_words, terms_in
from sonde.records.decisions import Passage

MOST_CANDIDATES = 120
COMMON = 0.05
"""Share of all passages above which a word is searched for only where the question has no rarer ones."""
POSTINGS = 20_000
"""Passages that a search may have to weigh before words are left out of it, the commonest first."""
HUGE = 100_000
"""Passages from which a quick answer counts more than a rare one."""
MOST_IN_SMALL = 300
"""Candidates where few enough passages hold the question's words to weigh all of them."""
MOST_ALIKE = 20
"""Candidates by a sentence model alone."""
READ, READ_IN_SMALL = 40, 80
"""How many of the candidates are read sentence by sentence."""
EXPANDED, WITH_NEIGHBOURS = 25, 8
"""How many of the best are read with what stands beside them, and how many bring that in as candidates."""


@dataclass(frozen=True)
class Found:
    """A passage with what speaks for it."""

    passage: Passage
    signs: Signs
    score: float
    best: tuple[int, int]
    """Start and end of the sentences that hold most of the question."""


def asked_of(index: PassageIndex, query: Query) -> Asked:
    """Weigh the question's words by log((N + 1) / (n + 0.5)), n passages of N holding them."""
    terms = terms_in(without_quantities(query))
    total = index.count()
    counts = tuple(sum(map(index.frequency, (term.word, *term.spellings))) for term in terms)
    weights = tuple(max(math.log((total + 1) / (n + 0.5)), 0.1) for n in counts)
    scale = math.log(2 * total + 2)
    return Asked(query, terms, weights, counts, sum(weights), scale, standing_for(terms, weights))


def without_quantities(query: Query) -> str:
    """The question without its numbers with units: they are compared by value, not by their digits."""
    text = query.text
    for quantity in sorted(query.quantities, key=lambda quantity: -quantity.span[0]):
        start, end = quantity.span
        text = f"{text[:start]} {text[end:]}" if quantity.unit else text
    return text


def ranked(index: PassageIndex, asked: Asked, alike: Likeness | None = None) -> list[Found]:
    """Rank passages for a question, best first: all by their words, the best of these by everything.

    alike: what a sentence model makes of the question; the passages most alike are read, too.
    """
    seen = _seen(asked, candidates(index, asked))
    best = seen[: READ_IN_SMALL if _is_small(asked) else READ]
    best += _alike(index, asked, alike, {candidate.passage.anchor for candidate in best}) if alike else []
    documents = _documents(asked, seen)
    beside = {candidate.passage.anchor: _beside(index, candidate.passage) for candidate in best[:EXPANDED]}
    known = {candidate.passage.anchor: candidate.bm25 for candidate in seen}
    read = {candidate.passage.anchor: candidate.passage for candidate in best}
    around = dict(beside)
    for anchor in [candidate.passage.anchor for candidate in best[:WITH_NEIGHBOURS]]:
        for passage in beside[anchor]:
            read.setdefault(passage.anchor, passage)
            around.setdefault(passage.anchor, [read[anchor]])
    found = []
    for anchor, passage in read.items():
        near = Near(known.get(anchor, 0.0), around.get(anchor, ()), documents.get(document_of(passage), 0.0))
        found.append(_found(asked, passage, near))
    found.sort(key=lambda item: -item.score)
    return _by_meaning(found, alike) if alike else found


def _by_meaning(found: Sequence[Found], alike: Likeness) -> list[Found]:
    """Order what was found by how alike it is to the question, too; what was not compared counts as usual."""
    cosines = alike.of([item.passage for item in found])
    usual = sum(cosines.values()) / max(len(cosines), 1)
    weighed = [replace(item.signs, meaning=cosines.get(item.passage.anchor, usual)) for item in found]
    again = [replace(item, signs=signs, score=score_of(signs)) for item, signs in zip(found, weighed, strict=True)]
    return sorted(again, key=lambda item: -item.score)


def _alike(index: PassageIndex, asked: Asked, alike: Likeness, known: Set[str]) -> "list[_Candidate]":
    """The passages most alike in meaning that words did not bring."""
    held_here = (passage for passage in alike.nearest() if index.get(passage.anchor) is not None)
    nearest = [passage for passage in islice(held_here, MOST_ALIKE) if passage.anchor not in known]
    return _seen(asked, [(passage, 0.0) for passage in nearest])


@dataclass(frozen=True)
class _Candidate:
    passage: Passage
    bm25: float
    held: tuple[float, ...]
    """How far text or heading hold each of the question's words."""


def _seen(asked: Asked, scored: Sequence[tuple[Passage, float]]) -> list[_Candidate]:
    """Order candidates by the question's words that they hold."""
    seen = [_Candidate(p, bm25, held(asked, f"{p.title or ''}\n{p.text}")) for p, bm25 in scored]
    return sorted(seen, key=lambda candidate: -(1.5 * share(asked, candidate.held) + candidate.bm25))


def document_of(passage: Passage) -> str:
    """What a passage is part of: a file, a thread, or itself."""
    place = re.match(r"(?:file:(.+?)#|(?!commit:|slack:|mail:|mattermost:|zulip:)(.+?):\d+@)", passage.anchor)
    return (place[1] or place[2]) if place else passage.thread or passage.anchor


def _documents(asked: Asked, seen: Sequence[_Candidate]) -> dict[str, float]:
    """Share of the question's words that the candidates of one document hold together."""
    together: dict[str, tuple[float, ...]] = {}
    for candidate in seen:
        name = document_of(candidate.passage)
        before = together.get(name, (0.0,) * len(asked.terms))
        together[name] = tuple(map(max, before, candidate.held))
    return {name: share(asked, values) for name, values in together.items()}


def candidates(index: PassageIndex, asked: Asked) -> list[tuple[Passage, float]]:
    """Find passages by words, by synonyms and by pieces of words; BM25 over the best one's, fused order."""
    total = max(index.count(), 1)
    small = _is_small(asked)
    most = MOST_IN_SMALL if small else MOST_CANDIDATES
    rare = [t for t, n in zip(asked.terms, asked.counts, strict=True) if n <= COMMON * total or small]
    telling = rare if len(rare) >= 2 else list(asked.terms)
    written = spoken_words(without_quantities(asked.query)) if small else ()
    spelled = [word for term in telling for word in term.spellings]
    searched = _affordable(index, [*(written or [term.word for term in telling]), *spelled], total, least=2)
    by_words = index.search(" ".join(searched), limit=most)
    extended = searched + _affordable(index, [word for term in telling for word in term.searched], total, least=0)
    extended += [words_of(concept) for concept in asked.query.concepts]
    by_meaning = index.search(" ".join(extended), limit=most // 2) if set(extended) != set(searched) else []
    pieces = _pieces(asked, every=total <= POSTINGS)
    by_pieces = index.search(" ".join(pieces), limit=most // 2 if small else 20, trigram=True) if pieces else []
    best = by_words[0][1] if by_words else 1.0
    scores = {passage.anchor: score / best for passage, score in by_words}
    order = fuse([[p for p, _ in by_words], [p for p, _ in by_meaning], [p for p, _ in by_pieces]])
    return [(passage, scores.get(passage.anchor, 0.0)) for passage, _ in order]


def _is_small(asked: Asked) -> bool:
    """Whether few enough passages hold the question's words to weigh all of them, in an archive that is not huge."""
    return sum(asked.counts) <= POSTINGS and asked.scale <= math.log(2 * HUGE + 2)


def _pieces(asked: Asked, every: bool) -> list[str]:
    """Pieces to look for inside words: stems, which stand in names of code; in a large archive of rare words only."""
    counted = zip(asked.terms, asked.counts, strict=True)
    if every:
        return list(dict.fromkeys(t.stem if len(t.stem) >= 4 else t.word for t, _ in counted if len(t.word) >= 4))
    return [term.word for term, n in counted if n < 5 and len(term.word) >= 5]


def _affordable(index: PassageIndex, words: Sequence[str], total: int, least: int) -> list[str]:
    """The rarest words, as long as few enough passages hold them for a quick search; all in a small archive."""
    if total <= POSTINGS:
        return list(words)
    counts = {word: index.frequency(word) for word in dict.fromkeys(words)}
    rarest = sorted(counts, key=lambda word: counts[word])
    running = accumulate(counts[word] for word in rarest)
    return [
        word
        for place, (word, sum_) in enumerate(zip(rarest, running, strict=True))
        if sum_ <= POSTINGS or place < least
    ]


def _beside(index: PassageIndex, passage: Passage) -> list[Passage]:
    """Neighbours that belong to the same talk or section."""
    found = index.beside(passage, 2)
    return [p for p in found if p.kind == passage.kind and (p.thread == passage.thread or p.title == passage.title)]


def _found(asked: Asked, passage: Passage, near: Near) -> Found:
    signs, best = signs_of(asked, passage, near)
    return Found(passage, signs, score_of(signs), best)
