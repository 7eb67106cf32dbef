"""Notebooks that lie among other files: text cells, and what people wrote in code cells, with the lines of the file.

A notebook is JSON, whose lines git numbers: a passage is found where its first line is written. The source
`documents` reads the same cells by number, with what they printed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from sonde.decisions.dates import find_date
from sonde.decisions.sources.paragraphs import Paragraph
from sonde.decisions.sources.readable import one_line, readable
from sonde.decisions.sources.remarks import words_in_code

TITLE = re.compile(r"^#{1,6}[ \t]+(\S.*)", re.MULTILINE)
TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s"{}\[\],:]+')
SUFFIXES = {"python": ".py", "julia": ".jl", "r": ".r", "bash": ".sh"}
Path = tuple[str | int | None, ...]


@dataclass(frozen=True)
class CellPiece:
    """Words of a cell."""

    paragraph: Paragraph
    """Its lines are those of the file."""
    cell: int
    """From 1, in the order of the notebook."""
    line_of_cell: int | None = None
    """Where words of a code cell begin; None: the whole cell."""
    beside_value: bool = False
    section_cell: int = 1
    """Cell of the heading that it stands under."""


@dataclass
class _Cell:
    kind: str = ""
    parts: list[tuple[int, str]] = field(default_factory=list)
    """Pieces of the source, each with the line of the file."""

    @property
    def source(self) -> str:
        return "".join(part for _, part in self.parts)

    def lines(self) -> list[int]:
        """Line of the file for each line of the source."""
        found, begins = list[int](), True
        for number, part in self.parts:
            for line in part.splitlines(keepends=True):
                if begins:
                    found.append(number)
                begins = line.endswith("\n")
        return found


def is_notebook(path: str) -> bool:
    """Tell whether a path names a notebook that somebody saved; copies that Jupyter makes by itself are none."""
    return path.lower().endswith(".ipynb") and ".ipynb_checkpoints" not in PurePosixPath(path).parts


def cell_pieces(text: str, name: str) -> Iterator[CellPiece]:
    """Yield text cells whole, and comments and docstrings of code cells; nothing where the file is no notebook."""
    suffix = _suffix_of_code(text)
    if suffix is None:
        return
    heading, section, time = None, (1, 1), find_date(name)
    for number, cell in _cells(text).items():
        lines = cell.lines()
        if cell.kind in ("markdown", "heading", "raw"):
            titles = TITLE.findall(cell.source) if cell.kind == "markdown" else []
            if titles:
                heading, section = one_line(titles[-1]) or heading, (number, lines[0])
                time = next(filter(None, map(find_date, titles)), None) or time
            found = Paragraph(readable(cell.source), _first(cell.source, lines), heading, section[1], time)
            if any(character.isalnum() for character in found.text):
                yield CellPiece(found, number, section_cell=section[0])
        elif cell.kind == "code":
            for said, beside_value in words_in_code(cell.source, f"cell{suffix}"):
                placed = Paragraph(said.text, lines[said.line - 1], heading, section[1], time)
                yield CellPiece(placed, number, said.line, beside_value, section[0])


def by_line(pieces: Iterator[CellPiece]) -> Iterator[tuple[Paragraph, bool]]:
    """Put together what stands in one line, as in a notebook that a program wrote without line ends."""
    for _, together in groupby(pieces, key=lambda piece: piece.paragraph.line):
        first, *rest = together
        texts = [first.paragraph.text, *(piece.paragraph.text for piece in rest)]
        yield replace(first.paragraph, text="\n\n".join(texts)), first.beside_value and not rest


def _first(source: str, lines: list[int]) -> int:
    blank = len(source) - len(source.lstrip())
    return lines[source.count("\n", 0, blank)] if blank < len(source) else 1


def _suffix_of_code(text: str) -> str | None:
    """What files of the notebook's language are called; None where this is no notebook."""
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(notebook, Mapping) or not isinstance(notebook.get("nbformat"), int):
        return None
    metadata = _mapping(notebook.get("metadata"))
    named = _mapping(metadata.get("language_info")).get("name"), _mapping(metadata.get("kernelspec")).get("language")
    language = next((name.lower() for name in named if isinstance(name, str)), "python")
    return SUFFIXES.get(language, ".py" if "python" in language else "")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _cells(text: str) -> Mapping[int, _Cell]:
    """Cells by number: of `cells`, or of `worksheets` in notebooks before version 4."""
    found: dict[Path, _Cell] = {}
    for path, line, value in _strings(text):
        place, rest = _split(path)
        if place is None:
            continue
        cell = found.setdefault(place, _Cell())
        if rest == ("cell_type",):
            cell.kind = value
        elif rest[0] in ("source", "input"):
            cell.parts.append((line, value))
    return {number + 1: cell for number, cell in enumerate(found.values())}


def _split(path: Path) -> tuple[Path | None, Path]:
    """The part of a path that leads to a cell, and what of it is named."""
    depth = 2 if path[:1] == ("cells",) else 4 if path[:1] == ("worksheets",) and path[2:3] == ("cells",) else 0
    names = path[depth:]
    is_told = names == ("cell_type",) or (names[:1] in (("source",), ("input",)) and len(names) <= 2)
    return (path[:depth], names) if depth and is_told else (None, ())


def _strings(text: str) -> Iterator[tuple[Path, int, str]]:
    """Yield the strings of a valid JSON text with the keys and places that lead to them, and their lines."""
    stack: list[str | int | None] = []
    line, read = 1, 0
    for match in TOKEN.finditer(text):
        token = match.group()
        line, read = line + text.count("\n", read, match.start()), match.start()
        if token in "{[":
            stack.append(None if token == "{" else 0)
        elif token in "}]":
            stack.pop()
        elif token == "," and stack:
            place = stack[-1]
            stack[-1] = place + 1 if isinstance(place, int) else None
        elif token[0] == '"' and stack and stack[-1] is None:
            stack[-1] = json.loads(token)
        elif token[0] == '"' and _split(tuple(stack))[0] is not None:
            yield tuple(stack), line, json.loads(token)
