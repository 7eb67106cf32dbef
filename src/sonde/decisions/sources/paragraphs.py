"""Markdown, reStructuredText and plain text → paragraphs with their line, heading and date."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from textwrap import dedent

from sonde.decisions.dates import find_date
from sonde.decisions.sources.readable import readable

LONGEST_LIST = 1200
"""Characters above which a list is split at its items."""
FENCE = re.compile(r"\s*(```)[^`]*$")  # of tildes they cannot be told from underlines
HASHES = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")
DEEPEST = 20
"""Rank of the foremost underlined heading: below all that are marked in their line."""
RULE = re.compile(r"([=\-~^\"'`*+#.:_])\1{2,}\s*$")
FIELD = re.compile(r"([A-Za-z][\w -]{0,30}):\s*(.*)$")
ITEM = re.compile(r"([-*+•]|\d+[.)])\s")


@dataclass(frozen=True)
class Paragraph:
    """Lines that stand together, verbatim, under their heading."""

    text: str
    line: int
    """Of the file, from 1."""
    heading: str | None = None
    section_line: int = 1
    """Where the section begins: paragraphs of one section share it."""
    time: datetime | None = None
    """Date of the nearest heading that carries one, else of the document."""
    author: str | None = None
    """Who is named beside it, not for the whole document."""


@dataclass(frozen=True)
class DocumentFacts:
    """What the head of a document says of it."""

    title: str | None = None
    author: str | None = None
    time: datetime | None = None


@dataclass(frozen=True)
class _Section:
    level: int
    title: str
    line: int
    time: datetime | None


def document_facts(text: str, name: str = "") -> DocumentFacts:
    """Read title, author and date from front matter or leading `Key: value` lines; the file name may hold the date."""
    fields = {key.lower(): value for key, value in _head_fields(text.split("\n"))}
    dates = (find_date(fields.get(key, "")) for key in ("date", "created", "meeting"))
    time = next((date for date in dates if date), None) or find_date(name)
    author = (fields.get("author") or fields.get("authors") or "").strip("[], ")
    return DocumentFacts(fields.get("title") or None, author or None, time)


def paragraphs(text: str, facts: DocumentFacts | None = None, marked: re.Pattern[str] = HASHES) -> Iterator[Paragraph]:
    """Yield the paragraphs of a document in order; headings are their titles, not paragraphs.

    marked: a heading in one line, of its mark, the longer the deeper, and its title.
    """
    facts = facts or DocumentFacts()
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    sections: list[_Section] = []
    levels: list[str] = []
    for start, block in _blocks(lines, marked):
        heading = _heading(block, levels, marked)
        if heading:
            title, level, used = heading
            sections = [section for section in sections if section.level < level]
            sections.append(_Section(level, title, start + 1, find_date(title)))
            start, block = start + used, block[used:]
        yield from _paragraph(start, block, sections, facts)


def _paragraph(start: int, block: list[str], sections: list[_Section], facts: DocumentFacts) -> Iterator[Paragraph]:
    time = next((section.time for section in reversed(sections) if section.time), facts.time)
    under = Paragraph("", 0, facts.title, 1, time)
    if sections:
        under = replace(under, heading=sections[-1].title, section_line=sections[-1].line)
    for line, part in _items(start, block):
        text = readable(dedent("\n".join(part)))
        if any(character.isalnum() for character in text):
            blank = next((count for count, row in enumerate(part) if row.strip()), 0)
            yield replace(under, text=text, line=line + blank + 1)


def _blocks(lines: list[str], marked: re.Pattern[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield runs of lines without an empty one, with the index of the first; fenced code stays whole.

    Front matter between lines of `---` is left out. A marked heading begins a run of its own.
    """
    start, block, fence = 0, list[str](), ""
    for index, line in enumerate(lines[_front_matter(lines) :], start=_front_matter(lines)):
        mark = FENCE.match(line)
        if fence or mark:
            fence = "" if fence and mark and mark[1] == fence else fence or (mark[1] if mark else "")
        elif block and (not line.strip() or marked.match(line)):
            yield start, block
            block = []
        if line.strip() or block:
            start = start if block else index
            block.append(line)
    if block:
        yield start, block


def _heading(block: list[str], levels: list[str], marked: re.Pattern[str]) -> tuple[str, int, int] | None:
    """Return title, level and number of lines of the heading that a run begins with.

    Underlined headings get their level from the order in which their marks first come, after the marked ones.
    """
    if mark := marked.match(block[0]):
        return mark[2], len(mark[1]), 1
    over = 1 if len(block) > 2 and RULE.match(block[0]) and RULE.match(block[2]) else 0
    if len(block) < over + 2 or not (rule := RULE.match(block[over + 1])):
        return None
    title = block[over].strip()
    if not title or RULE.match(title) or ITEM.match(title) or len(block[over + 1].strip()) < min(len(title), 4):
        return None
    drawn = rule[1] * (over + 1)
    if drawn not in levels:
        levels.append(drawn)
    return title, DEEPEST + levels.index(drawn), over + 2


def _items(start: int, block: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Split a long list at its outermost items; everything else stays whole."""
    starts = [index for index, line in enumerate(block) if ITEM.match(line)]
    if sum(map(len, block)) <= LONGEST_LIST or len(starts) < 2:
        yield start, block
        return
    cuts = sorted({0, *starts, len(block)})
    for first, last in pairwise(cuts):
        yield start + first, block[first:last]


def _front_matter(lines: list[str]) -> int:
    """Count the lines of front matter between two lines of `---`."""
    if not lines or lines[0].strip() != "---":
        return 0
    ends = (index for index, line in enumerate(lines[1:60], start=2) if line.strip() in ("---", "..."))
    return next(ends, 0)


def _head_fields(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield `Key: value` pairs of the front matter, else of the lines before the first empty one.

    Where these are but a heading, as in most notes of meetings, the lines below it may be all such pairs; they are
    written `Key: value`, `:Key: value` (reStructuredText, AsciiDoc) or `#+KEY: value` (Org).
    """
    front = _front_matter(lines)
    if front:
        yield from filter(None, map(_field, lines[1 : front - 1]))
        return
    first, below = _first_two_runs(lines[:60])
    found = [field for line in first if (field := _field(line))]
    if not found and below and all(map(_field, below)):
        found = [field for line in below if (field := _field(line))]
    yield from found


def _first_two_runs(lines: list[str]) -> tuple[list[str], list[str]]:
    """The lines before the first empty one, and those from there to the next."""
    runs: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            runs[-1].append(line)
        elif runs[-1]:
            runs.append([])
        if len(runs) > 2:
            break
    return runs[0], runs[1] if len(runs) > 1 else []


def _field(line: str) -> tuple[str, str] | None:
    plain = re.sub(r"^(?:#\+|[-*] )", "", line.strip().replace("**", "")).strip("*_ ").lstrip(":")
    field = FIELD.match(plain)
    return (field[1].strip(), field[2].strip().strip("\"'")) if field else None
