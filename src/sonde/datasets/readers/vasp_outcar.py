"""OUTCAR of VASP 4.6 to 6, plain or packed, step by step in constant memory.

The file is cut before the first electronic iteration of each ionic step (and before each prediction of a force field
that is trained on the fly), and each piece is searched from its end, where the results stand. VASP 5 writes "EDIFF is
reached" also where NELM ended the loop, so that line is no proof; the last change of the energy is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from mmap import mmap
from pathlib import Path

import numpy as np

from sonde.datasets.readers.compression import head_of, opened
from sonde.datasets.readers.mapped_files import mapped
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.run_provenance import RunProvenance, StepFacts
from sonde.datasets.readers.run_steps import frames_of_runs
from sonde.datasets.readers.vasp_functional import NOTHING_PRINTED, PrintedDispersion
from sonde.datasets.readers.vasp_header import RunHeader
from sonde.datasets.readers.vasp_inputs import inputs_beside, number
from sonde.datasets.readers.vasp_outcar_header import CELL_TABLE, is_outcar, lattice_vectors, read_header, started_of
from sonde.datasets.readers.vasp_provenance import provenance_of
from sonde.datasets.readers.vasp_steps import Energies, IonicStep, Run, electrons_converged, frames_of
from sonde.datasets.readers.vasp_tables import decimals, table
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame

HEADER_BYTES = 1 << 18
LARGEST_PIECE_BYTES = 1 << 30
TAIL_BYTES = 1 << 20
FIRST_OF_A_STEP = re.compile(rb"\((?:   1\)  ----|ML\)\s)")
PREDICTION = b"ML FORCE on cell"
LONGEST_PREDICTION_HEAD_BYTES = 4000
IONIC_STEP = re.compile(rb"(\d+)$")
NEW_RUN = re.compile(rb"\n vasp\.\d")
END_OF_JOB = b"General timing and accounting informations for this job"
IONS_CONVERGED = b"reached required accuracy"
FORCES = b"TOTAL-FORCE (eV/Angst)"
ENERGIES = b"FREE ENERGIE OF THE ION-ELECTRON SYSTEM"
LOOP_ENDED, NOT_REACHED, HARD_STOP = b"aborting loop", b"EDIFF was not reached", b"hard stop"
ITERATION = re.compile(rb"\( *(\d+)\)")
SCF_CHANGE = re.compile(rb"total energy-change \(2\. order\) :\s*(-?\d*\.\d+E[+-]\d+)")
SCF_FREE = re.compile(rb"free energy    TOTEN  = *(-?\d*\.\d+) eV")
MOMENT = re.compile(rb"number of electron +\S+ magnetization +(-?[\d.]+[^\n]*)\n")
FREE = re.compile(rb"free  energy   TOTEN  = *(-?\d*\.\d+) eV")
WITHOUT_ENTROPY = re.compile(rb"energy  without entropy= *(-?\d+\.\d+)\s")
SIGMA_TO_ZERO = re.compile(rb"energy\(sigma->0\) = *(-?\d+\.\d+)\s")
IVDW = re.compile(rb"IVDW +=\s*(\d+)")
STRESS = re.compile(rb"  in kB" + 6 * rb" *(-?\d*\.\d+)" + rb"\s")
MOMENTS_TABLE = b"magnetization (x)"
AFTER_SCF_BYTES = 20_000
DISPERSION_ENERGY = b"Edisp (eV)"
M = ord("M")
WIDEST_ROW_BYTES = 256
RELAXATIONS = (1, 2, 3)
"""IBRION of relaxations."""


class OutcarReader:
    """OUTCAR: energies, forces, stress and the level of theory of each ionic step."""

    name = "vasp_outcar"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content decides
        """Tell by the first line, "vasp.6.4.1 …", and the one with the date."""
        return is_outcar(head)

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per ionic step."""
        head_of(path)
        with mapped(path) as text:
            yield from frames_of_runs(frames_of, ((part.run, _steps(text, part)) for part in _parts(path, text)))


READER = OutcarReader()


def outcar_provenance(path: Path) -> tuple[RunProvenance, tuple[str, ...]]:
    """Return the level of theory of the first run in an OUTCAR from its header alone, and what is odd with it."""
    with opened(path) as handle:
        text = handle.read(HEADER_BYTES)
        while not (end := FIRST_OF_A_STEP.search(text)) and (more := handle.read(len(text) + 1)):
            text += more
            if len(text) > LARGEST_PIECE_BYTES:
                break
    header = read_header(text[: end.start()] if end else text)
    if header is None:
        raise _without_header(path)
    return provenance_of(header, inputs_beside(path))


def outcar_started(path: Path) -> str | None:
    """Return when the job began: the same in all outputs of one run."""
    with opened(path) as handle:
        return started_of(handle.read(2000))


def outcar_starts(path: Path) -> frozenset[str]:
    """Return when each of the runs in a file began."""
    with mapped(path) as text:
        starts = [0, *(found.start() + 1 for found in NEW_RUN.finditer(text))]
        return frozenset(began for start in starts if (began := started_of(text[start : start + 2000])))


# ---- runs in a file --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Part:
    """One run in a file: what it says of itself, and where its steps begin; last of the cuts comes the run's end."""

    header: RunHeader
    limits: "_Limits"
    run: Run
    cuts: IntArray


@dataclass(frozen=True)
class _Limits:
    """What the steps of a run are judged by."""

    n_atoms: int
    most_electronic_steps: int | None
    energy_change_eV: float | None
    has_spin: bool

    @classmethod
    def of(cls, header: RunHeader) -> "_Limits":
        most, change = number(header.setting("NELM")), number(header.setting("EDIFF"))
        return cls(header.n_atoms, None if most is None else int(most), change, number(header.setting("ISPIN")) == 2)


def _parts(path: Path, text: mmap) -> list[_Part]:
    """Find the runs of a file; those that end before their first geometry are told of, if any other does not."""
    cuts = _cuts(text)
    starts = _run_starts(text, cuts)
    ranges = list(zip(starts, [*starts[1:], len(text)], strict=True))
    own_cuts = [np.append(cuts[(cuts >= start) & (cuts < end)], end) for start, end in ranges]
    longest = max(int(np.diff(own, prepend=start).max()) for own, start in zip(own_cuts, starts, strict=True))
    if longest > LARGEST_PIECE_BYTES:
        raise Place(path).bad("an ionic step or header of more than a gigabyte", "is this an OUTCAR?")
    headers = [read_header(text[start : own[0]]) for start, own in zip(starts, own_cuts, strict=True)]
    if not any(headers):
        raise _without_header(path)
    broken = [f"run {i} of {len(starts)} ends before its first ionic step" for i, h in enumerate(headers) if h is None]
    several = [f"{len(starts)} runs in one file"] if len(starts) > 1 else []
    beside = inputs_beside(path)
    found = []
    for i, (header, start, own) in enumerate(zip(headers, starts, own_cuts, strict=True)):
        if header is not None:
            provenance, odd = provenance_of(header, beside)
            facts = replace(_course(text, start, int(own[-1]), header), run=i, runs=len(starts))
            run = Run(path, header.numbers(), provenance, facts, (*several, *broken, *odd))
            found.append(_Part(header, _Limits.of(header), run, own))
    return found


def _cuts(text: mmap) -> IntArray:
    """Find where the ionic steps begin: at their first electronic iteration, or the prediction of a force field.

    The bracket at the start of the pattern is rare, which makes the search several times as fast as `bytes.find`.
    """
    places = (found.start() for found in FIRST_OF_A_STEP.finditer(text))
    return np.fromiter((_start_of_prediction(text, at) if text[at + 1] == M else at for at in places), np.int64)


def _start_of_prediction(text: mmap, at: int) -> int:
    """Return where the printed prediction begins whose forces stand at a place."""
    begin = text.rfind(PREDICTION, max(0, at - LONGEST_PREDICTION_HEAD_BYTES), at)
    return begin if begin >= 0 else text.rfind(b"\n", 0, at) + 1


def _run_starts(text: mmap, cuts: IntArray) -> list[int]:
    """Find where further runs begin in one file: only where the numbers of ionic steps start anew, or at its ends."""
    previous, last = 0, 0
    searched = [(1, int(cuts[0]) if len(cuts) else min(len(text), HEADER_BYTES))]
    for cut in cuts.tolist():
        number_of_step = IONIC_STEP.search(text[max(0, cut - 12) : cut])
        if number_of_step:
            if int(number_of_step[1]) <= last and previous:
                searched.append((previous, cut))
            previous, last = cut, int(number_of_step[1])
    searched.append((int(cuts[-1]) if len(cuts) else len(text), len(text)))
    return [0, *(found.start() + 1 for begin, end in searched for found in NEW_RUN.finditer(text, begin, end))]


def _without_header(path: Path) -> Exception:
    return Place(path).bad(
        "the run ends before it says how many ions of which potential it has", "leave it out: it holds no result."
    )


def _course(text: mmap, start: int, end: int, header: RunHeader) -> StepFacts:
    """Say by the end of a run whether it came to its own end, and whether its ions converged."""
    tail = text[max(start, end - TAIL_BYTES) : end]
    complete, converged = END_OF_JOB in tail, IONS_CONVERGED in tail
    relaxes = number(header.setting("IBRION")) in RELAXATIONS and (number(header.setting("NSW")) or 0) > 0
    return StepFacts(
        run_complete=complete,
        relaxation_converged=(converged or (False if complete else None)) if relaxes else None,
        source_format="OUTCAR",
        started=header.started,
    )


# ---- ionic steps -----------------------------------------------------------------------------------------------------


def _steps(text: mmap, part: _Part) -> Iterator[IonicStep]:
    """Yield the ionic steps; the first geometry also stands in the header, and there alone if the run was killed."""
    header, cuts = part.header, part.cuts.tolist()
    if len(cuts) == 1:
        yield IonicStep(header.cell, header.positions, defects=("no electronic step was finished",))
    for i in range(len(cuts) - 1):
        piece = text[cuts[i] : cuts[i + 1]]
        step = (_calculated if piece.startswith(b"(") else _predicted)(piece, part.limits)
        if step.cell is None and (step.positions is not None or i == 0):
            step = replace(step, cell=header.cell)
        yield replace(step, positions=header.positions) if i == 0 and step.positions is None else step


def _calculated(piece: bytes, limits: _Limits) -> IonicStep:
    """Read an ionic step from the piece that begins with its first electronic iteration."""
    forces_at = piece.rfind(FORCES)
    end = forces_at if forces_at >= 0 else len(piece)
    last = max(piece.rfind(b"Iteration", 0, end), 0)
    ended = piece.rfind(LOOP_ENDED, last, end)
    after = ended if ended >= 0 else last
    values = _table_of_forces(piece, forces_at, limits.n_atoms)
    electronic = _electronic(piece, last, ended, limits)
    return IonicStep(
        cell=lattice_vectors(piece, piece.rfind(CELL_TABLE, after, end)),
        positions=None if values is None else values[:, :3],
        energies=_energies(piece, after, electronic.free),
        forces=None if values is None else values[:, 3:],
        stress_kbar=_stress(piece, after, end),
        electronic_steps=electronic.n_steps,
        scf_converged=electronic.converged,
        moments=(electronic.moment, _sum_of_moments(piece, last, limits.n_atoms) if limits.has_spin else None),
        dispersion=_printed_dispersion(piece, ended, end),
        defects=("positions and forces cannot be read",) if forces_at >= 0 and values is None else (),
    )


def _predicted(piece: bytes, limits: _Limits) -> IonicStep:
    """Read a step that the force field predicted: its geometry."""
    values = _table_of_forces(piece, piece.find(FORCES), limits.n_atoms)
    return IonicStep(
        lattice_vectors(piece, piece.find(CELL_TABLE)), None if values is None else values[:, :3], ml_md=True
    )


def _table_of_forces(piece: bytes, at: int, n_atoms: int) -> FloatArray | None:
    """Read positions and forces, (n_atoms, 6), from the second line after their title."""
    if at < 0:
        return None
    ruler = piece.find(b"\n", at) + 1
    start = piece.find(b"\n", ruler) + 1
    return table(piece[start : start + n_atoms * WIDEST_ROW_BYTES], n_atoms, 6) if ruler and start else None


@dataclass(frozen=True)
class _Electronic:
    """How the electronic loop of a step went."""

    n_steps: int | None
    converged: bool | None
    free: float | None
    moment: float | None


def _electronic(piece: bytes, last: int, ended: int, limits: _Limits) -> _Electronic:
    """Read the last electronic iteration; its energies stand right after it."""
    text = piece[last : last + AFTER_SCF_BYTES]
    iteration, change = ITERATION.search(text), SCF_CHANGE.search(text)
    n_steps = int(iteration[1]) if iteration else None
    verdict = piece[ended : ended + 80] if ended >= 0 else b""
    converged = _converged(n_steps, abs(float(change[1])) if change else None, verdict, limits)
    moment = MOMENT.search(text) if verdict else None  # that of an iteration before the last is none
    return _Electronic(n_steps, converged, _first(SCF_FREE, text), _size(decimals(moment[1])) if moment else None)


def _converged(n_steps: int | None, change_eV: float | None, verdict: bytes, limits: _Limits) -> bool | None:
    if NOT_REACHED in verdict or HARD_STOP in verdict:
        return False
    if not verdict:
        return None
    return electrons_converged(n_steps, change_eV, limits.most_electronic_steps, limits.energy_change_eV)


def _size(moment: list[float]) -> float | None:
    """Return a collinear moment with its sign, of a non-collinear one its length."""
    return moment[0] if len(moment) == 1 else float(np.linalg.norm(moment)) if moment else None


def _energies(piece: bytes, after: int, scf_free: float | None) -> Energies:
    at = piece.rfind(ENERGIES, after)
    if at < 0:
        return Energies()
    text = piece[at : at + 1000]
    free, sigma, entropy = _first(FREE, text), _first(SIGMA_TO_ZERO, text), _first(WITHOUT_ENTROPY, text)
    if free is None or sigma is None or entropy is None:
        return Energies()  # cut off between them
    added = None if scf_free is None else round(free - scf_free, 8)
    return Energies(free, sigma, entropy, added)


def _first(pattern: re.Pattern[bytes], text: bytes) -> float | None:
    found = pattern.search(text)
    return float(found[1]) if found else None


def _stress(piece: bytes, after: int, end: int) -> FloatArray | None:
    """Read the line "in kB": xx yy zz xy yz zx, positive under compression."""
    at = piece.rfind(b"  in kB ", after, end)
    found = STRESS.match(piece, at) if at >= 0 else None
    if found is None:
        return None
    xx, yy, zz, xy, yz, zx = map(float, found.groups())
    return np.array([[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]])


def _printed_dispersion(piece: bytes, ended: int, end: int) -> PrintedDispersion:
    if ended < 0:
        return NOTHING_PRINTED
    found = IVDW.search(piece, ended, ended + AFTER_SCF_BYTES)
    return PrintedDispersion(int(found[1]) if found else None, piece.find(DISPERSION_ENERGY, ended, end) >= 0)


def _sum_of_moments(piece: bytes, after: int, n_atoms: int) -> float | None:
    """Sum the absolute moments inside the spheres of the ions, where LORBIT lets them be printed."""
    at = piece.find(MOMENTS_TABLE, after)
    if at < 0:
        return None
    *lines, _ = piece[at : at + WIDEST_ROW_BYTES * (n_atoms + 5)].split(b"\n", n_atoms + 4)
    try:
        return round(sum(abs(float(line.split()[-1])) for line in lines[4:]), 3) if len(lines) == n_atoms + 4 else None
    except (ValueError, IndexError):
        return None
