"""Decisions that somebody wrote down as such (ADR, MADR): taken as they stand, not clustered from talk."""

import re
from collections.abc import Iterator, Mapping, Sequence

from sonde.decisions.rationale import driver_of
from sonde.decisions.retrieval import PassageIndex
from sonde.decisions.scope import scope_words
from sonde.records.decisions import Decision, Passage

IN_RECORD = " › "
"""Between the title of a record and the heading of a section, in the title of a passage."""
LONGEST_RECORD = 100
"""Paragraphs of a record, before and after one of them."""
OUTCOME = re.compile(r"(?:the )?decision(?: outcome| made)?s?$|outcome$", re.IGNORECASE)
OPTIONS = re.compile(r"(?:considered|rejected|discarded)(?: options| alternatives)|alternatives(?: considered)?$", re.I)
WEIGHED = re.compile(r"pros and cons", re.IGNORECASE)
CHOSEN = re.compile(
    r"(?:chosen (?:option|alternative)|we (?:chose|choose|use|will use))\s*:?\s*[\"“*_`]*(?P<option>[^\"”*_`\n]+?)"
    r"[\"”*_`]*\s*(?:,?\s+because\b|[.;\n]|$)",
    re.IGNORECASE,
)
ITEM = re.compile(r"^\s{0,3}(?:[-*+]|\d+[.)])\s+(?P<words>.+(?:\n(?!\s{0,3}(?:[-*+]|\d+[.)])\s).+)*)", re.MULTILINE)
AGAINST = re.compile(r"^\s*(?:[-*+]\s+)?(?P<words>(?:bad|con|against)\b[,:]?\s.*)$", re.IGNORECASE | re.MULTILINE)
REJECTED_ITEM = re.compile(r"^\s{0,3}[-*+]\s+Rejected:\s*(?P<words>.+)$", re.IGNORECASE | re.MULTILINE)
"""An item under the outcome, as `sonde decide` writes it."""
OVER = re.compile(r"\b(?:superseded|replaced|deprecated|obsolete)\b", re.IGNORECASE)
NOT_DECIDED = re.compile(r"\b(?:proposed|draft|rejected|declined)\b", re.IGNORECASE)
LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")


def is_outcome(heading: str) -> bool:
    """Tell whether a section of a record says what was decided."""
    return bool(OUTCOME.match(heading.strip()))


def written_decision(index: PassageIndex, passage: Passage) -> Decision | None:
    """Return the decision of the record that a passage stands in, if it does stand in one."""
    if passage.kind != "adr":
        return None
    beside = (other for other in index.beside(passage, LONGEST_RECORD) if other.thread == passage.thread)
    return decision_in(sorted([passage, *beside], key=lambda part: int(part.anchor.rpartition("=")[2])))


def decision_in(record: Sequence[Passage]) -> Decision | None:
    """Read the decision from the passages of one record; None where it is none, or was not (yet) taken.

    rejected: the options other than the chosen one, each with what the record holds against it.
    """
    sections = _sections(record)
    outcome = next((text for heading, text in sections.items() if is_outcome(heading)), None)
    status = next((text for heading, text in sections.items() if heading.lower() == "status"), "")
    if outcome is None or (NOT_DECIDED.search(status) and not OVER.search(status)):
        return None
    stated = CHOSEN.search(LINK.sub(r"\1", outcome))
    chosen = stated["option"].strip() if stated else outcome
    reasons = "\n".join([outcome, *(text for heading, text in sections.items() if "driver" in heading.lower())])
    return Decision(
        question=(record[0].title or "").partition(IN_RECORD)[0],
        chosen=chosen,
        rejected=tuple(_rejected(sections, chosen)),
        driver=driver_of(reasons),
        scope="; ".join(scope_words(outcome)) or None,
        status="superseded" if OVER.search(status) else "in_force",
        passages=tuple(passage.anchor for passage in record),
    )


def _sections(record: Sequence[Passage]) -> dict[str, str]:
    """Texts by heading, in their order; paragraphs of one section together."""
    sections: dict[str, str] = {}
    for passage in record:
        if passage.kind == "adr":
            heading = (passage.title or "").rpartition(IN_RECORD)[2]
            sections[heading] = f"{sections[heading]}\n\n{passage.text}" if heading in sections else passage.text
    return sections


def _rejected(sections: Mapping[str, str], chosen: str) -> Iterator[str]:
    outcomes = (text for heading, text in sections.items() if is_outcome(heading))
    yield from (found["words"].strip() for text in outcomes for found in REJECTED_ITEM.finditer(text))
    for heading, text in sections.items():
        if not OPTIONS.match(heading) or WEIGHED.search(heading):
            continue
        for item in ITEM.finditer(text):
            option = LINK.sub(r"\1", " ".join(item["words"].split())).strip('"“”*_` ')
            if _same(option, chosen):
                continue
            against = [found["words"].strip() for found in AGAINST.finditer(_about(sections, option))]
            yield f"{option}: {'; '.join(against)}" if against else option


def _about(sections: Mapping[str, str], option: str) -> str:
    """What the record says of one option under a heading of its own."""
    return next((text for heading, text in sections.items() if _same(heading, option)), "")


def _same(first: str, second: str) -> bool:
    one, other = (re.sub(r"\W+", " ", words).strip().casefold() for words in (first, second))
    return one == other
