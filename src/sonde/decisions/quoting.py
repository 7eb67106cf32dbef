"""From judged sentences to quotes: verbatim, neighbouring sentences of one passage joined, each said once."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from sonde.decisions.roles import Judged
from sonde.records.decisions import Quote, Role

MOST_REASONS, MOST_VALUES, MOST_REJECTED, MOST_NEAREST = 3, 1, 3, 5
BESIDE_BEST = 0.4
"""Share of the best reason's score that a further reason must have to be given beside it."""
LEAST_REJECTED = 0.5
LEAST_ATTACHED = 0.6
MOST_CONTEXT = 2
REACH = re.compile(
    r"\b(?:(?:only|just) (?:for|about|in|on|to|the|these|those|this|concerns?|applies|meant|affects?|touche?s?"
    r"|hits?|drop|remove|cut|filter)|(?:for|about|in|on) (?:\w+ ){1,3}only|on purpose|deliberate\w*|intention\w*"
    r"|must (?:stay|not)|(?:have|has|need) to (?:stay|be kept)"
    r"|excluded?|untouched|unaffected"
    r"|leave (?:\w+ ){1,4}(?:alone|out|in)|(?:not|meant) for"
    r"|(?:holds?|applies|valid) (?:only )?(?:for|to)|concerns?|nothing (?:of|else)|except|spared?|should not"
    r" be dropped|are fine)\b",
    re.IGNORECASE,
)
"""Words that say how far a decision reaches."""


def quotes_of(judged: Sequence[Judged], least_reason: float) -> tuple[Quote, ...]:
    """Choose the quotes of an answer: reasons, what was rejected, and where the value is stated."""
    told = [item for item in judged if item.role == "reason"]
    best = max((item.score for item in told), default=0.0)
    if best < least_reason:
        return ()
    # "The slabs must stay" says how far the decision reaches; it is the reason only where nothing else is.
    reasons = [item for item in told if not REACH.search(item.sentence.text)]
    best = max((item.score for item in reasons), default=0.0)
    if best < least_reason:
        reasons, best = told, max(item.score for item in told)
    kept = [item for item in reasons if item.score >= max(least_reason, BESIDE_BEST * best)]
    reason_quotes = joined(kept, "reason")[:MOST_REASONS]
    rejected = [item for item in judged if item.role == "rejected" and item.score >= LEAST_REJECTED]
    values = [item for item in judged if item.role == "value"]
    chosen = [*reason_quotes, *joined(rejected, "rejected")[:MOST_REJECTED], *joined(values, "value")[:MOST_VALUES]]
    return _once([*chosen, *joined(_reach(judged, kept), "context")[:MOST_CONTEXT]])


def _reach(judged: Sequence[Judged], reasons: Sequence[Judged]) -> list[Judged]:
    """Sentences beside the reasons that say how far the decision reaches: "only the slabs", "the alloys must stay"."""
    threads = {item.thread for item in reasons}
    return [
        item
        for item in judged
        if item not in reasons
        and item.role in ("context", "value", "reason")
        and item.thread in threads
        and item.attached >= LEAST_ATTACHED
        and not item.sentence.cues.question
        and REACH.search(item.sentence.text)
    ]


def nearest_quotes(judged: Sequence[Judged]) -> tuple[Quote, ...]:
    """The nearest evidence where no reason is recorded: what is linked at all, statements of the value first.

    No role says "reason" here: a sentence that was not good enough to be one is context.
    """
    order = {"value": 0, "rejected": 1, "reason": 2, "context": 3}
    ranked = sorted(judged, key=lambda item: (order[item.role], -item.score))
    telling = [item for item in ranked if item.role != "context" or item.sentence.concepts or item.score > 0]
    quotes = (quote_of(item, item.role if item.role in ("value", "rejected") else "context") for item in telling)
    return _once(quotes, MOST_NEAREST)


def joined(items: Sequence[Judged], role: Role) -> list[Quote]:
    """Turn sentences into quotes, joining those that follow each other in one passage; best first."""
    by_place = sorted(items, key=lambda item: (item.sentence.passage.anchor, item.sentence.start))
    quotes: list[tuple[int, int, Quote]] = []
    for item in by_place:
        sentence = item.sentence
        if quotes and quotes[-1][2].anchor == sentence.passage.anchor:
            start, end, before = quotes[-1]
            if not sentence.passage.text[end : sentence.start].strip():
                text = sentence.passage.text[start : sentence.end]
                merged = quote_of(item, role, text=text, score=max(before.score, item.score))
                quotes[-1] = (start, sentence.end, merged)
                continue
        quotes.append((sentence.start, sentence.end, quote_of(item, role)))
    return sorted((quote for *_, quote in quotes), key=lambda quote: -quote.score)


def quote_of(item: Judged, role: Role, *, text: str | None = None, score: float | None = None) -> Quote:
    """Quote one sentence, or a stretch of its passage."""
    passage = item.sentence.passage
    return Quote(
        text=item.sentence.text if text is None else text,
        anchor=passage.anchor,
        source=passage.source,
        author=passage.author,
        time=passage.time,
        role=role,
        score=round(item.score if score is None else score, 4),
    )


def _once(quotes: Iterable[Quote], most: int | None = None) -> tuple[Quote, ...]:
    """Drop quotes whose words were already given, as where a mail repeats a message; look no further than needed."""
    return tuple(islice(_distinct(quotes), most))


def _distinct(quotes: Iterable[Quote]) -> Iterator[Quote]:
    seen: set[str] = set()
    for quote in quotes:
        words = re.sub(r"\W+", " ", quote.text.lower()).strip()
        if words and not any(words in other for other in seen):
            seen.add(words)
            yield quote
