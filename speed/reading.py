"""Reading extended xyz: sonde's reader against ase's, on the same file."""

import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import ase.io
from speed.measuring import Row, growth, ratio, seconds, side_by_side

from sonde.datasets.readers import read_frames, write_extxyz
from sonde.records.frames import Frame


def measure(frames: dict[str, list[Frame]], sizes: Iterable[int] = (700, 1400, 2800)) -> Iterator[Row]:
    """Ratio for every set of frames, growth over parts of the largest."""
    with tempfile.TemporaryDirectory() as folder:
        for name, own in frames.items():
            path = Path(folder) / f"{name}.xyz"
            write_extxyz(path, own)
            ours, theirs = side_by_side(partial(read_all, path), partial(ase.io.read, path, ":"), repeats=2)
            what = f"reading extxyz, {name}, {len(own):,} frames: ase.io.read over sonde"
            yield ratio(what, ours, theirs, ("sonde", "ase"))
        largest = max(frames.values(), key=len)
        yield growth("reading extxyz, over frames", cost_by_size(largest, sizes, Path(folder)), "s")


def cost_by_size(frames: list[Frame], sizes: Iterable[int], folder: Path) -> dict[int, float]:
    """Seconds to read a file of so many frames."""
    costs = {}
    for size in sizes:
        path = folder / f"{size}.xyz"
        write_extxyz(path, frames[:: max(1, len(frames) // size)][:size])
        costs[size] = seconds(partial(read_all, path), repeats=2)
    return costs


def read_all(path: Path) -> int:
    """Read a file to its end and count."""
    return sum(1 for _ in read_frames(path))
