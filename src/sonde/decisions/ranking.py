"""Ranking of passages for a question in free words: what they hold of it, where, and how near to words of a reason."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import accumulate
from operator import mul

from sonde.concepts import concepts_in, words_of
from sonde.decisions.rationale import sentences
from sonde.decisions.retrieval import PassageIndex, Query, fuse
from sonde.decisions.stemming import porter
from sonde.decisions.wording import Term, how_held, stems_of, terms_in
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
READ, READ_IN_SMALL = 40, 80
"""How many of the candidates are read sentence by sentence."""
EXPANDED, WITH_NEIGHBOURS = 25, 8
"""How many of the best are read with what stands beside them, and how many bring that in as candidates."""
CAUSAL = re.compile(
    r"\b(?:because|since|so that|so as|in order to|due to|otherwise|therefore|thus|hence|reason(?:s|ing)?|rationale"
    r"|motivat\w+|to (?:avoid|prevent|keep|ensure|make|allow|reduce|match|support|fix|be)|instead of|rather than"
    r"|would (?:be|have|make|require|need|cause|mean|break|lead|add|not)|not (?:needed|necessary|worth|possible)"
    r"|too (?:\w+)|need(?:s|ed)? to|avoids?|prevents?|confus\w+|problem\w*|unnecessar\w+|cannot|can't|decided|however"
    r"|but|although|given that|as (?:the|it|this|they|we)|which (?:is|was|would|made|makes|means|causes|leads))\b",
    re.IGNORECASE,
)
STRONG = re.compile(
    r"\b(?:because|since|so that|in order to|due to|otherwise|therefore|reasons?|rationale|rejected|instead of"
    r"|rather than|to (?:avoid|prevent|ensure))\b",
    re.IGNORECASE,
)

REFUSED = re.compile(
    r"\b(?:reject\w*|not|no|cannot|can't|instead|rather|problem\w*|confus\w+|unnecessar\w+|complicat\w+|too|but|however"
    r"|drop(?:ped)?|decided against|abandon\w*|worse|ugly|break\w*|hard(?:er)?|difficult)\b",
    re.IGNORECASE,
)
ASKS_REFUSED = re.compile(
    r"\b(?:not|n't|reject\w*|without|against|instead|rather|over|drop\w*|remov\w*)\b|n't\b", re.IGNORECASE
)


_NO_PROSE = re.compile(r"[^A-Za-zÀ-ɏ\s,.']")


@dataclass(frozen=True)
class Signs:
    """What speaks for a passage; each from 0 to about 1."""

    words: float
    """Share of the question's words, by rarity, that the passage holds."""
    heading: float
    """The same for its heading."""
    around: float
    """The same for passage, heading and neighbours together."""
    sentence: float
    """The largest share that one sentence, or two that follow each other, holds."""
    bm25: float
    """Score of the word search over the best one's."""
    pairs: float
    """Share of the question's neighbouring words that stand close together."""
    cause: float
    """Words of a reason in the best sentences."""
    strong_cause: float
    length: float
    rarest: float
    """How far the question's rarest word is held, by the passage or its neighbours."""
    missing: float
    """Weight of the weightiest word that neither passage nor neighbours hold, over that of the rarest word there is."""
    evidence: float
    """Weight of all words held, by the same measure: one rare word held is less than four."""
    prose: float
    document: float
    """Share of the question's words that all candidates of the same document hold together."""
    refused: float
    """Words of refusal, where the question asks why something was not done."""
    commit: float


@dataclass(frozen=True)
class Found:
    """A passage with what speaks for it."""

    passage: Passage
    signs: Signs
    score: float
    best: tuple[int, int]
    """Start and end of the sentences that hold most of the question."""


@dataclass(frozen=True)
class Asked:
    """A question's words with their weights by rarity in the archive."""

    query: Query
    terms: tuple[Term, ...]
    weights: tuple[float, ...]
    counts: tuple[int, ...]
    total: float
    """Sum of the weights."""
    scale: float
    """Weight of a word that nothing holds."""
    refused: bool
    """Asks why something was not done."""


def asked_of(index: PassageIndex, query: Query) -> Asked:
    """Weigh the question's words by log((N + 1) / (n + 0.5)), n passages of N holding them."""
    terms = terms_in(without_quantities(query))
    total, counts = index.count(), tuple(index.frequency(term.word) for term in terms)
    weights = tuple(max(math.log((total + 1) / (n + 0.5)), 0.1) for n in counts)
    scale = math.log(2 * total + 2)
    return Asked(query, terms, weights, counts, sum(weights), scale, bool(ASKS_REFUSED.search(query.text)))


def without_quantities(query: Query) -> str:
    """The question without its numbers with units: they are compared by value, not by their digits."""
    text = query.text
    for quantity in sorted(query.quantities, key=lambda quantity: -quantity.span[0]):
        start, end = quantity.span
        text = f"{text[:start]} {text[end:]}" if quantity.unit else text
    return text


def ranked(index: PassageIndex, asked: Asked) -> list[Found]:
    """Rank passages for a question, best first: all by their words, the best of these by everything."""
    seen = _seen(asked, candidates(index, asked))
    best = seen[: READ_IN_SMALL if _is_small(asked) else READ]
    documents = _documents(asked, seen)
    beside = {candidate.passage.anchor: _beside(index, candidate.passage) for candidate in best[:EXPANDED]}
    known = {candidate.passage.anchor: candidate.bm25 for candidate in seen}
    read = {candidate.passage.anchor: candidate.passage for candidate in best}
    around = dict(beside)
    for anchor in [candidate.passage.anchor for candidate in best[:WITH_NEIGHBOURS]]:
        for passage in beside[anchor]:
            read.setdefault(passage.anchor, passage)
            around.setdefault(passage.anchor, [read[anchor]])
    found = [
        _found(asked, passage, known.get(anchor, 0.0), around.get(anchor, ()), documents.get(document_of(passage), 0.0))
        for anchor, passage in read.items()
    ]
    return sorted(found, key=lambda item: -item.score)


@dataclass(frozen=True)
class _Candidate:
    passage: Passage
    bm25: float
    held: tuple[float, ...]
    """How far text or heading hold each of the question's words."""


def _seen(asked: Asked, scored: Sequence[tuple[Passage, float]]) -> list[_Candidate]:
    """Order candidates by the question's words that they hold."""
    seen = [_Candidate(p, bm25, _held(asked, f"{p.title or ''}\n{p.text}")) for p, bm25 in scored]
    return sorted(seen, key=lambda candidate: -(1.5 * _share(asked, candidate.held) + candidate.bm25))


def document_of(passage: Passage) -> str:
    """What a passage is part of: a file, a thread, or itself."""
    place = re.match(r"(?:file:(.+?)#|(?!commit:|slack:|mail:|mattermost:|zulip:)(.+?):\d+@)", passage.anchor)
    return (place[1] or place[2]) if place else passage.thread or passage.anchor


def _documents(asked: Asked, seen: Sequence[_Candidate]) -> dict[str, float]:
    """Share of the question's words that the candidates of one document hold together."""
    held: dict[str, tuple[float, ...]] = {}
    for candidate in seen:
        name = document_of(candidate.passage)
        before = held.get(name, (0.0,) * len(asked.terms))
        held[name] = tuple(map(max, before, candidate.held))
    return {name: _share(asked, values) for name, values in held.items()}


def candidates(index: PassageIndex, asked: Asked) -> list[tuple[Passage, float]]:
    """Find passages by words, by synonyms and by pieces of words; BM25 over the best one's, fused order."""
    total = max(index.count(), 1)
    small = _is_small(asked)
    most = MOST_IN_SMALL if small else MOST_CANDIDATES
    rare = [t for t, n in zip(asked.terms, asked.counts, strict=True) if n <= COMMON * total or small]
    telling = rare if len(rare) >= 2 else list(asked.terms)
    searched = _affordable(index, [term.word for term in telling], total, least=2)
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


def _found(asked: Asked, passage: Passage, bm25: float, around: Sequence[Passage], document: float) -> Found:
    own = _held(asked, passage.text)
    heading = _held(asked, passage.title or "")
    near = [_held(asked, p.text) for p in around]
    together = [max(values) for values in zip(own, heading, *near, strict=True)] if asked.terms else []
    span, best = _best_sentences(asked, passage.text)
    said = passage.text[span[0] : span[1]]
    rarest = max(range(len(asked.weights)), key=lambda k: asked.weights[k], default=None)
    signs = Signs(
        words=_share(asked, own),
        heading=_share(asked, heading),
        around=_share(asked, together),
        sentence=best,
        bm25=bm25,
        pairs=_pairs(asked, passage.text),
        cause=min(len(CAUSAL.findall(said)), 3) / 3,
        strong_cause=float(bool(STRONG.search(said))),
        length=min(math.log(1 + len(passage.text)) / 7, 1.2),
        rarest=together[rarest] if rarest is not None else 0.0,
        missing=max((w * (1 - h) for w, h in zip(asked.weights, together, strict=True)), default=0.0) / asked.scale,
        evidence=sum(map(mul, asked.weights, together)) / asked.scale,
        prose=_prose(passage.text),
        document=document,
        refused=float(asked.refused and bool(REFUSED.search(said))),
        commit=float(passage.kind == "commit"),
    )
    return Found(passage, signs, score_of(signs), span)


def _held(asked: Asked, text: str) -> tuple[float, ...]:
    held = how_held(asked.terms, text)
    if not asked.query.concepts:
        return held
    said = _concepts(text) & asked.query.concepts
    named = {porter(word) for concept in said for word in re.findall(r"[a-z]+", words_of(concept).lower())}
    return tuple(max(h, 0.9) if t.stem in named else h for t, h in zip(asked.terms, held, strict=True))


@lru_cache(maxsize=20_000)
def _concepts(text: str) -> frozenset[str]:
    return frozenset(concepts_in(text))


def _share(asked: Asked, held: Sequence[float]) -> float:
    return sum(map(mul, asked.weights, held)) / asked.total if asked.total else 0.0


def _best_sentences(asked: Asked, text: str) -> tuple[tuple[int, int], float]:
    """Where a passage holds most of the question, in one sentence or two; and how much."""
    spans = list(sentences(text)) or [(0, len(text))]
    best, share = spans[0], -1.0
    for place, (start, end) in enumerate(spans):
        for last in (end, spans[min(place + 1, len(spans) - 1)][1]):
            value = _share(asked, _held(asked, text[start:last])) + 0.05 * bool(STRONG.search(text[start:last]))
            if value > share + 1e-9:
                best, share = (start, last), value
    return best, min(share, 1.0)


def _pairs(asked: Asked, text: str) -> float:
    """Share of the question's neighbouring words that stand within four words of each other."""
    if len(asked.terms) < 2:
        return 0.0
    places: dict[str, list[int]] = {}
    for place, stem in enumerate(stems_of(text)):
        places.setdefault(stem, []).append(place)
    pairs = list(zip(asked.terms, asked.terms[1:], strict=False))
    close = sum(any(abs(i - j) <= 4 for i in places.get(a.stem, ()) for j in places.get(b.stem, ())) for a, b in pairs)
    return close / len(pairs)


def _prose(text: str) -> float:
    """Share of letters and spaces: tables, lists of links and code have few."""
    return 1.0 - len(_NO_PROSE.findall(text)) / max(len(text), 1)


WEIGHTS = Signs(
    words=1.2,
    heading=0.3,
    around=0.6,
    sentence=1.4,
    bm25=1.2,
    pairs=1.15,
    cause=0.7,
    strong_cause=0.6,
    length=0.15,
    rarest=0.4,
    missing=0.0,
    evidence=1.65,
    prose=0.6,
    document=1.5,
    refused=0.2,
    commit=0.0,
)
"""Fitted by maximum likelihood of a right passage coming first, on the development half of `make eval-decisions`.

Two are not from the fit: `heading`, since headings that answer are masked there, and `commit`, since it has none."""
_WEIGHTED = tuple((field.name, getattr(WEIGHTS, field.name)) for field in fields(Signs))


def score_of(signs: Signs) -> float:
    """Weighted sum of what speaks for a passage."""
    return sum(weight * getattr(signs, name) for name, weight in _WEIGHTED)
