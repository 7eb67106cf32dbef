"""What is kept of every frame to find exact copies anywhere in a set: a hash of its geometry and what labels it has.

Copies can stand anywhere, so that no hash can be given up. Beyond some hundred thousand frames the records go to a
temporary file for each of 256 ranges of hashes, which are then sorted one after another: memory does not grow with the
set, and nothing is left to chance but equal hashes of unequal geometries, one in 2⁶⁴ pairs.
"""

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from sonde.datasets.identity import GRID_A
from sonde.records.arrays import AnyArray, FloatArray, IntArray
from sonde.records.frames import Frame

RECORD = np.dtype(
    [
        ("geometry", "u8"),
        ("place", "i8"),
        ("energy_eV", "f8"),
        ("force_digest", "f8"),
        ("moment", "f8"),
        ("n_atoms", "i4"),
        ("kind", "i4"),
        ("formula", "i4"),
    ]
)
"""geometry: hash of species, periodicity, cell and positions on a grid of 1e-4 Å, in file order, unwrapped.

force_digest : a fixed random projection of the forces: equal for equal forces.
moment : magnetic moment of the cell, absolute where it is stated, μB. Numbers that a frame has not are NaN.
"""
MOST_HELD = 100_000
"""Records in memory, 52 bytes each, before they go to files."""
RANGES = 256
SHIFT = np.uint64(56)
"""What is left of a hash once it is shifted by so many bits is the number of its range."""
MIX = tuple(np.uint64(odd) for odd in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5))


class GeometryRecords:
    """Takes records batch by batch, and gives them back by ranges of hashes."""

    def __init__(self, most_held: int = MOST_HELD) -> None:
        self._most_held = most_held
        self._held: list[AnyArray] = []
        self._sorted = True
        self.folder: Path | None = None

    def add(self, records: AnyArray) -> None:
        """Take the records of a batch, which come after those of earlier ones in the set."""
        self._held.append(records)
        self._sorted = False
        if sum(map(len, self._held)) > self._most_held:
            self._spill()

    def ranges(self) -> Iterator[AnyArray]:
        """Yield the records of each range of hashes, sorted by hash, then by place."""
        return (self.range(number) for number in range(RANGES))

    def range(self, number: int) -> AnyArray:
        """Return the records of one range of hashes, sorted by hash, then by place."""
        held = self._in_memory()
        begin, end = np.searchsorted(held["geometry"] >> SHIFT, np.array([number, number + 1], np.uint64))
        if self.folder is None:
            return held[begin:end]
        return _by_hash([np.fromfile(self.folder / str(number), RECORD), held[begin:end]])

    def _in_memory(self) -> AnyArray:
        if not self._sorted:
            self._held, self._sorted = [_by_hash(self._held)], True
        return self._held[0] if self._held else np.zeros(0, RECORD)

    def _spill(self) -> None:
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="sonde-"))
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        records = self._in_memory()
        begins = np.searchsorted(records["geometry"] >> SHIFT, np.arange(RANGES + 1, dtype=np.uint64))
        for number, (begin, end) in enumerate(pairwise(begins.tolist())):
            with (self.folder / str(number)).open("ab") as file:
                records[begin:end].tofile(file)
        self._held = []


def _by_hash(some: Sequence[AnyArray]) -> AnyArray:
    """Join records and sort them by hash; those of one hash stay in order."""
    records = np.concatenate(some)
    return np.asarray(records[np.argsort(records["geometry"], kind="stable")])


def mixed(values: AnyArray) -> AnyArray:
    """Scramble 64-bit numbers (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def _on_grid(lengths: FloatArray) -> AnyArray:
    return np.rint(lengths / GRID_A).astype(np.int64).view(np.uint64)


def geometry_hashes(frames: Sequence[Frame], numbers: IntArray, order: IntArray, frame_of: IntArray) -> AnyArray:
    """Hash species, periodicity, cell and positions on a grid of 1e-4 Å, (n_frames,), unsigned.

    `numbers`, `order`, `frame_of` : of all atoms of the frames, their element, place in their frame, and frame.
    """
    x, y, z = _on_grid(np.concatenate([frame.positions for frame in frames])).T
    species = numbers.astype(np.uint64)
    atoms = mixed(x * MIX[0] + mixed(y * MIX[1] + mixed(z * MIX[2] + species * MIX[3] + order.astype(np.uint64))))
    hashes = np.zeros(len(frames), np.uint64)
    np.add.at(hashes, frame_of, atoms)
    cells = _on_grid(np.stack([frame.cell for frame in frames]).reshape(-1, 9))
    for column in cells.T:
        hashes = mixed(hashes * MIX[0] + column)
    pbc = np.stack([frame.pbc for frame in frames]).astype(np.uint64) @ np.array([1, 2, 4], np.uint64)
    return mixed(hashes + pbc * MIX[1])
