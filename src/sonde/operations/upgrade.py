"""`sonde upgrade`."""

from pathlib import Path

from sonde.operations.links import link_again
from sonde.progress import SILENT, Progress


def upgrade(path: Path, *, progress: Progress = SILENT) -> Path | None:
    """Bring a project that an older sonde made to this sonde's format; its passages are read and linked anew.

    Return the backup of its ledger; None where it has this format already.
    """
    from sonde.store import Project

    backup = Project.upgrade(path)
    project = Project.open(path)
    if project.changes.all() and not project.mentions.begun():
        link_again(project, progress)
    project.close()
    return backup
