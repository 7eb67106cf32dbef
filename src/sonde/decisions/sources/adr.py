"""Records of decisions (ADR as Nygard wrote them, MADR 2 to 4, see adr.github.io) → paragraphs, by section.

A record is one conversation: `sonde.decisions.written_decisions` puts the ready decision together from its passages.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from sonde.decisions.dates import find_date
from sonde.decisions.sources.notes import files_of
from sonde.decisions.sources.paragraphs import DocumentFacts, Paragraph, document_facts, paragraphs
from sonde.decisions.sources.protocol import Source
from sonde.decisions.sources.readable import one_line, read_utf8, readable
from sonde.decisions.written_decisions import IN_RECORD, is_outcome
from sonde.errors import BadInput
from sonde.records.decisions import Passage

log = logging.getLogger(__name__)

SUFFIXES = (".md", ".markdown")
MEND = "A record of a decision has a title (#) and a section '## Decision' or '## Decision Outcome'."
FACT = re.compile(
    r"^\s*[*-]?\s*\**(status|date|deciders?|decision-makers|superseded[ -]by)\**\s*:\**\s*(\S.*)$", re.IGNORECASE
)
NUMBER = re.compile(r"^(?:ADR[- ]?)?\d+[.:)]?\s+")
TEMPLATE = re.compile(r"(?:adr|madr)?[-_ ]*template", re.IGNORECASE)
"""Names of what decisions are to be written into."""
HEAD_LINES = 40


def read(path: Path) -> Iterator[Passage]:
    """Yield the paragraphs of a record, or of all records in a folder; other Markdown there is passed over.

    The author is who decided, where the record says so; the time is its date. What the head says (status, date, who)
    is the first passage.

    Raises
    ------
    BadInput
        Where there is no record of a decision, or a file is not UTF-8.
    """
    path = Path(path)
    found = False
    for file in files_of(path, SUFFIXES, "decision records"):
        if TEMPLATE.fullmatch(file.stem) and path.is_dir():
            continue
        name = file.name if path.is_file() else file.relative_to(path).as_posix()
        record = list(_record(read_utf8(file), readable(name).replace("#", "_").replace("\n", " ")))
        if not record:
            log.info("%s: no record of a decision, passed over", file)
        found = found or bool(record)
        yield from record
    if not found:
        raise BadInput(path, None, "holds no record of a decision", MEND)


def _record(text: str, name: str) -> Iterator[Passage]:
    facts = document_facts(text, name)
    stated = dict(_stated(text))
    parts = list(paragraphs(text, facts))
    if not any(is_outcome(part.heading or "") for part in parts):
        return
    title = NUMBER.sub("", _title(text) or facts.title or name)
    author = one_line((stated.get("who") or facts.author or "").strip("[] ") or None)
    time = find_date(stated.get("date", "")) or facts.time
    common = DocumentFacts(title, author, time)
    if head := _head(text):
        yield _passage(head, common, name)
    inside = {number for number, line in enumerate(text.split("\n"), start=1) if FACT.match(line)}
    for part in parts:
        if part.line not in inside or part.line > HEAD_LINES:
            yield _passage(part, common, name)


def _passage(part: Paragraph, record: DocumentFacts, name: str) -> Passage:
    heading = part.heading if part.heading and NUMBER.sub("", part.heading) != record.title else "Record"
    return Passage(
        anchor=f"file:{name}#line={part.line}",
        text=part.text,
        kind="adr",
        author=record.author,
        time=record.time,
        thread=f"file:{name}",
        title=f"{record.title}{IN_RECORD}{heading}",
    )


def _title(text: str) -> str | None:
    """The first heading of the first level."""
    match = re.search(r"^#\s+(\S.*?)\s*#*$", text.replace("\r\n", "\n"), re.MULTILINE)
    return one_line(match[1]) if match else None


def _stated(text: str) -> Iterator[tuple[str, str]]:
    """Facts of the head: front matter (MADR 3, 4), bullets (MADR 2) or lines of their own (Nygard); the first counts.

    Who decided stands under `who`, whatever the record calls them.
    """
    for line in reversed(text.split("\n")[:HEAD_LINES]):
        if match := FACT.match(line):
            key = match[1].lower()
            yield "who" if key.startswith("deci") else key, match[2].strip("\"' ")


def _head(text: str) -> Paragraph | None:
    """The lines of the head that state facts, verbatim; they may stand apart."""
    lines = text.replace("\r\n", "\n").split("\n")[:HEAD_LINES]
    stated = [number for number, line in enumerate(lines) if FACT.match(line)]
    if not stated:
        return None
    words = readable("\n".join(lines[number].strip() for number in stated))
    return Paragraph(words, stated[0] + 1, "Status")


SOURCE = Source("adr", read, complete=True)
