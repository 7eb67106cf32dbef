"""vasprun.xml of VASP 5 and 6, plain or packed, step by step in constant memory.

The settings are read with an XML parser. The steps, which are the bulk, are cut out of the text, and the few arrays
that count are taken from each: a parser would build every eigenvalue as an element.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from mmap import mmap
from pathlib import Path

import numpy as np

from sonde.datasets.readers.cells import volume_of
from sonde.datasets.readers.compression import head_of, opened
from sonde.datasets.readers.mapped_files import mapped
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.run_provenance import RunProvenance, StepFacts
from sonde.datasets.readers.run_steps import frames_of_runs
from sonde.datasets.readers.vasp_header import RunHeader
from sonde.datasets.readers.vasp_inputs import InputsBeside, inputs_beside, number
from sonde.datasets.readers.vasp_provenance import provenance_of
from sonde.datasets.readers.vasp_steps import IonicStep, Run, electrons_converged, frames_of
from sonde.datasets.readers.vasp_xml_energies import ENERGY, energies_of_step, energy_values
from sonde.datasets.readers.vasp_xml_header import is_vasprun, read_header, started_of
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame

NEW_RUN = re.compile(rb"\?xml version")
STEP = re.compile(rb"<(?:calculation|structure)>")
"""A calculated step, or, outside of one, a geometry for which a force field predicts forces."""
CALCULATION = b"<calculation>"
END_OF_CALCULATION = re.compile(rb"calculation>")
BULK = re.compile(rb"<(?:eigenvalues|dos|projected)\b")
"""What follows the labels of a step, and can be gigabytes."""
END_OF_FILE = b"</modeling>"
TAIL_BYTES = 1000
HEADER_BYTES = 1 << 16
LARGEST_PIECE_BYTES = 1 << 30
LARGEST_HEADER_BYTES = 1 << 28


class VasprunReader:
    """vasprun.xml: energies, forces, stress and the level of theory of each ionic step."""

    name = "vasp_xml"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content decides
        """Tell by the root element."""
        return is_vasprun(head)

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per ionic step."""
        head_of(path)
        with mapped(path) as text:
            yield from frames_of_runs(frames_of, ((part.run, _steps(text, part)) for part in _parts(path, text)))


READER = VasprunReader()


def vasprun_provenance(path: Path) -> tuple[RunProvenance, tuple[str, ...]]:
    """Return the level of theory of the first run in a vasprun.xml from its header alone, and what is odd with it."""
    with opened(path) as handle:
        text = handle.read(HEADER_BYTES)
        while not (end := STEP.search(text)) and (more := handle.read(len(text) + 1)):
            text += more
            if len(text) > LARGEST_HEADER_BYTES:
                break
    header = read_header(text[: end.start()] if end else text, path)
    if header is None:
        raise _without_header(path)
    return provenance_of(header, inputs_beside(path))


def vasprun_started(path: Path) -> str | None:
    """Return when the job began: the same in all outputs of one run."""
    with opened(path) as handle:
        return started_of(handle.read(2000))


# ---- runs in a file --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Part:
    """One run in a file: where its steps stand, and what it says of itself."""

    start: int
    end: int
    header: RunHeader
    run: Run


def _parts(path: Path, text: mmap) -> list[_Part]:
    """Find the runs of a file, more than one where a workflow appends."""
    starts = [found.start() - 1 for found in NEW_RUN.finditer(text)] or [0]
    beside, found = inputs_beside(path), []
    for i, (start, end) in enumerate(zip(starts, [*starts[1:], len(text)], strict=True)):
        first = STEP.search(text, start, end)
        body = first.start() if first else end
        if body - start > LARGEST_HEADER_BYTES:
            raise Place(path).bad("its settings take more than 256 MB", "is this a vasprun.xml?")
        header = read_header(text[start:body], path)
        if header is not None:
            facts = StepFacts(
                run=i,
                runs=len(starts),
                run_complete=_is_complete(text, start, end),
                source_format="vasprun.xml",
                started=header.started,
            )
            found.append(_Part(body, end, header, _run(path, header, beside, facts)))
    if not found:
        raise _without_header(path)
    return found


def _run(path: Path, header: RunHeader, beside: InputsBeside, facts: StepFacts) -> Run:
    provenance, odd = provenance_of(header, beside)
    several = (f"{facts.runs} runs in one file",) if facts.runs and facts.runs > 1 else ()
    return Run(path, header.numbers(), provenance, facts, (*several, *odd))


def _is_complete(text: mmap, start: int, end: int) -> bool:
    return END_OF_FILE in text[max(start, end - TAIL_BYTES) : end]


def _without_header(path: Path) -> Exception:
    return Place(path).bad("the run ends before it says which ions it has", "leave it out: it holds no result.")


# ---- ionic steps -----------------------------------------------------------------------------------------------------


def _steps(text: mmap, part: _Part) -> Iterator[IonicStep]:
    """Yield the ionic steps in file order; a step that was cut off counts if its energy was written."""
    step = STEP.search(text, part.start, part.end)
    if step is None:
        yield IonicStep(part.header.cell, part.header.positions, defects=("no electronic step was finished",))
    is_first = True
    while step is not None:
        end = _end_of(text, step, part.end)
        piece = _without_bulk(text, step.start(), end)
        found = _calculated(piece, part.header) if step[0] == CALCULATION else _predicted(piece)
        if is_first and found.positions is None:
            found = replace(found, cell=part.header.cell, positions=part.header.positions)
        yield found
        is_first = False
        step = STEP.search(text, end, part.end)


def _end_of(text: mmap, step: re.Match[bytes], end: int) -> int:
    """Return where a step ends: a calculated one at its closing tag, a predicted one where the next begins."""
    if step[0] == CALCULATION:
        closing = END_OF_CALCULATION.search(text, step.end(), end)
        return closing.end() if closing else end
    following = STEP.search(text, step.end(), end)
    return following.start() if following else end


def _without_bulk(text: mmap, start: int, end: int) -> bytes:
    bulk = BULK.search(text, start, end)
    return text[start : min(bulk.start() if bulk else end, start + LARGEST_PIECE_BYTES)]


def _predicted(piece: bytes) -> IonicStep:
    cell, positions = _geometry(piece, 0)
    return IonicStep(cell, positions, ml_md=True)


def _calculated(piece: bytes, header: RunHeader) -> IonicStep:
    """Read one <calculation>: its electronic steps come first, then geometry, forces, stress and energy."""
    structure = piece.find(b"<structure>")
    electronic = piece[:structure] if structure >= 0 else piece
    n_steps = electronic.count(b"</scstep>") or None
    if structure < 0:
        return IonicStep(None, None, electronic_steps=n_steps)
    cell, positions = _geometry(piece, structure)
    block = energy_values(piece, piece.find(ENERGY, structure))
    step = energies_of_step(electronic, block, header, 0.0 if cell is None else volume_of(cell))
    is_written = step.energies.free is not None
    most, tolerance = number(header.setting("NELM")), number(header.setting("EDIFF"))
    return IonicStep(
        cell=cell,
        positions=positions,
        energies=step.energies,
        energy_note=step.note,
        forces=_rows(piece, b"forces", structure) if is_written else None,
        stress_kbar=_rows(piece, b"stress", structure) if is_written else None,
        electronic_steps=n_steps,
        scf_converged=electrons_converged(n_steps, step.change_eV, None if most is None else int(most), tolerance),
    )


def _geometry(piece: bytes, start: int) -> tuple[FloatArray | None, FloatArray | None]:
    cell, fractional = _rows(piece, b"basis", start), _rows(piece, b"positions", start)
    if cell is None or fractional is None or cell.shape != (3, 3):
        return None, None
    return cell, fractional @ cell


def _rows(piece: bytes, name: bytes, start: int) -> FloatArray | None:
    """Read a <varray> of rows of three numbers; None where it is not there or not whole."""
    at = piece.find(b'<varray name="' + name + b'"', start)
    begin, end = piece.find(b">", at) + 1, piece.find(b"</varray>", at)
    if at < 0 or begin == 0 or end < 0:
        return None
    words = piece[begin:end].replace(b"<v>", b" ").replace(b"</v>", b" ").split()
    try:
        return np.array(words, float).reshape(-1, 3) if words else None
    except ValueError:
        return None
