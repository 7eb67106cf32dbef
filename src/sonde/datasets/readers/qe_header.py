"""What the first lines of pw.x's output say of a run: its level of theory and its first geometry.

Energies are converted from Ry with CODATA 2014 (`ase.units`). Settings that pw.x only echoes where they are in use
(Hubbard U, dispersion, magnetisation, spin-orbit) are known to be off where a whole header does not show them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from ase.data import atomic_numbers
from ase.units import Bohr, Ry

from sonde.datasets.readers.functional_names import functional_name
from sonde.datasets.readers.qe_input import PwInput
from sonde.datasets.readers.run_provenance import EnergyKind, RunProvenance
from sonde.datasets.readers.run_steps import PERIODIC, Geometry, joined, mesh_spacing
from sonde.datasets.readers.run_text import first_number, numbers_in, rows, text_of
from sonde.records.arrays import FloatArray, IntArray

VERSION = re.compile(rb"Program PWSCF v\.(\S+)")
INPUT_NAME = re.compile(rb"Reading input from (\S+)")
N_ATOMS = re.compile(rb"number of atoms/cell +=\s*(\d+)")
N_ELECTRONS = re.compile(rb"number of electrons +=\s*([\d.]+)")
FIXED_SPINS = re.compile(rb"number of electrons +=\s*[\d.]+ +\(up: *([\d.]+), down: *([\d.]+)\)")
CUTOFF = re.compile(rb"kinetic-energy cutoff +=\s*([\d.]+) +Ry")
DENSITY_CUTOFF = re.compile(rb"charge density cutoff +=\s*([\d.]+) +Ry")
FUNCTIONAL = re.compile(rb"Exchange-correlation *= *([^\n]*)")
EXACT_EXCHANGE = re.compile(rb"EXX-fraction +=\s*([\d.]+)")
LATTICE_PARAMETER = re.compile(rb"celldm\(1\)= *([\d.]+)")
AXES = re.compile(rb"crystal axes:[^\n]*\n" + 3 * rb"[^\n]*a\(\d\) = \(([^)]*)\)[^\n]*\n")
SITES = re.compile(rb"site n\. +atom +positions \((?:alat|a_0) units\)")
SITE = re.compile(rb"\s*\d+\s+(\S+)\s+tau\( *\d+\) = \(([^)]*)\)")
SPECIES_TABLE = re.compile(rb"atomic species +valence +mass +pseudopotential[^\n]*\n((?:[^\n]*\( *[\d.]+\)\s*\n)+)")
SPECIES = re.compile(rb"^\s*(\S+)\s+([\d.]+)\s+[\d.]+\s+([A-Za-z]{1,2})\s*\(", re.MULTILINE)
POTENTIAL = re.compile(rb"PseudoPot\. # *\d+ for +\S+ +read from file:?\s+(\S+)(?:\s+MD5 check sum: *([0-9a-f]{32}))?")
KPOINTS = re.compile(rb"number of k points= *(\d+)([^\n]*)")
SMEARED = re.compile(r"(.*?) smearing, width \(Ry\)= *([\d.]+)|gaussian broad\. \(Ry\)= *([\d.]+) +ngauss = *(-?\d+)")
U_IN_EV = re.compile(rb"^ *([UJ])\((\w+?)-?(\d[spdf])?\) *= *(-?[\d.]+) *$", re.MULTILINE)
INTERSITE = re.compile(rb"^ *V\([^)]*\) *= *-?[\d.]+", re.MULTILINE)
U_TITLE = re.compile(rb"Hubbard (?:projectors|parameters|U ?\()|(?:Simplified|Full) LDA\+U calculation")
OLD_U_TABLE = re.compile(
    rb"(Simplified|Full) LDA\+U calculation[^\n]*\n *atomic species[^\n]*\n((?: +\S+ +\d+ [^\n]*\n)+)"
)
PROJECTORS = re.compile(rb"Hubbard projectors: *(\S+)")
DISPERSIONS: Mapping[str, re.Pattern[bytes]] = {
    "D3": re.compile(rb"DFT-D3 Dispersion Correction"),
    "D2": re.compile(rb"Grimme-D2|DFT-D2? Dispersion Correction|Parameters for Dispersion Correction"),
    "TS": re.compile(rb"Tkatchenko-Scheffler Dispersion Correction"),
    "MBD": re.compile(rb"Many-body dispersion", re.IGNORECASE),
    "XDM": re.compile(rb"XDM dispersion", re.IGNORECASE),
}
SMEARINGS = {"Gaussian": "Gaussian", "Methfessel-Paxton": "Methfessel-Paxton 1", "Cold": "Marzari-Vanderbilt"}
OLD_SMEARINGS = {0: "Gaussian", 1: "Methfessel-Paxton 1", -1: "Marzari-Vanderbilt", -99: "Fermi-Dirac"}
ELECTRIC_FIELD = re.compile(rb"Adding external electric field|Using Berry phase electric field")
FIELD_IS_MEANT = b"not available with electric field"
"""A warning that precedes fields which are only told of during the calculation."""


@dataclass(frozen=True)
class Species:
    """A kind of atom of the run: its label, its element, and the valence electrons of its potential."""

    label: str
    element: str
    valence: float


@dataclass(frozen=True, eq=False)
class QeHeader:
    """A run's first lines, read.

    Attributes
    ----------
    is_whole : the calculation began after them, so that what they do not show was not in use.
    geometry : the first one; None where the sites are not listed.
    """

    text: bytes
    is_whole: bool
    n_atoms: int
    species: tuple[Species, ...]
    alat_A: float | None
    cell: FloatArray | None
    geometry: Geometry | None

    @property
    def element_of(self) -> dict[str, str]:
        return {kind.label: kind.element for kind in self.species}

    @property
    def input_name(self) -> str | None:
        return text_of(INPUT_NAME.search(self.text))


def read_header(text: bytes, is_whole: bool) -> QeHeader | None:
    """Read the lines before the first self-consistency; None where they do not even say how many atoms there are."""
    n_atoms = first_number(N_ATOMS, text)
    if n_atoms is None:
        return None
    species = _species(text)
    cell, alat = read_cell(text)
    geometry = read_geometry(text, {kind.label: kind.element for kind in species})
    if geometry is not None and len(geometry.numbers) != int(n_atoms):
        geometry = None
    return QeHeader(text, is_whole, int(n_atoms), species, alat, cell, geometry)


def read_cell(text: bytes) -> tuple[FloatArray | None, float | None]:
    """Read the crystal axes, Å, and the length they are printed in units of."""
    alat, axes = first_number(LATTICE_PARAMETER, text), AXES.search(text)
    vectors = rows([axes[1], axes[2], axes[3]], 3) if axes else None
    if alat is None:
        return None, None
    return None if vectors is None else vectors * (alat * Bohr), alat * Bohr


def read_geometry(text: bytes, element_of: Mapping[str, str]) -> Geometry | None:
    """Read crystal axes and sites as pw.x lists them before a calculation."""
    (cell, alat), sites = read_cell(text), SITES.search(text)
    if alat is None or cell is None or sites is None:
        return None
    labels, positions = _sites(text, sites.end())
    numbers = numbers_of_labels(labels, element_of)
    return None if numbers is None or positions is None else Geometry(numbers, positions * alat, cell, PERIODIC)


def numbers_of_labels(labels: list[str], element_of: Mapping[str, str]) -> IntArray | None:
    """Turn labels of species into atomic numbers; None where one is of no known element."""
    numbers = [atomic_numbers.get(element_of.get(label) or element_of_label(label) or "") for label in labels]
    return None if not numbers or any(number is None for number in numbers) else np.array(numbers, np.int64)


def _sites(text: bytes, start: int) -> tuple[list[str], FloatArray | None]:
    """Read the rows of a list of sites up to its end."""
    labels, coordinates = [], []
    position = text.find(b"\n", start) + 1
    while position and (site := SITE.match(text, position)):
        labels.append(site[1].decode(errors="replace"))
        coordinates.append(site[2])
        position = text.find(b"\n", site.end()) + 1
    return labels, rows(coordinates, 3)


def element_of_label(label: str) -> str | None:
    """Return the element that a label begins with: Fe1, C_h, O."""
    letters = re.match(r"[A-Za-z]{1,2}", label)
    if letters is None:
        return None
    candidates = (letters[0].capitalize(), letters[0][:1].upper())
    return next((symbol for symbol in candidates if atomic_numbers.get(symbol)), None)


def _species(text: bytes) -> tuple[Species, ...]:
    table = SPECIES_TABLE.search(text)
    rows_of_table = SPECIES.finditer(table[1]) if table else ()
    found = []
    for row in rows_of_table:
        label, own = row[1].decode(errors="replace"), row[3].decode().capitalize()
        element = own if atomic_numbers.get(own) else element_of_label(label)
        found.append(Species(label, element or label, float(row[2])))
    return tuple(found)


# ---- level of theory -------------------------------------------------------------------------------------------------


def provenance_of(header: QeHeader, asked: PwInput | None) -> RunProvenance:
    """Return the level of theory; of the input beside, `asked`, only what the output does not print is taken."""
    text = header.text
    written = text_of(FUNCTIONAL.search(text))
    functional = _functional(written, first_number(EXACT_EXCHANGE, text))
    found = RunProvenance(
        code="Quantum ESPRESSO",
        code_version=text_of(VERSION.search(text)),
        functional=functional,
        functional_as_written=written if written != functional else None,
        dispersion=_dispersion(header, asked),
        cutoff_eV=_electronvolts(first_number(CUTOFF, text)),
        density_cutoff_eV=_electronvolts(first_number(DENSITY_CUTOFF, text)),
        charge=_charge(header),
        fixed_moment=_fixed_moment(text),
        dipole_correction=_field(header, asked),
        energy_kind=EnergyKind.FREE,
    )
    return _with_sampling(_with_u(_with_potentials(_with_spin(found, header), header), header), header, asked)


def _with_spin(found: RunProvenance, header: QeHeader) -> RunProvenance:
    """Read which magnetism is in use; without a word on it there is none."""
    text = header.text
    noncollinear, magnetic = b"Noncollinear calculation" in text, b"Starting magnetic structure" in text
    coupled = b"calculation with spin-orbit" in text
    if not (header.is_whole or noncollinear or magnetic or coupled):
        return found
    magnetic = magnetic or noncollinear or b"------ SPIN UP" in text
    return replace(found, spin_polarized=magnetic, spin_orbit=coupled, noncollinear=noncollinear)


def _functional(written: str | None, exact_exchange: float | None) -> str | None:
    if written is None:
        return None
    name = functional_name(written)
    return name if exact_exchange in (None, 0.0, 0.25) else f"{name} (exact exchange {exact_exchange:g})"


def _electronvolts(rydberg: float | None) -> float | None:
    return None if rydberg is None else round(rydberg * Ry, 3)


def _charge(header: QeHeader) -> float | None:
    electrons = first_number(N_ELECTRONS, header.text)
    valence = {kind.label: kind.valence for kind in header.species}
    labels, _ = _sites(header.text, found.end()) if (found := SITES.search(header.text)) else ([], None)
    if electrons is None or not labels or any(label not in valence for label in labels):
        return None
    return round(sum(valence[label] for label in labels) - electrons, 2) + 0.0


def _fixed_moment(text: bytes) -> float | None:
    """Return the moment that was imposed, μB: pw.x then prints how many electrons there are of each spin."""
    spins = FIXED_SPINS.search(text)
    return None if spins is None else round(float(spins[1]) - float(spins[2]), 2)


def _dispersion(header: QeHeader, asked: PwInput | None) -> str | None:
    name = next((name for name, pattern in DISPERSIONS.items() if pattern.search(header.text)), None)
    if name is None:
        return "none" if header.is_whole else None
    version = asked.number("dftd3_version") if asked else None
    if name == "D3" and version == 4:
        return "D3(BJ)"
    return name


def _field(header: QeHeader, asked: PwInput | None) -> str | None:
    """Return what is applied to the cell from outside; a dipole correction is only told from a field by the input."""
    text = header.text
    if ELECTRIC_FIELD.search(text) is None:
        return "none" if header.is_whole and FIELD_IS_MEANT not in text else None
    if asked is not None and asked.is_on("dipfield") and not asked.number("eamp"):
        return "dipole correction"
    return "electric field" if asked is not None or b"Berry phase" in text else None


def _with_potentials(found: RunProvenance, header: QeHeader) -> RunProvenance:
    potentials = POTENTIAL.findall(header.text)
    if len(potentials) != len(header.species):
        return found
    elements = [kind.element for kind in header.species]
    names = [path.decode(errors="replace").rpartition("/")[2] for path, _ in potentials]
    hashes = [f"md5-{md5.decode()}" if md5 else None for _, md5 in potentials]
    return replace(
        found,
        pseudopotentials=joined(zip(elements, names, strict=True)),
        pseudopotential_hashes=joined(zip(elements, hashes, strict=True)),
    )


# ---- Hubbard ---------------------------------------------------------------------------------------------------------


def _with_u(found: RunProvenance, header: QeHeader) -> RunProvenance:
    if U_TITLE.search(header.text) is None:
        return replace(found, hubbard_u_eV={}) if header.is_whole else found
    u, j, shells, kind = _new_u(header) if U_IN_EV.search(header.text) else _old_u(header)
    if not u:
        return found
    if INTERSITE.search(header.text):
        kind = f"{kind or 'DFT+U'} with V"
    return replace(found, hubbard_u_eV=u, hubbard_j_eV=j, hubbard_l=shells or None, hubbard_type=kind)


HubbardTable = tuple[dict[str, float], dict[str, float], dict[str, int], str | None]


def _new_u(header: QeHeader) -> HubbardTable:
    """Read lines such as "U(Co-3d) =  5.0000", in eV."""
    values: dict[str, dict[str, float]] = {"U": {}, "J": {}}
    shells: dict[str, int] = {}
    for which, label, shell, value in U_IN_EV.findall(header.text):
        element = _element(header, label.decode(errors="replace"))
        values[which.decode()][element] = max(float(value), values[which.decode()].get(element, float(value)))
        if shell:
            shells[element] = "spdf".index(shell.decode()[-1])
    kind = "Liechtenstein" if b"Liechtenstein" in header.text else "Dudarev" if b"Dudarev" in header.text else None
    projectors = text_of(PROJECTORS.search(header.text))
    return values["U"], values["J"], shells, f"{kind or 'DFT+U'}, {projectors}" if projectors else kind


def _old_u(header: QeHeader) -> HubbardTable:
    """Read the table of versions up to 7.0: species, L, U, alpha, J0, beta, in eV."""
    table = OLD_U_TABLE.search(header.text)
    if table is None:
        return {}, {}, {}, None
    u, shells = {}, {}
    for line in table[2].splitlines():
        label, *values = line.split()
        if len(values) >= 2:
            element = _element(header, label.decode(errors="replace"))
            shells[element], u[element] = int(values[0]), numbers_in(values[1])[0]
    return u, {}, shells, {b"Simplified": "Dudarev", b"Full": "Liechtenstein"}[table[1]]


def _element(header: QeHeader, label: str) -> str:
    return header.element_of.get(label) or element_of_label(label) or label


# ---- k-points and occupations ----------------------------------------------------------------------------------------


def _with_sampling(found: RunProvenance, header: QeHeader, asked: PwInput | None) -> RunProvenance:
    line = KPOINTS.search(header.text)
    mesh = asked.mesh() if asked else None
    name, width = smearing_of(line[2].decode(errors="replace") if line else None, header.text)
    if mesh is not None:
        kpoints: str | None = mesh_text(*mesh)
    else:
        kpoints = f"{int(line[1])} irreducible points" if line else None
    spacing = mesh_spacing(header.cell, mesh[0]) if mesh and header.cell is not None else None
    return replace(found, kpoints=kpoints, kpoint_spacing_per_A=spacing, smearing=name, smearing_width_eV=width)


def mesh_text(divisions: tuple[int, ...], shifts: tuple[int, ...]) -> str:
    """Say a mesh with what it holds; pw.x shifts by half a division from a mesh that holds Γ."""
    shifted = f" shifted by {' '.join(map(str, shifts))} halves" if any(shifts) else " Gamma"
    return f"mesh {'x'.join(map(str, divisions))}{shifted}"


def smearing_of(rest_of_line: str | None, text: bytes) -> tuple[str | None, float | None]:
    """Read what follows the number of k-points: the kind of smearing and its width in eV, 0 where there is none."""
    if rest_of_line is None:
        return None, None
    if "tetrahedron" in rest_of_line:
        kinds = {b"Optimized tetrahedron": "tetrahedron (optimized)", b"Linear tetrahedron": "tetrahedron"}
        return next((name for mark, name in kinds.items() if mark in text), "tetrahedron (Bloechl)"), 0.0
    found = SMEARED.search(rest_of_line)
    if found is None:
        return "fixed occupations", 0.0
    if found[4] is not None:
        return OLD_SMEARINGS.get(int(found[4]), f"Methfessel-Paxton {found[4]}"), round(float(found[3]) * Ry, 6)
    name = found[1].strip()
    return SMEARINGS.get(name, name), round(float(found[2]) * Ry, 6)
