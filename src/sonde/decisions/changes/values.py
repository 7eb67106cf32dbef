"""A value in a file, and how two versions of a file differ in their values."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

DIGIT = re.compile(r"\d")
TOO_MANY = 4000
"""Values above which a file holds data, not settings."""


class Unreadable(Exception):  # noqa: N818 - never reaches a user: the version is skipped
    """This version of a file cannot be parsed, or holds data instead of settings."""


class UnreadableVersion(Unreadable):
    """One of two versions cannot be parsed."""

    def __init__(self, which: Literal["old", "new"], reason: str) -> None:
        super().__init__(reason)
        self.which = which


@dataclass(frozen=True)
class Value:
    """A value as written: key as a dotted path, text without quotes, unit where key or comment states one.

    sign: of the comparison that the value is the limit of (`>` for `fmax > 15`), None for what is set.
    """

    key: str
    text: str
    unit: str | None
    line: int
    sign: str | None = None

    @property
    def name(self) -> str:
        """Last part of the key."""
        return self.key.rpartition(".")[2]


@dataclass(frozen=True)
class Difference:
    """One key whose value differs; old or new is None where it appeared or went."""

    old: Value | None
    new: Value | None


def differences(old: Sequence[Value], new: Sequence[Value]) -> list[Difference]:
    """Compare two versions of a file by key; 15 and 15.0 are the same value, 15 eV/Å and 15 meV/Å are not.

    A key that stands several times is compared as a multiset. What left one scope and appeared in another under the
    same name (a function was renamed, a section was moved) is one value that moved, and a change only if it differs.
    """
    gone, come = _unmatched(old, new)
    pairs: list[tuple[Value, Value]] = []
    for by, singly in _MATCHES:
        matched = list(_paired(_single(gone), _single(come), by) if singly else _paired(gone, come, by))
        gone, come = _left(gone, matched, 0), _left(come, matched, 1)
        pairs += matched
    changed = [Difference(before, after) for before, after in pairs if _same(before) != _same(after)]
    lone = [*(Difference(value, None) for value in gone), *(Difference(None, value) for value in come)]
    return sorted([*changed, *lone], key=_place)


_MATCHES: tuple[tuple[Callable[[Value], object], bool], ...] = (
    (lambda value: (value.key, value.sign), False),
    (lambda value: value.key, False),
    (lambda value: (value.name, *_same(value)), False),
    (lambda value: (value.name, value.sign), True),
)
"""What pairs a value that went with one that came, the surest first; True: only where it stands once in a version."""


def _unmatched(old: Sequence[Value], new: Sequence[Value]) -> tuple[list[Value], list[Value]]:
    """Take out what stands in both versions under the same key."""
    both = Counter(map(_identity, old)) & Counter(map(_identity, new))
    return _without(old, both), _without(new, both)


def _without(values: Sequence[Value], both: Counter[tuple[object, ...]]) -> list[Value]:
    left, kept = Counter(both), []
    for value in values:
        if left[_identity(value)] > 0:
            left[_identity(value)] -= 1
        else:
            kept.append(value)
    return kept


def _paired(
    gone: Iterable[Value], come: Iterable[Value], by: Callable[[Value], object]
) -> Iterator[tuple[Value, Value]]:
    """Pair values of both versions that agree in something, in order."""
    waiting: dict[object, list[Value]] = defaultdict(list)
    for value in come:
        waiting[by(value)].append(value)
    for value in gone:
        if waiting[by(value)]:
            yield value, waiting[by(value)].pop(0)


def _left(values: Iterable[Value], pairs: Iterable[tuple[Value, Value]], side: int) -> list[Value]:
    used = {id(pair[side]) for pair in pairs}
    return [value for value in values if id(value) not in used]


def _single(values: Sequence[Value]) -> list[Value]:
    """Values whose name stands once: only those can be followed when their scope changes."""
    counts = Counter(value.name for value in values)
    return [value for value in values if counts[value.name] == 1]


def _identity(value: Value) -> tuple[object, ...]:
    return (value.key, *_same(value))


def _same(value: Value) -> tuple[object, ...]:
    """What makes two values equal: the number if it is one, else the words; unit; sign of the comparison."""
    number = as_number(value.text)
    return " ".join(value.text.split()) if number is None else number, value.unit, value.sign


def as_number(text: str) -> float | None:
    """Read a whole text as a number; words that float() takes for one (nan, infinity) are words."""
    if not DIGIT.search(text):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _place(difference: Difference) -> tuple[int, str]:
    value = difference.new or difference.old
    return (value.line, value.key) if value else (0, "")
