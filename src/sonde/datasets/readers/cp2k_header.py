"""What the first lines of CP2K's output say of a run: its level of theory, its kinds of atoms, its first geometry.

CP2K echoes what is in use; what a whole header does not show (dispersion, DFT+U, smearing, k-points) was off. Cutoffs
are those of the density's plane waves, in Hartree in the output, converted with CODATA 2014 (`ase.units`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from ase.units import Hartree, kB

from sonde.datasets.readers.compression import opened
from sonde.datasets.readers.functional_names import functional_name
from sonde.datasets.readers.run_provenance import EnergyKind, RunProvenance
from sonde.datasets.readers.run_steps import Geometry, joined, mesh_spacing
from sonde.datasets.readers.run_text import first_number, last_match, lines_from, numbers_in, rows, text_of
from sonde.errors import BadInput
from sonde.records.arrays import FloatArray, IntArray

LARGEST_INPUT_BYTES = 1 << 24
VERSION = re.compile(rb"CP2K\| version string: +CP2K version (\S+)")
INPUT_NAME = re.compile(rb"CP2K\| Input file name +(\S+)")
PROJECT = re.compile(rb"GLOBAL\| Project name +(\S+)")
RUN_TYPE = re.compile(rb"GLOBAL\| Run type +(\S+)")
PERIODICITY = re.compile(rb"(?:CELL|POISSON)\| Periodicity +(\S+)")
VECTOR = re.compile(rb"^ CELL\| Vector [abc] \[angstrom\]?:?([^|\n]*)\|", re.MULTILINE)
COORDINATES = re.compile(rb"ATOMIC COORDINATES IN (?:angstrom|ANGSTROM)")
ATOM = re.compile(rb"^\s*\d+\s+(\d{1,9})\s+[A-Z][a-z]?\s+(\d{1,3})((?:\s+-?\d+\.\d+){3})")
FUNCTIONAL = re.compile(rb"^ FUNCTIONAL\| (\S[^:\n]*):[^\n]*\n FUNCTIONAL\| *([^\n]*)", re.MULTILINE)
EXACT_EXCHANGE = re.compile(rb"HFX_INFO\| FRACTION: +([\d.]+)", re.IGNORECASE)
CUTOFF = re.compile(rb"QS\| Density cutoff \[a\.u\.\]: +([\d.]+)")
SPIN = re.compile(rb"DFT\| Spin (un)?restricted")
CHARGE = re.compile(rb"DFT\| Charge +(-?\d+)")
KIND = re.compile(rb"^ +(\d+)\. Atomic kind: (\S+)", re.MULTILINE)
BASIS = re.compile(rb"Orbital Basis Set +(\S+)")
POTENTIAL = re.compile(rb"[Pp]otential information for +(\S+)")
U_EFFECTIVE = re.compile(rb"U\(eff\) = \(U - J\) value in \[eV\]: +([\d.]+)")
U_SHELL = re.compile(rb"Angular quantum momentum number L: +(\d)")
SMEARING = re.compile(rb"Smear method: +(\S+)")
TEMPERATURE = re.compile(rb"Electronic temperature \[K\]: +([\d.]+)")
MESH = re.compile(rb"BRILLOUIN\| K-[Pp]oint grid +(\d+) +(\d+) +(\d+)")
SCHEME = re.compile(rb"BRILLOUIN\| K-[Pp]oint scheme +([^\n]*)")
DISPERSION = re.compile(rb"vdW POTENTIAL\| +(?:Pair Potential|Non-local Functional)")
PAIR_POTENTIALS = {rb"DFT-D4": "D4", rb"DFT-D3": "D3", rb"DFT-D2": "D2"}
NONLOCAL = {rb"RVV10 Functional": "rVV10", rb"vdW-DF2? Functional|vdW-DF": "vdW-DF"}
SMEARINGS = {"FERMI_DIRAC": "Fermi-Dirac", "ENERGY_WINDOW": "energy window", "LIST": "listed occupations"}
FIXED_ATOMS = re.compile(rb"^\s*&FIXED_ATOMS", re.MULTILINE | re.IGNORECASE)
RELATIVES = {"revPBE": "revPBE", "PBEsol": "PBEsol"}
"""PBE's section is called PBE also where its reference says that another form was taken."""


@dataclass(frozen=True, eq=False)
class Cp2kHeader:
    """A run's first lines, read; the cell is None where it is not printed."""

    text: bytes
    is_whole: bool
    numbers: IntArray
    positions: FloatArray
    cell: FloatArray
    cell_is_rounded: bool
    pbc: tuple[bool, bool, bool]
    kinds: Mapping[int, str]
    """Number of a kind → its element."""
    holds_atoms: bool
    """The input beside fixes atoms."""

    @property
    def geometry(self) -> Geometry:
        return Geometry(self.numbers, self.positions, self.cell, np.array(self.pbc))

    @property
    def project(self) -> str | None:
        return text_of(PROJECT.search(self.text))

    @property
    def run_type(self) -> str | None:
        return text_of(RUN_TYPE.search(self.text))


def read_header(text: bytes, is_whole: bool, folder: Path) -> Cp2kHeader | None:
    """Read the lines before the first self-consistency; None where they break off before there is a geometry.

    Parameters
    ----------
    folder : where the input may lie, which holds the cell with all its digits.
    """
    atoms, cell = read_atoms(text), read_cell(text)
    if atoms is None or cell is None:
        return None
    kinds, numbers, positions = atoms
    asked = _input_beside(folder, text_of(INPUT_NAME.search(text)))
    exact = _cell_of_input(asked)
    decimals = _decimals(text)
    agrees = exact is not None and bool(np.abs(exact - cell).max() <= 0.51 * 10.0**-decimals)
    periodicity = text_of(last_match(PERIODICITY, text)) or "XYZ"
    return Cp2kHeader(
        text,
        is_whole,
        numbers,
        positions,
        exact if agrees and exact is not None else cell,
        decimals < 6 and not agrees,
        ("X" in periodicity, "Y" in periodicity, "Z" in periodicity),
        kinds,
        FIXED_ATOMS.search(asked) is not None,
    )


def read_atoms(text: bytes) -> tuple[dict[int, str], IntArray, FloatArray] | None:
    """Read the last table of coordinates: elements of the kinds, atomic numbers, positions in Å."""
    title = last_match(COORDINATES, text)
    if title is None:
        return None
    kinds: dict[int, str] = {}
    numbers, coordinates = [], []
    for line in lines_from(text, title.end()):
        atom = ATOM.match(line)
        if atom:
            kinds[int(atom[1])] = chemical_symbols[min(int(atom[2]), len(chemical_symbols) - 1)]
            numbers.append(int(atom[2]))
            coordinates.append(atom[3])
        elif numbers and line.strip():
            break
    positions = rows(coordinates, 3)
    return None if positions is None else (kinds, np.array(numbers, np.int64), positions)


def read_cell(text: bytes) -> FloatArray | None:
    """Read the last lattice vectors that are printed, Å."""
    if b"CELL| Vector" not in text:  # quicker than the pattern, which most steps do not match
        return None
    vectors = rows([found[1] for found in VECTOR.finditer(text)][-3:], 3)
    return vectors if vectors is not None and len(vectors) == 3 else None


def _decimals(text: bytes) -> int:
    vector = VECTOR.search(text)
    return len(vector[1].split()[0].rpartition(b".")[2]) if vector else 0


def _input_beside(folder: Path, name: str | None) -> bytes:
    """Return the input of the run, or nothing where it does not lie beside."""
    if not name or "/" in name or "\x00" in name or not (folder / name).is_file():
        return b""
    try:
        with opened(folder / name) as handle:
            return handle.read(LARGEST_INPUT_BYTES)
    except (BadInput, OSError):
        return b""


def _cell_of_input(text: bytes) -> FloatArray | None:
    """Read &CELL of an input, where it is given by vectors or lengths in Å."""
    section = re.search(rb"^\s*&CELL\s*\n(.*?)^\s*&END", text, re.MULTILINE | re.DOTALL)
    if section is None or b"[" in section[1] or re.search(rb"^\s*ALPHA", section[1], re.MULTILINE):
        return None
    lines = dict(re.findall(rb"^\s*(ABC|A|B|C)\s+([-+.\dEe \t]+)$", section[1], re.MULTILINE))
    if b"ABC" in lines:
        lengths = numbers_in(lines[b"ABC"])
        return np.diag(lengths) if len(lengths) == 3 else None
    return rows([lines.get(key, b"") for key in (b"A", b"B", b"C")], 3)


# ---- level of theory -------------------------------------------------------------------------------------------------


def provenance_of(header: Cp2kHeader) -> RunProvenance:
    """Return the level of theory as the header echoes it."""
    text = header.text
    functional, written = _functional(text)
    cutoff = first_number(CUTOFF, text)
    spin = SPIN.search(text)
    charge = first_number(CHARGE, text)
    u, shells = _hubbard(header)
    found = RunProvenance(
        code="CP2K",
        code_version=text_of(VERSION.search(text)),
        functional=functional,
        functional_as_written=written if written != functional else None,
        hubbard_u_eV=u if u or header.is_whole else None,
        hubbard_l=shells or None,
        hubbard_type="Dudarev" if u else None,
        pseudopotentials=joined(_bases(header)),
        dispersion=_dispersion(header),
        spin_polarized=None if spin is None else spin[1] is not None,
        spin_orbit=False if header.is_whole else None,
        cutoff_eV=None if cutoff is None else round(cutoff * Hartree, 3),
        density_cutoff_eV=None if cutoff is None else round(cutoff * Hartree, 3),
        charge=charge,
        energy_kind=EnergyKind.FREE,
    )
    return _with_sampling(found, header)


def _functional(text: bytes) -> tuple[str | None, str | None]:
    """Join the parts of the functional; PBE's section says in its reference which form it took."""
    parts = []
    for name, reference in FUNCTIONAL.findall(text):
        own, first = name.decode(errors="replace").strip(), (reference.decode(errors="replace").split() or [""])[0]
        parts.append(RELATIVES.get(first.rstrip(","), own) if own == "PBE" else own)
    if not parts:
        return None, None
    name = " + ".join(map(functional_name, parts))
    known = functional_name(" ".join(parts))
    if known != " ".join(parts):
        name = known
    fraction = first_number(EXACT_EXCHANGE, text)
    exact = f" + {fraction:g} exact exchange" if fraction else ""
    return name + exact, " ".join(parts)


def _dispersion(header: Cp2kHeader) -> str | None:
    """Return the name of the correction; non-local functionals are corrections of their own section in CP2K."""
    start = DISPERSION.search(header.text)
    if start is None:
        return "none" if header.is_whole else None
    section = header.text[start.start() : start.start() + 4000]
    if b"Non-local" in start[0]:
        return next((f"nonlocal {name}" for mark, name in NONLOCAL.items() if re.search(mark, section)), "nonlocal")
    name = next((name for mark, name in PAIR_POTENTIALS.items() if re.search(mark, section)), None)
    return "D3(BJ)" if name == "D3" and re.search(rb"BJ Damping", section) else name


def _sections(header: Cp2kHeader) -> Iterator[tuple[str, bytes]]:
    """Yield element and text of each kind of atom."""
    kinds = list(KIND.finditer(header.text))
    for kind, following in zip(kinds, [*kinds[1:], None], strict=False):
        element = header.kinds.get(int(kind[1]))
        if element is not None and atomic_numbers.get(element):
            yield element, header.text[kind.end() : following.start() if following else len(header.text)]


def _bases(header: Cp2kHeader) -> Iterator[tuple[str, str | None]]:
    """Name potential and basis of each element: both decide the energy."""
    for element, section in _sections(header):
        names = [text_of(POTENTIAL.search(section)), text_of(BASIS.search(section))]
        yield element, "/".join(name for name in names if name) or None


def _hubbard(header: Cp2kHeader) -> tuple[dict[str, float], dict[str, int]]:
    u, shells = {}, {}
    for element, section in _sections(header):
        value, shell = first_number(U_EFFECTIVE, section), first_number(U_SHELL, section)
        if value:
            u[element] = value
            if shell is not None:
                shells[element] = int(shell)
    return u, shells


def _with_sampling(found: RunProvenance, header: Cp2kHeader) -> RunProvenance:
    """Read k-points, Γ alone where none are listed, and smearing, whose width is k·T."""
    mesh, scheme = MESH.search(header.text), text_of(SCHEME.search(header.text))
    divisions = tuple(int(mesh[i]) for i in (1, 2, 3)) if mesh else (1, 1, 1)
    kpoints: str | None = f"mesh {'x'.join(map(str, divisions))} {(scheme or 'Gamma').title()}"
    if mesh is None and (scheme is not None or not header.is_whole):
        kpoints = scheme
    smearing = text_of(SMEARING.search(header.text))
    temperature = first_number(TEMPERATURE, header.text)
    if smearing is None:
        name, width = ("fixed occupations", 0.0) if header.is_whole else (None, None)
    else:
        name, width = SMEARINGS.get(smearing, smearing), None if temperature is None else round(temperature * kB, 6)
    spacing = mesh_spacing(header.cell, divisions) if kpoints and kpoints.startswith("mesh") else None
    return replace(found, kpoints=kpoints, kpoint_spacing_per_A=spacing, smearing=name, smearing_width_eV=width)
