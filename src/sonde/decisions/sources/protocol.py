"""What a source is: a reader of one kind of export, and what else it knows of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sonde.records.decisions import Change, Identity, Passage

Reader = Callable[[Path], Iterator[Passage]]
ChangeReader = Callable[[Path], Iterator[Change]]
IdentityReader = Callable[[Path], Iterator[Identity]]
AnchorReader = Callable[[Path], Iterator[str]]


@dataclass(frozen=True)
class Source:
    """One kind of export. What it does not know it leaves out.

    Passages come one by one, so that an export larger than memory can be read; `sonde.testing.sources` holds the laws.
    """

    kind: str
    read: Reader
    changes: ChangeReader | None = None
    """Values that changed, oldest first."""
    deleted: AnchorReader | None = None
    """Anchors of passages that the export says were deleted."""
    state: Callable[[Path], str] | None = None
    """What tells this state of the export from others; without it, the content of the file or folder."""
    people: IdentityReader | None = None
    """Names, addresses and user names of those who wrote."""
    states_access: bool = False
    """The export says who can read what: private and direct talk is left out unless asked for."""
    complete: bool = False
    """The export is all there is: what it no longer holds has gone. An export of a span of time is not."""
