"""Correcting stored datasets: growth of time and of peak memory over frames, each in a process of its own."""

import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from speed.measuring import Row, growth, in_a_process_of_its_own, peak_memory_MB

from sonde.datasets.correction.correct import Wish
from sonde.operations.correct import Destination, correct
from sonde.records.frames import Frame, Tag
from sonde.store import Project

SIZES = (2_500, 5_000, 10_000, 20_000)
ON_BOTH_EVERY = 20
"""One structure in so many carries an energy on both surfaces."""
LATTICE_A = 3.6
FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
SHIFTS_EV = {28: 2.0, 13: 0.5}
PBE: dict[str, Tag] = {"xc": "PBE", "hubbard_u": "none"}
PBE_U: dict[str, Tag] = {"xc": "PBE", "hubbard_u": "Ni:d:6 Al:p:2"}


def frames(n_frames: int, *, pairs: bool) -> Iterator[Frame]:
    """Rattled fcc cells of Ni and Al with U; `pairs`: the same without U, only those that stand on both surfaces."""
    rng = np.random.default_rng(0)
    sites = LATTICE_A * np.concatenate([FCC, FCC + np.array([1, 0, 0])])
    cell, pbc = LATTICE_A * np.diag([2.0, 1.0, 1.0]), np.ones(3, bool)
    for ordinal in range(n_frames):
        positions = sites + rng.normal(0, 0.1, sites.shape)
        numbers = rng.permutation(np.array([28, 13])[rng.integers(0, 2, len(sites))])
        energy = -4.0 * len(sites) + float(rng.normal(0, 0.01))
        shift = sum(eV * np.count_nonzero(numbers == number) for number, eV in SHIFTS_EV.items())
        forces = rng.normal(size=sites.shape)
        if not pairs:
            yield Frame(numbers, positions, cell, pbc, energy + shift, forces, None, PBE_U, "made.xyz", ordinal)
        elif ordinal % ON_BOTH_EVERY == 0:
            yield Frame(numbers, positions, cell, pbc, energy, forces, None, PBE, "made.xyz", ordinal)


def make(folder: Path, n_frames: int) -> None:
    """Store both datasets."""
    with closing(Project.create(folder)) as project:
        project.datasets.add("with_u", frames(n_frames, pairs=False))
        project.datasets.add("without_u", frames(n_frames, pairs=True))


def cost(folder: Path) -> tuple[float, float, int]:
    """Correct a stored dataset and write the result; return processor seconds, peak memory in MB, and pairs."""
    with closing(Project.open(folder)) as project:
        start = time.process_time()
        record = correct(
            project, "with_u", Wish("PBE", uncorrectable="keep"), pairs=["without_u"], destination=Destination("moved")
        )
        if record.written is None:
            raise SystemExit(f"nothing was written: {record.refusals}")
        return time.process_time() - start, peak_memory_MB(), record.n_pairs


def measure(sizes: Iterable[int] = SIZES) -> Iterator[Row]:
    """Growth of time and of memory over frames, of which one in twenty has its pair."""
    found = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            in_a_process_of_its_own(make, Path(folder), size)
            found[size] = in_a_process_of_its_own(cost, Path(folder))
    pairs = found[max(found)][2]
    what = f"correcting a stored dataset ({pairs:,} pairs in the largest), over frames"
    yield growth(what, {size: one[0] for size, one in found.items()}, "s")
    yield growth(f"{what}, peak memory", {size: one[1] for size, one in found.items()}, "MB")
