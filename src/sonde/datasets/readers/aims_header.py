"""What the first lines of FHI-aims' output say of a run: its level of theory and its first geometry.

aims repeats control.in verbatim unless told not to, and then says what it made of it; both are read. All electrons are
treated, so that basis set and relativistic treatment of each species stand where other codes have pseudopotentials.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from ase.units import Bohr

from sonde.datasets.readers.functional_names import functional_name
from sonde.datasets.readers.run_provenance import EnergyKind, RunProvenance
from sonde.datasets.readers.run_steps import ISOLATED, NO_CELL, PERIODIC, Geometry, joined, mesh_spacing
from sonde.datasets.readers.run_text import first_number, lines_from, rows, text_of
from sonde.records.arrays import FloatArray

VERSION = re.compile(rb"^ *(?:FHI-aims version|Version) *:? +(\S+)", re.MULTILINE)
ECHO = re.compile(rb"Parsing control\.in(.*?)Completed first pass over input file control\.in", re.DOTALL)
UNIT_CELL = re.compile(rb"\| Unit cell:[^\n]*\n" + 3 * rb" *\|([^\n]*)\n")
ATOMS = re.compile(rb"\| Atomic structure:[^\n]*\n[^\n]*x \[A\][^\n]*\n")
ATOM = re.compile(rb"^ *\| *\d+: Species +(\S+)((?: +-?\d+\.\d+){3})")
FUNCTIONAL = re.compile(rb"^ *XC: +Using +([^\n]*)", re.MULTILINE)
SPECIES = re.compile(rb"Reading configuration options for species (\S+)")
NUCLEAR_CHARGE = re.compile(rb"Found nuclear charge : +([\d.]+)")
PLUS_U = re.compile(rb"Found request for '\+U' treatment for +\d+ +([spdf]) shell, U = +(-?[\d.]+) eV")
MESH = re.compile(rb"Found k-point grid: +(\d+) +(\d+) +(\d+)")
OFFSET = re.compile(rb"^ *k_offset +(\S+) +(\S+) +(\S+)", re.MULTILINE)
CHARGE = re.compile(rb"Charge = +(\S+?):")
SPIN_CHANNELS = re.compile(rb"Number of spin channels +: +(\d)")
OCCUPATION = re.compile(rb"(Occupation type:|Defaulting to) +([\w-]+) broadening, width = +(\S+) +eV")
WIDTH = re.compile(rb"width = +(\S+) +eV")
NON_RELATIVISTIC = b"Non-relativistic treatment of kinetic energy"
LEVEL = re.compile(r'Suggested "([^"]+)" defaults for ([A-Z][a-z]?) atom')
SPIN_ORBIT_AFTER = re.compile(rb"second-variational spin-orbit coupling after scf-cycle")
NAMES_IN_TEXT: Mapping[str, str] = {
    "Perdew-Wang parametrisation of Ceperley-Alder LDA": "pw-lda",
    "Perdew-Zunger parametrisation of Ceperley-Alder LDA": "pz-lda",
}
OMEGA_OF_HSE06_PER_BOHR = (0.2 * Bohr, 0.11)
"""0.2 1/Å and 0.11 1/bohr are both called HSE06 (10.1063/1.2404663); they differ by 4 %."""
DISPERSIONS: Mapping[str, str] = {
    "vdw_correction_hirshfeld": "TS",
    "many_body_dispersion_nl": "MBD-NL",
    "many_body_dispersion": "MBD",
    "d3": "D3",
    "vdw_method": "vdW-DF",
}
SPINS_OF_SETTINGS = ("plus_u",)
"""Lines within a species that are no part of its basis."""


@dataclass(frozen=True, eq=False)
class AimsHeader:
    """A run's first lines, read: `settings` and `species` hold what the echo of control.in sets."""

    text: bytes
    is_whole: bool
    geometry: Geometry
    settings: Mapping[str, str]
    species: Mapping[str, tuple[str, ...]]
    levels: Mapping[str, str]
    """Name of the defaults that an element's settings were taken from, as their comment says: light, tight."""

    @property
    def element_of(self) -> dict[str, str]:
        """Species → element, by its nuclear charge."""
        return dict(_elements(self.text))


def read_header(text: bytes, is_whole: bool) -> AimsHeader | None:
    """Read the lines before the first self-consistency; None where they break off before there is a geometry."""
    geometry = _geometry(text)
    if geometry is None:
        return None
    settings, species, levels = _echo(text)
    return AimsHeader(text, is_whole, geometry, settings, species, levels)


def _geometry(text: bytes) -> Geometry | None:
    title = ATOMS.search(text)
    if title is None:
        return None
    labels, coordinates = [], []
    for line in lines_from(text, title.end() - 1):
        atom = ATOM.match(line)
        if atom is None:
            break
        labels.append(atom[1].decode(errors="replace"))
        coordinates.append(atom[2])
    elements = dict(_elements(text))
    numbers = [atomic_numbers.get(elements.get(label, label), 0) for label in labels]
    positions, vectors = rows(coordinates, 3), UNIT_CELL.search(text)
    if positions is None or not all(numbers):
        return None
    cell = rows([vectors[1], vectors[2], vectors[3]], 3) if vectors else None
    if cell is None:
        return Geometry(np.array(numbers), positions, NO_CELL, ISOLATED)
    return Geometry(np.array(numbers), positions, cell, PERIODIC)


def _sections(text: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the name of each species and what aims found for it."""
    found = list(SPECIES.finditer(text))
    for species, following in zip(found, [*found[1:], None], strict=False):
        end = following.start() if following else species.end() + 20_000
        yield species[1].decode(errors="replace"), text[species.end() : end]


def _elements(text: bytes) -> Iterator[tuple[str, str]]:
    for name, section in _sections(text):
        charge = first_number(NUCLEAR_CHARGE, section)
        if charge is not None and 0 < round(charge) < len(chemical_symbols):
            yield name, chemical_symbols[round(charge)]


def _echo(text: bytes) -> tuple[dict[str, str], dict[str, tuple[str, ...]], dict[str, str]]:
    """Read the echo of control.in: settings, lines of each species, and what the comments call their defaults."""
    echo = ECHO.search(text)
    settings: dict[str, str] = {}
    species: dict[str, list[str]] = {}
    written = echo[1].decode(errors="replace") if echo else ""
    levels = {element: level for level, element in LEVEL.findall(written)}
    current: list[str] | None = None
    for raw in written.splitlines():
        line = " ".join(raw.partition("#")[0].split())
        key, _, value = line.partition(" ")
        if key == "species":
            current = species.setdefault(value, [])
        elif key and current is not None:
            current.append(line)
        elif key:
            settings.setdefault(key.lower(), value)
    return settings, {name: tuple(lines) for name, lines in species.items()}, levels


# ---- level of theory -------------------------------------------------------------------------------------------------


def provenance_of(header: AimsHeader) -> RunProvenance:
    """Return the level of theory."""
    text = header.text
    functional, written = _functional(header)
    channels = first_number(SPIN_CHANNELS, text)
    u, shells = _hubbard(header)
    charge, charge_by_default = _charge(header)
    found = RunProvenance(
        code="FHI-aims",
        code_version=text_of(VERSION.search(text)),
        functional=functional,
        functional_as_written=written if written != functional else None,
        hubbard_u_eV=u if u or header.is_whole else None,
        hubbard_l=shells or None,
        hubbard_type=_double_counting(header) if u else None,
        pseudopotentials=joined(_bases(header)),
        pseudopotential_hashes=joined(_hashes(header)),
        dispersion=_dispersion(header),
        spin_polarized=None if channels is None else channels == 2,
        spin_orbit=False if header.is_whole else None,
        charge=charge,
        energy_kind=EnergyKind.FREE,
        implied=frozenset(["charge"]) if charge_by_default else frozenset(),
    )
    return _with_sampling(found, header)


def _functional(header: AimsHeader) -> tuple[str | None, str | None]:
    """Return the usual name, and what the run says: the keyword of control.in, or aims' own words."""
    said = text_of(FUNCTIONAL.search(header.text))
    written = header.settings.get("xc") or said
    if written is None:
        return None, None
    keyword, _, value = written.partition(" ")
    if keyword.lower() == "hse06":
        return _screened_hybrid(header, value), written
    if "xc" in header.settings:
        return functional_name(written), written
    words = written.rstrip(".").removesuffix(" functionals").removesuffix(" gradient-corrected")
    return functional_name(NAMES_IN_TEXT.get(words, words)), written


def _screened_hybrid(header: AimsHeader, omega: str) -> str:
    """Name HSE06, with what differs from it."""
    try:
        value, fraction = float(omega), float(header.settings.get("hybrid_xc_coeff", "0.25"))
    except ValueError:
        return f"HSE06 (omega {omega})"
    unit = header.settings.get("hse_unit", "").lower()[:1]
    per_bohr = {"a": value * Bohr, "b": value}.get(unit)
    usual = per_bohr is not None and any(abs(per_bohr - known) < 5e-4 for known in OMEGA_OF_HSE06_PER_BOHR)
    name = "HSE06" if usual else f"HSE06 (omega {omega} {header.settings.get('hse_unit', 'unit not stated')})"
    return name if fraction == 0.25 else f"{name} (exact exchange {fraction:g})"


def _hubbard(header: AimsHeader) -> tuple[dict[str, float], dict[str, int]]:
    u, shells, elements = {}, {}, header.element_of
    for name, section in _sections(header.text):
        request = PLUS_U.search(section)
        if request and name in elements:
            u[elements[name]] = float(request[2])
            shells[elements[name]] = "spdf".index(request[1].decode())
    return u, shells


def _double_counting(header: AimsHeader) -> str:
    """Say how double counting was mixed: 0 around mean field, 1 fully localised (10.1103/PhysRevB.67.153106)."""
    mixing = header.settings.get("plus_u_petukhov_mixing")
    return "Dudarev" if mixing is None else f"Dudarev, Petukhov mixing {mixing.rstrip('.')}"


def _bases(header: AimsHeader) -> Iterator[tuple[str, str | None]]:
    """Name the basis and the relativistic treatment: energies depend on both."""
    treatment = header.settings.get("relativistic")
    if treatment is None and NON_RELATIVISTIC in header.text:
        treatment = "none"
    relativity = {None: "", "none": "non-relativistic"}.get(treatment, treatment)
    for element in header.element_of.values():
        parts = [header.levels.get(element), relativity]
        yield element, "/".join(part.replace(" ", "_") for part in parts if part) or None


def _hashes(header: AimsHeader) -> Iterator[tuple[str, str | None]]:
    """Hash what control.in sets for a species, comments and U left out: a basis that was edited is another one."""
    elements = header.element_of
    for name, lines in header.species.items():
        if name in elements:
            own = "\n".join(line for line in lines if not line.startswith(SPINS_OF_SETTINGS))
            yield elements[name], f"sha256-{hashlib.sha256(own.encode()).hexdigest()[:32]}"


def _dispersion(header: AimsHeader) -> str | None:
    name = next((name for key, name in DISPERSIONS.items() if key in header.settings), None)
    return name or ("none" if header.is_whole and header.settings else None)


def _charge(header: AimsHeader) -> tuple[float | None, bool]:
    """Return the charge, and whether it is aims' default, a neutral system."""
    printed = first_number(CHARGE, header.text)
    if printed is not None or not (header.is_whole and header.settings):
        return printed, False
    return (0.0, True) if "charge" not in header.settings else (None, False)


def _with_sampling(found: RunProvenance, header: AimsHeader) -> RunProvenance:
    mesh, offset = MESH.search(header.text), OFFSET.search(header.text)
    occupation = OCCUPATION.search(header.text)
    if occupation is not None:
        name, default = occupation[2].decode(errors="replace"), occupation[1].startswith(b"Defaulting")
        found = replace(
            found,
            smearing={"Fermi": "Fermi-Dirac"}.get(name, name),
            smearing_width_eV=first_number(WIDTH, occupation[0]),
            implied=found.implied | ({"smearing", "smearing_width_eV"} if default else set()),
        )
    if mesh is None:
        return found
    divisions = (int(mesh[1]), int(mesh[2]), int(mesh[3]))
    shifted = offset is not None and any(part.strip(b"0.") for part in offset.groups())
    text = f"mesh {'x'.join(map(str, divisions))}{' shifted' if shifted else ' Gamma'}"
    return replace(found, kpoints=text, kpoint_spacing_per_A=mesh_spacing(header.geometry.cell, divisions))


def cell_lines(lines: list[bytes]) -> FloatArray | None:
    """Read three lines "lattice_vector x y z", Å."""
    return rows(lines, 3) if len(lines) == 3 else None
