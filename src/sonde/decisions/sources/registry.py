"""The sources by their kind: ours in a plain dict, those of other packages by the entry point `sonde.sources`."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

from sonde.decisions.sources import adr, documents, folder, git, mail, mattermost, mlflow, notes, slack, slides, zulip
from sonde.decisions.sources.protocol import Reader, Source
from sonde.errors import NotFound

SOURCES: dict[str, Source] = {
    source.kind: source
    for source in (
        git.SOURCE,
        slack.SOURCE,
        mattermost.SOURCE,
        zulip.SOURCE,
        mail.SOURCE,
        notes.SOURCE,
        slides.SOURCE,
        documents.SOURCE,
        adr.SOURCE,
        mlflow.SOURCE,
        folder.SOURCE,
    )
}
ENTRY_POINTS = "sonde.sources"

readers: Mapping[str, Reader] = {kind: source.read for kind, source in SOURCES.items()}
"""Kind of source → reader, of those that come with sonde."""


@cache
def _third_party() -> dict[str, Source]:
    """Load sources that other packages install; they cannot take the place of ours."""
    return {point.name: point.load() for point in entry_points(group=ENTRY_POINTS) if point.name not in SOURCES}


def source_of(kind: str) -> Source:
    """Return the source of a kind. Raises NotFound."""
    known = {**_third_party(), **SOURCES}
    if kind not in known:
        raise NotFound("kind of source", kind, known)
    return known[kind]
