"""`sonde upgrade`."""

from pathlib import Path

from sonde.operations.links import read_passages
from sonde.progress import SILENT, Progress


def upgrade(path: Path, *, progress: Progress = SILENT) -> Path | None:
    """Bring a project that an older sonde made to this sonde's format, and read what its passages mention.

    Return the backup of its ledger; None where it has this format already.
    """
    from sonde.store import Project

    backup = Project.upgrade(path)
    project = Project.open(path)
    if project.changes.all() and not project.mentions.begun():
        read_passages(project, progress)
    project.close()
    return backup
