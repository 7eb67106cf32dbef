"""`sonde init`."""

from pathlib import Path
from typing import TYPE_CHECKING

from sonde.errors import BadInput

if TYPE_CHECKING:
    from sonde.store import Project


def initialise(folder: Path) -> "Project":
    """Make a folder a sonde project: a ledger and a lake under `.sonde`."""
    from sonde.store import Project

    try:
        return Project.create(folder)
    except OSError as refused:
        problem = f"no project can be made here ({refused.strerror})"
        raise BadInput(folder, None, problem, "Name a folder that you may write in: sonde init FOLDER") from refused
