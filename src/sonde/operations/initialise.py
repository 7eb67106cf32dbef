"""`sonde init`."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sonde.store import Project


def initialise(folder: Path) -> "Project":
    """Make a folder a sonde project: a ledger and a lake under `.sonde`."""
    from sonde.store import Project

    return Project.create(folder)
