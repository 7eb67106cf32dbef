"""Comment lines of extended xyz as pairs key=value, most of which are the same from frame to frame.

Parsing the comment line takes three quarters of the time of a frame with some twenty tags. So a pair that was read
before is not read again, and neither plain words and numbers nor rows of numbers need a grammar: the parser is given
the others.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from sonde.datasets.readers.labels import LABEL_KEYS
from sonde.datasets.readers.tags import tag_of
from sonde.records.arrays import FloatArray
from sonde.records.frames import Tag

VALUE = r'"[^"]*"|\["[^"]*"\]|[^\s"\[\]{}=,]+'
PAIR = rf"[A-Za-z_]\w*=(?:{VALUE})"
"""A pair that means the same wherever in a line without escapes it stands."""
ESCAPE = "\\"
WHOLE_PAIR = re.compile(PAIR, re.ASCII)
PAIR_OR_REST = re.compile(rf"\s*({PAIR}(?=\s|$)|\S.*)", re.ASCII)
LEADING_ZERO = re.compile(r" [-+]?0\d")
"""The parser takes 007 for a text."""
FLOAT = re.compile(r"[-+]?(?:0|[1-9]\d*)\.\d+(?:[eE][-+]?\d+)?", re.ASCII)
INTEGER = re.compile(r"[-+]?(?:0|[1-9]\d{0,17})", re.ASCII)
WORD = re.compile(r"[A-Za-z][\w./:-]*", re.ASCII)
NOT_IN_NUMBERS = "_nN"
"""What Python takes in a number and the parser does not: 1_000, nan, inf."""
NOT_WORDS = frozenset(["nan", "inf", "infinity"])
SAFE_INTEGER = re.compile(r"[-+]?(?:0|[1-9]\d{0,8})", re.ASCII)
"""Of 32 bits."""
BOOLEANS = {
    **dict.fromkeys(("T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("F", "false", "False", "FALSE"), False),
}
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

    def add_special(self, key: str, value: str) -> None:
        """Take up a label, or a part of the geometry."""
        self.tags[key] = None
        self.special.append((key, value))
        numbers = _plain_value(key, value)
        if numbers is None:
            self.unread.append((key, value))
        else:
            self.read[key] = numbers

    def leave(self, key: str, value: str) -> None:
        """Leave a pair to the parser."""
        self.tags[key] = None
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
        texts = PAIR_OR_REST.findall(line) if ESCAPE not in line else ()
        if not texts or not WHOLE_PAIR.fullmatch(texts[-1]):
            return None
        comment = Comment({}, {}, [], [])
        for text in texts:
            if text in self._known:
                key, comment.tags[key] = self._known[text]
            else:
                self._add(comment, text)
        return comment if comment.unread and len(comment.tags) == len(texts) else None

    def _add(self, comment: Comment, text: str) -> None:
        """Take up a pair that was not read before, and remember what it says where that needs no parser."""
        key, _, value = text.partition("=")
        if key in GEOMETRY_KEYS or key.lower() in LABEL_KEYS:
            comment.add_special(key, value)
        elif (tag := plain_tag(value)) is None:
            comment.leave(key, value)
        else:
            self._known[text] = key, tag
            comment.tags[key] = tag

    def keep(self, comment: Comment, tags: Mapping[str, Tag]) -> None:
        """Remember the tags of the pairs that the parser has now read; when there are too many, start afresh."""
        if len(self._known) > MOST_PAIRS:
            self._known.clear()
        for pair in comment.unread:
            if pair[0] in tags and pair not in comment.special:
                self._known["=".join(pair)] = pair[0], tags[pair[0]]


def plain_tag(value: str) -> Tag:
    """Read a plain value as the parser does, but for long integers, which it wraps; None leaves it to it."""
    if value.startswith(ONE_TEXT):
        return value[2:-2]
    if value.startswith('"'):
        return _quoted_tag(value[1:-1])
    if value in BOOLEANS:
        return BOOLEANS[value]
    if WORD.fullmatch(value):
        return tag_of(value)
    if FLOAT.fullmatch(value):
        return tag_of(float(value))
    return int(value) if INTEGER.fullmatch(value) else None


def _plain_value(key: str, value: str) -> Any:
    """Read numbers as the parser does, matrices with columns first; None leaves it to the parser."""
    if key == "pbc":
        return PERIODIC.get(value)
    if value[0] != '"':
        return float(value) if FLOAT.fullmatch(value) else None
    numbers = plain_rows([value[1:-1]])
    if numbers is None:
        return None
    return numbers[0].reshape(3, 3).T if numbers.size == 9 else numbers[0]


def plain_rows(texts: Sequence[str]) -> FloatArray | None:
    """Read rows of six or of nine numbers, all of one length, as the parser reads each; None leaves them to it."""
    rows = [text.split() for text in texts]
    together = " ".join(["", *texts])
    if {len(row) for row in rows} not in ({6}, {9}) or not (together.isascii() and together.isprintable()):
        return None
    if any(sign in together for sign in NOT_IN_NUMBERS) or LEADING_ZERO.search(together):
        return None
    try:
        return np.array([list(map(float, row)) for row in rows])
    except ValueError:
        return None


def _quoted_tag(text: str) -> Tag:
    """Read words among which one is no number and no truth value, or rows of plain numbers that make no matrix."""
    words = text.split()
    if not text.isprintable():
        return None
    if any(WORD.fullmatch(word) and word not in BOOLEANS and word.lower() not in NOT_WORDS for word in words):
        return tag_of(text)
    if len(words) in (0, 1, 9):
        return None
    if all(map(FLOAT.fullmatch, words)):
        return tag_of(np.array(list(map(float, words))))
    return tag_of(np.array(list(map(int, words)))) if all(map(SAFE_INTEGER.fullmatch, words)) else None
