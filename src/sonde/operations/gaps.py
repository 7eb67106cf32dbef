"""`sonde gaps` and `sonde timeline`: what nobody gave a reason for, and what happened when."""

from datetime import datetime
from typing import TYPE_CHECKING

from sonde.errors import NotFound
from sonde.operations.effects import effects_of, lineages
from sonde.operations.why import open_archive
from sonde.progress import SILENT, Progress
from sonde.records.decisions import Gaps, Timeline

if TYPE_CHECKING:
    from sonde.decisions.archive import Archive
    from sonde.store import Project

NO_REPOSITORY = "No repository is registered: without one there are no changes to ask about (sonde add git PATH)."
NO_LINEAGE = "No dataset says what it was made from: which frames a change cost is not known."


def gaps(
    project: "Project",
    *,
    source: str | None = None,
    as_of: datetime | None = None,
    by_frames: bool = True,
    progress: Progress = SILENT,
) -> Gaps:
    """List the changes of watched settings for which no reason is recorded, those with the largest effect first.

    source : only changes of this repository. by_frames : rank by the frames that a change cost, which takes a lineage
    of every dataset that was made from another.

    Raises NotFound where there is no such source.
    """
    from sonde.decisions import watched

    archive = _archive(project, as_of, source)
    found = lineages(project, progress=progress) if by_frames and archive.changes else {}
    effects = effects_of(archive, found)
    changes = watched.watched(archive.changes)
    listed = watched.gaps(archive, effects, progress.track(changes, "asking why", len(changes)))
    notes = [NO_REPOSITORY] if not archive.changes else [NO_LINEAGE] if by_frames and not found else []
    return Gaps(len(changes), len(changes) - len(listed), tuple(listed), tuple(notes))


def timeline(
    project: "Project",
    *,
    key: str | None = None,
    source: str | None = None,
    as_of: datetime | None = None,
    progress: Progress = SILENT,
) -> Timeline:
    """List changes of watched settings, or of one key, with what was said about them, in order of time.

    Raises NotFound where there is no such source, or where no change is of that key.
    """
    from sonde.decisions import watched
    from sonde.decisions.answers import changes_of_key

    archive = _archive(project, as_of, source)
    changes = watched.watched(archive.changes) if key is None else changes_of_key(archive, key)
    if key is not None and not changes:
        raise NotFound("key", key, {change.key for change in archive.changes})
    found = watched.events(archive, progress.track(changes, "asking why", len(changes)))
    return Timeline(key or "watched settings", tuple(found))


def _archive(project: "Project", as_of: datetime | None, source: str | None) -> "Archive":
    if source is not None:
        project.sources.row(source)
    archive = open_archive(project).at(as_of, None)
    if source is None:
        return archive
    return archive.with_changes_of(source)
