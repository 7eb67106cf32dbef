"""Reads a JSON list, or JSON lines, value by value, so that a file larger than memory can be read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from sonde.datasets.readers.protocol import Place

CHUNK_BYTES = 1 << 20
SEPARATORS = " \t\r\n,"


@dataclass
class _Window:
    """The part of the text not yet decoded. It grows until it holds one whole value."""

    handle: IO[str]
    path: Path
    text: str = ""
    start: int = 0
    line: int = 1
    ended: bool = field(default=False)

    def grow(self) -> bool:
        """Read on, twice as far each time; return False at the end of the file."""
        more = self.handle.read(max(CHUNK_BYTES, len(self.text) - self.start))
        self.text, self.start = self.text[self.start :] + more, 0
        self.ended = not more
        return bool(more)

    def move_to(self, position: int) -> None:
        self.line += self.text.count("\n", self.start, position)
        self.start = position

    def peek(self) -> str:
        """Skip separators and return the next character; empty at the end of the file."""
        while True:
            position = self.start
            while position < len(self.text) and self.text[position] in SEPARATORS:
                position += 1
            self.move_to(position)
            if position < len(self.text):
                return self.text[position]
            if not self.grow():
                return ""


def json_values(handle: IO[str], path: Path) -> Iterator[tuple[Any, Place]]:
    """Yield each item of the top-level list (or each value, one after the other) with its place.

    Raises
    ------
    BadInput : the text ends inside a value or is no JSON.
    """
    window = _Window(handle, path)
    is_list = window.peek() == "["
    if is_list:
        window.move_to(window.start + 1)
    frame = 0
    while (character := window.peek()) not in ("", "]"):
        place = Place(path, frame, window.line)
        if character in "}:":
            raise place.bad(f"{character!r} stands where a record must begin", "mend the file.")
        yield _next_value(window, place), place
        frame += 1
    if is_list and not character:
        raise Place(path, frame, window.line).bad(
            "the file is truncated: the list is not closed by ]", "copy the file again."
        )


def _next_value(window: _Window, place: Place) -> Any:
    decoder = json.JSONDecoder()
    while True:
        try:
            value, end = decoder.raw_decode(window.text, window.start)
        except json.JSONDecodeError as wrong:
            if window.grow():
                continue
            raise _not_json(wrong, window, place) from wrong
        if end < len(window.text) or window.ended or not window.grow():
            window.move_to(end)
            return value


def _not_json(wrong: json.JSONDecodeError, window: _Window, place: Place) -> Exception:
    if wrong.pos >= len(window.text.rstrip()) - 1 or "Unterminated" in wrong.msg:
        return place.bad("the file is truncated: it ends inside this record", "copy the file again.")
    line = window.line + window.text.count("\n", window.start, wrong.pos)
    return Place(place.path, place.frame, line).bad(f"this is not JSON: {wrong.msg}", "mend the file.")
