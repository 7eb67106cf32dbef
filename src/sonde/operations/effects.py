"""What recorded changes did to the data: each rule that lineage recovers, joined to the change that set it."""

from typing import TYPE_CHECKING

from sonde.operations.kept_findings import kept_lineage
from sonde.progress import SILENT, Progress
from sonde.records.datasets import Lineage
from sonde.records.decisions import Change, Effect

if TYPE_CHECKING:
    from sonde.decisions.archive import Archive
    from sonde.store import Project


def lineages(project: "Project", *, progress: Progress = SILENT) -> dict[str, Lineage]:
    """Recover how each dataset of the project came from the one that it was made from, by its name."""
    rows = [project.datasets.row(name) for name in project.datasets.names()]
    made = [(row.name, row.child_of) for row in rows]
    return {name: kept_lineage(project, parent, name, progress=progress) for name, parent in made if parent is not None}


def effects_of(archive: "Archive", found: dict[str, Lineage]) -> dict[Change, Effect]:
    """Join rules to the changes that set them; a change that set several counts with the one that dropped most."""
    from sonde.decisions.rule_changes import change_for_rule

    effects: dict[Change, Effect] = {}
    for child, lineage in found.items():
        for rule in lineage.rules[:1]:
            candidates = (rule, *rule.equivalent)
            setting = next((one for candidate in candidates for one, _ in change_for_rule(archive, candidate)), None)
            n = rule.n_matched_dropped
            if setting is not None and (setting not in effects or effects[setting].n_frames < n):
                frames = f"{n:,} of {lineage.n_parent:,} frames"
                effects[setting] = Effect(
                    n, f"dropped {frames} on the way from {lineage.parent} to {child} ({rule.rule})"
                )
    return effects
