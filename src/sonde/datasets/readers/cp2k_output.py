"""Text output of CP2K (Quickstep), plain or packed: energies, forces and stress of every step whose geometry is known.

CP2K prints the geometry once, and later ones only where it is asked to; those of relaxations and dynamics stand in the
trajectory beside the output. A step takes a trajectory's frame only where the energies agree to all printed digits.
Units: Hartree and Hartree/bohr, converted with CODATA 2014 (`ase.units`); the stress is positive under compression, in
the unit that its title names. `energy_eV` is the total energy of the force evaluation: with smearing the free energy.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from mmap import mmap
from pathlib import Path

import numpy as np
from ase.units import Bohr, GPa, Hartree

from sonde.datasets.readers.compression import head_of
from sonde.datasets.readers.cp2k_header import Cp2kHeader, provenance_of, read_atoms, read_cell, read_header
from sonde.datasets.readers.cp2k_trajectory import Trajectory, trajectory_beside
from sonde.datasets.readers.mapped_files import mapped
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.run_provenance import StepFacts
from sonde.datasets.readers.run_ranges import RunRange, run_ranges
from sonde.datasets.readers.run_steps import CalculatedStep, CodeRun, Geometry, frames_of_run, frames_of_runs
from sonde.datasets.readers.run_text import last_match, last_number, lines_from, numbers_in, unread
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame

NEW_RUN = re.compile(rb"PROGRAM STARTED AT")
MARK = re.compile(rb"CP2K\||DBCSR\|")
FIRST_OF_A_STEP = re.compile(rb"SCF WAVEFUNCTION OPTIMIZATION")
END_OF_JOB = b"PROGRAM ENDED AT"
OPTIMIZED = re.compile(rb"(?:GEOMETRY|CELL) OPTIMIZATION COMPLETED")
OUT_OF_STEPS = b"MAXIMUM NUMBER OF OPTIMIZATION STEPS REACHED"
RELAXES = ("GEO_OPT", "CELL_OPT", "GEOMETRY_OPTIMIZATION")
ENERGY = re.compile(rb"ENERGY\| Total FORCE_EVAL \( *\w+ *\) energy [\[(](?:a\.u\.|hartree)[\])]:? +(-?\d+\.\d+)")
ENTROPY = re.compile(rb"Electronic entropic energy: +(-?\d+\.\d+)")
REACHED = re.compile(rb"\*\*\* SCF run converged in +(\d+) steps")
NOT_REACHED = re.compile(rb"SCF run NOT converged")
OUTER = re.compile(rb"outer SCF loop (converged|FAILED)")
FORCES = re.compile(rb"ATOMIC FORCES in \[(a\.u\.)\]|FORCES\| Atomic forces \[(hartree/bohr)\]")
FORCE_ROW = re.compile(rb"^\s*(?:FORCES\|)?\s*\d+\s+\d+\s+(?:[A-Z][a-z]?\d*)?((?:\s+-?\d+\.\d+(?:E[+-]\d+)?){3})")
STRESS = re.compile(rb"(?:STRESS TENSOR|STRESS\| \w+ stress tensor) \[(\w+)\]", re.IGNORECASE)
STRESS_ROW = re.compile(rb"^\s*(?:STRESS\|)?\s*[xyzXYZ]\s+(-?\d+\.\d+\S*\s+-?\d+\.\d+\S*\s+-?\d+\.\d+\S*)")
STRESS_UNITS = {b"gpa": GPa, b"kbar": 0.1 * GPa, b"bar": 1e-4 * GPa, b"mpa": 1e-3 * GPa, b"pa": 1e-9 * GPa}
ENSEMBLE = re.compile(rb"ENSEMBLE TYPE += +(\S+)|MD\| Ensemble [Tt]ype +(\S+)")
LARGEST_NET_FORCE_HARTREE_PER_BOHR = 1e-4
"""5 meV/Å; forces that are zero by symmetry leave the others in balance."""
HELD = "atoms were held: their forces are printed as zero, so forces are left out"
CELL_MOVES = re.compile(rb"NPT|NPE|NPH", re.IGNORECASE)


class Cp2kOutputReader:
    """Output of CP2K: energies, forces, stress and the level of theory of each step with a known geometry."""

    name = "cp2k_output"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content decides
        """Tell by the banner and the lines that follow it."""
        return NEW_RUN.search(head) is not None and MARK.search(head) is not None

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per step whose geometry is printed or lies beside."""
        head_of(path)
        with mapped(path) as text:
            yield from frames_of_runs(frames_of_run, ((part.run, _steps(text, part)) for part in _parts(path, text)))


READER = Cp2kOutputReader()


@dataclass(frozen=True, eq=False)
class _Part:
    """One run in a file and where its self-consistencies begin; last of the cuts comes the run's end."""

    header: Cp2kHeader
    run: CodeRun
    cuts: tuple[int, ...]
    trajectory: Trajectory | None
    holds_atoms: bool


def _parts(path: Path, text: mmap) -> list[_Part]:
    """Find the runs of a file; those without a geometry are left out, if another has one."""
    parts = []
    for run in run_ranges(path, text, NEW_RUN, FIRST_OF_A_STEP):
        header = read_header(run.header(text), run.has_steps, path.parent)
        if header is not None:
            parts.append(_part(path, text, header, run))
    if not parts:
        raise Place(path).bad("the run prints no coordinates", "leave it out: its results belong to no geometry.")
    return parts


def _part(path: Path, text: mmap, header: Cp2kHeader, which: RunRange) -> _Part:
    cuts = which.cuts
    trajectory = trajectory_beside(path, header.project)
    end = cuts[-1]
    complete = text.rfind(END_OF_JOB, cuts[0], end) >= 0
    relaxes = header.run_type in RELAXES
    converged = OPTIMIZED.search(text, cuts[max(0, len(cuts) - 3)], end) is not None
    facts = StepFacts(
        run=which.number,
        runs=which.n_runs,
        run_complete=complete,
        relaxation_converged=(converged or (False if complete else None)) if relaxes else None,
        source_format="CP2K output",
    )
    defects = tuple(_odd(text, header, which, complete, trajectory))
    run = CodeRun(path, provenance_of(header), facts, defects)
    return _Part(header, run, cuts, trajectory, _holds_atoms(text, header, cuts))


def _odd(
    text: mmap, header: Cp2kHeader, which: RunRange, complete: bool, trajectory: Trajectory | None
) -> Iterator[str]:
    if which.n_runs > 1:
        yield f"{which.n_runs} runs in one file"
    if not complete:
        yield "the run was interrupted"
    if header.cell_is_rounded:
        yield "the cell is known to three decimals only"
    if len(which.cuts) > 2 and trajectory is None:
        yield "geometries after the first are not printed, and no trajectory lies beside"
    if text.find(OUT_OF_STEPS, which.cuts[0], which.cuts[-1]) >= 0:
        yield "the relaxation ran out of steps"


# ---- steps -----------------------------------------------------------------------------------------------------------


def _steps(text: mmap, part: _Part) -> Iterator[CalculatedStep]:
    """Yield the steps whose geometry is known: the first, printed ones, and those found in the trajectory."""
    header, cuts, next_frame, found_any = part.header, part.cuts, 0, False
    geometry: Geometry | None = header.geometry
    cell: FloatArray | None = header.cell
    for start, end in pairwise(cuts):
        piece = text[start:end]
        energy = last_number(ENERGY, piece)
        ordinal = None
        if energy is not None and part.trajectory is not None and cell is not None:
            ordinal = part.trajectory.after(next_frame, energy)
        if ordinal is not None and part.trajectory is not None and cell is not None:
            next_frame = ordinal + 1
            geometry = _of_trajectory(part.trajectory, ordinal, header, cell) or geometry
        if energy is not None and geometry is not None:
            found_any = True
            yield _step(piece, geometry, energy, part.holds_atoms)
        cell = _next_cell(piece, header, cell)
        geometry = _printed(piece, header, cell)
    if not found_any:
        yield CalculatedStep(header.geometry, defects=("no self-consistent calculation was finished",))


def _of_trajectory(trajectory: Trajectory, ordinal: int, header: Cp2kHeader, cell: FloatArray) -> Geometry | None:
    positions = trajectory.positions(ordinal, header.numbers)
    return None if positions is None else replace(header.geometry, positions=positions, cell=cell)


def _next_cell(piece: bytes, header: Cp2kHeader, cell: FloatArray | None) -> FloatArray | None:
    """Return the cell of the next step; None where it moves without being printed."""
    printed = read_cell(piece)
    if printed is not None:
        return printed
    stated = b"nsemble" in piece or b"ENSEMBLE" in piece
    ensemble = (last_match(ENSEMBLE, piece) if stated else None) or last_match(ENSEMBLE, header.text)
    moves = header.run_type == "CELL_OPT" or (ensemble is not None and CELL_MOVES.search(ensemble[0]) is not None)
    return None if moves else cell


def _printed(piece: bytes, header: Cp2kHeader, cell: FloatArray | None) -> Geometry | None:
    """Return the geometry that is printed for the next step."""
    atoms = read_atoms(piece)
    if atoms is None or cell is None or not np.array_equal(atoms[1], header.numbers):
        return None
    return replace(header.geometry, positions=atoms[2], cell=cell)


def _step(piece: bytes, geometry: Geometry, energy: float, holds_atoms: bool) -> CalculatedStep:
    printed = _forces(piece, len(geometry.numbers))
    forces = None if holds_atoms else printed
    held = (HELD,) if holds_atoms and printed is not None else ()
    entropy, iterations = last_number(ENTROPY, piece), last_number(REACHED, piece)
    facts = StepFacts(
        scf_converged=_converged(piece),
        electronic_steps=None if iterations is None else int(iterations),
        energy_without_entropy_eV=None if entropy is None else round((energy - entropy) * Hartree, 8),
    )
    return CalculatedStep(
        geometry,
        energy * Hartree,
        None if forces is None else forces * (Hartree / Bohr),
        _stress(piece),
        facts,
        (*unread("forces", FORCES.search(piece) is not None, printed), *held),
    )


def _holds_atoms(text: mmap, header: Cp2kHeader, cuts: tuple[int, ...]) -> bool:
    """Tell whether atoms are held: by the input, or as the others do not balance where the forces on some are zero."""
    if header.holds_atoms:
        return True
    for start, end in pairwise(cuts):
        forces = _forces(text[start:end], len(header.numbers))
        if forces is not None:
            net = float(np.linalg.norm(forces.sum(axis=0)))
            return bool((forces == 0).all(axis=1).any()) and net > LARGEST_NET_FORCE_HARTREE_PER_BOHR
    return False


def _converged(piece: bytes) -> bool | None:
    """Return the verdict on the electrons; where there is an outer loop, its verdict counts."""
    outer = last_match(OUTER, piece)
    if outer is not None:
        return outer[1] == b"converged"
    reached, failed = last_match(REACHED, piece), last_match(NOT_REACHED, piece)
    if failed is not None:
        return reached is not None and reached.start() > failed.start()
    return True if reached else None


def _forces(piece: bytes, n_atoms: int) -> FloatArray | None:
    """Read the forces, Hartree/bohr; None where they are not printed for every atom."""
    title = last_match(FORCES, piece)
    found: list[list[float]] = []
    for line in lines_from(piece, title.end()) if title else ():
        if row := FORCE_ROW.match(line):
            found.append(numbers_in(row[1]))
        if len(found) == n_atoms or b"SUM OF" in line.upper():
            break
    return np.array(found) if len(found) == n_atoms else None


def _stress(piece: bytes) -> FloatArray | None:
    """Read the stress and turn it to eV/Å³, positive under tension."""
    title = last_match(STRESS, piece)
    unit = STRESS_UNITS.get(title[1].lower()) if title else None
    if title is None or unit is None:
        return None
    lines = [line for line, _ in zip(lines_from(piece, title.end()), range(8), strict=False)]
    found = [numbers_in(row[1]) for line in lines if (row := STRESS_ROW.match(line))][:3]
    return -unit * np.array(found) if [len(row) for row in found] == [3, 3, 3] else None
