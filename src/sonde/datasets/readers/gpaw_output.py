"""Text output of GPAW, plain or packed: every geometry, several runs in one file.

GPAW prints eV and Å; its energies are relative to the reference atoms of its setups, whose energy the tag `energy_note`
holds: they compare with other GPAW runs of the same setups only. `energy_eV` is extrapolated to no smearing, as ASE's
calculators return it; the free energy, of which the forces are derivatives, stands in a tag. The stress is in eV/Å³,
positive under tension.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from mmap import mmap
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from sonde.datasets.readers.compression import head_of
from sonde.datasets.readers.gpaw_header import VERSION, GpawHeader, provenance_of
from sonde.datasets.readers.mapped_files import mapped
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.run_provenance import StepFacts
from sonde.datasets.readers.run_ranges import RunRange, run_ranges
from sonde.datasets.readers.run_steps import CalculatedStep, CodeRun, Geometry, frames_of_run, frames_of_runs
from sonde.datasets.readers.run_text import first_number, last_match, lines_from, numbers_in, rows, unread
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame

FIRST_OF_A_STEP = re.compile(rb"^Positions:", re.MULTILINE)
END_OF_JOB = re.compile(rb"\n(?:Memory usage:|Timing:)")
# Below a line with the first title: "\n" finds the beginnings of lines many times as fast as "^".
POSITION = re.compile(rb"^ *\d+ ([A-Z][a-z]?) ((?: *-?\d+\.\d+){3})")
AXIS = re.compile(rb"\n *(\d)\. axis: +(yes|no)((?: +-?\d+\.\d+){3})")
FREE = re.compile(rb"\nFree energy: +([-+]?\d+\.\d+)")
EXTRAPOLATED = re.compile(rb"\n(?:Extrapolated|Zero Kelvin): +([-+]?\d+\.\d+)")
REACHED = re.compile(rb"\nConverged after (\d+) iterations")
NOT_REACHED = re.compile(rb"\nDid not converge!")
FORCES = re.compile(rb"\nForces in eV/Ang:")
FORCE_ROW = re.compile(rb"^ *\d+ [A-Z][a-z]? *((?: *-?\d+\.\d+){3})")
STRESS = re.compile(rb"\nStress tensor:")
MOMENT = re.compile(rb"\nTotal [Mm]agnetic [Mm]oment: +([^\n]*)")
LOCAL_MOMENTS = re.compile(rb"\nLocal [Mm]agnetic [Mm]oments:")
LOCAL_MOMENT = re.compile(rb"^ *\d+ [A-Z][a-z]? *\(?([^)\n]*)")


class GpawOutputReader:
    """Text output of GPAW: energies, forces, stress and the level of theory of each geometry."""

    name = "gpaw_output"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content decides
        """Tell by the banner, whose last line but one holds the version."""
        return VERSION.search(head) is not None

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per geometry."""
        head_of(path)
        with mapped(path) as text:
            yield from frames_of_runs(frames_of_run, ((part.run, _steps(text, part)) for part in _parts(path, text)))


READER = GpawOutputReader()


@dataclass(frozen=True, eq=False)
class _Part:
    """One run in a file and where its geometries begin; last of the cuts comes the run's end."""

    run: CodeRun
    cuts: tuple[int, ...]
    first: Geometry


def _parts(path: Path, text: mmap) -> list[_Part]:
    """Find the runs of a file; those without a geometry are left out, if another has one."""
    parts = []
    for run in run_ranges(path, text, VERSION, FIRST_OF_A_STEP):
        first = _geometry(text[run.cuts[0] : run.cuts[1]]) if run.has_steps else None
        if first is not None:
            header = GpawHeader(run.header(text), run.has_steps, first.cell)
            parts.append(_Part(_run(path, text, header, run), run.cuts, first))
    if not parts:
        raise Place(path).bad("the run ends before it prints a geometry", "leave it out: it holds no result.")
    return parts


def _run(path: Path, text: mmap, header: GpawHeader, which: RunRange) -> CodeRun:
    complete = END_OF_JOB.search(text, which.cuts[0], which.cuts[-1]) is not None
    reference = header.reference_energy
    facts = StepFacts(
        run=which.number,
        runs=which.n_runs,
        run_complete=complete,
        energy_note=None if reference is None else f"relative to reference atoms of {reference:.6f} eV",
        source_format="GPAW output",
    )
    several = (f"{which.n_runs} runs in one file",) if which.n_runs > 1 else ()
    return CodeRun(path, provenance_of(header), facts, several if complete else (*several, "the run was interrupted"))


# ---- steps -----------------------------------------------------------------------------------------------------------


def _steps(text: mmap, part: _Part) -> Iterator[CalculatedStep]:
    """Yield the geometries with a result, or the first alone."""
    found_any = False
    for start, end in pairwise(part.cuts):
        piece = text[start:end]
        geometry, step = _geometry(piece), None
        if geometry is not None:
            step = _step(piece, geometry)
        if step is not None:
            found_any = True
            yield step
    if not found_any:
        yield CalculatedStep(part.first, defects=("no self-consistent calculation was finished",))


def _step(piece: bytes, geometry: Geometry) -> CalculatedStep | None:
    """Read the results of a piece; without a verdict its self-consistency was cut off."""
    reached, failed = REACHED.search(piece), NOT_REACHED.search(piece)
    if reached is None and failed is None:
        return None
    energy, free = first_number(EXTRAPOLATED, piece), first_number(FREE, piece)
    total, absolute = _moments(piece, len(geometry.numbers))
    facts = StepFacts(
        scf_converged=failed is None,
        electronic_steps=int(reached[1]) if reached else None,
        free_energy_eV=free,
        total_magnetic_moment=total,
        absolute_magnetic_moment=absolute,
    )
    forces = _forces(piece, len(geometry.numbers))
    silent = () if energy is not None else ("the step prints no energy",)
    defects = (*silent, *unread("forces", forces is None and FORCES.search(piece) is not None, forces))
    return CalculatedStep(geometry, energy, forces, _stress(piece), facts, defects)


def _geometry(piece: bytes) -> Geometry | None:
    """Read positions and unit cell, Å; axes that are not periodic keep their vectors."""
    numbers, coordinates = [], []
    for line in lines_from(piece, 0):
        atom = POSITION.match(line)
        if atom is None:
            break
        numbers.append(atomic_numbers.get(atom[1].decode(), 0))
        coordinates.append(atom[2])
    axes = list(AXIS.finditer(piece))[:3]
    positions, cell = rows(coordinates, 3), rows([axis[3] for axis in axes], 3)
    if positions is None or cell is None or len(cell) != 3 or not all(numbers):
        return None
    return Geometry(np.array(numbers), positions, cell, np.array([axis[2] == b"yes" for axis in axes]))


def _forces(piece: bytes, n_atoms: int) -> FloatArray | None:
    title = last_match(FORCES, piece)
    lines = lines_from(piece, title.end()) if title else iter(())
    found = [
        numbers_in(row[1]) for line, _ in zip(lines, range(n_atoms), strict=False) if (row := FORCE_ROW.match(line))
    ]
    return np.array(found) if len(found) == n_atoms else None


def _stress(piece: bytes) -> FloatArray | None:
    title = last_match(STRESS, piece)
    if title is None:
        return None
    found = [numbers_in(line) for line, _ in zip(lines_from(piece, title.end()), range(3), strict=False)]
    return np.array(found) if [len(row) for row in found] == [3, 3, 3] else None


def _moments(piece: bytes, n_atoms: int) -> tuple[float | None, float | None]:
    """Return total moment, collinear with its sign, and the sum of the absolute local ones, μB."""
    total, local = MOMENT.search(piece), LOCAL_MOMENTS.search(piece)
    components = numbers_in(total[1]) if total else []
    lines = lines_from(piece, local.end()) if local else iter(())
    found = [
        _size(numbers_in(row[1]))
        for line, _ in zip(lines, range(n_atoms), strict=False)
        if (row := LOCAL_MOMENT.match(line))
    ]
    absolute = round(sum(map(abs, found)), 6) if len(found) == n_atoms else None
    return (_size(components) if components else None), absolute


def _size(components: list[float]) -> float:
    """Return the z component of a collinear moment, the length of another."""
    if len(components) == 3 and any(components[:2]):
        return float(np.linalg.norm(components))
    return components[-1] if components else 0.0
