"""Reads a JSON list, JSON lines or a JSON object value by value, so that a file larger than memory can be read."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from sonde.datasets.readers.protocol import Place

CHUNK_BYTES = 1 << 20
LONGEST_VALUE = 1 << 27
"""Characters of one record; a task document takes some 10⁷."""
LONGEST_NAME = 120
"""Characters of a record's name in an error."""
WRAPPER = re.compile(r'\{\s*"entries"\s*:\s*(?=\[)')
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
        try:
            more = self.handle.read(max(CHUNK_BYTES, len(self.text) - self.start))
        except UnicodeDecodeError as wrong:
            place = Place(self.path, line=self.line)
            raise place.bad(
                f"the text is not UTF-8 ({wrong.reason}), here or below", "save the file as UTF-8."
            ) from wrong
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

    def expect(self, character: str, what: str) -> None:
        """Step over a character that must stand here."""
        found = self.peek()
        if found != character:
            raise self.bad_character(found, what)
        self.move_to(self.start + 1)

    def bad_character(self, found: str, what: str) -> Exception:
        place = Place(self.path, line=self.line)
        if not found:
            return place.bad(f"the file is truncated: it ends where {what} must stand", "copy the file again.")
        return place.bad(f"{found!r} stands where {what} must stand", "mend the file.")


def json_members(handle: IO[str], path: Path, depth: int = 1) -> Iterator[tuple[tuple[str, ...], Any, Place]]:
    """Yield the members of the top-level object: their keys, value and place.

    With depth 2 the members of each object in it are yielded, under two keys, and so on; what is no object is yielded
    where it stands.

    Raises
    ------
    BadInput : the text is no JSON object, or ends inside it.
    """
    yield from _members(_Window(handle, path), (), depth)


def _members(window: _Window, keys: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], Any, Place]]:
    window.expect("{", "an object")
    while (character := window.peek()) != "}":
        if character != '"':
            raise window.bad_character(character, "a key or }")
        key = str(_next_value(window, Place(window.path, line=window.line)))
        place = Place(window.path, line=window.line, record=" ".join((*keys, key))[:LONGEST_NAME])
        window.expect(":", "a colon")
        if window.peek() == "{" and len(keys) + 1 < depth:
            yield from _members(window, (*keys, key), depth)
        else:
            yield (*keys, key), _next_value(window, place), place
    window.move_to(window.start + 1)


def json_values(handle: IO[str], path: Path) -> Iterator[tuple[Any, Place]]:
    """Yield each item of the top-level list (or each value, one after the other) with its place.

    A list that is all there is in an object, under the key `entries`, counts as the top-level list.

    Raises
    ------
    BadInput : the text ends inside a value or is no JSON.
    """
    window = _Window(handle, path)
    is_list = _step_to_entries(window) == "["
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


def _step_to_entries(window: _Window) -> str:
    """Step over `{"entries":`, where it stands, and return the first character of the values."""
    first = window.peek()
    wrapper = WRAPPER.match(window.text, window.start)
    if wrapper:
        window.move_to(wrapper.end())
    return window.peek() if wrapper else first


def _next_value(window: _Window, place: Place) -> Any:
    decoder = json.JSONDecoder()
    while True:
        try:
            value, end = decoder.raw_decode(window.text, window.start)
        except json.JSONDecodeError as wrong:
            if len(window.text) - window.start > LONGEST_VALUE:
                raise place.bad(f"a record is longer than {LONGEST_VALUE} characters", "split or mend it.") from wrong
            if window.grow():
                continue
            raise _not_json(wrong, window, place) from wrong
        except (RecursionError, ValueError) as wrong:  # nested a thousandfold; an integer of thousands of digits
            raise place.bad(f"the record cannot be decoded: {wrong}", "mend or remove the record.") from wrong
        if end < len(window.text) or window.ended or not window.grow():
            window.move_to(end)
            return value


def _not_json(wrong: json.JSONDecodeError, window: _Window, place: Place) -> Exception:
    if wrong.pos >= len(window.text.rstrip()) - 1 or "Unterminated" in wrong.msg:
        return place.bad("the file is truncated: it ends inside this record", "copy the file again.")
    line = window.line + window.text.count("\n", window.start, wrong.pos)
    return Place(place.path, place.frame, line).bad(f"this is not JSON: {wrong.msg}", "mend the file.")
