"""Text output of Quantum ESPRESSO's pw.x, plain or packed: every ionic step, several runs in one file.

The file is cut where a self-consistency begins; a piece holds its energies, forces and stress, and after them the next
geometry. Units are converted with CODATA 2014 (`ase.units`): Ry → eV, Ry/bohr → eV/Å, and the stress in Ry/bohr³, which
pw.x prints positive under compression, → eV/Å³, positive under tension. `energy_eV` is pw.x's total energy, with
smearing the free energy E − TS. An energy that pw.x leaves without a verdict on its convergence is not taken.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from mmap import mmap
from pathlib import Path

import numpy as np
from ase.units import Bohr, Ry

from sonde.datasets.readers.compression import first_bytes, head_of
from sonde.datasets.readers.mapped_files import mapped
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.qe_errors import crash_beside, error_in
from sonde.datasets.readers.qe_header import QeHeader, numbers_of_labels, provenance_of, read_geometry, read_header
from sonde.datasets.readers.qe_input import PwInput, input_beside
from sonde.datasets.readers.run_provenance import StepFacts
from sonde.datasets.readers.run_ranges import RunRange, run_ranges
from sonde.datasets.readers.run_steps import PERIODIC, CalculatedStep, CodeRun, Geometry, frames_of_run, frames_of_runs
from sonde.datasets.readers.run_text import last_match, last_number, lines_from, numbers_in, rows, unread
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame

NEW_RUN = re.compile(rb"Program PWSCF v\.")
FIRST_OF_A_STEP = re.compile(rb"Self-consistent Calculation")
EXACT_EXCHANGE_GOES_ON = b"EXX: now go back to refine exchange"
END_OF_JOB = b"JOB DONE."
IONS_CONVERGED = re.compile(rb"bfgs converged in|Damped Dynamics: convergence achieved|End of damped dynamics")
RELAXES = re.compile(rb"BFGS Geometry Optimization|Damped Dynamics|fire:|Wentzcovitch Damped")
ODD_ENDS = {
    rb"history already reset at previous step: stopping": "the relaxation gave up (BFGS history reset twice)",
    rb"Maximum CPU time exceeded": "the run stopped at its time limit",
    rb"SCF correction compared to forces is large": "the forces are not converged with the density",
}
OUT_OF_STEPS = b"The maximum number of steps has been reached"
REACHED, NOT_REACHED = b"convergence has been achieved", b"convergence NOT achieved"
FINAL_ENERGY = re.compile(rb"^!{1,2} +total energy +=\s*(\S+) Ry", re.MULTILINE)
LAST_ENERGY = re.compile(rb"^ +total energy +=\s*(\S+) Ry", re.MULTILINE)
ENTROPY = re.compile(rb"smearing contrib\. \(-TS\) +=\s*(\S+) Ry")
N_ITERATIONS = re.compile(rb"convergence (?:has been achieved in|NOT achieved after) *(\d+) iterations")
MOMENT = re.compile(rb"total magnetization +=([^\n]*?)Bohr")
ABSOLUTE_MOMENT = re.compile(rb"absolute magnetization +=\s*(\S+) +Bohr")
FORCES = b"Forces acting on atoms"
FORCE_ROW = re.compile(rb"\s*atom\s+\d+ type\s+\d+ +force = ")
STRESS = re.compile(rb"total +stress +\(Ry/bohr\*\*3\)")
NEW_CELL = re.compile(rb"^CELL_PARAMETERS *[({]? *(\w+) *(?:= *([\d.]+))?[^\n]*\n", re.MULTILINE)
NEW_POSITIONS = re.compile(rb"^ATOMIC_POSITIONS *[({]? *(\w+)[^\n]*\n", re.MULTILINE)
FINAL_SCF = re.compile(rb"inal scf calculation at the relaxed structure")
REPRINT_TOLERANCE_A = 2e-4
"""Geometries are printed anew before the last self-consistency of a vc-relax, with fewer digits."""


class QeOutputReader:
    """Output of pw.x: energies, forces, stress and the level of theory of each ionic step."""

    name = "qe_output"

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell by the line "Program PWSCF v.7.3 starts on …", or by an error of Quantum ESPRESSO alone."""
        if not head.strip():
            return path.is_file() and crash_beside(path) is not None
        return NEW_RUN.search(head) is not None or error_in(head) is not None

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per ionic step whose geometry was printed."""
        _refuse_without_output(path)
        with mapped(path) as text:
            found = frames_of_runs(frames_of_run, ((part.run, _steps(text, part)) for part in _parts(path, text)))
            first = next(found, None)
            if first is None:
                raise _without_geometry(path)
            yield first
            yield from found


READER = QeOutputReader()


def _refuse_without_output(path: Path) -> None:
    """Refuse what holds an error and no run, with the error."""
    head = first_bytes(path)
    reason = error_in(head) if head.strip() else crash_beside(path)
    if reason is not None and (not head.strip() or NEW_RUN.search(head) is None):
        empty = "" if head.strip() else "the file is empty, CRASH beside it says: "
        raise Place(path).bad(f"{empty}{reason}", "leave it out: pw.x stopped before it had a result.")
    head_of(path)


# ---- runs in a file --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Part:
    """One run in a file and where its self-consistencies begin; last of the cuts comes the run's end."""

    header: QeHeader
    run: CodeRun
    cuts: tuple[int, ...]


def _parts(path: Path, text: mmap) -> list[_Part]:
    """Find the runs of a file; those without any geometry are left out, if another has one."""
    parts = []
    for run in run_ranges(path, text, NEW_RUN, FIRST_OF_A_STEP):
        header = read_header(run.header(text), run.has_steps)
        if header is not None and (header.geometry is not None or NEW_POSITIONS.search(text, run.start, run.cuts[-1])):
            parts.append(_part(path, header, run, text))
    if not parts:
        raise _without_geometry(path)
    return parts


def _without_geometry(path: Path) -> Exception:
    return Place(path).bad("the run prints no geometry of a calculation", "read its XML instead, or leave it out.")


def _part(path: Path, header: QeHeader, run: RunRange, text: mmap) -> _Part:
    asked = input_beside(path, header.input_name)
    differences = () if asked is None else tuple(_differences(header, asked))
    if differences:
        asked = None
    facts, odd = _course(text, run.cuts)
    several = (f"{run.n_runs} runs in one file",) if run.n_runs > 1 else ()
    unseen = ("the first geometry is not printed; its results are left out",) if header.geometry is None else ()
    foreign = (f"input beside is not of this run: {', '.join(differences)}",) if differences else ()
    facts = replace(facts, run=run.number, runs=run.n_runs)
    return _Part(
        header, CodeRun(path, provenance_of(header, asked), facts, (*several, *unseen, *foreign, *odd)), run.cuts
    )


def _differences(header: QeHeader, asked: PwInput) -> Iterator[str]:
    """Name settings in which an input and the run differ by more than the output rounds."""
    found = provenance_of(header, None)
    for name, had in (("ecutwfc", found.cutoff_eV), ("ecutrho", found.density_cutoff_eV)):
        value = asked.number(name)
        if value is not None and had is not None and abs(value * Ry - had) > 0.01:
            yield f"{name} {value:g} Ry there, {had / Ry:g} Ry here"
    files = {name.rpartition("/")[2] for name in asked.potential_files()}
    own = {name for names in (found.pseudopotentials or {}).values() for name in names.split("+")}
    if files and own and files != own:
        yield f"potentials {' '.join(sorted(files))} there, {' '.join(sorted(own))} here"


def _course(text: mmap, cuts: tuple[int, ...]) -> tuple[StepFacts, tuple[str, ...]]:
    """Say whether a run came to its own end, whether its ions converged, and what is odd with its end."""
    end = cuts[-1]
    last = text[cuts[-2] : end] if len(cuts) > 1 else b""
    complete = text.rfind(END_OF_JOB, cuts[0], end) >= 0
    pieces = [last] if len(cuts) < 3 else [text[cuts[-3] : cuts[-2]], last]
    relaxes = RELAXES.search(text, cuts[0], end) is not None
    converged = any(IONS_CONVERGED.search(piece) for piece in pieces)
    odd = tuple(words for mark, words in ODD_ENDS.items() if any(re.search(mark, piece) for piece in pieces))
    error = error_in(last)
    if error is not None:
        odd = (*odd, f"the run stopped: {error}")
    if relaxes and complete and OUT_OF_STEPS in last:
        odd = (*odd, "the relaxation ran out of steps")
    facts = StepFacts(
        run_complete=complete,
        relaxation_converged=(converged or (False if complete else None)) if relaxes else None,
        source_format="pw.x output",
    )
    return facts, odd if complete else ("the run was interrupted", *odd)


# ---- ionic steps -----------------------------------------------------------------------------------------------------


def _steps(text: mmap, part: _Part) -> Iterator[CalculatedStep]:
    """Yield the ionic steps; a geometry of which no calculation was finished is only told of where it is the first."""
    header, cuts = part.header, part.cuts
    geometry = header.geometry
    found_any = final = False
    for start, end in pairwise(cuts):
        piece = text[start:end]
        if geometry is not None and (step := _step(piece, geometry, final)) is not None:
            found_any = True
            yield step
        final = final or FINAL_SCF.search(piece) is not None
        geometry = _next_geometry(piece, geometry, header)
    if not found_any and header.geometry is not None:
        yield CalculatedStep(header.geometry, defects=("no self-consistent calculation was finished",))


def _step(piece: bytes, geometry: Geometry, final: bool) -> CalculatedStep | None:
    """Read the results of a piece; None where its self-consistency goes on in the next, or was cut off."""
    if EXACT_EXCHANGE_GOES_ON in piece:
        return None
    converged = False if NOT_REACHED in piece else True if REACHED in piece else None
    energy = last_number(FINAL_ENERGY, piece)
    if energy is None and converged is False:
        energy = last_number(LAST_ENERGY, piece)
    if energy is None:
        return None
    own_forces, stress = _forces(piece, len(geometry.numbers)), _stress(piece)
    return CalculatedStep(
        geometry,
        energy * Ry,
        None if own_forces is None else own_forces * (Ry / Bohr),
        None if stress is None else -stress * (Ry / Bohr**3),
        _facts(piece, energy, converged, final),
        unread("forces", FORCES in piece, own_forces),
    )


def _facts(piece: bytes, energy: float, converged: bool | None, final: bool) -> StepFacts:
    entropy, iterations = last_number(ENTROPY, piece), last_number(N_ITERATIONS, piece)
    moment = last_match(MOMENT, piece)
    components = numbers_in(moment[1]) if moment else []
    return StepFacts(
        scf_converged=converged,
        electronic_steps=None if iterations is None else int(iterations),
        energy_without_entropy_eV=None if entropy is None else round((energy - entropy) * Ry, 8),
        total_magnetic_moment=_length(components),
        absolute_magnetic_moment=last_number(ABSOLUTE_MOMENT, piece),
        energy_note="the basis was set up anew for the final cell" if final else None,
    )


def _length(components: list[float]) -> float | None:
    """Return a collinear moment with its sign, of a non-collinear one its length."""
    return None if not components else components[0] if len(components) == 1 else float(np.linalg.norm(components))


def _forces(piece: bytes, n_atoms: int) -> FloatArray | None:
    """Read the total forces, Ry/bohr; their contributions, where they are printed, follow after them."""
    start, found = piece.find(FORCES), []
    for line in lines_from(piece, start) if start >= 0 else ():
        if row := FORCE_ROW.match(line):
            found.append(line[row.end() :])
        if len(found) == n_atoms or b"Total force" in line:
            break
    return rows(found, 3) if len(found) == n_atoms else None


def _stress(piece: bytes) -> FloatArray | None:
    """Read the stress in Ry/bohr³ from the first three columns of its table."""
    title = last_match(STRESS, piece)
    if title is None:
        return None
    lines = [line for line, _ in zip(lines_from(piece, title.end()), range(3), strict=False)]
    values = [numbers_in(line)[:3] for line in lines]
    return np.array(values) if [len(row) for row in values] == [3, 3, 3] else None


# ---- geometries ------------------------------------------------------------------------------------------------------


def _next_geometry(piece: bytes, geometry: Geometry | None, header: QeHeader) -> Geometry | None:
    """Return the geometry that the next piece is calculated for; None where it is printed but cannot be read."""
    after = last_match(NEW_POSITIONS, piece)
    moved = geometry if after is None else _printed(piece, after, geometry, header)
    again = read_geometry(piece, header.element_of)
    if again is None:
        return moved
    return moved if moved is not None and moved.close_to(again, REPRINT_TOLERANCE_A) else again


def _printed(piece: bytes, title: re.Match[bytes], before: Geometry | None, header: QeHeader) -> Geometry | None:
    """Read ATOMIC_POSITIONS, and the last CELL_PARAMETERS where they are there."""
    cell = _cell(piece, header)
    if cell is None:
        cell = header.cell if before is None else before.cell
    lines = lines_from(piece, title.end() - 1)
    words = [line.split()[:4] for line, _ in zip(lines, range(header.n_atoms), strict=False)]
    numbers = numbers_of_labels([row[0].decode(errors="replace") for row in words if row], header.element_of)
    coordinates = rows([b" ".join(row[1:]) for row in words], 3)
    scale = _unit(title[1], header.alat_A)
    if cell is None or numbers is None or coordinates is None or len(numbers) != header.n_atoms:
        return None
    if title[1].lower() == b"crystal":
        return Geometry(numbers, coordinates @ cell, cell, PERIODIC)
    return None if scale is None else Geometry(numbers, coordinates * scale, cell, PERIODIC)


def _cell(piece: bytes, header: QeHeader) -> FloatArray | None:
    title = last_match(NEW_CELL, piece)
    if title is None:
        return None
    vectors = rows([line for line, _ in zip(lines_from(piece, title.end() - 1), range(3), strict=False)], 3)
    scale = _unit(title[1], float(title[2]) * Bohr if title[2] else header.alat_A)
    return None if vectors is None or scale is None else vectors * scale


def _unit(name: bytes, alat_A: float | None) -> float | None:
    """Return a unit of length in Å."""
    return {b"alat": alat_A, b"bohr": Bohr, b"angstrom": 1.0}.get(name.lower())
