"""What was found of datasets, which never change, is kept: gaps and dossiers look at their frames once."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sonde import __version__
from sonde.errors import Locked
from sonde.operations.audit import audit
from sonde.operations.lineage import lineage
from sonde.progress import SILENT, Progress
from sonde.records.datasets import Lineage
from sonde.records.from_json import record_of
from sonde.records.jsonable import to_json

if TYPE_CHECKING:
    from sonde.store import Project

LINEAGE, AUDIT = "lineage", "audit in short"
KINDS = (LINEAGE, AUDIT)
"""Under which kinds of artifacts findings are kept, each by the name of its dataset."""
Record = TypeVar("Record")


@dataclass(frozen=True)
class AuditInShort:
    """Surfaces and alarms of a dataset, in words."""

    surfaces: tuple[str, ...]
    alarms: tuple[str, ...]


def kept_lineage(project: "Project", parent: str, child: str, *, progress: Progress = SILENT) -> Lineage:
    """How a dataset came from its parent, without the ordinals of its frames."""

    def find() -> Lineage:
        return lineage(project, parent, child, progress=progress)

    return _kept(project, LINEAGE, (child, parent), Lineage, find, progress)


def kept_audit(project: "Project", dataset: str, *, progress: Progress = SILENT) -> AuditInShort:
    """The surfaces that a dataset's labels are on, and what is wrong with them."""

    def find() -> AuditInShort:
        checked = audit(project, dataset, progress=progress)
        surfaces = (
            f"{one.n_frames:,} frames: "
            + (", ".join(f"{field} {value}" for field, value in one.fields.items()) or "not stated")
            for one in checked.surfaces
        )
        return AuditInShort(tuple(surfaces), tuple(alarm.message for alarm in checked.alarms))

    return _kept(project, AUDIT, (dataset,), AuditInShort, find, progress)


def forget_findings(project: "Project", dataset: str) -> None:
    """Take out what was found of a dataset that goes."""
    for kind in KINDS:
        project.artifacts.remove(kind, dataset)


def _kept(
    project: "Project",
    kind: str,
    datasets: Sequence[str],
    record: type[Record],
    find: Callable[[], Record],
    progress: Progress,
) -> Record:
    """Return what was found before by this version of sonde, else find it and keep it under the first dataset."""
    of = _identity(project, datasets)
    stored = project.artifacts.get(kind, datasets[0])
    if stored is not None and stored[1] == of:
        return record_of(record, json.loads(stored[0]))
    found = to_json(find())
    try:
        project.artifacts.put(kind, datasets[0], found.encode(), of)
    except Locked as locked:
        progress.say(f"what was found of {datasets[0]} is not kept for the next time: {locked}")
    return record_of(record, json.loads(found))


def _identity(project: "Project", datasets: Sequence[str]) -> dict[str, Any]:
    """A dataset that was removed may come again with other frames: the time of its import tells them apart."""
    rows = [project.datasets.row(name) for name in datasets]
    return {"version": __version__, "datasets": [[row.name, row.created.isoformat()] for row in rows]}
