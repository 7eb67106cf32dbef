"""Links between words and changes; `sonde link`: what a person says of one is kept, and counts above any score."""

import re
from typing import TYPE_CHECKING, Literal

from sonde.errors import NotFound, WrongUse
from sonde.progress import SILENT, Progress
from sonde.records.decisions import JudgedLinks, Link

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sonde.decisions.relinking import Standing
    from sonde.decisions.talk import MentionedTalk
    from sonde.records.decisions import Change
    from sonde.store import Project

BY_A_PERSON = "confirmed by a person"
MOST_NAMED = 5


def link_again(project: "Project", progress: Progress = SILENT, *, whole: bool = False) -> int:
    """Link passages with changes, and return how many links there are; what is new may explain what is old.

    Only passages that came since the last time are read for what they mention, and only changes that these, or those
    that went or were revised, may bear on are linked again; with `whole`, all are, which comes to the same.
    """
    from sonde.decisions.linking import links_between, world_of
    from sonde.decisions.relinking import standing_in
    from sonde.decisions.talk import Stored

    changes = project.changes.all()
    if not changes:
        project.links.note_standing(None)
        return project.links.replace(())
    with project.writing():
        read_passages(project, progress)
        talk = Stored(project.passages, project.mentions)
        world = world_of(changes, talk, project.identities.all())
        standing = standing_in(world, changes, project.passages.count(), project.changes.last_id())
        asked = None if whole else _to_link(project, changes, talk, standing)
        project.links.replace(links_between(changes, talk, world, asked, progress), asked)
        project.links.note_standing(standing.as_text())
        return project.links.count()


def _to_link(
    project: "Project", changes: "Sequence[Change]", talk: "MentionedTalk", standing: "Standing"
) -> list[int] | None:
    """Ordinals of the changes to link again; None: all."""
    from sonde.decisions.relinking import MOST_MOVED, Moved, changes_to_link, standing_of
    from sonde.store.full_text import words_spelled

    before = standing_of(project.links.standing())
    if before is None or project.passages.repeats_after(before.last_passage) or project.links.gone_repeats():
        return None
    gone, revised = project.links.gone(limit=MOST_MOVED + 1), project.links.revised()
    new = project.passages.since(before.last_passage, limit=MOST_MOVED + 1)
    moved = Moved(gone, revised, new, project.passages, words_spelled)
    return changes_to_link(changes, project.changes.n_until(before.last_change), moved, talk, (before, standing))


def read_passages(project: "Project", progress: Progress = SILENT) -> None:
    """Read what passages mention that came since the last time."""
    from sonde.decisions.mentions import read

    with project.writing():
        project.mentions.update(read, progress)


def judge_link(
    project: "Project", anchor: str, commit: str, status: Literal["confirmed", "rejected"], *, key: str | None = None
) -> JudgedLinks:
    """Confirm or reject that a passage speaks of the changes of a commit, or of one key in it.

    A link that was not suggested is made when it is confirmed. `why` takes confirmed words for a reason and never
    quotes rejected ones for these changes; new imports leave both as they are.

    Raises NotFound where no passage has the anchor, or no change is of the commit and key, and WrongUse where several
    commits begin so.
    """
    if project.passages.get(anchor) is None:
        raise NotFound("passage", anchor, (passage.anchor for passage in project.passages.beginning(_opening(anchor))))
    changes = project.changes.all()
    found = [
        (place, change)
        for place, change in enumerate(changes)
        if change.commit.startswith(commit.lower()) and key in (None, change.key, change.key.rpartition(".")[2])
    ]
    ids = {change.commit for _, change in found}
    if not found:
        raise NotFound("change", f"{key or 'any key'} in commit {commit}", _of_commit(changes, commit))
    if len(ids) > 1:
        raise ambiguous(commit, ids)
    with project.writing():
        for place, _ in found:
            _set(project, anchor, place, status)
    return JudgedLinks(anchor, status, tuple(change for _, change in found))


def _of_commit(changes: "Sequence[Change]", commit: str) -> set[str]:
    """Keys that a commit changed; commits that begin alike where it is none."""
    keys = {change.key for change in changes if change.commit.startswith(commit.lower())}
    return keys or {change.commit[:10] for change in changes if change.commit[:2] == commit.lower()[:2]}


def ambiguous(commit: str, ids: "Collection[str]") -> WrongUse:
    """Say that the beginning of a commit's id is that of several."""
    some = ", ".join(sorted(one[:10] for one in ids)[:MOST_NAMED])
    return WrongUse(f"{commit!r} begins the ids of {len(ids)} commits ({some}): give more digits.")


def _opening(anchor: str) -> str:
    """The part of an anchor that those of the same file or conversation share."""
    return re.split(r"(?<=[/#@])", anchor)[0]


def _set(project: "Project", anchor: str, place: int, status: Literal["confirmed", "rejected"]) -> None:
    try:
        project.links.set_status(anchor, place, status)
    except NotFound:
        project.links.add(Link(anchor, place, 1.0, (BY_A_PERSON,), status))
