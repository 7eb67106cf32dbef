"""A fresh project, in either journal mode."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonde.store import Project


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: a killed process loses no more there, and fsync costs nothing."""
    if not Path("/dev/shm").is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


@pytest.fixture(params=["WAL", "DELETE"])
def project(request: pytest.FixtureRequest, folder: Path) -> Iterator[Project]:
    project = Project.create(folder, journal_mode=request.param)
    yield project
    project.close()
