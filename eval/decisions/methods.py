"""What is compared: `sonde why`, and what people do without it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from sonde.decisions.answers import why_question
from sonde.decisions.archive import Archive
from sonde.operations.why import open_archive
from sonde.records.decisions import Passage
from sonde.store import Project

FIRST = datetime(1970, 1, 1, tzinfo=UTC)
MOST = 10


@dataclass(frozen=True)
class Given:
    """Quotes as (anchor, words), best first; answered: None where a method always gives something."""

    quotes: tuple[tuple[str, str], ...]
    answered: bool | None


class Method(Protocol):
    """Answers a question from a project."""

    def __call__(self, project: Project, everything: Sequence[Passage], question: str) -> Given:
        """Return quotes, best first."""
        ...


def ask(project: Project, everything: Sequence[Passage], question: str) -> Given:  # noqa: ARG001 - as the others
    """`sonde why`; where it keeps silent, the nearest evidence counts for the ranking and not as an answer."""
    return _answer(open_archive(project), question)


def ask_by_words(project: Project, everything: Sequence[Passage], question: str) -> Given:  # noqa: ARG001 - as others
    """`sonde why` where no sentence model is installed."""
    return _answer(replace(open_archive(project), meaning=None), question)


def bm25(project: Project, everything: Sequence[Passage], question: str) -> Given:  # noqa: ARG001 - as the others
    """All words of the question, Okapi BM25 with Porter's stems."""
    return _given([passage for passage, _ in project.passages.search(question, limit=MOST)])


def grep(project: Project, everything: Sequence[Passage], question: str) -> Given:  # noqa: ARG001 - as the others
    """Passages that hold most of the question's words as they are written, in the order of the files."""
    words = set(re.findall(r"\w{3,}", question.lower()))
    counts = Counter(
        {place: len(words & set(re.findall(r"\w{3,}", p.text.lower()))) for place, p in enumerate(everything)}
    )
    return _given([everything[place] for place, n in counts.most_common(MOST) if n])


def recency(project: Project, everything: Sequence[Passage], question: str) -> Given:  # noqa: ARG001 - as the others
    """The latest of the fifty best by words."""
    found = [passage for passage, _ in project.passages.search(question, limit=50)]
    return _given(sorted(found, key=lambda p: p.time or FIRST, reverse=True)[:MOST])


def blame(project: Project, everything: Sequence[Passage], question: str) -> Given:
    """Messages of the commits that last touched the lines that hold most of the question's words."""
    lines = [anchor for anchor, _ in grep(project, everything, question).quotes if "@" in anchor]
    commits = dict.fromkeys(anchor.rpartition("@")[2] for anchor in lines)
    found = (project.passages.get(f"commit:{commit}") for commit in commits)
    return _given([passage for passage in found if passage])


METHODS: tuple[tuple[str, Method], ...] = (
    ("sonde why", ask),
    ("sonde why, words alone", ask_by_words),
    ("BM25 alone", bm25),
    ("grep", grep),
    ("recency", recency),
    ("line blame alone", blame),
)


def _answer(archive: Archive, question: str) -> Given:
    why = why_question(archive, question)
    quotes = why.quotes if why.answered else why.nearest
    return Given(tuple((quote.anchor, quote.text) for quote in quotes), why.answered)


def _given(passages: Sequence[Passage]) -> Given:
    return Given(tuple((passage.anchor, passage.text) for passage in passages), None)
