"""Auditing generated datasets up to a million frames: seconds against those allowed, growth, and peak memory."""

import time
from collections.abc import Iterable, Iterator

import numpy as np
from speed.measuring import Row, growth, in_a_process_of_its_own, peak_memory_MB, ratio

from sonde.datasets.audit import audit
from sonde.records.frames import Frame, Tag

SIZES = (125_000, 250_000, 500_000, 1_000_000)
FRAMES_PER_SECOND = 20_000
"""What an audit without embeddings must reach."""
POOL, N_ATOMS = 2_000, 12
COPY_EVERY = 1_000
"""One frame in so many is a copy of an earlier one."""


class Generated:
    """Frames of a random alloy, each shifted by another distance; a pool of them recurs: making them is cheap."""

    def __init__(self, n_frames: int) -> None:
        self.n_frames = n_frames
        rng = np.random.default_rng(0)
        self.positions = rng.uniform(0, 8, (POOL, N_ATOMS, 3))
        self.forces = rng.normal(size=(POOL, N_ATOMS, 3))
        self.forces -= self.forces.mean(axis=1, keepdims=True)
        self.numbers = np.array([13] * 6 + [3] * 3 + [12] * 3)

    def __iter__(self) -> Iterator[Frame]:
        cell, pbc, stress = np.eye(3) * 8, np.ones(3, bool), np.eye(3) * 0.01
        for i in range(self.n_frames):
            place = i - i % 2 if i % COPY_EVERY == 1 else i
            tags: dict[str, Tag] = {"config_type": f"group {i % 7}", "xc": "PBE", "scf_converged": True, "step": i}
            one = place % POOL
            positions = self.positions[one] + 1e-3 * place
            yield Frame(
                self.numbers, positions, cell, pbc, -30.0 - one / POOL, self.forces[one], stress, tags, "made.xyz", i
            )


def cost_of_audit(n_frames: int) -> tuple[float, float, int]:
    """Audit so many frames; return processor seconds without those of making the frames, peak memory, and copies."""
    start = time.process_time()
    for _ in Generated(n_frames):
        pass
    made = time.process_time() - start
    start = time.process_time()
    report = audit(Generated(n_frames), "generated")
    return time.process_time() - start - made, peak_memory_MB(), report.duplicates


def measure(sizes: Iterable[int] = SIZES) -> Iterator[Row]:
    """Seconds against those allowed for the largest set, growth of time and of memory."""
    found = {size: in_a_process_of_its_own(cost_of_audit, size) for size in sizes}
    largest = max(found)
    taken, memory, copies = found[largest]
    behind = (
        f"auditing {largest:,} frames ({copies:,} copies found, {memory:,.0f} MB): seconds allowed over seconds taken"
    )
    yield ratio(behind, taken, largest / FRAMES_PER_SECOND, ("sonde", f"at {FRAMES_PER_SECOND:,} frames/s"))
    yield growth("auditing, over frames", {size: one[0] for size, one in found.items()}, "s")
    yield growth("auditing, peak memory over frames", {size: one[1] for size, one in found.items()}, "MB")
