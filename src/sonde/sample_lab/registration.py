"""From a laboratory on disk to a sonde project: what a user would type, done through the same operations."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sonde.progress import SILENT, Progress
from sonde.sample_lab.laboratory import Laboratory

if TYPE_CHECKING:
    from sonde.store import Project

RAW, TRAINING, POTENTIAL = "raw", "training", "alloy"
SOURCES = ("git", "slack", "mail", "notes", "slides")


@dataclass(frozen=True)
class Checkpoint:
    """A trained potential of the laboratory."""

    path: Path
    adapter: str
    dtype: str = "float64"


def register_laboratory(
    laboratory: Laboratory, checkpoint: Checkpoint, *, with_raw_pool: bool = True, progress: Progress = SILENT
) -> "Project":
    """Make the laboratory's folder a project and add its datasets, sources and potential."""
    from sonde.operations.add_dataset import add_dataset
    from sonde.operations.add_potential import PotentialOptions, add_potential
    from sonde.operations.add_source import add_sources
    from sonde.operations.initialise import initialise

    project = initialise(laboratory.folder)
    if with_raw_pool:
        add_dataset(project, RAW, [laboratory.raw_pool], progress=progress)
    child_of = RAW if with_raw_pool else None
    add_dataset(project, TRAINING, [laboratory.training], child_of=child_of, progress=progress)
    places = (laboratory.repository, laboratory.slack, laboratory.mail, laboratory.notes, laboratory.slides)
    add_sources(project, list(zip(SOURCES, places, strict=True)), progress=progress)
    options = PotentialOptions(
        dtype=checkpoint.dtype, trained_on=TRAINING, trained_at=laboratory.training_time.isoformat()
    )
    add_potential(project, POTENTIAL, checkpoint.path, adapter=checkpoint.adapter, options=options, progress=progress)
    return project
