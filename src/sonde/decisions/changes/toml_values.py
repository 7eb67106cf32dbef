"""Values in TOML with their dotted keys: tomllib reads them, their lines are found beside it."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time

from sonde.decisions.changes.units import split_unit, unit_of_comment, unit_of_key
from sonde.decisions.changes.values import Unreadable, Value

LONGEST_TEXT = 200
LISTED = 12
TABLE = re.compile(r"\s*\[+\s*([^\]#]+?)\s*\]+\s*(#.*)?$")
KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
Scalar = str | int | float | bool | date | datetime | time


def values(text: str) -> Iterator[Value]:
    """Yield every value of a TOML text; arrays of scalars are one value, tables in arrays go by name or number.

    Raises
    ------
    Unreadable
        Where the text is no TOML.
    """
    try:
        document = tomllib.loads(text.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as broken:
        raise Unreadable(str(broken)) from broken
    places = _places(text)
    for key, place, written in _flat(document, "", ""):
        line, comment = _place(place, places)
        number, unit = split_unit(written)
        yield Value(key, number, unit or unit_of_key(key) or unit_of_comment(comment), line)


def _flat(node: object, key: str, place: str) -> Iterator[tuple[str, str, str]]:
    """Yield key, key with numbers for the tables of arrays, and text."""
    if isinstance(node, Mapping):
        for name, child in node.items():
            yield from _flat(child, f"{key}.{name}".lstrip("."), f"{place}.{name}".lstrip("."))
    elif isinstance(node, list) and not (len(node) <= LISTED and all(isinstance(item, Scalar) for item in node)):
        for number, item in enumerate(node):
            name = item.get("name", number) if isinstance(item, Mapping) else number
            yield from _flat(item, f"{key}.{name}", f"{place}.{number}")
    else:
        written = "[" + ", ".join(map(_text, node)) + "]" if isinstance(node, list) else _text(node)
        if len(written) <= LONGEST_TEXT:
            yield key, place, written


def _text(scalar: object) -> str:
    return str(scalar).lower() if isinstance(scalar, bool) else str(scalar)


def _places(text: str) -> dict[str, tuple[int, str]]:
    """Line and trailing comment of each key; tables of arrays go by number."""
    table, places, counts = "", dict[str, tuple[int, str]](), Counter[str]()
    for number, line in enumerate(text.split("\n"), start=1):
        if header := TABLE.match(line):
            table = _plain(header[1])
            if line.lstrip().startswith("[["):
                counts[table] += 1
                table = f"{table}.{counts[table] - 1}"
            places.setdefault(table, (number, ""))
        elif name := KEY.match(line):
            key = f"{table}.{_plain(name[1])}" if table else _plain(name[1])
            places.setdefault(key, (number, line.partition(" #")[2]))
    return places


def _plain(key: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in key.split("."))


def _place(key: str, places: Mapping[str, tuple[int, str]]) -> tuple[int, str]:
    """Place of a key, else of the nearest table or inline table that holds it."""
    while key not in places and "." in key:
        key = key.rpartition(".")[0]
    return places.get(key, (1, ""))
