"""Steps of a run of an electronic-structure code, as its reader found them, and the frames that they become.

Readers convert before they build a step: energies to eV, forces to eV/Å, stress to eV/Å³, positive under tension.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from sonde.datasets.readers.cells import checked_cell, checked_numbers, checked_positions
from sonde.datasets.readers.labels import LabelDefect, all_finite
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.run_provenance import RunProvenance, StepFacts
from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.frames import Frame, Tag

Run = TypeVar("Run")
Step = TypeVar("Step")

PERIODIC = np.ones(3, bool)
ISOLATED = np.zeros(3, bool)
NO_CELL = np.zeros((3, 3))
NO_FACTS = StepFacts()
LARGEST_MESH = 100_000


@dataclass(frozen=True, eq=False)
class Geometry:
    """Atoms in a cell: numbers (n_atoms,), positions (n_atoms, 3) and lattice vectors as rows, Å."""

    numbers: IntArray
    positions: FloatArray
    cell: FloatArray
    pbc: BoolArray

    def close_to(self, other: "Geometry", tolerance_A: float) -> bool:
        """Tell whether atoms and cell are the same within a tolerance."""
        if not np.array_equal(self.numbers, other.numbers):
            return False
        apart = max(np.abs(self.positions - other.positions).max(), np.abs(self.cell - other.cell).max())
        return bool(apart <= tolerance_A)


@dataclass(frozen=True, eq=False)
class CalculatedStep:
    """One step of a run: labels as None where the output does not hold them, `facts` of this step alone."""

    geometry: Geometry
    energy_eV: float | None = None
    forces_eV_per_A: FloatArray | None = None
    stress_eV_per_A3: FloatArray | None = None
    facts: StepFacts = NO_FACTS
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class CodeRun:
    """What all steps of a run share."""

    path: Path
    provenance: RunProvenance
    facts: StepFacts
    defects: tuple[str, ...] = ()


def frames_of_run(run: CodeRun, steps: Iterable[CalculatedStep], first_ordinal: int = 0) -> Iterator[Frame]:
    """Turn the steps of a run into frames, numbered from `first_ordinal`."""
    shared = _stated({**run.provenance.tags(), **run.facts.tags()})
    for number, step in enumerate(steps):
        ordinal = first_ordinal + number
        try:
            yield _frame(run, step, shared, number, ordinal)
        except LabelDefect as defect:
            raise Place(run.path, ordinal).bad(str(defect), "mend or remove the run.") from defect


def frames_of_runs(
    frames_of: Callable[[Run, Iterable[Step], int], Iterator[Frame]], runs: Iterable[tuple[Run, Iterable[Step]]]
) -> Iterator[Frame]:
    """Turn the runs of one file, each with its steps, into frames that are numbered through.

    frames_of: `frames_of_run`, or its like for other steps.
    """
    ordinal = 0
    for run, steps in runs:
        for frame in frames_of(run, steps, ordinal):
            yield frame
            ordinal = frame.ordinal + 1


def _frame(run: CodeRun, step: CalculatedStep, shared: Mapping[str, Tag], number: int, ordinal: int) -> Frame:
    geometry = step.geometry
    cell, pbc = checked_cell(geometry.cell, geometry.pbc)
    forces, odd_forces = _finite(step.forces_eV_per_A, (len(geometry.numbers), 3), "forces")
    stress, odd_stress = _finite(step.stress_eV_per_A3, (3, 3), "stress")
    defects = (*run.defects, *step.defects, *odd_forces, *odd_stress)
    facts = {**vars(step.facts), "ionic_step": number, "defects": "; ".join(defects) or None}
    tags = {**shared, **_stated(facts)}
    if step.energy_eV is None:
        tags.pop("energy_kind", None)
    return Frame(
        numbers=checked_numbers(geometry.numbers),
        positions=checked_positions(geometry.positions, len(geometry.numbers)),
        cell=cell,
        pbc=pbc,
        energy_eV=step.energy_eV,
        forces_eV_per_A=forces,
        stress_eV_per_A3=None if stress is None else (stress + stress.T) / 2,
        tags=tags,
        source_file=str(run.path),
        ordinal=ordinal,
    )


def _stated(tags: Mapping[str, Tag]) -> dict[str, Tag]:
    """Leave out what is unknown, and numbers that were too large for a float or are none."""
    return {key: value for key, value in tags.items() if value is not None and not _overflowed(value)}


def _overflowed(value: Tag) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _finite(values: FloatArray | None, shape: tuple[int, int], what: str) -> tuple[FloatArray | None, tuple[str, ...]]:
    """Return values that are all numbers, or none and why."""
    if values is None or (values.shape == shape and all_finite(values)):
        return values, ()
    return None, (f"the {what} hold what is no number",)


# ---- what the level of theory of several codes is made of ------------------------------------------------------------


def joined(pairs: Iterable[tuple[str, str | None]]) -> dict[str, str] | None:
    """Collect texts per element; two different ones of one element stand side by side."""
    found: dict[str, list[str]] = {}
    for element, text in pairs:
        if text and text not in found.setdefault(element, []):
            found[element].append(text)
    return {element: "+".join(texts) for element, texts in found.items() if texts} or None


def mesh_spacing(cell: FloatArray, divisions: tuple[int, ...]) -> float | None:
    """Largest distance between neighbouring k-points along the reciprocal vectors, 1/Å with 2π, as in KSPACING."""
    if len(divisions) != 3 or not all(1 <= n <= LARGEST_MESH for n in divisions) or abs(np.linalg.det(cell)) < 1e-6:
        return None
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(cell).T, axis=1)
    return round(float((lengths / np.array(divisions)).max()), 4)
