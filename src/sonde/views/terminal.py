"""A console on which words of others are words: no character of theirs steers the terminal."""

import re
from typing import Any

from rich.console import Console
from rich.text import Text

STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line end, and those that turn the direction of writing."""


def harmless(text: str) -> str:
    """Put a mark in the place of every character that steers a terminal: escape sequences come out as plain letters."""
    return text if text.isprintable() else STEERING.sub("\ufffd", text)


class Terminal(Console):
    """A console that prints what it is given harmless; colours come from markup alone."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(harmless(text), **options)
