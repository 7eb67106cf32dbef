"""A value in a file, and how two versions of a file differ in their values."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

TOO_MANY = 4000
"""Values above which a file holds data, not settings."""


class Unreadable(Exception):  # noqa: N818 - never reaches a user: the version is skipped
    """This version of a file cannot be parsed, or holds data instead of settings."""


@dataclass(frozen=True)
class Value:
    """A value as written: key as a dotted path, text without quotes, unit where key or comment states one."""

    key: str
    text: str
    unit: str | None
    line: int

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
    pairs = list(_paired(gone, come, lambda value: value.key))
    gone, come = _left(gone, pairs, 0), _left(come, pairs, 1)
    moved = list(_paired(_single(gone), _single(come), lambda value: value.name))
    lone = [Difference(value, None) for value in _left(gone, moved, 0)]
    lone += [Difference(None, value) for value in _left(come, moved, 1)]
    changed = [Difference(before, after) for before, after in [*pairs, *moved] if _same(before) != _same(after)]
    return sorted([*changed, *lone], key=_place)


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


def _paired(gone: Iterable[Value], come: Iterable[Value], by: Callable[[Value], str]) -> Iterator[tuple[Value, Value]]:
    """Pair values of both versions that share a key, in order."""
    waiting: dict[str, list[Value]] = defaultdict(list)
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
    """What makes two values equal: the number if it is one, else the words; and the unit."""
    try:
        return float(value.text), value.unit
    except ValueError:
        return " ".join(value.text.split()), value.unit


def _place(difference: Difference) -> tuple[int, str]:
    value = difference.new or difference.old
    return (value.line, value.key) if value else (0, "")
