"""XML of Quantum ESPRESSO's pw.x (data-file-schema.xml), plain or packed, step by step in constant memory.

Elements are cut out of the text and parsed one by one, so that nothing that is declared before the root is ever
followed, and bands are never built. Units: Hartree and Hartree/bohr, stress in Hartree/bohr³, positive under
compression as in pw.x's output; converted with CODATA 2014 (`ase.units`) to eV, eV/Å and eV/Å³, positive under tension.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from mmap import mmap
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring

import numpy as np
from ase.data import atomic_numbers
from ase.units import Bohr, Hartree

from sonde.datasets.readers.compression import head_of
from sonde.datasets.readers.mapped_files import mapped
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.qe_header import element_of_label
from sonde.datasets.readers.qe_xml_header import (
    elements_of_species,
    floats,
    is_on,
    number_at,
    provenance_of,
    vectors_at,
)
from sonde.datasets.readers.run_provenance import StepFacts
from sonde.datasets.readers.run_steps import PERIODIC, CalculatedStep, CodeRun, Geometry, frames_of_run
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame

ROOT = b"<qes:espresso"
END_OF_FILE = b"</qes:espresso>"
LARGEST_ELEMENT_BYTES = 1 << 28
STEP = re.compile(rb"<step\b")
BULK = re.compile(rb"<ks_energies>")
SAME_ENERGY_EV = 1e-9
"""Two numbers of one calculation are the same number, however the geometry has been moved since."""


class QeXmlReader:
    """data-file-schema.xml: energies, forces, stress and the level of theory of each ionic step."""

    name = "qe_xml"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content decides
        """Tell by the root element."""
        return ROOT in head

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per ionic step; `output` repeats the last, or holds a further one."""
        head_of(path)
        with mapped(path) as text:
            document = _document(path, text)
            yield from frames_of_run(document.run, _steps(path, text, document))


READER = QeXmlReader()


@dataclass(frozen=True, eq=False)
class _Document:
    """What a file says before its steps, and its `output` without the bands."""

    run: CodeRun
    element_of: Mapping[str, str]
    asked: Element
    output: Element | None


def _document(path: Path, text: mmap) -> _Document:
    asked = _element(path, text, b"input")
    if asked is None:
        raise Place(path).bad("the file ends before it says what was calculated", "read the output of pw.x instead.")
    output = _output(path, text)
    complete = text.rfind(END_OF_FILE) >= 0
    structure = asked.find("atomic_structure")
    cell = vectors_at(structure) if structure is not None else None
    cell = np.zeros((3, 3)) if cell is None else cell
    provenance, odd = provenance_of(_element(path, text, b"general_info"), asked, output, cell, path.parent)
    facts = StepFacts(
        run=0,
        runs=1,
        run_complete=complete and output is not None,
        relaxation_converged=is_on(output, "convergence_info/opt_conv/convergence_achieved"),
        source_format="pw.x XML",
    )
    run = CodeRun(path, provenance, facts, (*odd, *_odd(path, text, complete)))
    return _Document(run, elements_of_species(asked), asked, output)


def _odd(path: Path, text: mmap, complete: bool) -> Iterator[str]:
    if not complete:
        yield "the XML is truncated"
    for name in (b"exit_status", b"status"):
        status = _element(path, text, name)
        if status is not None and (status.text or "").strip() not in ("", "0"):
            yield f"exit status {(status.text or '').strip()[:20]}"


def _output(path: Path, text: mmap) -> Element | None:
    """Parse `output` without its bands; None where it is not whole."""
    start, end = text.find(b"<output>"), text.rfind(b"</output>")
    if start < 0 or end < 0:
        return None
    bands = BULK.search(text, start, end)
    after = text.rfind(b"</band_structure>", start, end)
    if bands is None or after < bands.start():
        return _parsed(path, text[start:end] + b"</output>", start)
    return _parsed(path, text[start : bands.start()] + text[after:end] + b"</output>", start)


def _element(path: Path, text: mmap, name: bytes) -> Element | None:
    """Parse the first element of a name; None where there is none, or it is not closed."""
    start = text.find(b"<" + name + b">")
    closing = b"</" + name + b">"
    end = text.find(closing, start) if start >= 0 else -1
    return _parsed(path, text[start : end + len(closing)], start) if end >= 0 else None


def _parsed(path: Path, piece: bytes, start: int) -> Element:
    if len(piece) > LARGEST_ELEMENT_BYTES:
        raise Place(path).bad("an element of more than 256 MB", "is this data-file-schema.xml of pw.x?")
    try:
        return fromstring(piece)
    except (ParseError, ValueError) as wrong:
        raise Place(path, record=f"byte {start}").bad(
            f"the XML cannot be parsed ({wrong})", "read the output of pw.x instead."
        ) from wrong


# ---- steps -----------------------------------------------------------------------------------------------------------


def _steps(path: Path, text: mmap, document: _Document) -> Iterator[CalculatedStep]:
    """Yield the steps, the last one once where `output` repeats it."""
    held: CalculatedStep | None = None
    for element in _step_elements(path, text):
        step = _step(path, element, element.find("scf_conv"), document)
        if held is not None:
            yield held
        held = step
    last = _last(path, document)
    if held is not None and (last is None or not _same_calculation(held, last)):
        yield held
    if last is not None:
        yield last if held is None or not _same_calculation(held, last) else _merged(held, last)
    elif held is None:
        yield _without_output(path, document)


def _step_elements(path: Path, text: mmap) -> Iterator[Element]:
    position = 0
    while found := STEP.search(text, position):
        end = text.find(b"</step>", found.start())
        if end < 0:
            return
        position = end + len(b"</step>")
        yield _parsed(path, text[found.start() : position], found.start())


def _last(path: Path, document: _Document) -> CalculatedStep | None:
    output = document.output
    if output is None or output.find("atomic_structure") is None:
        return None
    return _step(path, output, output.find("convergence_info/scf_conv"), document)


def _same_calculation(step: CalculatedStep, last: CalculatedStep) -> bool:
    if step.energy_eV is None or last.energy_eV is None:
        return False
    return abs(step.energy_eV - last.energy_eV) <= SAME_ENERGY_EV


def _merged(step: CalculatedStep, last: CalculatedStep) -> CalculatedStep:
    """Give the last step the labels that only `output` holds; its geometry may already be that of a further step."""
    forces = last.forces_eV_per_A if step.forces_eV_per_A is None else step.forces_eV_per_A
    stress = last.stress_eV_per_A3 if step.stress_eV_per_A3 is None else step.stress_eV_per_A3
    return replace(last, geometry=step.geometry, forces_eV_per_A=forces, stress_eV_per_A3=stress)


def _without_output(path: Path, document: _Document) -> CalculatedStep:
    return CalculatedStep(
        _geometry(path, document.asked, document), defects=("no self-consistent calculation was finished",)
    )


def _step(path: Path, element: Element, convergence: Element | None, document: _Document) -> CalculatedStep:
    geometry = _geometry(path, element, document)
    n_atoms = len(geometry.numbers)
    n_steps = number_at(convergence, "n_scf_steps")
    energy = number_at(element, "total_energy/etot") if n_steps != 0 else None
    entropy = number_at(element, "total_energy/demet")
    held = _held(document, n_atoms)
    forces, stress = None if held else _array(element, "forces", n_atoms), _stress(element)
    moments = _moments(element)
    facts = StepFacts(
        scf_converged=is_on(convergence, "convergence_achieved") if n_steps != 0 else None,
        electronic_steps=None if n_steps is None else int(n_steps),
        energy_without_entropy_eV=None if energy is None or entropy is None else round((energy - entropy) * Hartree, 8),
        total_magnetic_moment=moments[0],
        absolute_magnetic_moment=moments[1],
    )
    return CalculatedStep(
        geometry,
        None if energy is None else energy * Hartree,
        None if energy is None or forces is None else forces * (Hartree / Bohr),
        None if energy is None or stress is None else -stress * (Hartree / Bohr**3),
        facts,
        (*(() if energy is not None else ("no self-consistent calculation was finished",)), *held),
    )


def _held(document: _Document, n_atoms: int) -> tuple[str, ...]:
    """Say that coordinates were held, for whose forces the XML writes zeros."""
    free = floats(document.asked.findtext("free_positions"))
    n_held = sum(value == 0 for value in free) if len(free) == 3 * n_atoms else 0
    return (f"{n_held} coordinates were held: their forces are written as zero, so forces are left out",) * bool(n_held)


def _moments(element: Element) -> tuple[float | None, float | None]:
    """Return total and absolute moment, μB; runs without magnetism write zeros that say nothing.

    Of a non-collinear moment it is the length.
    """
    found = element.find("magnetization")
    if not (is_on(found, "lsda") or is_on(found, "noncolin")):
        return None, None
    vector = floats(element.findtext("magnetization/total_vec"))
    total = float(np.linalg.norm(vector)) if len(vector) == 3 else number_at(found, "total")
    absolute = number_at(found, "absolute")
    return None if total is None else round(total, 6), None if absolute is None else round(absolute, 6)


def _geometry(path: Path, element: Element, document: _Document) -> Geometry:
    """Read an `atomic_structure`: positions in bohr, or in units of the lattice vectors."""
    structure = element.find("atomic_structure")
    cell = vectors_at(structure) if structure is not None else None
    if structure is None or cell is None:
        raise Place(path).bad("a step holds no cell", "read the output of pw.x instead.")
    for kind in ("atomic_positions", "crystal_positions"):
        atoms = structure.findall(f"{kind}/atom")
        if atoms:
            break
    labels = [atom.get("name", "").strip() for atom in atoms]
    numbers = [atomic_numbers.get(document.element_of.get(x) or element_of_label(x) or "", 0) for x in labels]
    coordinates = [floats(atom.text) for atom in atoms]
    if not atoms or not all(numbers) or any(len(row) != 3 for row in coordinates):
        raise Place(path).bad("a step holds no positions that can be read", "read the output of pw.x instead.")
    positions = np.array(coordinates) @ cell if kind == "crystal_positions" else np.array(coordinates) * Bohr
    return Geometry(np.array(numbers), positions, cell, PERIODIC)


def _stress(element: Element) -> FloatArray | None:
    """Read the stress; nine zeros are what pw.x writes where it has none, with an electric field for one."""
    stress = _array(element, "stress", 3)
    return None if stress is None or not stress.any() else stress


def _array(element: Element, name: str, n_rows: int) -> FloatArray | None:
    """Read an array of n × 3 numbers; other lengths are none."""
    values = floats(element.findtext(name))
    return np.array(values).reshape(n_rows, 3) if len(values) == 3 * n_rows else None
