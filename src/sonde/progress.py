"""Progress of long work: libraries are silent unless a door hands them something that shows it."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Progress(Protocol):
    """What a room tells of its progress."""

    def track(self, items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
        """Yield the items one by one, counting them."""
        ...

    def say(self, line: str) -> None:
        """Tell that a step begins or has ended."""
        ...


class Silent:
    """Says nothing."""

    def track(self, items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:  # noqa: ARG002
        yield from items

    def say(self, line: str) -> None:
        pass


SILENT: Progress = Silent()
