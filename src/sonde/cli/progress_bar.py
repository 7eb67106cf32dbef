"""Progress on the terminal: a bar where somebody looks, plain lines where the output goes to a file; always stderr."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from sonde.progress import Progress

Item = TypeVar("Item")


class RichProgress:
    """A bar per step, with count and remaining time."""

    def track(self, items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
            yield from bars.track(items, description=label, total=total)

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - this is the door's own output


class PlainProgress:
    """One line per step, for logs."""

    def track(self, items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
        self.say(label if total is None else f"{label} ({total})")
        yield from items

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - this is the door's own output


def progress_for_terminal() -> Progress:
    """Choose bars on a terminal, lines elsewhere."""
    return RichProgress() if sys.stderr.isatty() else PlainProgress()
