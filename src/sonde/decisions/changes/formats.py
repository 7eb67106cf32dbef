"""Which files hold values, and how their values are read."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import PurePosixPath
from typing import Literal

from sonde.decisions.changes import incar, json_values, python_literals, toml_values, yaml_values
from sonde.decisions.changes.values import TOO_MANY, Unreadable, UnreadableVersion, Value

FormatName = Literal["yaml", "toml", "json", "incar", "python"]
SUFFIXES: dict[str, FormatName] = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".json": "json",
    ".incar": "incar",
    ".py": "python",
}
PARSERS: dict[FormatName, Callable[[str], Iterable[Value]]] = {
    "yaml": yaml_values.values,
    "toml": toml_values.values,
    "json": json_values.values,
    "incar": incar.values,
    "python": python_literals.values,
}
LARGEST_BYTES = 512 * 1024
INCAR = re.compile(r"INCAR([._-]\w+)*|\w+[._-]INCAR")
LOCK_FILE = re.compile(r"(package-lock|composer\.lock|pnpm-lock|conda-lock)\.\w+|.*-lock\.ya?ml")


@lru_cache(maxsize=100_000)
def format_of(path: str) -> FormatName | None:
    """Name the format of a file that holds values by its name, or None."""
    name = PurePosixPath(path).name
    if INCAR.fullmatch(name):
        return "incar"
    return None if LOCK_FILE.fullmatch(name) else SUFFIXES.get(PurePosixPath(name).suffix.lower())


def values_of(kind: FormatName, text: str) -> tuple[Value, ...]:
    """Parse one version of a file.

    Raises
    ------
    Unreadable
        Where it cannot be parsed, or holds more values than settings do.
    """
    found = tuple(islice(PARSERS[kind](text), TOO_MANY + 1))
    if len(found) > TOO_MANY:
        raise Unreadable(f"more than {TOO_MANY} values: data, not settings")
    return found


def differing_values(kind: FormatName, old: str, new: str) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """Parse two versions of a file, leaving out parts that are the same in both: long modules change in few places.

    Raises
    ------
    UnreadableVersion
        Where one of them cannot be parsed; it says which.
    """
    if kind == "python":
        before, after = _sections(old), _sections(new)
        both = Counter(text for _, text in before) & Counter(text for _, text in after)
        try:
            return _values_of_sections(before, both), _values_of_sections(after, both)
        except Unreadable:  # a cut through quotes or brackets, or a version that is broken indeed
            pass
    return _version("old", kind, old), _version("new", kind, new)


def _values_of_sections(sections: list[tuple[int, str]], both: Counter[str]) -> tuple[Value, ...]:
    left, found = Counter(both), list[Value]()
    for line, text in sections:
        if left[text] > 0:
            left[text] -= 1
        else:
            found += [replace(value, line=value.line + line - 1) for value in _values_of_section(text)]
    return tuple(found)


@lru_cache(maxsize=256)
def _sections(text: str) -> list[tuple[int, str]]:
    return list(python_literals.sections(text))


@lru_cache(maxsize=20_000)
def _values_of_section(text: str) -> tuple[Value, ...]:
    return values_of("python", text)


def _version(which: Literal["old", "new"], kind: FormatName, text: str) -> tuple[Value, ...]:
    try:
        return values_of(kind, text)
    except Unreadable as reason:
        raise UnreadableVersion(which, str(reason)) from reason
