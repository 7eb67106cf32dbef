"""`sonde lineage`."""

from dataclasses import replace
from typing import TYPE_CHECKING

from sonde.operations.correct import correction_note
from sonde.progress import SILENT, Progress
from sonde.records.datasets import Lineage

if TYPE_CHECKING:
    from sonde.store import Project


def lineage(project: "Project", parent: str, child: str, *, progress: Progress = SILENT) -> Lineage:
    """Recover how a child dataset came from its parent: the simplest rule that explains the drops, every equivalent
    rule, all thresholds that give the same drops, random loss told apart, and what the rule hit beside its aim."""
    from sonde.datasets.lineage import lineage as lineage_of_frames

    n_parent, n_child = project.datasets.row(parent).n_frames, project.datasets.row(child).n_frames
    parents = list(progress.track(project.datasets.frames(parent), f"reading {parent}", n_parent))
    children = list(progress.track(project.datasets.frames(child), f"reading {child}", n_child))
    progress.say("recovering the rule")
    found = lineage_of_frames(parents, children, parent_name=parent, child_name=child)
    note = correction_note(project, parent, child)
    return replace(found, notes=(note, *found.notes)) if note else found
