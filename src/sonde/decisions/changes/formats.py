"""Which files hold values, and how their values are read."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import PurePosixPath
from typing import Literal

from sonde.decisions.changes import (
    aims_input,
    dft_inputs,
    incar,
    ini_values,
    json_values,
    kpoints,
    potcar,
    python_literals,
    shell_values,
    toml_values,
    yaml_values,
)
from sonde.decisions.changes.values import TOO_MANY, Unreadable, UnreadableVersion, Value

FormatName = Literal[
    "yaml", "toml", "json", "ini", "incar", "kpoints", "potcar", "dft_input", "aims", "shell", "python"
]
SUFFIXES: dict[str, FormatName] = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".json": "json",
    ".ini": "ini",
    ".cfg": "ini",
    ".incar": "incar",
    ".in": "dft_input",
    ".inp": "dft_input",
    ".pwi": "dft_input",
    ".lmp": "dft_input",
    **dict.fromkeys((".sh", ".bash", ".slurm", ".sbatch", ".job", ".pbs", ".qsub", ".lsf"), "shell"),
    ".py": "python",
}
PARSERS: dict[FormatName, Callable[[str], Iterable[Value]]] = {
    "yaml": yaml_values.values,
    "toml": toml_values.values,
    "json": json_values.values,
    "ini": ini_values.values,
    "incar": incar.values,
    "kpoints": kpoints.values,
    "potcar": potcar.values,
    "dft_input": dft_inputs.values,
    "aims": aims_input.values,
    "shell": shell_values.values,
    "python": python_literals.values,
}
Sections = list[tuple[int, str]]
LITERAL = re.compile(r"[\d\"']|\b(True|False|None)\b")
LARGEST_BYTES = 512 * 1024
LARGEST_POTCAR_BYTES = 2 * 1024**2
NAMES: tuple[tuple[re.Pattern[str], FormatName], ...] = (
    (re.compile(r"INCAR([._-]\w+)*|\w+[._-]INCAR"), "incar"),
    (re.compile(r"KPOINTS([._-]\w+)*|\w+[._-]KPOINTS"), "kpoints"),
    (re.compile(r"POTCAR([._-]\w+)*|\w+[._-]POTCAR"), "potcar"),
    (re.compile(r"control\.in"), "aims"),
    (re.compile(r"in\.\w+"), "dft_input"),
)
STRUCTURES = re.compile(r"geometry\.in|.*\.in\.\w+")
LOCK_FILE = re.compile(r"(package-lock|composer\.lock|pnpm-lock|conda-lock)\.\w+|.*-lock\.ya?ml")


@lru_cache(maxsize=100_000)
def format_of(path: str) -> FormatName | None:
    """Name the format of a file that holds values by its name, or None."""
    name = PurePosixPath(path).name
    known = next((kind for pattern, kind in NAMES if pattern.fullmatch(name)), None)
    if known is not None or STRUCTURES.fullmatch(name):
        return known
    return None if LOCK_FILE.fullmatch(name) else SUFFIXES.get(PurePosixPath(name).suffix.lower())


def largest_bytes(kind: FormatName) -> int:
    """Return the size above which a file of a format is data."""
    return LARGEST_POTCAR_BYTES if kind == "potcar" else LARGEST_BYTES


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
        before, after = _without_common(_sections(old), _sections(new))
        if _literal_lines(before) == _literal_lines(after):
            return (), ()
        try:
            return _values_of_sections(before), _values_of_sections(after)
        except Unreadable:  # a cut through quotes or brackets, or a version that is broken indeed
            pass
    return _version("old", kind, old), _version("new", kind, new)


def _without_common(old: Sections, new: Sections) -> tuple[Sections, Sections]:
    """Leave out what stands in both, as often as it does."""
    both = Counter(text for _, text in old) & Counter(text for _, text in new)
    return _less(old, both), _less(new, both)


def _less(sections: Sections, both: Counter[str]) -> Sections:
    left, kept = Counter(both), []
    for line, text in sections:
        if left[text] > 0:
            left[text] -= 1
        else:
            kept.append((line, text))
    return kept


def _literal_lines(sections: Sections) -> Counter[str]:
    """Lines that may hold a literal: where they are the same, no value changed, and nothing has to be parsed."""
    lines = (line.strip() for _, text in sections for line in text.split("\n"))
    return Counter(line for line in lines if LITERAL.search(line))


def _values_of_sections(sections: Sections) -> tuple[Value, ...]:
    found: list[Value] = []
    for line, text in sections:
        found += [replace(value, line=value.line + line - 1) for value in _values_of_section(text)]
    return tuple(found)


@lru_cache(maxsize=256)
def _sections(text: str) -> Sections:
    return list(python_literals.sections(text))


@lru_cache(maxsize=20_000)
def _values_of_section(text: str) -> tuple[Value, ...]:
    return values_of("python", text)


def _version(which: Literal["old", "new"], kind: FormatName, text: str) -> tuple[Value, ...]:
    try:
        return values_of(kind, text)
    except Unreadable as reason:
        raise UnreadableVersion(which, str(reason)) from reason
