"""What people wrote in code: comments of a sentence or more, and docstrings, each with the line it explains."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from sonde.decisions.sources.comments import DIRECTIVE, MACHINE, WORD, comments, has_comments
from sonde.decisions.sources.paragraphs import Paragraph
from sonde.decisions.sources.readable import readable

FEWEST_WORDS = 5
LONGEST = 800
"""Characters above which a docstring is cut at its empty lines."""
LICENCE = re.compile(r"copyright|\blicen[sc]e[ds]?\b|all rights reserved", re.IGNORECASE)
CODE_MARKS = re.compile(r"[=(){}\[\];<>_\\|*/+]")
MOST_CODE = 0.12
"""Share of marks of code from which a comment is code that was switched off."""
OPENS = re.compile(r"\s*(?:async\s+)?(?:def|class|fn|pub|func|function|void|template|struct|impl)\b.*")


@dataclass(frozen=True)
class _Marks:
    """How a language writes remarks."""

    line: str
    block: re.Pattern[str] | None = None


_PYTHON = _Marks("#", re.compile(r'^[ \t]*[rRuU]?("""|\'\'\')(?:(?!\1).)*\1', re.MULTILINE | re.DOTALL))
_C = _Marks("//", re.compile(r"^[ \t]*/\*(?:(?!\*/).)*\*/", re.MULTILINE | re.DOTALL))
_MARKS = (
    dict.fromkeys((".py", ".pyx", ".pxd", ".pyi"), _PYTHON)
    | dict.fromkeys((".c", ".h", ".cc", ".hh", ".cpp", ".cxx", ".hpp", ".hxx", ".cu", ".cuh", ".cl", ".mm"), _C)
    | dict.fromkeys((".rs", ".js", ".mjs", ".ts", ".tsx", ".go", ".java", ".kt", ".swift", ".scala", ".cs", ".zig"), _C)
    | dict.fromkeys((".jl", ".r", ".R", ".rb", ".pl", ".pm", ".sh", ".bash", ".slurm", ".tcl", ".awk"), _Marks("#"))
    | dict.fromkeys((".cmake", ".mk", ".ac", ".am", ".lmp", ".nix", ".gp"), _Marks("#"))
    | dict.fromkeys((".f", ".f90", ".f95", ".f03", ".f08", ".F", ".F90"), _Marks("!"))
    | dict.fromkeys((".lua", ".hs", ".sql"), _Marks("--"))
    | dict.fromkeys((".el", ".lisp", ".scm"), _Marks(";"))
)
_MARKS_BY_NAME = dict.fromkeys(("CMakeLists.txt", "Makefile", "Dockerfile", "meson.build", "Snakefile"), _Marks("#"))


def _marks_of(path: str) -> _Marks | None:
    return _MARKS.get(PurePosixPath(path).suffix) or _MARKS_BY_NAME.get(PurePosixPath(path).name)


def has_remarks(path: str) -> bool:
    """Tell whether a path names code whose remarks can be read."""
    return _marks_of(path) is not None


def remarks(text: str, path: str) -> Iterator[Paragraph]:
    """Yield comments and docstrings of a few words or more; licences and code that was switched off are left out."""
    marks = _marks_of(path)
    if marks is None:
        return
    text = text.replace("\r\n", "\n")
    lines = text.split("\n")
    found = [*_comments(lines, marks.line), *_blocks(text, lines, marks.block)]
    yield from sorted(found, key=lambda remark: remark.line)


def words_in_code(text: str, path: str) -> Iterator[tuple[Paragraph, bool]]:
    """Yield comments beside values, then other remarks; of each, whether it is beside a value."""
    beside = {piece.text: piece for piece in comments(text, path)} if has_comments(path) else {}
    yield from ((piece, True) for piece in beside.values())
    yield from ((piece, False) for piece in remarks(text, path) if piece.text not in beside)


def _blocks(text: str, lines: list[str], block: re.Pattern[str] | None) -> Iterator[Paragraph]:
    """Docstrings, and comments between marks of begin and end."""
    line, read = 0, 0
    for match in block.finditer(text) if block else ():
        line, read = line + text.count("\n", read, match.start()), match.start()
        yield from _cut(lines, line, line + match.group().count("\n") + 1)


def _comments(lines: list[str], mark: str) -> Iterator[Paragraph]:
    """Runs of comment lines with the line below them, and what follows on a line of code itself."""
    trailing = re.compile(rf"\S\s+{re.escape(mark)}\s*\S")
    start = 0
    for number, line in enumerate([*lines, ""]):
        if line.lstrip().startswith(mark) and not DIRECTIVE.match(line):
            continue
        above = list(_told(lines, start, number + bool(line.strip()), number)) if number > start else []
        if not above and trailing.search(line):
            above = list(_told(lines, number, number + 1, number + 1, line[line.index(mark) :]))
        yield from above
        start = number + 1


def _told(lines: list[str], first: int, last: int, end: int, words: str | None = None) -> Iterator[Paragraph]:
    """Lines from the first up to the last, if those up to `end` (or the given words) are words of people."""
    said = "\n".join(lines[first:end]) if words is None else words
    if _is_told(said):
        yield Paragraph(readable(textwrap.dedent("\n".join(lines[first:last]))), first + 1)


def _is_told(said: str) -> bool:
    plain = re.sub(r"(?m)^\s*(?:#+|//+|!+|--+|;+|/?\*+/?)[:!]?\s?", "", said).strip()
    n_words = len(WORD.findall(plain))
    if n_words < FEWEST_WORDS or MACHINE.match(plain) or LICENCE.search(plain):
        return False
    return len(CODE_MARKS.findall(plain)) < MOST_CODE * len(plain)


def _cut(lines: list[str], first: int, last: int) -> Iterator[Paragraph]:
    """A docstring with the line that it describes; a long one in parts of whole paragraphs."""
    if first and OPENS.fullmatch(lines[first - 1]) and lines[first - 1].strip():
        first -= 1
    start = first
    for number in range(first, last):
        length = sum(map(len, lines[start:number]))
        ends = not lines[number].strip() and length + len(_next(lines, number + 1, last)) > LONGEST
        if ends and any(line.strip() for line in lines[start:number]):
            yield from _told(lines, start, number, number)
            start = number + 1
    yield from _told(lines, start, last, last)


def _next(lines: list[str], first: int, last: int) -> str:
    """The paragraph that begins at a line."""
    end = next((number for number in range(first, last) if not lines[number].strip()), last)
    return "".join(lines[first:end])
