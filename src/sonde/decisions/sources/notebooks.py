"""Jupyter notebooks → one piece per cell: what was written, and the words that a computation printed."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sonde.decisions.dates import find_date
from sonde.decisions.sources.pieces import Piece, bounded
from sonde.decisions.sources.readable import one_line, readable
from sonde.errors import BadInput
from sonde.optional_imports import require

MEND = "Open it in Jupyter and save it again (File → Save Notebook)."
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
LONGEST_OUTPUT = 1000
"""Characters of what a cell printed; a table of results fits, a log does not."""
CELLS = ("markdown", "code", "raw")


def pieces(file: Path, name: str) -> Iterator[Piece]:
    """Yield the cells with words, numbered from 1 in the order of the notebook."""
    notebook = _opened(file)
    author = _author(notebook)
    heading, section, time = None, "cell=1", find_date(name)
    for number, cell in enumerate(notebook["cells"], start=1):
        kind, source = cell.get("cell_type"), _joined(cell.get("source"))
        titles = HEADING.findall(source) if kind == "markdown" else []
        if titles:
            heading, section = one_line(titles[-1]) or heading, f"cell={number}"
            time = next(filter(None, map(find_date, titles)), None) or time
        text = readable("\n\n".join(filter(None, [readable(source), _printed(cell)])))
        if kind in CELLS and any(character.isalnum() for character in text):
            yield Piece(f"cell={number}", text, heading, section, author, time)


def _opened(file: Path) -> Mapping[str, Any]:
    """Parse a notebook of any version; those before 4 are brought up to it."""
    nbformat = require("nbformat")
    payload = bounded(file, MEND)
    try:
        raw = json.loads(payload)
        if not isinstance(raw, Mapping) or not isinstance(raw.get("nbformat"), int):
            raise BadInput(file, None, "is no notebook: it does not state its nbformat", MEND)
        notebook = raw if raw["nbformat"] == 4 else nbformat.convert(nbformat.from_dict(raw), 4)
    except BadInput:
        raise
    except Exception as broken:
        # Another project's parser, fed with anything.
        raise BadInput(file, None, f"is no notebook that can be read ({one_line(broken)})", MEND) from broken
    cells = notebook.get("cells")
    if not isinstance(cells, list) or not all(isinstance(cell, Mapping) for cell in cells):
        raise BadInput(file, None, "is no notebook: it holds no list of cells", MEND)
    return notebook


def _author(notebook: Mapping[str, Any]) -> str | None:
    """The authors that its metadata name."""
    metadata = notebook.get("metadata")
    listed = metadata.get("authors") if isinstance(metadata, Mapping) else None
    names = [person.get("name") for person in _items(listed) if isinstance(person, Mapping)]
    return one_line(", ".join(name for name in names if isinstance(name, str)))


def _printed(cell: Mapping[str, Any]) -> str:
    """What a cell printed, or shows of its result, as far as it is text; errors are left out."""
    said = []
    for output in _items(cell.get("outputs")):
        if isinstance(output, Mapping):
            data = output.get("data")
            shown = data.get("text/plain") if isinstance(data, Mapping) else None
            said.append(_joined(output.get("text")) or _joined(shown))
    text = readable("\n".join(part for part in said if part.strip()))
    return text if len(text) <= LONGEST_OUTPUT else readable(text[:LONGEST_OUTPUT]) + " …"


def _joined(source: object) -> str:
    """Text of a cell: a string, or a list of its lines."""
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
