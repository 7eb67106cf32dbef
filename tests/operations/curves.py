"""What the tests of learning curves share: a quick linear potential, and projects of given frames."""

from collections.abc import Sequence
from pathlib import Path

from tests.operations.group import project_in

from sonde.operations.learning_curve import CurveOptions
from sonde.potentials.linear import LinearSettings
from sonde.records.frames import Frame
from sonde.store import Project

SMALL = LinearSettings(n_radial=5, n_product=1, l_max=0)
QUICK = CurveOptions(sizes=(12, 24, 48, 96), trainer="linear", models=(SMALL,))


def project_with(folder: Path, **datasets: Sequence[Frame]) -> Project:
    project = project_in(folder)
    for name, frames in datasets.items():
        with project.writing():
            project.datasets.add(name, frames)
    return project
