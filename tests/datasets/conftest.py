"""Real frames that several tests of datasets share."""

from pathlib import Path

import pytest
from tests.datasets.planted_filters import nbmotaw

from sonde.datasets.features import feature_table
from sonde.records.datasets import FeatureTable
from sonde.records.frames import Frame


@pytest.fixture(scope="session")
def real_frames(shared_data: Path) -> list[Frame]:
    """All 5,658 frames of nbmotaw."""
    return nbmotaw(shared_data)


@pytest.fixture(scope="session")
def real_table(real_frames: list[Frame]) -> FeatureTable:
    return feature_table(real_frames)
