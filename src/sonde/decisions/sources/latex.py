"""LaTeX → paragraphs as they stand in the source, `%` comments with them: there authors note what they leave unsaid."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sonde.decisions.dates import find_date
from sonde.decisions.sources.paragraphs import DocumentFacts, Paragraph
from sonde.decisions.sources.pieces import Piece, bounded
from sonde.decisions.sources.readable import decoded, one_line, read_utf8, readable

MEND = "Give the .tex file as the editor saves it."
SECTION = re.compile(
    r"\s*\\(part|chapter|section|subsection|subsubsection|paragraph|frametitle)\*?\s*(?:\[[^\]\n]*\])?\{"
)
LEVELS = ("part", "chapter", "section", "subsection", "subsubsection", "paragraph", "frametitle")
FACT = re.compile(r"\\(title|author|date)\s*(?:\[[^\]\n]*\])?\{|(?<!\\)%.*")
"""A fact, or a comment, in which there is none."""
AND = re.compile(r"\\and\b")
BESIDE_NAME = re.compile(r"\\\\.*|\\thanks\{[^{}]*\}", re.DOTALL)
"""Addresses below a name, and to whom thanks are due."""
ENCODING = re.compile(r"^[^%\n]*\\usepackage\s*\[([\w-]+)\]\s*\{inputenc\}", re.MULTILINE)
CHARSETS = {
    "latin1": "latin-1",
    "latin9": "iso-8859-15",
    "ansinew": "cp1252",
    "cp1252": "cp1252",
    "applemac": "macroman",
}
COMMAND = re.compile(
    r"\\(?:begin|end|label|ref|cite\w*|usepackage|documentclass|input|include\w*)\s*(\[[^\]]*\])?\{[^}]*\}"
)
NAME = re.compile(r"\\[A-Za-z@]+\*?")
WORD = re.compile(r"[^\W\d_]{2,}")


def pieces(file: Path, name: str) -> Iterator[Piece]:
    """Yield the paragraphs, parted by empty lines and headings; those without a word of prose are left out."""
    text = _text(file)
    facts = facts_of(text, name)
    for part in paragraphs(text, facts):
        yield Piece(f"line={part.line}", part.text, part.heading, f"line={part.section_line}", facts.author, part.time)


def facts_of(text: str, name: str) -> DocumentFacts:
    """Read title, author and date; the file name may hold the date."""
    facts = {match[1]: _argument(text, match.end()) for match in FACT.finditer(text[:20_000]) if match[1]}
    time = find_date(facts.get("date") or "") or find_date(name)
    named = (one_line(BESIDE_NAME.sub("", part)) for part in AND.split(facts.get("author") or ""))
    return DocumentFacts(one_line(facts.get("title")), ", ".join(filter(None, named)) or None, time)


def paragraphs(text: str, facts: DocumentFacts) -> Iterator[Paragraph]:
    """Yield the paragraphs of a text in order; headings stand with the words below them."""
    under = Paragraph("", 0, facts.title, 1, facts.time)
    levels: dict[int, datetime | None] = {}
    for number, block in _blocks(text):
        begun = SECTION.match(block)
        if begun:
            title, level = _argument(block, begun.end()), LEVELS.index(begun[1])
            levels = {known: day for known, day in levels.items() if known < level} | {level: find_date(title)}
            dated = next((day for day in reversed(levels.values()) if day), facts.time)
            under = Paragraph("", 0, one_line(title) or under.heading, number, dated)
        if _has_words(block):
            yield replace(under, text=readable(block), line=number)


def _text(file: Path) -> str:
    """Decode as the document itself declares, else as UTF-8."""
    payload = bounded(file, MEND)
    declared = ENCODING.search(payload[:20_000].decode("latin-1"))
    charset = CHARSETS.get(declared[1]) if declared else None
    return decoded(payload, charset) if charset else read_utf8(file)


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Yield runs of lines with the number of the first; a heading begins a run."""
    begun, block = 0, list[str]()
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        if block and (not line.strip() or SECTION.match(line)):
            yield begun, "\n".join(block)
            block = []
        if line.strip():
            begun = begun if block else number
            block.append(line)
    if block:
        yield begun, "\n".join(block)


def _argument(text: str, start: int) -> str:
    """What stands between the brace before `start` and the one that closes it."""
    depth = 1
    for end in range(start, min(len(text), start + 2000)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            return text[start:end]
    return ""


def _has_words(block: str) -> bool:
    return len(WORD.findall(NAME.sub(" ", COMMAND.sub(" ", block)))) > 1
