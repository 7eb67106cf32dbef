"""`sonde audit`."""

from typing import TYPE_CHECKING

from sonde.progress import SILENT, Progress
from sonde.records.datasets import Audit

if TYPE_CHECKING:
    from sonde.store import Project


def audit(project: "Project", dataset: str, *, against: str | None = None, progress: Progress = SILENT) -> Audit:
    """Say what a dataset holds, on which energy surfaces, and where its labels contradict each other.

    With `--against` another dataset, also which frames stand in both, exactly or nearly, and how their labels differ.
    """
    from sonde.datasets.audit import audit as audit_frames

    row = project.datasets.row(dataset)
    frames = progress.track(project.datasets.frames(dataset), f"auditing {dataset}", row.n_frames)
    if against is None:
        return audit_frames(frames, dataset)
    other = progress.track(
        project.datasets.frames(against), f"reading {against}", project.datasets.row(against).n_frames
    )
    return audit_frames(frames, dataset, other, against)
