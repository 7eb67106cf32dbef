"""What passages mention is read once, and what is left to read is never less than nothing."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import pytest
from tests.store.laboratory import make_passage

from sonde.progress import Silent
from sonde.records.decisions import Passage
from sonde.store import Project, mentions

Item = TypeVar("Item")


class Counting(Silent):
    """Notes how many steps it is told of."""

    def __init__(self) -> None:
        self.totals: list[int | None] = []

    def track(self, items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
        self.totals.append(total)
        return super().track(items, label, total)


def read(passage: Passage) -> tuple[set[str], int]:
    return {passage.kind}, 0


@pytest.mark.parametrize(("gone", "left"), [("late", 0), ("early", 2)])
def test_pages_to_read_are_counted_where_a_source_is_gone(
    project: Project, monkeypatch: pytest.MonkeyPatch, gone: str, left: int
) -> None:
    monkeypatch.setattr(mentions, "_PAGE", 5)
    shown = Counting()
    for source, n in (("early", 3), ("late", 11)):
        project.passages.add(source, [make_passage(k) for k in range(n)])
    assert project.mentions.update(read, shown) == 14
    project.passages.remove(gone)
    if left:
        project.passages.add("last", [make_passage(k) for k in range(7)])
    assert project.mentions.update(read, shown) == (7 if left else 0)
    assert shown.totals == [3, left]
