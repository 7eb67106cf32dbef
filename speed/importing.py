"""Import into the store, of frames and of messages: number per second, and peak memory, which must not grow."""

import json
import random
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from speed.measuring import Row, growth, in_a_process_of_its_own, peak_memory_MB, seconds

from sonde.operations.add_source import add_source
from sonde.operations.initialise import initialise
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
    yield from measure_messages()


def measure_messages(sizes: Iterable[int] = (20_000, 100_000)) -> Iterator[Row]:
    """Growth of time and of memory over the messages of a Slack export."""
    costs = {size: in_a_process_of_its_own(cost_of_messages, size) for size in sizes}
    yield growth("add slack, over messages of 118 characters", {n: cost.seconds for n, cost in costs.items()}, "s")
    yield growth("  messages per second", {n: n / cost.seconds for n, cost in costs.items()}, "1/s")
    yield growth("  peak memory beyond the packages", {n: cost.memory_MB for n, cost in costs.items()}, "MB")


def cost_of_messages(size: int) -> Cost:
    """Add a generated export to a new project: read, redacted, stored, indexed by words and by trigrams."""
    with tempfile.TemporaryDirectory() as folder:
        first, export = (slack_export(Path(folder) / name, n) for name, n in (("first.zip", 100), ("all.zip", size)))
        project = initialise(Path(folder) / "project")
        add_source(project, "slack", first)
        before = peak_memory_MB()
        took = seconds(lambda: add_source(project, "slack", export))
        return Cost(took, max(peak_memory_MB() - before, 0.1))


def slack_export(path: Path, size: int, per_day: int = 500) -> Path:
    """Messages as long as those of real chats (118 characters), of words as frequent as Zipf found them, by the day."""
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghiklmnoprstuw", k=rng.randint(2, 9))) for _ in range(5000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("channels.json", json.dumps([{"id": "C1", "name": "curation"}]))
        archive.writestr("users.json", json.dumps([{"id": "U1", "name": "ann", "profile": {"real_name": "Ann Bee"}}]))
        for day in range(0, size, per_day):
            said = [
                {
                    "user": "U1",
                    "text": " ".join(rng.choices(words, weights, k=18)),
                    "ts": f"{1_600_000_000 + 170 * n}.000100",
                }
                for n in range(day, min(day + per_day, size))
            ]
            archive.writestr(f"curation/{np.datetime64('2020-09-13') + day // per_day}.json", json.dumps(said))
    return path


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
