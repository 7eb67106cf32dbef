"""The part of an OUTCAR before its first electronic step: settings, potentials, k-points, the first geometry."""

import re
from collections.abc import Mapping

import numpy as np

from sonde.datasets.readers.vasp_header import RunHeader, Species, counts_are_possible, element_of, version_of
from sonde.datasets.readers.vasp_inputs import KpointMesh, mesh_of, read_incar
from sonde.datasets.readers.vasp_mesh import mesh_behind
from sonde.datasets.readers.vasp_tables import decimals, table
from sonde.records.arrays import FloatArray

VECTORS = re.compile(rb"[^\n]*\n" + 3 * (3 * rb" *(-?\d+\.\d{9})" + rb"[^\n]*\n"))
STARTED = re.compile(rb"date (\d{4})\.(\d\d)\.(\d\d) +(\d\d:\d\d:\d\d)")
PARAMETER = re.compile(r"(?:^|;)[ \t]*([A-Z][A-Z0-9_]*)[ \t]*=[ \t]*([^\s;]+)", re.MULTILINE)
ECHO = re.compile(rb"\n INCAR:[^\n]*\n((?:   [^\n]*\n)+)")  # "\n", not "^": a literal is found ten times as fast
META_GGA = re.compile(rb"\n METAGGA = *([A-Za-z][\w\-]*)")
LEXCH_OF_RUN = re.compile(rb"LEXCH(?:   | )= *(\d+)")  # two blanks: that of a potential
MESH = re.compile(rb"generate k-points for: +(\d+) +(\d+) +(\d+)")
IRREDUCIBLE = re.compile(rb"Found +(\d+) irreducible k-points")
FIRST_KPOINT = re.compile(rb"Following reciprocal coordinates:[^\n]*\n[^\n]*\n([^\n]*)\n")
IONS_PER_TYPE = re.compile(rb"ions per type =([ \d]+)")
VALENCES = re.compile(rb"Ionic Valenz\s*\n\s*ZVAL   =([ \d.]+)")
PLUS_U = re.compile(rb"LDA\+U is selected, type is set to LDAUTYPE = *(\d+)[^\n]*\n((?:[^\n]*LDAU[LUJ] =[^\n]*\n)+)")
LISTS_OF_U = re.compile(rb"(LDAU[LUJ]) =([^\n]*)")
TITLE = re.compile(rb"TITEL  =\^?[ \t]*([^\n]*)")
BLOCK_OF_POTENTIAL = re.compile(rb"\n POTCAR:[ \t]*([^\n]*)\n(?! POTCAR:)")
PRINTED_ELEMENT = re.compile(rb"VRHFIN =[ \t]*([^\n:]*)")
LEXCH_OF_POTENTIAL = re.compile(rb"LEXCH  =[ \t]*(\S+)")
SHA256 = re.compile(rb"SHA256 =[ \t]*([0-9a-f]{64})")
LARGEST_CUTOFF = re.compile(rb"ENMAX  =[ \t]*(\d+\.\d+)")
POSCAR_TITLE = re.compile(r"^ POSCAR = {0,2}([^\n]*)", re.MULTILINE)
PARAMETERS_BEGIN, PARAMETERS_END = b"Startparameter for this run", b"Linear response parameters"
PARAMETERS_BEGIN_EARLIER = b" Dimension of arrays:"
CELL_TABLE = b"direct lattice vectors"
POINTS_TABLE = b"Following reciprocal coordinates:"
CELL_OF_WAVECAR = b"old parameters found on file WAVECAR"
POSITIONS_TABLE = b"position of ions in cartesian coordinates  (Angst):\n"
LONGEST_SECTION_BYTES = 40_000


def is_outcar(head: bytes) -> bool:
    """Tell by the first line."""
    return head.lstrip(b" \n").startswith(b"vasp.") and b"executed on" in head[:1000]


def read_header(text: bytes) -> RunHeader | None:
    """Read what stands before the first electronic step; None where it ends before the counts of ions.

    Parameters
    ----------
    text : the file up to its first "Iteration", or as much of it as there is.
    """
    section = _parameters(text)
    species = _species(text)
    if section is None or species is None:
        return None
    in_force = {**_first_of_each(section), **_hubbard(text, section)}
    echo, meta = ECHO.search(text), META_GGA.search(text)
    if meta is None:
        in_force.pop("METAGGA", None)  # there: a switch for a correction after the fact
    else:
        in_force["METAGGA"] = meta[1].decode("latin-1")
    lexch, title = LEXCH_OF_RUN.search(text), POSCAR_TITLE.search(section)
    return RunHeader(
        species=species,
        version=version_of(text[:200].decode("latin-1")),
        started=started_of(text[:2000]),
        written=read_incar(echo[1].decode("latin-1")) if echo else None,
        written_is_whole=echo is not None,
        in_force=in_force,
        u_is_rounded=True,
        lexch=int(lexch[1]) if lexch else None,
        kpoints=_mesh(text),
        cell=_first_cell(text),
        positions=_first_positions(text, sum(kind.count for kind in species)),
        poscar_title=title[1] if title else None,
    )


def started_of(text: bytes) -> str | None:
    """Return when the job began, "2013-09-06 21:12:21"."""
    found = STARTED.search(text)
    return None if found is None else b"-".join(found.group(1, 2, 3)).decode() + " " + found[4].decode()


def _parameters(text: bytes) -> str | None:
    """Return the section that lists all settings, defaults included."""
    begin = text.find(PARAMETERS_BEGIN_EARLIER)
    begin = begin if begin >= 0 else text.find(PARAMETERS_BEGIN)
    if begin < 0:
        return None
    end = text.find(PARAMETERS_END, begin, begin + LONGEST_SECTION_BYTES)
    return text[begin : end if end >= 0 else begin + LONGEST_SECTION_BYTES].decode("latin-1")


def _first_of_each(section: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in PARAMETER.findall(section):
        found.setdefault(key, value)
    return found


def _hubbard(text: bytes, section: str) -> Mapping[str, str]:
    """Return the LDAU settings; where the section of settings is whole and has none, U is off."""
    found = PLUS_U.search(text)
    if found is None:
        return {"LDAU": "F"} if "LEXCH" in section or "ISMEAR" in section else {}
    lists = {key.decode(): values.decode("latin-1") for key, values in LISTS_OF_U.findall(found[2])}
    return {"LDAU": "T", "LDAUTYPE": found[1].decode(), **lists}


def _species(text: bytes) -> tuple[Species, ...] | None:
    """Pair the counts of ions with the potentials, in their order."""
    per_type = IONS_PER_TYPE.search(text)
    counts = [int(n) for n in per_type[1].split()] if per_type else []
    potentials = _potentials(text)
    if not counts_are_possible(counts) or len(potentials) != len(counts):
        return None
    valences = VALENCES.search(text)
    per_kind = decimals(valences[1]) if valences else []
    n_valence = per_kind if len(per_kind) == len(counts) else [None] * len(counts)
    return tuple(
        Species(p.element, count, p.title, p.lexch, p.sha256, valence, p.largest_cutoff_eV)
        for p, count, valence in zip(potentials, counts, n_valence, strict=True)
    )


def _potentials(text: bytes) -> list[Species]:
    """List the potentials. With NWRITE = 0 there is only the line with the title, which stands twice."""
    starts = [found.start() for found in BLOCK_OF_POTENTIAL.finditer(text)]
    if not starts:
        return _without_blocks(text)
    ends = [*starts[1:], text.find(b" POSCAR", starts[-1])]
    blocks = [text[start : end if end > 0 else start + 20_000] for start, end in zip(starts, ends, strict=True)]
    if not any(TITLE.search(block) for block in blocks):
        return _without_blocks(text)
    found = [_potential(block) for block in blocks if TITLE.search(block)]
    return [potential for potential in found if potential is not None]


def _potential(block: bytes) -> Species | None:
    title, printed = _text(TITLE, block), _text(PRINTED_ELEMENT, block)
    element = element_of(title, printed)
    cutoff = LARGEST_CUTOFF.search(block)
    if element is None:
        return None
    lexch, sha256 = _text(LEXCH_OF_POTENTIAL, block), _text(SHA256, block)
    return Species(element, 0, title, lexch, sha256, None, float(cutoff[1]) if cutoff else None)


def _text(pattern: re.Pattern[bytes], block: bytes) -> str | None:
    found = pattern.search(block)
    return found[1].decode("latin-1").strip() or None if found else None


TITLE_LINES = re.compile(rb"\n POTCAR:[ \t]*([^\n]*)")


def _without_blocks(text: bytes) -> list[Species]:
    titles = [title.decode("latin-1").strip() for title in TITLE_LINES.findall(text)]
    half = titles[: len(titles) // 2] if titles[: len(titles) // 2] == titles[len(titles) // 2 :] else titles
    elements = [element_of(title) for title in half]
    return [Species(element, 0, title) for element, title in zip(elements, half, strict=True) if element is not None]


def _mesh(text: bytes) -> KpointMesh | None:
    found, first, points = MESH.search(text), FIRST_KPOINT.search(text), IRREDUCIBLE.search(text)
    if found is None:
        return (_mesh_of_points(text, int(points[1])) or KpointMesh(n_irreducible=int(points[1]))) if points else None
    divisions = tuple(float(n) for n in found.groups())
    coordinates = decimals(first[1])[:3] if first else []
    if len(coordinates) < 3:
        return KpointMesh((int(divisions[0]), int(divisions[1]), int(divisions[2])))
    return mesh_of(divisions, "M" if any(coordinates) else "G", any(coordinates))


def _mesh_of_points(text: bytes, n_points: int) -> KpointMesh | None:
    """Return the mesh whose irreducible points are listed: three coordinates and the count each stands for."""
    title = text.find(POINTS_TABLE)
    start = text.find(b"\n", title + len(POINTS_TABLE) + 1) + 1 if title >= 0 else 0
    rows = table(text[start:], n_points, 4) if start else None
    return None if rows is None else mesh_behind(rows[:, :3], rows[:, 3])


def lattice_vectors(text: bytes, title_at: int) -> FloatArray | None:
    """Read the three lattice vectors below their title; they have nine decimals and may touch. None where it is not."""
    found = VECTORS.match(text, title_at) if title_at >= 0 else None
    return np.array(found.groups(), float).reshape(3, 3) if found else None


def _first_cell(text: bytes) -> FloatArray | None:
    older = text.find(CELL_OF_WAVECAR)
    return lattice_vectors(text, text.rfind(CELL_TABLE, 0, older if older >= 0 else len(text)))


def _first_positions(text: bytes, n_atoms: int) -> FloatArray | None:
    start = text.rfind(POSITIONS_TABLE)
    return None if start < 0 else table(text[start + len(POSITIONS_TABLE) :], n_atoms, 3)
