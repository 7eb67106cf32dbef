"""Which files hold values, and how their values are read."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice
from pathlib import PurePosixPath
from typing import Literal

from sonde.decisions.changes import incar, json_values, python_literals, toml_values, yaml_values
from sonde.decisions.changes.values import TOO_MANY, Unreadable, Value

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


def format_of(path: str) -> FormatName | None:
    """Name the format of a file that holds values by its name, or None."""
    name = PurePosixPath(path).name
    if INCAR.fullmatch(name):
        return "incar"
    return None if LOCK_FILE.fullmatch(name) else SUFFIXES.get(PurePosixPath(name).suffix.lower())


@lru_cache(maxsize=4096)
def values_of(kind: FormatName, payload: bytes) -> tuple[Value, ...]:
    """Parse one version of a file.

    Raises
    ------
    Unreadable
        Where it cannot be parsed, or holds more values than settings do.
    """
    text = payload.decode("utf-8", errors="replace").removeprefix("\ufeff")
    found = tuple(islice(PARSERS[kind](text), TOO_MANY + 1))
    if len(found) > TOO_MANY:
        raise Unreadable(f"more than {TOO_MANY} values: data, not settings")
    return found
