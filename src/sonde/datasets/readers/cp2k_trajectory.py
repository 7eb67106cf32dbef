"""Positions of a CP2K run's steps: PROJECT-pos-1.xyz beside the output, whose frames carry the energy of their step."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sonde.datasets.readers.cells import numbers_of
from sonde.datasets.readers.labels import LabelDefect
from sonde.datasets.readers.text_blocks import blocks
from sonde.errors import BadInput
from sonde.records.arrays import FloatArray, IntArray

ENERGY = re.compile(r"\bE = *(-?\d+\.\d+)")
HALF_DIGIT_HARTREE = 0.6e-10
"""The trajectory prints ten decimals of the energy, the output fifteen."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Energies of the frames, Hartree, and where in the file they stand."""

    path: Path
    energies: FloatArray
    offsets: IntArray

    def after(self, ordinal: int, energy_hartree: float) -> int | None:
        """Find the first frame from `ordinal` on that has this energy, to all the digits that are printed."""
        hits = np.flatnonzero(np.abs(self.energies[ordinal:] - energy_hartree) < HALF_DIGIT_HARTREE)
        return ordinal + int(hits[0]) if len(hits) else None

    def positions(self, ordinal: int, numbers: IntArray) -> FloatArray | None:
        """Read the positions of a frame, Å; None where its atoms are not those of the run."""
        with self.path.open("rb") as handle:
            handle.seek(int(self.offsets[ordinal]))
            block = next(blocks(handle, self.path))
        rows = [line.split()[:4] for line in block.atom_lines]
        try:
            symbols = [row[0].decode() for row in rows]
            if not np.array_equal(numbers_of(symbols), numbers):
                return None
            return np.array([row[1:4] for row in rows], float)
        except (ValueError, IndexError, LabelDefect):
            return None


def trajectory_beside(path: Path, project: str | None) -> Trajectory | None:
    """Find the trajectory of a run in the folder of its output; None where there is none that carries energies."""
    if not project or "/" in project or "\x00" in project:
        return None
    beside = path.parent / f"{project}-pos-1.xyz"
    if not beside.is_file():
        return None
    energies, offsets = [], []
    try:
        with beside.open("rb") as handle:
            for block in blocks(handle, beside):
                found = ENERGY.search(block.comment)
                energies.append(float(found[1]) if found else np.nan)
                offsets.append(block.offset)
    except BadInput:  # cut short: what stands before the cut is whole
        pass
    return Trajectory(beside, np.array(energies), np.array(offsets, np.int64)) if energies else None
