"""Answers to questions in free words: the passages that hold most of them, or silence where that is too little."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

from sonde.decisions.decision import decision_of
from sonde.decisions.meaning import Meaning
from sonde.decisions.ranking import Found, asked_of, ranked, without_quantities
from sonde.decisions.rationale import cues, sentences
from sonde.decisions.retrieval import PassageIndex, Query, is_telling, shares_entities
from sonde.decisions.signs import STRONG, Asked, owed_to_words
from sonde.decisions.wording import Term, how_held
from sonde.decisions.written_decisions import written_decision
from sonde.records.decisions import Passage, Quote, Role, Why

MOST_QUOTES = 5
LONGEST_QUOTE = 600
"""Characters up to which a passage is quoted whole; of a longer one, the sentences around the best ones."""


@dataclass(frozen=True)
class Hints:
    """What speaks for an answer being there, and being found."""

    evidence: float
    """Weight of the question's words that the best of those given holds, over that of the rarest word there is."""
    told: float
    """Whether the best passage puts a cause in words."""
    ahead: float
    """By how much its score exceeds that of passages that are no answer."""
    rarity: float
    """Mean weight of the question's words, by the measure of `evidence`: what an archive seldom speaks of."""
    unknown: float
    """Share of the question's words, by rarity, that no passage holds and nothing stands for."""
    number_missing: float
    """Whether the question gives a number that the best passage and its neighbours do not hold."""
    reasoned: float
    """Whether any of those given puts a cause in words where it holds most of the question."""
    talk: float
    """Share of chat and mail among the ten best: people name a matter there more often than they settle it."""
    meaning: float
    """How alike the best one is to the question, where a sentence model is in use."""


CONSTANT = -3.07
ODDS = Hints(
    evidence=0.91,
    told=0.24,
    ahead=0.65,
    rarity=-6.38,
    unknown=-1.31,
    number_missing=-2.51,
    reasoned=2.0,
    talk=-2.5,
    meaning=4.0,
)
"""Logistic regression of "the question has an answer, and it is among the first five".

Fitted on questions on code, documents and histories of packages and on the development half of `make eval-decisions`,
where questions without an answer are on plausible matters that nothing tells of, on other documents, or had their
answer cut out (weighed less: parts of it often stand elsewhere). `reasoned` and `talk` are not from the fit: nearly all
answers to those questions are reasoned, and none stands in talk. They are set so that what was never said in generated
laboratories meets silence; the constant so that 83 % of the questions that nothing answers do, on six repositories and
packages whose questions took no part in the fit. `meaning` was set with the others as they are: on 238 questions on 14
collections of development it gains under one in a hundred, averaged over degrees of silence."""
MOSTLY_UNKNOWN = 0.5
"""Share of a question's words that nothing mentions, from which passages with the rest of them are beside the point."""
LEAST_ODDS, LEAST_ODDS_BY_MEANING = 0.0, 2.2
"""Log odds from which an answer is given, by words alone and with a sentence model.

The second is set so that 84 % of 99 questions without an answer on 14 collections of development met silence; it was
2.4 until the eight sealed ones were asked (127 questions and 49 without an answer: right 76 %, silence 90 %; by words
alone 69 % and 84 %)."""
TALK, AMONG = frozenset({"slack", "mail", "mattermost", "zulip"}), 10
OTHERS = slice(10, 30)
"""Ranks of passages that are no answer, mostly."""
OTHERS_OWE = 2.5
"""What a passage that is no answer owes to the question's words; taken where an archive is too small to have any (in
large ones it is 6.1, as a median over questions with an answer: among many passages some hold more by chance)."""
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)*(?![\w.]*\d)")


def free_answer(index: PassageIndex, query: Query, meaning: Meaning | None = None) -> Why:
    """Answer with the five best passages in order, or keep silent and show them as the nearest evidence."""
    asked = asked_of(index, query)
    alike = meaning.likeness(query.text) if meaning else None
    least = LEAST_ODDS if alike is None else LEAST_ODDS_BY_MEANING
    found = [item for item in ranked(index, asked, alike) if _fits(index, query, item)]
    distinct = _once(found)
    best = distinct[:MOST_QUOTES]
    answered = bool(best) and log_odds(index, asked, distinct) >= least
    quotes = _with_a_reason([quoted(item) for item in best]) if answered else ()
    unheard = () if answered else _unheard(asked, best)
    strange = bool(unheard) and _unknown(asked, best) >= MOSTLY_UNKNOWN
    nearest = () if answered or strange else tuple(quote_as(item, "context") for item in best)
    written = written_decision(index, best[0].passage) if answered else None
    decision = written or (decision_of(query.text, None, (), quotes) if answered else None)
    return Why(query.text, answered, quotes, (), decision, nearest, unmentioned=_named(unheard))


def log_odds(index: PassageIndex, asked: Asked, found: Sequence[Found]) -> float:
    """Log odds that the question has an answer here, and that it is among the first five of what was found."""
    given = found[:MOST_QUOTES]
    if not any(_told_cause(item.passage.text) for item in given):
        return -math.inf
    hints = hints_of(index, asked, found)
    return CONSTANT + sum(getattr(ODDS, field.name) * getattr(hints, field.name) for field in fields(Hints))


def hints_of(index: PassageIndex, asked: Asked, found: Sequence[Found]) -> Hints:
    """Weigh what was found, best first."""
    best, given = found[0], found[:MOST_QUOTES]
    return Hints(
        evidence=max(item.signs.evidence for item in given),
        told=best.signs.told,
        ahead=_ahead(found),
        rarity=asked.total / max(len(asked.terms), 1) / asked.scale,
        unknown=_unknown(asked, given),
        number_missing=float(_numbers_missing(index, asked.query, best.passage)),
        reasoned=float(any(STRONG.search(item.passage.text[slice(*item.best)]) for item in given)),
        talk=sum(item.passage.kind in TALK for item in found[:AMONG]) / min(len(found), AMONG),
        meaning=best.signs.meaning,
    )


def _ahead(found: Sequence[Found]) -> float:
    """By how much the best one's score exceeds that of passages that are no answer."""
    others = [item.score for item in found[OTHERS]]
    if not others:
        return owed_to_words(found[0].signs) - OTHERS_OWE
    return found[0].score - sum(others) / len(others)


def _unknown(asked: Asked, given: Sequence[Found]) -> float:
    """Share of the question's words, by rarity, that no passage holds and nothing stands for."""
    unheard = frozenset(_unheard(asked, given))
    missing = sum(weight for term, weight in zip(asked.terms, asked.weights, strict=True) if term in unheard)
    return missing / asked.total if asked.total else 0.0


def _unheard(asked: Asked, given: Sequence[Found]) -> tuple[Term, ...]:
    """Words of the question that no passage holds and nothing in those given stands for."""
    texts = "\n".join(f"{item.passage.title or ''}\n{item.passage.text}" for item in given)
    held = how_held(asked.terms, texts)
    return tuple(term for term, n, how in zip(asked.terms, asked.counts, held, strict=True) if n == 0 and not how)


def _named(unheard: Sequence[Term]) -> tuple[str, ...]:
    """Of words, those that tell and have no synonym: what is a matter of wording need not be named."""
    return tuple(term.word for term in unheard if not term.others and is_telling(term.word))


def quoted(found: Found) -> Quote:
    """Quote a passage; what holds words of a cause or a problem is a reason, what speaks of refusal a rejection."""
    text = _stretch(found)
    said = cues(text)
    return quote_as(found, "reason" if said.score > 0 and (said.causal or "problem" in said.tags) else "context")


def quote_as(found: Found, role: Role) -> Quote:
    """Quote a passage in a role."""
    passage = found.passage
    text = _stretch(found)
    return Quote(text, passage.anchor, passage.source, passage.author, passage.time, role, round(found.score, 4))


def _with_a_reason(quotes: Sequence[Quote]) -> tuple[Quote, ...]:
    """An answer holds a reason: where no quote is worded as one, the best is taken for it."""
    if any(quote.role == "reason" for quote in quotes):
        return tuple(quotes)
    first = quotes[0]
    return (Quote(first.text, first.anchor, first.source, first.author, first.time, "reason", first.score), *quotes[1:])


def _stretch(found: Found) -> str:
    """The passage, or its best sentences and what follows and precedes them, as far as a quote may reach."""
    text = found.passage.text
    if len(text) <= LONGEST_QUOTE:
        return text.strip()
    spans = list(sentences(text))
    start, end = found.best
    while True:
        after = next((span for span in spans if span[0] >= end), None)
        before = next((span for span in reversed(spans) if span[1] <= start), None)
        if after and after[1] - start <= LONGEST_QUOTE:
            end = after[1]
        elif before and end - before[0] <= LONGEST_QUOTE:
            start = before[0]
        else:
            return text[start:end]


def _told_cause(text: str) -> bool:
    return bool(STRONG.search(text)) or any(cues(text[start:end]).score > 0 for start, end in sentences(text))


def _fits(index: PassageIndex, query: Query, found: Found) -> bool:
    """Whether a passage and its neighbours hold the quantities with units and the materials that are asked about."""
    if not query.systems and not any(quantity.unit for quantity in query.quantities):
        return True
    return shares_entities(query, _together(index, found.passage))


def _numbers_missing(index: PassageIndex, query: Query, best: Passage) -> bool:
    numbers = set(_NUMBER.findall(without_quantities(query)))
    return bool(numbers) and not numbers <= set(_NUMBER.findall(_together(index, best)))


def _together(index: PassageIndex, passage: Passage) -> str:
    beside = [other for other in index.beside(passage, 2) if other.thread == passage.thread]
    return "\n".join([passage.title or "", passage.text, *(other.text for other in beside)])


def _once(found: Sequence[Found]) -> list[Found]:
    """Drop passages whose words were already given, as where a comment was copied to another file."""
    seen: set[str] = set()
    kept = []
    for item in found:
        words = re.sub(r"\W+", " ", item.passage.text.lower()).strip()
        if words and words not in seen:
            seen.add(words)
            kept.append(item)
    return kept
