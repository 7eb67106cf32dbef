"""Lineage: one filter planted on real frames, from features to rule."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np
from speed.measuring import Row, growth, seconds

from sonde.datasets.features import feature_table
from sonde.datasets.lineage import lineage
from sonde.datasets.matching import match
from sonde.records.frames import Frame

SHARE_DROPPED = 0.1


def measure(frames: Sequence[Frame], sizes: Iterable[int] = (1000, 2000, 5600)) -> Iterator[Row]:
    """Growth of the whole and of its two linear parts."""
    sizes = tuple(sizes)
    yield growth("lineage, one force filter, over frames", cost_by_size(frames, sizes), "s")
    parts = {size: part(frames, size) for size in sizes}
    features = {size: seconds(partial(feature_table, own)) for size, own in parts.items()}
    yield growth("  of it: features", features, "s")
    matched = {size: seconds(partial(match, own, survivors(own))) for size, own in parts.items()}
    yield growth("  of it: matching of geometries", matched, "s")


def cost_by_size(frames: Sequence[Frame], sizes: Iterable[int]) -> dict[int, float]:
    """Seconds of one lineage, features included, for so many parent frames."""
    _seconds(part(frames, 100))  # loads what is loaded on first use
    return {size: _seconds(part(frames, size)) for size in sizes}


def _seconds(parent: list[Frame]) -> float:
    child = survivors(parent)
    return seconds(lambda: lineage(parent, child))


def part(frames: Sequence[Frame], size: int) -> list[Frame]:
    """So many of the frames, spread over all of them."""
    chosen = np.linspace(0, len(frames) - 1, min(size, len(frames))).round().astype(int)
    return [frames[k].numbered(i) for i, k in enumerate(chosen.tolist())]


def survivors(parent: Sequence[Frame]) -> list[Frame]:
    """Frames without the tenth that has the largest forces."""
    largest = [_largest_force(frame) for frame in parent]
    threshold = float(np.quantile(largest, 1 - SHARE_DROPPED))
    return [frame for frame, force in zip(parent, largest, strict=True) if force <= threshold]


def _largest_force(frame: Frame) -> float:
    forces = frame.forces_eV_per_A
    return 0.0 if forces is None else float(np.linalg.norm(forces, axis=1).max())
