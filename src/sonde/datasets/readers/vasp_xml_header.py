"""The part of a vasprun.xml before its first ionic step."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser, fromstring

import numpy as np

from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.vasp_header import RunHeader, Species, counts_are_possible, element_of, version_of
from sonde.datasets.readers.vasp_inputs import KpointMesh, mesh_of, number, numbers
from sonde.records.arrays import FloatArray

ROOT = b"<modeling>"
WIDEST_PROLOGUE_BYTES = 1000
CHARACTER_REFERENCE = re.compile(rb"&#x?[0-9a-fA-F]+;")
FREE_TEXT = re.compile(rb'(name="SYSTEM"[^>\n]*>)[^\n]*(</i>)')
"""The one place where users write what they like; VASP does not escape it."""
DATE, TIME = re.compile(rb'name="date"[^>]*>([\d ]+)<'), re.compile(rb'name="time"[^>]*>([\d:]+) *<')
END_OF_ROOT = b"</modeling>"
BULKY = (
    (b'<structure name="primitive_cell"', b"</structure>"),
    (b'<varray name="weights"', b"</varray>"),
    (b'<varray name="tetrahedronlist"', b"</varray>"),
    (b'<array name="atoms"', b"</array>"),
)
SECTIONS = ("generator", "incar", "kpoints", "parameters", "atominfo", "structure")


def is_vasprun(head: bytes) -> bool:
    """Tell by the root element, and the generator."""
    return ROOT in head[:WIDEST_PROLOGUE_BYTES] and b"<generator" in head


def read_header(text: bytes, path: Path) -> RunHeader | None:
    """Read the sections of settings, ions and the first geometry; None where the file ends before the ions.

    Raises
    ------
    BadInput : the text is no XML, or declares a document type: entities of its own could be endless.
    """
    start = text.find(ROOT)
    if start < 0 or b"<!" in text[:start]:
        raise Place(path).bad("a document type or no <modeling> stands at its start", "is this a vasprun.xml?")
    sections = _sections(CHARACTER_REFERENCE.sub(b"", FREE_TEXT.sub(rb"\1\2", _without_bulk(text))), path)
    species = _species(sections.get("atominfo"))
    if species is None:
        return None
    generator = _named(sections.get("generator"))
    in_force = _named(sections.get("parameters"))
    if "ENMAX" in in_force:
        in_force["ENCUT"] = in_force["ENMAX"]
    cell, positions = geometry(sections.get("structure"))
    return RunHeader(
        species=species,
        version=version_of(generator.get("version", "")),
        started=_started(generator),
        written=_named(sections.get("incar")) if "incar" in sections else None,
        in_force=in_force,
        kpoints=_mesh(sections.get("kpoints")),
        cell=cell,
        positions=None if positions is None or cell is None else positions @ cell,
    )


def _without_bulk(text: bytes) -> bytes:
    """Cut out the long lists that say nothing of the level of theory: elements cost far more than text."""
    for begin, end in BULKY:
        start = text.find(begin)
        stop = text.find(end, start) if start >= 0 else -1
        if stop >= 0:
            text = text[:start] + text[stop + len(end) :]
    return text


def _sections(text: bytes, path: Path) -> dict[str, Element]:
    """Return the first section of each name among the children of the root, of a text that may end anywhere."""
    try:
        root = fromstring(text + END_OF_ROOT)
    except ParseError:
        return dict(_as_far_as_it_goes(text, path))
    found: dict[str, Element] = {}
    for element in root:
        if _is_wanted(element):
            found.setdefault(element.tag, element)
    return found


def _is_wanted(element: Element) -> bool:
    return element.tag in SECTIONS and (element.tag != "structure" or element.get("name") == "initialpos")


def _as_far_as_it_goes(text: bytes, path: Path) -> Iterator[tuple[str, Element]]:
    """Yield the first section of each name among the children of the root, of a text that may end anywhere."""
    parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
    depth, seen = 0, set[str]()
    parser.feed(text)
    try:
        for event, element in cast(Iterator[tuple[str, Element]], parser.read_events()):
            depth += 1 if event == "start" else -1
            if event == "end" and depth == 1 and element.tag not in seen and _is_wanted(element):
                seen.add(element.tag)
                yield element.tag, element
    except ParseError as wrong:
        raise Place(path, line=wrong.position[0]).bad(f"this is no XML ({wrong})", "copy the file again.") from wrong


def _named(section: Element | None) -> dict[str, str]:
    """Collect the named values of a section; of a name that stands twice the first counts."""
    found: dict[str, str] = {}
    for element in section.iter() if section is not None else ():
        name = element.get("name")
        if element.tag in ("i", "v") and name and element.text and element.text.strip():
            found.setdefault(name, element.text.strip())
    return found


def started_of(text: bytes) -> str | None:
    """Return when the job began by the first bytes of a file, "2013-09-06 21:12:21"."""
    date, time = DATE.search(text), TIME.search(text)
    return f"{'-'.join(date[1].decode().split())} {time[1].decode()}" if date and time else None


def _started(generator: Mapping[str, str]) -> str | None:
    date, time = generator.get("date", "").split(), generator.get("time", "")
    return f"{'-'.join(date)} {time}" if len(date) == 3 and time else None


def _species(atominfo: Element | None) -> tuple[Species, ...] | None:
    """Read the kinds of ion: count, element, mass, valence, title of the potential."""
    if atominfo is None:
        return None
    rows = [[cell.text or "" for cell in row] for row in atominfo.findall("array[@name='atomtypes']/set/rc")]
    counts = [int(n) for row in rows if (n := number(row[0]))]
    elements = [element_of(row[4], row[1]) if len(row) == 5 else None for row in rows]
    if len(counts) != len(rows) or not counts_are_possible(counts):
        return None
    return tuple(
        Species(element, count, " ".join(row[4].split()) or None, n_valence=number(row[3]))
        for element, count, row in zip(elements, counts, rows, strict=True)
        if element is not None
    )


def _mesh(kpoints: Element | None) -> KpointMesh | None:
    if kpoints is None:
        return None
    generation = kpoints.find("generation")
    divisions = numbers(kpoints.findtext("generation/v[@name='divisions']"))
    if generation is None or divisions is None or len(divisions) != 3 or min(divisions) < 1:
        points = kpoints.findall("varray[@name='kpointlist']/v")
        return KpointMesh(n_irreducible=len(points)) if points else None
    shift = numbers(kpoints.findtext("generation/v[@name='usershift']"))
    return mesh_of(divisions, generation.get("param", ""), bool(shift and any(shift)))


def geometry(structure: Element | None) -> tuple[FloatArray | None, FloatArray | None]:
    """Return lattice vectors as rows, Å, and fractional positions."""
    if structure is None:
        return None, None
    cell = _rows(structure.findall("crystal/varray[@name='basis']/v"))
    positions = _rows(structure.findall("varray[@name='positions']/v"))
    return (cell if cell is not None and cell.shape == (3, 3) else None), positions


def _rows(rows: list[Element]) -> FloatArray | None:
    try:
        values = np.array([(row.text or "").split() for row in rows], float)
    except ValueError:
        return None
    return values if values.ndim == 2 and values.shape[1] == 3 else None
