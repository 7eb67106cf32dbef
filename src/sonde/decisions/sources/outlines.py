"""What releases brought, as GNU projects write it: NEWS in the outline mode of Emacs, ChangeLogs → one item each."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from textwrap import dedent

from sonde.decisions.dates import find_date
from sonde.decisions.sources.paragraphs import DocumentFacts, Paragraph
from sonde.decisions.sources.readable import readable

STARS = re.compile(r"(\*{1,8})[ \t]+(?P<title>\S.*)")
"""A section, or an item that may go on in the next line."""
EQUALS = re.compile(r"(={1,6})[ \t]+(?P<title>[^=\s].*)")
"""A heading, where the line ends in the same mark."""
ENTRY = re.compile(
    r"(?P<day>(?:19|20)\d\d-\d\d-\d\d|[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} +[\d:]+ (?:[A-Z]+ )?(?:19|20)\d\d)"
    r"(?:[ \t]+\d{1,2}:\d\d)?[ \t]+(?P<author>[^<>\t]+?)[ \t]+<[^<>]*>\s*$"
)
"""What opens an entry of a ChangeLog: the day, who wrote it, an address."""
ITEM = re.compile(r"(?P<blank>\s*)(?:[-*+•o]|\d+[.)])\s+\S")
RELEASE = re.compile(r"\*[ \t]+.*\b(?:release|version|changes|since)\b.*\d", re.IGNORECASE)
LONGEST_HEADING = 300
"""Characters; the patterns take long for a line as long as a file."""


@dataclass(frozen=True)
class _Head:
    """A line that opens a part of a document."""

    index: int
    level: int
    title: str
    time: datetime | None
    may_go_on: bool
    """The line may be the first of an item."""


def is_outline(text: str) -> bool:
    """Whether a plain text is an outline: it marks sections by stars or between signs of equality."""
    lines = [line for line in text.splitlines() if line.startswith(("*", "=")) and len(line) <= LONGEST_HEADING]
    return any(_is_deep(line) or RELEASE.match(line) or _head(0, line, EQUALS) for line in lines)


def is_changelog(text: str) -> bool:
    """Whether a plain text holds entries of a ChangeLog: a day and an author, and below them indented lines."""
    lines = [line for line in text.splitlines() if line.strip()]
    return any(_entry(line) and below[:1].isspace() for line, below in pairwise(lines))


def outline(text: str, facts: DocumentFacts) -> Iterator[Paragraph]:
    """Yield the items of an outline, each under the section that it stands in.

    A marked line with nothing under it is an item, and so is one whose text goes on in the next line; others are
    headings. Where a document marks sections by signs of equality, stars are those of lists.
    """
    lines = _lines(text)
    between = any(_head(0, line, EQUALS) for line in lines) and not any(map(_is_deep, lines))
    marked = EQUALS if between else STARS
    heads = _ranked([head for index, line in enumerate(lines) if (head := _head(index, line, marked))])
    yield from _part(lines, 0, heads[0].index if heads else len(lines), [], facts)
    above: list[_Head] = []
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        above = [other for other in above if other.level < head.level]
        end = following.index if following else len(lines)
        first, is_leaf = head.index + 1, following is None or following.level <= head.level
        empty = not any(line.strip() for line in lines[first:end])
        if head.may_go_on and ((empty and is_leaf) or _goes_on(lines, first, end)):
            first = next((n for n in range(first, end) if not lines[n].strip()), end)
            yield from _part(lines, head.index, first, above, facts, whole=True)
        above.append(head)
        yield from _part(lines, first, end, above, facts)


def changelog(text: str, facts: DocumentFacts) -> Iterator[Paragraph]:
    """Yield the items of a ChangeLog, with the author and the day of their entry."""
    lines = _lines(text)
    entries = [(index, match) for index, line in enumerate(lines) if (match := _entry(line))]
    yield from _part(lines, 0, entries[0][0] if entries else len(lines), [], facts)
    ends = [index for index, _ in entries[1:]] + [len(lines)]
    for (index, match), end in zip(entries, ends, strict=True):
        day = find_date(match["day"]) or find_date(re.sub(r"[\d:]+ (?:[A-Z]+ )?(?=\d{4}$)", "", match["day"]))
        head = _Head(index, 1, f"{match['day']} {match['author'].strip()}", day or facts.time, may_go_on=False)
        for item in _part(lines, index + 1, end, [head], facts):
            yield replace(item, author=match["author"].strip())


def in_items(part: Paragraph) -> Iterator[Paragraph]:
    """Cut a list at its outermost items, whatever comes before the first of them apart."""
    lines = part.text.split("\n")
    found = [(len(match["blank"]), index) for index, line in enumerate(lines) if (match := ITEM.match(line))]
    outermost = min((blank for blank, _ in found), default=0)
    starts = sorted({0, *(index for blank, index in found if blank == outermost)})
    for first, last in zip(starts, [*starts[1:], len(lines)], strict=True):
        words = readable(dedent("\n".join(lines[first:last])))
        if any(character.isalnum() for character in words):
            yield replace(part, text=words, line=part.line + first)


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _is_deep(line: str) -> bool:
    return line.startswith("**") and STARS.match(line) is not None


def _entry(line: str) -> re.Match[str] | None:
    return ENTRY.match(line) if len(line) <= LONGEST_HEADING else None


def _head(index: int, line: str, marked: re.Pattern[str]) -> _Head | None:
    match = marked.match(line)
    if match is None:
        return None
    title = match["title"].rstrip()
    if marked is EQUALS:
        title, mark = title.rstrip("=").rstrip(), title[len(title.rstrip("=")) :]
        if mark != match[1] or not title:
            return None
    return _Head(index, len(match[1]), title, find_date(title[:LONGEST_HEADING]), may_go_on=marked is STARS)


def _ranked(heads: Sequence[_Head]) -> list[_Head]:
    """Marks as long as the foremost stand above all others, though they be longer: "*** Changes in release 2"."""
    return [replace(head, level=0) if head.level == heads[0].level else head for head in heads]


def _goes_on(lines: Sequence[str], first: int, end: int) -> bool:
    """Whether words follow right below a marked line; a list there is what the line is the heading of."""
    return first < end and bool(lines[first].strip()) and ITEM.match(lines[first]) is None


def _part(
    lines: Sequence[str], first: int, end: int, above: Sequence[_Head], facts: DocumentFacts, *, whole: bool = False
) -> Iterator[Paragraph]:
    """Paragraphs of some lines under the last of the headings above them; lists in items unless the lines are one."""
    time = next((head.time for head in reversed(above) if head.time), facts.time)
    heading, section = (above[-1].title, above[-1].index + 1) if above else (facts.title, 1)
    start = first
    for index in range(first, end + 1):
        if index < end and lines[index].strip():
            continue
        words = readable(dedent("\n".join(lines[start:index])))
        if any(character.isalnum() for character in words):
            found = Paragraph(words, start + 1, heading, section, time)
            yield from [found] if whole else in_items(found)
        start = index + 1
