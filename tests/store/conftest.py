"""A fresh project, in either journal mode."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sonde.store import Project


@pytest.fixture(params=["WAL", "DELETE"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    project = Project.create(tmp_path, journal_mode=request.param)
    yield project
    project.close()
