"""Questions with known answers from Python Enhancement Proposals: real documents that state reasons and rejections.

A heading under "Rejected Ideas" or one that asks "Why …?" is the question, the paragraphs below it are the answer, and
the heading itself is masked. In one question of three the answer is cut out of the document: whatever is left mentions
the matter without that reason, and silence is right.
"""

import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eval.decisions.questions import Question

RULE = re.compile(r"([=\-~^\"'`*+#.:_])\1{2,}\s*$")
REASONS = re.compile(r"reject|alternativ|rationale|motivation|design|faq|question", re.IGNORECASE)
REJECTED = re.compile(r"reject|alternativ", re.IGNORECASE)
WHY = re.compile(r"why\b", re.IGNORECASE)
MASK = "Notes"
N_GROUPS = 12
PER_GROUP = 26
"""Questions from headings that one group of documents gives."""
SHORTEST, FEWEST_WORDS = 120, 3
"""Characters of an answer, and words of a heading, below which nothing can be asked fairly."""


@dataclass(frozen=True)
class Section:
    """A heading with its lines, from 1, and the headings it stands under."""

    title: str
    line: int
    last: int
    parents: tuple[str, ...]


def sections(text: str) -> list[Section]:
    """Cut a reStructuredText document at its underlined headings."""
    lines = text.split("\n")
    starts = [index for index in range(len(lines) - 1) if _is_heading(lines[index], lines[index + 1])]
    if not starts:
        return []
    marks: list[str] = []
    open_: list[tuple[int, str]] = []
    found = []
    for index, following in zip(starts, [*starts[1:], len(lines)], strict=True):
        mark = lines[index + 1][0]
        marks += [] if mark in marks else [mark]
        open_ = [item for item in open_ if item[0] < marks.index(mark)]
        title = lines[index].strip()
        found.append(Section(title, index + 1, following, tuple(parent for _, parent in open_)))
        open_.append((marks.index(mark), title))
    return found


def _is_heading(line: str, below: str) -> bool:
    told = line.strip() and not line.startswith(" ") and not RULE.match(line)
    return bool(told and RULE.match(below) and len(below.strip()) >= min(len(line.strip()), 4))


def documents(archive: Path) -> dict[str, str]:
    """Read the proposals by file name."""
    with tarfile.open(archive) as packed:
        read = {member.name: packed.extractfile(member) for member in packed.getmembers() if member.isfile()}
        texts = {Path(name).name: stream.read().decode("utf-8", "replace") for name, stream in read.items() if stream}
    return {name: text for name, text in sorted(texts.items()) if name.endswith(".rst")}


def groups(texts: dict[str, str]) -> list[dict[str, str]]:
    """Share documents out into collections of about sixty; what belongs where is fixed by the name."""
    shared: list[dict[str, str]] = [{} for _ in range(N_GROUPS)]
    for name, text in texts.items():
        shared[zlib.crc32(name.encode()) % N_GROUPS][name] = text
    return shared


def prepared(group: dict[str, str], number: int) -> tuple[dict[str, str], list[Question]]:
    """Mask the headings that answers stand under, cut out one answer in three, and ask."""
    asked = [(name, section) for name, text in group.items() for section in sections(text) if _asks(section, text)]
    asked = sorted(asked, key=lambda item: zlib.crc32(f"{item[0]}{item[1].line}".encode()))[:PER_GROUP]
    questions, masked = [], {name: text.split("\n") for name, text in group.items()}
    for name, text in group.items():
        for section in sections(text):
            if REASONS.search(section.title) or (name, section) in asked:
                masked[name][section.line - 1] = MASK
    for place, (name, section) in enumerate(asked):
        cut = place % 3 == 2
        if cut:
            masked[name][section.line + 1 : section.last - 1] = [""] * (section.last - section.line - 2)
        gold = () if cut else ((name, section.line, section.last),)
        questions.append(Question(question_of(section), gold, "cut out" if cut else "heading", f"peps {number}"))
    return {name: "\n".join(lines) for name, lines in masked.items()}, questions


def question_of(section: Section) -> str:
    """Word a heading as the question that its section answers."""
    title = section.title.replace("``", "").rstrip(".")
    if WHY.match(title) or title.endswith("?"):
        return title
    asked = title if re.search(r"[A-Z]{2}|[_`'\".()]", title.split()[0]) else title[0].lower() + title[1:]
    return f"Why was the idea to {asked} rejected?" if _is_deed(asked) else f"Why not {asked}?"


def _is_deed(asked: str) -> bool:
    return bool(re.match(r"(?:use|add|make|allow|have|let|support|require|rely|change|keep|rename|replace)\b", asked))


def _asks(section: Section, text: str) -> bool:
    below = "\n".join(text.split("\n")[section.line + 1 : section.last - 1])
    telling = len(re.findall(r"\w{3,}", section.title)) >= FEWEST_WORDS
    rejected = any(REJECTED.search(parent) for parent in section.parents)
    faq = WHY.match(section.title) and section.title.strip().count(" ") >= FEWEST_WORDS
    return bool(telling and len(below) >= SHORTEST and (rejected or faq))


def lines_of(anchor: str) -> tuple[str, int]:
    """File and line of a note's anchor."""
    file, _, line = anchor.removeprefix("file:").partition("#line=")
    return file, int(line)


def handwritten(texts: dict[str, str], asked: Iterator[tuple[str, str, str]], number: int) -> list[Question]:
    """Questions in words of our own, each with a stretch of the paragraphs that answer it."""
    questions = []
    for question, name, stretch in asked:
        if not stretch:
            questions.append(Question(question, (), "own words, no answer", f"peps {number}"))
        elif name in texts:
            flat = re.compile(r"\s+".join(re.escape(word) for word in stretch.split()))
            gold = tuple((name, *_lines(texts[name], match)) for match in flat.finditer(texts[name]))
            questions.append(Question(question, gold, "own words", f"peps {number}"))
    return questions


def _lines(text: str, match: re.Match[str]) -> tuple[int, int]:
    """First and last line of the paragraph around a match."""
    begin = max(text.rfind("\n\n", 0, match.start()), 0)
    end = text.find("\n\n", match.end())
    return text.count("\n", 0, begin) + 1, text.count("\n", 0, end if end >= 0 else len(text)) + 2
