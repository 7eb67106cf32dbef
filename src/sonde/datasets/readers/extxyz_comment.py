"""Comment lines of extended xyz as pairs key=value, most of which are the same from frame to frame.

Parsing the comment line takes three quarters of the time of a frame with some twenty tags. So a pair that was read
before is not read again: only the others, geometry and labels among them, are given to the parser.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sonde.datasets.readers.labels import LABEL_KEYS
from sonde.datasets.readers.tags import tag_of
from sonde.records.frames import Tag

PAIR_OR_REST = re.compile(r'\s*(?:([A-Za-z_]\w*)=("[^"\\]*"|\["[^"\\]*"\]|[^\s"\\\[\]{}=,]+)(?=\s|$)|(\S.*))', re.ASCII)
"""Pairs that mean the same wherever in the line they stand; the rest of the line from what is none."""
GEOMETRY_KEYS = frozenset(["Lattice", "Properties", "pbc"])
ONE_TEXT = '["'
"""How a list begins that holds one text, given without escapes: there is nothing to parse in it."""
MOST_PAIRS = 4096

Pair = tuple[str, str, str]
"""Key, value, and what is left of the line from a place where no pair stands."""


@dataclass(frozen=True)
class Comment:
    """The pairs of a comment line in order, those among them that are left to be read, and the tags of the others."""

    pairs: Sequence[Pair]
    unread: Sequence[Pair]
    known: Mapping[str, Tag]

    @property
    def line(self) -> str:
        """What is left for the parser."""
        return " ".join([f"{key}={value}" for key, value, _ in self.unread])

    def tags(self, info: Mapping[str, Any], used: frozenset[str]) -> dict[str, Tag]:
        """Return the tags in the order of the line; what is `used` of `info`, for labels, is none."""
        found = {**self.known, **{key: tag_of(value) for key, value in info.items() if key not in used}}
        return {key: found[key] for key, _, _ in self.pairs if key in found}


class KnownPairs:
    """Pairs of comment lines that were read before, with their tags."""

    def __init__(self) -> None:
        self._tags: dict[Pair, Tag] = {}

    def split(self, line: str) -> Comment | None:
        """Part a comment line; None where it holds other than plain pairs, a key twice, or nothing new."""
        pairs, tags = PAIR_OR_REST.findall(line), self._tags
        if not pairs or pairs[-1][2] or len({pair[0] for pair in pairs}) < len(pairs):
            return None
        known, unread = {}, []
        for pair in pairs:
            if pair in tags:
                known[pair[0]] = tags[pair]
            elif pair[1].startswith(ONE_TEXT) and not _is_special(pair[0]):
                known[pair[0]] = pair[1][2:-2]
            else:
                unread.append(pair)
        return Comment(pairs, unread, known) if unread else None

    def keep(self, comment: Comment, tags: Mapping[str, Tag]) -> None:
        """Remember the tags of the pairs that the parser has now read; when there are too many, start afresh."""
        if len(self._tags) > MOST_PAIRS:
            self._tags.clear()
        for pair in comment.unread:
            if pair[0] in tags and not _is_special(pair[0]):
                self._tags[pair] = tags[pair[0]]


def _is_special(key: str) -> bool:
    """Tell labels and geometry, which are read anew in every frame."""
    return key in GEOMETRY_KEYS or key.lower() in LABEL_KEYS
