"""Answers to questions that no recorded change of a value settles: search, then the same demands on a reason."""

from collections.abc import Mapping, Sequence

from sonde.decisions.decision import decision_of
from sonde.decisions.quoting import nearest_quotes, quotes_of
from sonde.decisions.retrieval import PassageIndex, Query, covered, rarity, retrieve, shares_entities
from sonde.decisions.roles import Judged, Sentence, sentences_of
from sonde.decisions.threads import Thread
from sonde.records.decisions import Passage, Why

LEAST_COVERED = 0.7
"""Share of the question's telling words, by rarity, that a conversation must hold."""
LEAST_NEAR = 0.5
"""The same for the passage of the reason together with its neighbours."""
LEAST_REASON = 1.4
MOST_THREADS = 12


def search_answer(
    index: PassageIndex, threads: Mapping[str, Thread], everything: Sequence[Passage], query: Query
) -> Why:
    """Answer from the conversations that hold the question's words and entities, or abstain."""
    weights = rarity(query.terms, everything)
    judged = [
        item for thread in _candidates(index, threads, everything, query) for item in _judged(thread, query, weights)
    ]
    judged.sort(key=lambda item: -item.score)
    quotes = quotes_of(judged, LEAST_REASON)
    answered = bool(quotes)
    decision = decision_of(query.text, None, (), quotes) if answered else None
    return Why(query.text, answered, quotes, (), decision, () if answered else nearest_quotes(judged))


def _candidates(
    index: PassageIndex, threads: Mapping[str, Thread], everything: Sequence[Passage], query: Query
) -> list[Thread]:
    found = [passage for passage, _ in retrieve(index, query)]
    if query.commits:
        found = [p for p in everything if _names_commit(p, query)] + found
    distinct = {threads[p.anchor].name: threads[p.anchor] for p in found if p.anchor in threads}
    return list(distinct.values())[:MOST_THREADS]


def _judged(thread: Thread, query: Query, weights: Mapping[str, float]) -> list[Judged]:
    whole = _text(thread.passages, thread)
    commits = {p.anchor for p in thread.passages if _names_commit(p, query)}
    right_thread = covered(query, weights, whole) >= LEAST_COVERED and shares_entities(query, whole) and query.terms
    judged = []
    for place, passage in enumerate(thread.passages):
        near = (
            covered(query, weights, _text(thread.passages[max(0, place - 1) : place + 2], thread)) if weights else 0.0
        )
        own = covered(query, weights, passage.text) if weights else 0.0
        fits = 1.0 if commits else (0.5 * near + 0.5 * own if right_thread and near >= LEAST_NEAR else 0.0)
        judged += [_one(sentence, fits) for sentence in sentences_of(passage)]
    return judged


def _one(sentence: Sentence, fits: float) -> Judged:
    said = sentence.cues
    score = said.score * fits
    # Without a change to hold it against, only a cause or purpose in words is a reason.
    if score > 0 and (said.causal or ("problem" in said.tags and said.score >= 2.0)):
        return Judged(sentence, "reason", score)
    return Judged(sentence, "context", score)


def _names_commit(passage: Passage, query: Query) -> bool:
    return any(commit[:7] in passage.text or passage.anchor.startswith(f"commit:{commit}") for commit in query.commits)


def _text(passages: Sequence[Passage], thread: Thread) -> str:
    return "\n".join([thread.passages[0].title or "", *(passage.text for passage in passages)])
