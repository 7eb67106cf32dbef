"""Answers on commits that changed no value: who names them, then the same demands on a reason."""

from sonde.decisions.decision import decision_of
from sonde.decisions.quoting import nearest_quotes, quotes_of
from sonde.decisions.retrieval import PassageIndex, Query, retrieve
from sonde.decisions.roles import Judged, Sentence, sentences_of
from sonde.decisions.talk import Talk
from sonde.decisions.threads import Thread
from sonde.records.decisions import Passage, Why

LEAST_REASON = 1.4
MOST_THREADS, MOST_NAMING = 12, 200


def search_answer(index: PassageIndex, talk: Talk, query: Query) -> Why:
    """Answer from the conversations that name the commits asked about, or abstain."""
    judged = [item for thread in _candidates(index, talk, query) for item in _judged(thread, query)]
    judged.sort(key=lambda item: -item.score)
    quotes = quotes_of(judged, LEAST_REASON)
    answered = bool(quotes)
    decision = decision_of(query.text, None, (), quotes) if answered else None
    return Why(query.text, answered, quotes, (), decision, () if answered else nearest_quotes(judged))


def _candidates(index: PassageIndex, talk: Talk, query: Query) -> list[Thread]:
    found = [passage for commit in query.commits for passage in _naming(talk, commit)]
    found += [passage for passage, _ in retrieve(index, query)]
    threads: dict[str, Thread] = {}
    for passage in found:
        if len(threads) < MOST_THREADS:
            thread = talk.thread(passage)
            threads.setdefault(thread.name, thread)
    return list(threads.values())


def _naming(talk: Talk, commit: str) -> list[Passage]:
    """The commit's own message, then what names it."""
    return [*talk.beginning(f"commit:{commit}"), *talk.holding(commit[:7], MOST_NAMING)]


def _judged(thread: Thread, query: Query) -> list[Judged]:
    names_it = any(_names_commit(passage, query) for passage in thread.passages)
    found = (sentence for passage in thread.passages for sentence in sentences_of(passage))
    return [_one(sentence, 1.0 if names_it else 0.0) for sentence in found]


def _one(sentence: Sentence, fits: float) -> Judged:
    said = sentence.cues
    score = said.score * fits
    # Without a change to hold it against, only a cause or purpose in words is a reason.
    if score > 0 and (said.causal or ("problem" in said.tags and said.score >= 2.0)):
        return Judged(sentence, "reason", score)
    return Judged(sentence, "context", score)


def _names_commit(passage: Passage, query: Query) -> bool:
    return any(commit[:7] in passage.text or passage.anchor.startswith(f"commit:{commit}") for commit in query.commits)
