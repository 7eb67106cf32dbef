"""Import of a dataset into the store: frames per second and peak memory, which must not grow with the dataset."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from speed.measuring import Row, growth, in_a_process_of_its_own, peak_memory_MB, seconds

from sonde.progress import SILENT
from sonde.records.frames import Frame
from sonde.store import Project

N_ATOMS = 8


@dataclass(frozen=True)
class Cost:
    """What one import took; memory beyond that of the loaded packages."""

    seconds: float
    memory_MB: float


def measure(sizes: Iterable[int] = (20_000, 80_000)) -> Iterator[Row]:
    """Growth of time and of memory."""
    costs = {size: in_a_process_of_its_own(cost_of_import, size) for size in sizes}
    times = {size: cost.seconds for size, cost in costs.items()}
    yield growth(f"import into the store, over frames of {N_ATOMS} atoms", times, "s")
    yield growth("  frames per second", {size: size / cost for size, cost in times.items()}, "1/s")
    yield growth("  peak memory beyond the packages", {n: cost.memory_MB for n, cost in costs.items()}, "MB")


def cost_of_import(size: int) -> Cost:
    """Import generated frames as a stream into a new project."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project.create(Path(folder))
        with project.writing():
            project.datasets.add("first", generated(100), progress=SILENT)
            before = peak_memory_MB()
            took = seconds(lambda: project.datasets.add("all", generated(size), progress=SILENT))
        return Cost(took, max(peak_memory_MB() - before, 0.1))


def generated(size: int) -> Iterator[Frame]:
    """Frames of eight atoms with labels, one by one."""
    rng = np.random.default_rng(0)
    numbers, cell, pbc = np.repeat([13, 28], N_ATOMS // 2), 5.0 * np.eye(3), np.ones(3, bool)
    for ordinal in range(size):
        positions, forces = rng.uniform(0, 5, (N_ATOMS, 3)), rng.normal(size=(N_ATOMS, 3))
        tags = {"config_type": f"run {ordinal // 500}"}
        yield Frame(numbers, positions, cell, pbc, float(rng.normal()), forces, np.eye(3), tags, "made.xyz", ordinal)
