"""The decision record: what was chosen, what rejected, what drove it, how far it reaches, whether it still holds."""

import re
from collections.abc import Sequence
from typing import Literal

from sonde.decisions.quoting import LEAST_ATTACHED, REACH, joined
from sonde.decisions.rationale import driver_of, sentences
from sonde.decisions.roles import Judged
from sonde.decisions.scope import frames_meant
from sonde.decisions.targets import target_of
from sonde.records.decisions import Change, Decision, Quote

_TAKEN_BACK = re.compile(
    r"\b(?:was (?:wrong|a mistake|mistaken)|turned out (?:to be )?(?:wrong|not)|not (?:true|the case) (?:after all"
    r"|any ?more)|no longer (?:true|holds?|needed|valid)"
    r"|should never have|changed (?:my|our) minds?|revert(?:ed|ing)?|does not hold|doesn'?t hold)\b",
    re.IGNORECASE,
)

MOST_DOUBTS = 2


def decision_of(
    question: str, change: Change | None, later: Sequence[Change], quotes: Sequence[Quote]
) -> Decision | None:
    """Put a decision together from the quotes; `later` are the later changes of the same setting.

    Nothing is stated that the quotes or the repository do not hold: without a reason the driver is unknown.
    """
    if change is None and not quotes:
        return None
    reasons = [quote for quote in quotes if quote.role == "reason"]
    reason = " ".join(quote.text for quote in reasons)
    return Decision(
        question=question,
        chosen=_chosen(change) if change else next((q.text for q in quotes if q.role == "value"), None),
        rejected=tuple(quote.text for quote in quotes if quote.role == "rejected"),
        driver=driver_of(reason) if reason else "unknown",
        scope=_scope(quotes, reason),
        status=_status(change, later, quotes),
        passages=tuple(dict.fromkeys(quote.anchor for quote in quotes)),
    )


def _scope(quotes: Sequence[Quote], reason: str) -> str | None:
    """How far it reaches: the sentences beside the reason that say so, else the frames in which the reason holds."""
    told = [
        quote.text[start:end]
        for quote in quotes
        if quote.role == "context" and not _TAKEN_BACK.search(quote.text)
        for start, end in sentences(quote.text)
        if REACH.search(quote.text[start:end])
    ]
    return " ".join(told).rstrip(".") or "; ".join(frames_meant(reason)) or None


def doubts_of(judged: Sequence[Judged], change: Change) -> tuple[Quote, ...]:
    """Words written after a change that take its reason back; a reason and what speaks against it stand together."""
    later = [item for item in judged if (when := item.sentence.passage.time) and when > change.time]
    doubting = [item for item in later if item.attached >= LEAST_ATTACHED and _TAKEN_BACK.search(item.sentence.text)]
    return tuple(joined(doubting, "context")[:MOST_DOUBTS])


def _chosen(change: Change) -> str:
    if change.new is None:
        return f"{change.key} removed"
    unit = f" {change.unit}" if change.unit else ""
    return f"{target_of(change).words} = {change.new}{unit} ({change.key})"


def _status(
    change: Change | None, later: Sequence[Change], quotes: Sequence[Quote]
) -> Literal["in_force", "superseded", "contradicted"]:
    if change is None:
        return "in_force"
    after = [q for q in quotes if q.time and q.time > change.time and _TAKEN_BACK.search(q.text)]
    if after and not later:
        return "contradicted"
    return "superseded" if any(other.new != change.new for other in later) else "in_force"
