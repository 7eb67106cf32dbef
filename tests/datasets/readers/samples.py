"""Atoms with known labels, and what the tests of several readers ask of the frames read back."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import voigt_6_to_full_3x3_stress

from sonde.datasets.readers import read_frames, readers
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.testing.readers import ReaderCase

ELEMENTS = frozenset({8, 28})


def nickel_oxide(n_frames: int = 5, seed: int = 0, n_atoms: int | None = None) -> list[Atoms]:
    """Skewed periodic cells of 2 to 6 (or n_atoms) Ni and O atoms with energy, forces and a symmetric stress."""
    rng = np.random.default_rng(seed)
    return [_labelled(rng, n_atoms or 2 + index % 5) for index in range(n_frames)]


def _labelled(rng: np.random.Generator, n_atoms: int) -> Atoms:
    cell = 5 * np.eye(3) + rng.normal(0, 0.3, (3, 3))
    symbols = ["Ni", *rng.choice(["Ni", "O"], n_atoms - 2), "O"]
    atoms = Atoms(symbols, cell=cell, pbc=True, scaled_positions=rng.random((n_atoms, 3)))
    forces, stress = rng.normal(0, 0.5, (n_atoms, 3)), rng.normal(0, 0.05, 6)
    atoms.calc = SinglePointCalculator(atoms, energy=-5.3 * n_atoms + rng.normal(), forces=forces, stress=stress)
    return atoms


def assert_same(frames: Sequence[Frame], expected: Sequence[Atoms], tolerance: float = 1e-9) -> None:
    """The frames hold the atoms' geometry and labels, in order, stress positive under tension."""
    assert len(frames) == len(expected)
    for frame, atoms in zip(frames, expected, strict=True):
        assert frame.numbers.tolist() == atoms.numbers.tolist()
        assert frame.pbc.tolist() == atoms.pbc.tolist()
        results = atoms.calc.results
        assert frame.energy_eV is not None
        pairs: list[tuple[Any, Any]] = [
            (frame.positions, atoms.positions),
            (frame.cell, atoms.cell.array),
            (frame.energy_eV, results["energy"]),
            (frame.forces_eV_per_A, results["forces"]),
        ]
        if "stress" in results:
            pairs.append((frame.stress_eV_per_A3, voigt_6_to_full_3x3_stress(results["stress"])))
        for found, known in pairs:
            np.testing.assert_allclose(found, known, rtol=0, atol=tolerance)


def forces_of(frame: Frame) -> FloatArray:
    """Return the forces of a frame that must have some, eV/Å."""
    assert frame.forces_eV_per_A is not None
    return frame.forces_eV_per_A


def stress_of(frame: Frame) -> FloatArray:
    """Return the stress of a frame that must have one, eV/Å³."""
    assert frame.stress_eV_per_A3 is not None
    return frame.stress_eV_per_A3


def case_of(reader: str, sample: Path, n_frames: int, **opted_out: Any) -> ReaderCase:
    """A case for the laws; the registry must choose this reader for the sample too."""
    assert len(list(read_frames(sample))) == n_frames
    return ReaderCase(readers()[reader], sample, n_frames, ELEMENTS, **opted_out)


RESIDENT = "import resource; peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT"
TRACED = "import tracemalloc; tracemalloc.start(); peak = lambda: tracemalloc.get_traced_memory()[1]"


def peak_growth_in_mib(path: Path, n_first: int, *, mapped: bool = False) -> float:
    """Growth of a fresh process's peak memory from frame `n_first` of a file to its end.

    What is resident is measured; of a file that is mapped into memory, which the system may drop again, only what
    Python and numpy allocate.
    """
    unit = 1024 if sys.platform == "linux" else 1
    code = f"""
from sonde.datasets.readers import read_frames
{TRACED if mapped else RESIDENT.replace("UNIT", str(unit))}
for count, frame in enumerate(read_frames({str(path)!r}), start=1):
    if count == {n_first}:
        before = peak()
print(peak() - before)
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(answer.stdout) / 2**20
