"""Sources: what people wrote, verbatim and with anchors; one file per kind of export."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from sonde.decisions.sources import git, mail, notes, slack, slides
from sonde.records.decisions import Passage

Reader = Callable[[Path], Iterator[Passage]]

readers: Mapping[str, Reader] = {
    "git": git.read,
    "slack": slack.read,
    "mail": mail.read,
    "notes": notes.read,
    "slides": slides.read,
}
"""Kind of source → reader; each yields passages one by one and passes `sonde.testing.sources`."""

__all__ = ["Reader", "git", "mail", "notes", "readers", "slack", "slides"]
