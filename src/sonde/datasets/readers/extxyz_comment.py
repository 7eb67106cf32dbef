"""Comment lines of extended xyz as pairs key=value, most of which are the same from frame to frame.

Parsing the comment line takes three quarters of the time of a frame with some twenty tags. So a pair that was read
before is not read again, and neither texts nor rows of plain numbers need a grammar: the parser is given the others.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from sonde.datasets.readers.labels import LABEL_KEYS
from sonde.datasets.readers.tags import tag_of
from sonde.records.frames import Tag

PAIR = r'[A-Za-z_]\w*=(?:"[^"\\]*"|\["[^"\\]*"\]|[^\s"\\\[\]{}=,]+)'
"""A pair that means the same wherever in the line it stands."""
WHOLE_PAIR = re.compile(PAIR, re.ASCII)
PAIR_OR_REST = re.compile(rf"\s*({PAIR}(?=\s|$)|\S.*)", re.ASCII)
FLOAT = re.compile(r"[-+]?\d+\.\d+(?:[eE][-+]?\d+)?", re.ASCII)
LEADING_ZERO = re.compile(r"[-+]?0\d", re.ASCII)
NOT_IN_NUMBERS = frozenset("_nN")
"""What Python takes in a number and the parser does not: 1_000, nan, inf."""
PERIODIC = {'"{} {} {}"'.format(*along): tuple(each == "T" for each in along) for along in product("TF", repeat=3)}
ONE_TEXT = '["'
"""How a list begins that holds one text, given without escapes."""
GEOMETRY_KEYS = frozenset(["Lattice", "Properties", "pbc"])
MOST_PAIRS = 4096


@dataclass
class Comment:
    """A comment line: tags in its order, what was read without the parser, and the pairs that are left to it.

    `tags` holds None at the place of what is not known yet. `special` are the pairs of labels and geometry.
    """

    tags: dict[str, Tag]
    read: dict[str, Any]
    unread: list[tuple[str, str]]
    special: list[tuple[str, str]]

    def add(self, key: str, value: str) -> None:
        """Take up a pair that was not read before."""
        special = key in GEOMETRY_KEYS or key.lower() in LABEL_KEYS
        plain = _plain_value(key, value) if special else None
        self.tags[key] = None
        if special:
            self.special.append((key, value))
        if plain is not None:
            self.read[key] = plain
        elif value.startswith(ONE_TEXT) and not special:
            self.tags[key] = value[2:-2]
        else:
            self.unread.append((key, value))

    @property
    def line(self) -> str:
        """What is left for the parser."""
        return " ".join([f"{key}={value}" for key, value in self.unread])

    def tags_with(self, info: Mapping[str, Any], used: frozenset[str]) -> dict[str, Tag]:
        """Return the tags in the order of the line; geometry, and what is `used` for labels, is none."""
        tags = dict(self.tags)
        for key, _ in (*self.unread, *self.special):
            if key in used or key not in info:
                tags.pop(key, None)
            else:
                tags[key] = tag_of(info[key])
        return tags


class KnownPairs:
    """Pairs of comment lines that were read before, with their tags."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, Tag]] = {}

    def split(self, line: str) -> Comment | None:
        """Part a comment line; None where it holds other than plain pairs, a key twice, or nothing for the parser."""
        texts = PAIR_OR_REST.findall(line)
        if not texts or not WHOLE_PAIR.fullmatch(texts[-1]):
            return None
        comment = Comment({}, {}, [], [])
        for text in texts:
            if text in self._known:
                key, comment.tags[key] = self._known[text]
            else:
                comment.add(*text.partition("=")[::2])
        return comment if comment.unread and len(comment.tags) == len(texts) else None

    def keep(self, comment: Comment, tags: Mapping[str, Tag]) -> None:
        """Remember the tags of the pairs that the parser has now read; when there are too many, start afresh."""
        if len(self._known) > MOST_PAIRS:
            self._known.clear()
        for pair in comment.unread:
            if pair[0] in tags and pair not in comment.special:
                self._known["=".join(pair)] = pair[0], tags[pair[0]]


def _plain_value(key: str, value: str) -> Any:
    """Read numbers as the parser does, matrices with columns first; None leaves it to the parser."""
    if key == "pbc":
        return PERIODIC.get(value)
    if not value.isascii() or not NOT_IN_NUMBERS.isdisjoint(value):
        return None
    words = value[1:-1].split() if value[0] == '"' else [value]
    if any(map(LEADING_ZERO.match, words)):
        return None
    if len(words) == 1:
        return float(value) if FLOAT.fullmatch(value) else None
    if len(words) not in (6, 9):
        return None
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError:
        return None
    return numbers.reshape(3, 3).T if len(words) == 9 else numbers
