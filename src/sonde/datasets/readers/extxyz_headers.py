"""The layout that the comment lines of many frames share: the same keys in the same order, other values.

One regular expression takes such a line apart. What it cannot take, or what has several labels of which one must win,
is left to those who read frames one by one: a layout is only ever made of what means the same there.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from sonde.datasets.readers.extxyz_comment import GEOMETRY_KEYS, MOST_PAIRS, VALUE, KnownPairs, plain_tag
from sonde.datasets.readers.labels import ENERGY_RANKS, STRESS_RANKS
from sonde.records.frames import Tag

NUMBER = r"[-+]?(?:0|[1-9]\d{0,8})\.\d+(?:[eE][-+]?\d\d?)?|[-+]?[1-9]\d{0,8}"
"""A finite number as all parsers take it, integers of 32 bits among them, but for -0, which has a sign with some."""
ROW = '"([^"]*)"'
PERIODIC = '("[TF] [TF] [TF]")'
UNREAD: Any = object()
"""Stands for what only the parser can tell."""


class Readings(dict[str, Any]):
    """What the texts of one key mean, as far as they were read before or need no parser."""

    def __missing__(self, text: str) -> Any:
        tag = plain_tag(text)
        if tag is None:
            return UNREAD
        self.learn(text, tag)
        return tag

    def learn(self, text: str, tag: Tag) -> None:
        """Remember; when there are too many, start afresh."""
        if len(self) >= MOST_PAIRS:
            self.clear()
        self[text] = tag


class Header(NamedTuple):
    """Which group of the pattern holds what; None where the line does not state it."""

    pattern: re.Pattern[str]
    properties: str
    energy: int | None
    lattice: int | None
    pbc: int | None
    stress: int | None
    stress_key: str
    tags: Sequence[tuple[str, int, Readings]]
    """In the order of the line, energies among them that lose against another."""

    def values(self, line: str) -> Sequence[str] | None:
        """Take a line apart; None where it is of another layout."""
        found = self.pattern.fullmatch(line)
        return None if found is None else found.groups()


def header_of(line: str) -> Header | None:
    """Tell the layout of a comment line; None where frames like this must be read one by one."""
    comment = KnownPairs().split(line)
    if comment is None or not _is_simple([key for key, _ in comment.special]):
        return None
    properties = dict(comment.special)["Properties"]
    keys = [key for key in comment.tags if key != "Properties"]
    pattern = r"\s+".join(_pair(key, properties) for key in comment.tags)
    energies = sorted((key for key in keys if key.lower() in ENERGY_RANKS), key=lambda key: ENERGY_RANKS[key.lower()])
    stresses = [key for key in keys if key.lower() in STRESS_RANKS]
    used = {*GEOMETRY_KEYS, *energies[:1], *stresses}
    at = {key: group for group, key in enumerate(keys)}
    return Header(
        pattern=re.compile(rf"\s*{pattern}\s*", re.ASCII),
        properties=f"Properties={properties}",
        energy=at[energies[0]] if energies else None,
        lattice=at.get("Lattice"),
        pbc=at.get("pbc"),
        stress=at[stresses[0]] if stresses else None,
        stress_key=stresses[0] if stresses else "",
        tags=[(key, at[key], Readings()) for key in keys if key not in used],
    )


def _is_simple(special: Sequence[str]) -> bool:
    """Tell whether labels need no comparison: one spelling of each, one stress or virial, no forces of a cell."""
    labels = [key.lower() for key in special if key not in GEOMETRY_KEYS]
    n_stresses = sum(key in STRESS_RANKS for key in labels)
    known = all(key in ENERGY_RANKS or key in STRESS_RANKS for key in labels)
    return "Properties" in special and known and n_stresses <= 1 and len(set(labels)) == len(labels)


def _pair(key: str, properties: str) -> str:
    if key == "Properties":
        return f"Properties={re.escape(properties)}"
    if key == "pbc":
        return f"pbc={PERIODIC}"
    if key == "Lattice" or key.lower() in STRESS_RANKS:
        return f"{key}={ROW}"
    return f"{key}=({NUMBER if key.lower() in ENERGY_RANKS else VALUE})"
