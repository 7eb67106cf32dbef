"""`sonde link`: what a person says of a link between words and a change is kept, and counts more than any score."""

from typing import TYPE_CHECKING, Literal

from sonde.errors import NotFound
from sonde.records.decisions import JudgedLinks, Link

if TYPE_CHECKING:
    from sonde.store import Project

BY_A_PERSON = "confirmed by a person"


def judge_link(
    project: "Project", anchor: str, commit: str, status: Literal["confirmed", "rejected"], *, key: str | None = None
) -> JudgedLinks:
    """Confirm or reject that a passage speaks of the changes of a commit, or of one key in it.

    A link that was not suggested is made when it is confirmed. `why` takes confirmed words for a reason and never
    quotes rejected ones for these changes; new imports leave both as they are.

    Raises NotFound where no passage has the anchor, or no change is of the commit and key.
    """
    if not any(passage.anchor == anchor for passage in project.passages.all()):
        raise NotFound("passage", anchor, (passage.anchor for passage in project.passages.all()))
    changes = project.changes.all()
    found = [
        (place, change)
        for place, change in enumerate(changes)
        if change.commit.startswith(commit.lower()) and key in (None, change.key, change.key.rpartition(".")[2])
    ]
    if not found:
        raise NotFound("change", f"{key or 'any key'} in commit {commit}", {change.commit[:10] for change in changes})
    with project.writing():
        for place, _ in found:
            _set(project, anchor, place, status)
    return JudgedLinks(anchor, status, tuple(change for _, change in found))


def _set(project: "Project", anchor: str, place: int, status: Literal["confirmed", "rejected"]) -> None:
    try:
        project.links.set_status(anchor, place, status)
    except NotFound:
        project.links.add(Link(anchor, place, 1.0, (BY_A_PERSON,), status))
