"""Comments in settings and code, each with the value it stands beside: there people note why a number is what it is."""

import re
import textwrap
from collections.abc import Iterator

from sonde.decisions.changes.formats import FormatName, format_of
from sonde.decisions.sources.paragraphs import Paragraph
from sonde.decisions.sources.readable import readable

HASH = re.compile(r"(?:^|(?<=\s))#+:?\s?(?P<words>.*)$")
INCAR_MARK = re.compile(r"[#!]+\s?(?P<words>.*)$")
WORD = re.compile(r"[^\W\d_]{2,}")
MACHINE = re.compile(
    r"(noqa|type:|pylint|mypy|ruff|fmt:|isort|pragma|flake8|SBATCH|PBS|BSUB|shellcheck|!|-\*-|%%|region|endregion|coding[:=])"
)
LITERAL = re.compile(r"\d|\b(True|False|None)\b|[\"']")
ASSIGNS = re.compile(r"[=:<>]")
WITH_COMMENTS: frozenset[FormatName] = frozenset(
    {"yaml", "toml", "ini", "incar", "dft_input", "aims", "shell", "python"}
)
FORTRAN_MARKS: frozenset[FormatName | None] = frozenset({"incar", "dft_input"})
"""Formats in which ! opens a comment, too."""
DIRECTIVE = re.compile(r"\s*#(?:!|(?:SBATCH|PBS|BSUB)\b)")
"""A line that a shell or a queue reads; what it sets may be explained above it, or behind it."""
CODE: frozenset[FormatName | None] = frozenset({"python", "shell"})


def has_comments(path: str) -> bool:
    """Tell whether files of this kind carry comments beside values."""
    return format_of(path) in WITH_COMMENTS


def comments(text: str, path: str) -> Iterator[Paragraph]:
    """Yield each comment with the line it explains: comment lines above, and what follows on the line itself.

    In code only comments beside a literal are taken; in settings all. Remarks to programs (`# noqa`) are not words.
    """
    kind = format_of(path)
    block, number = list[str](), 0
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not block and "#" not in line and "!" not in line:
            continue
        words = _words(line, kind)
        if words is not None and line.lstrip().startswith(("#", "!")) and not _is_directive(line, kind):
            block.append(line)
            continue
        if not line.strip():
            yield from _comment(block, number, kind, beside="")
        elif block or words is not None:
            yield from _comment(block, number, kind, beside=line)
        block = []
    yield from _comment(block, number + 1, kind, beside="")


def _words(line: str, kind: FormatName | None) -> str | None:
    """Return what a line's comment says, or None where it has no comment."""
    if _is_directive(line, kind):
        line = line.lstrip()[1:]
    match = (INCAR_MARK if kind in FORTRAN_MARKS else HASH).search(line)
    return match["words"].strip() if match else None


def _is_directive(line: str, kind: FormatName | None) -> bool:
    return kind == "shell" and DIRECTIVE.match(line) is not None


def _comment(block: list[str], number: int, kind: FormatName | None, beside: str) -> Iterator[Paragraph]:
    """Make a passage of comment lines and the line below them, if people wrote words there."""
    said = " ".join(filter(None, (_words(line, kind) for line in [*block, beside])))
    if MACHINE.match(said) or len(WORD.findall(said)) < 2:
        return
    if kind in CODE and not (LITERAL.search(beside) and ASSIGNS.search(beside)):
        return
    lines = [*block, beside] if beside else block
    yield Paragraph(readable(textwrap.dedent("\n".join(lines))), number - len(block))
