"""Text output of FHI-aims, plain or packed: every geometry step, several runs in one file.

Numbers are taken in eV and Å as aims prints them; its Hartree is 27.2113845 eV (CODATA 2002), 4e-8 below that of 2014.
`energy_eV` is the electronic free energy, of which the forces are derivatives; the "uncorrected" energy stands in the
tag `energy_without_entropy_eV`, and the "corrected" one, extrapolated to no broadening, is their mean. The stress is
printed in eV/Å³, positive under tension. A geometry of dynamics is printed after its energies, a relaxed one before.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from mmap import mmap
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from sonde.datasets.readers.aims_header import SPIN_ORBIT_AFTER, AimsHeader, cell_lines, provenance_of, read_header
from sonde.datasets.readers.compression import head_of
from sonde.datasets.readers.mapped_files import mapped
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.run_provenance import StepFacts
from sonde.datasets.readers.run_ranges import RunRange, run_ranges
from sonde.datasets.readers.run_steps import CalculatedStep, CodeRun, Geometry, frames_of_run, frames_of_runs
from sonde.datasets.readers.run_text import last_match, last_number, lines_from, numbers_in, rows, unread
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame

NEW_RUN = re.compile(rb"Invoking FHI-aims")
FIRST_OF_A_STEP = re.compile(rb"Begin self-consistency loop:")
END_OF_JOB = b"Have a nice day."
IONS_CONVERGED = b"Present geometry is converged."
RELAXES = ("relax_geometry", "relax_unit_cell")
OUT_OF_STEPS = re.compile(rb"[Mm]aximum number of (?:relaxation|geometry) steps")
REACHED = re.compile(rb"Self-consistency cycle converged")
NOT_REACHED = re.compile(rb"elf-consistency cycle did not converge")
NOT_REACHED_LOUD = b"SELF-CONSISTENCY CYCLE DID NOT CONVERGE"
UNCORRECTED = re.compile(rb"\| Total energy uncorrected +: +(\S+) eV")
FREE = re.compile(rb"\| Electronic free energy +: +(-?[\d.]+E[+-]\d+) eV")
N_ITERATIONS = re.compile(rb"Begin self-consistency iteration # +(\d+)")
N_ITERATIONS_IN_BRIEF = re.compile(rb"^ +SCF +(\d+) :", re.MULTILINE)
FORCES = re.compile(rb"Total atomic forces \(unitary forces cleaned\) \[eV/Ang\]:")
FORCE_ROW = re.compile(rb"^ *\| +\d+((?: +-?\d\.\d+E[+-]\d+){3})")
STRESS = re.compile(rb"(?:Analytical stress tensor - Symmetrized|Numerical stress tensor)")
STRESS_ROW = re.compile(rb"^ *\| +[xyz]((?: +-?\d+\.\d+){3})")
UPDATED = re.compile(rb"Updated atomic structure:")
PRECEDING = re.compile(rb"tomic structure \(and velocities\) as used in the preceding time step:")
MOMENT = re.compile(rb"N = N_up - N_down[^:\n]*: +(-?[\d.]+)")
U_IS_NEGATIVE = b"DFT+U ENERGY (E_U) IS NEGATIVE"
END_OF_GEOMETRY = (b"---", b"Fractional", b"Writing")


class AimsOutputReader:
    """Output of FHI-aims: energies, forces, stress and the level of theory of each geometry step."""

    name = "aims_output"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content decides
        """Tell by the banner."""
        return NEW_RUN.search(head) is not None

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per geometry step."""
        head_of(path)
        with mapped(path) as text:
            yield from frames_of_runs(frames_of_run, ((part.run, _steps(text, part)) for part in _parts(path, text)))


READER = AimsOutputReader()


@dataclass(frozen=True, eq=False)
class _Part:
    """One run in a file and where its self-consistencies begin; last of the cuts comes the run's end."""

    header: AimsHeader
    run: CodeRun
    cuts: tuple[int, ...]


def _parts(path: Path, text: mmap) -> list[_Part]:
    """Find the runs of a file; those without a geometry are left out, if another has one."""
    parts = []
    for run in run_ranges(path, text, NEW_RUN, FIRST_OF_A_STEP):
        header = read_header(run.header(text), run.has_steps)
        if header is not None:
            parts.append(_Part(header, _run(path, text, header, run), run.cuts))
    if not parts:
        raise Place(path).bad("the run ends before it prints a geometry", "leave it out: it holds no result.")
    return parts


def _run(path: Path, text: mmap, header: AimsHeader, which: RunRange) -> CodeRun:
    first, end = which.cuts[0], which.cuts[-1]
    complete = text.rfind(END_OF_JOB, first, end) >= 0
    relaxes = any(key in header.settings for key in RELAXES)
    converged = text.rfind(IONS_CONVERGED, first, end) >= 0
    after = SPIN_ORBIT_AFTER.search(header.text) is not None
    facts = StepFacts(
        run=which.number,
        runs=which.n_runs,
        run_complete=complete,
        relaxation_converged=(converged or (False if complete else None)) if relaxes else None,
        energy_note="without the spin-orbit coupling that was added after the self-consistency" if after else None,
        source_format="FHI-aims output",
    )
    return CodeRun(path, provenance_of(header), facts, tuple(_odd(text, which, complete)))


def _odd(text: mmap, which: RunRange, complete: bool) -> Iterator[str]:
    first, end = which.cuts[0], which.cuts[-1]
    if which.n_runs > 1:
        yield f"{which.n_runs} runs in one file"
    if not complete:
        yield "the run was interrupted"
    if OUT_OF_STEPS.search(text, first, end):
        yield "the relaxation ran out of steps"
    if text.find(U_IS_NEGATIVE, first, end) >= 0:
        yield "aims warns that the DFT+U energy is negative"


# ---- steps -----------------------------------------------------------------------------------------------------------


def _steps(text: mmap, part: _Part) -> Iterator[CalculatedStep]:
    """Yield the steps whose geometry is printed."""
    header, found_any = part.header, False
    geometry: Geometry | None = header.geometry
    for start, end in pairwise(part.cuts):
        piece = text[start:end]
        own = _printed(piece, PRECEDING, header)
        geometry = geometry if own is None else own
        step = _step(piece, geometry) if geometry is not None else None
        if step is not None:
            found_any = True
            yield step
        geometry = _printed(piece, UPDATED, header)
    if not found_any:
        yield CalculatedStep(header.geometry, defects=("no self-consistent calculation was finished",))


def _printed(piece: bytes, title: re.Pattern[bytes], header: AimsHeader) -> Geometry | None:
    """Read the last geometry under a title, as lines of geometry.in; its velocities are passed over."""
    found = last_match(title, piece)
    vectors, labels, coordinates = [], [], []
    for line in lines_from(piece, found.end()) if found else ():
        words = line.split()
        if words[:1] == [b"lattice_vector"]:
            vectors.append(b" ".join(words[1:4]))
        elif words[:1] == [b"atom"] and len(words) >= 5:
            coordinates.append(b" ".join(words[1:4]))
            labels.append(words[4].decode(errors="replace"))
        elif labels and line.strip().startswith(END_OF_GEOMETRY):
            break
    positions, cell, elements = rows(coordinates, 3), cell_lines(vectors), header.element_of
    numbers = [atomic_numbers.get(elements.get(label, label), 0) for label in labels]
    if positions is None or not np.array_equal(numbers, header.geometry.numbers):
        return None
    return replace(header.geometry, positions=positions, cell=header.geometry.cell if cell is None else cell)


def _step(piece: bytes, geometry: Geometry) -> CalculatedStep | None:
    """Read the results of a piece; None where its self-consistency was cut off."""
    failed = NOT_REACHED.search(piece) is not None or NOT_REACHED_LOUD in piece
    converged = False if failed else True if REACHED.search(piece) else None
    free, uncorrected = last_number(FREE, piece), last_number(UNCORRECTED, piece)
    if free is None or converged is None:
        return None
    iterations = last_match(N_ITERATIONS, piece) or last_match(N_ITERATIONS_IN_BRIEF, piece)
    facts = StepFacts(
        scf_converged=converged,
        electronic_steps=int(iterations[1]) if iterations else None,
        energy_without_entropy_eV=uncorrected,
        total_magnetic_moment=last_number(MOMENT, piece),
    )
    forces = _forces(piece, len(geometry.numbers))
    defects = unread("forces", FORCES.search(piece) is not None, forces)
    return CalculatedStep(geometry, free, forces, _stress(piece), facts, defects)


def _forces(piece: bytes, n_atoms: int) -> FloatArray | None:
    title = last_match(FORCES, piece)
    lines = lines_from(piece, title.end()) if title else iter(())
    found = [
        numbers_in(row[1]) for line, _ in zip(lines, range(n_atoms), strict=False) if (row := FORCE_ROW.match(line))
    ]
    return np.array(found) if len(found) == n_atoms else None


def _stress(piece: bytes) -> FloatArray | None:
    title = last_match(STRESS, piece)
    lines = lines_from(piece, title.end()) if title else iter(())
    found = [numbers_in(row[1]) for line, _ in zip(lines, range(10), strict=False) if (row := STRESS_ROW.match(line))]
    return np.array(found[:3]) if len(found) >= 3 else None
