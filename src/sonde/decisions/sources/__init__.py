"""Sources: what people wrote, verbatim and with anchors; one file per kind of export."""

from sonde.decisions.sources import git, mail, notes, slack, slides
from sonde.decisions.sources.protocol import Reader, Source
from sonde.decisions.sources.registry import SOURCES, readers, source_of

__all__ = ["SOURCES", "Reader", "Source", "git", "mail", "notes", "readers", "slack", "slides", "source_of"]
