"""How alike in meaning a question and passages are, where a sentence model is in use."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from sonde.records.decisions import Passage


class Likeness(Protocol):
    """How alike passages are to one question."""

    def nearest(self) -> Iterator[Passage]:
        """Yield passages, the most alike first; none where they were not read."""
        ...

    def of(self, passages: Sequence[Passage]) -> Mapping[str, float]:
        """Return the cosines of passages, given best first, by their anchors; those not compared are left out."""
        ...


class Meaning(Protocol):
    """Vectors of passages by a sentence model."""

    def likeness(self, question: str) -> Likeness:
        """Compare a question with passages."""
        ...
