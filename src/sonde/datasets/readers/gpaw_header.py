"""What the first lines of GPAW's text output say of a run: its level of theory and its setups (PAW datasets)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ase.data import atomic_numbers

from sonde.datasets.readers.functional_names import functional_name
from sonde.datasets.readers.run_provenance import EnergyKind, RunProvenance
from sonde.datasets.readers.run_steps import joined, mesh_spacing
from sonde.datasets.readers.run_text import first_number, text_of
from sonde.records.arrays import FloatArray

VERSION = re.compile(rb"^ *\|__ \|  _\|___\|_____\| +(\S+)", re.MULTILINE)
FUNCTIONAL = re.compile(rb"Using the (.+?) Exchange-Correlation functional", re.IGNORECASE)
CUTOFF = re.compile(rb"Cutoff energy: +([\d.]+) eV")
CHARGE = re.compile(rb"Total Charge: +(-?[\d.]+)")
REFERENCE = re.compile(rb"Reference energy: +(-?[\d.]+)")
SPECIES = re.compile(rb"^ *([A-Z][a-z]?)(?::|-setup:)[^\n]*\n(?= +name)", re.MULTILINE)
SETUP_HASH = re.compile(rb"^ +id *: +([0-9a-f]{32})", re.MULTILINE)
SETUP_FILE = re.compile(rb"^ +file *: +(\S+)", re.MULTILINE)
HUBBARD = re.compile(rb"Hubbard: \{U: (-?[\d.]+),[^}]*?l: (\d)", re.DOTALL)
MESH = re.compile(rb"k-points?: +(\d+) x (\d+) x (\d+) Monkhorst-Pack grid")
GAMMA_ALONE = re.compile(rb"^1 k-point \(Gamma\)", re.MULTILINE)
HOLDS_GAMMA = re.compile(rb"^ +\d+: +-?0\.0+ +-?0\.0+ +-?0\.0+ ", re.MULTILINE)
N_POINTS = re.compile(rb"^(\d+) k-points in the irreducible", re.MULTILINE)
SMEARING = re.compile(
    rb"Occupation numbers: +([^\n:]+):\s+width: +([\d.]+)|^ *([\w-]+): width=([\d.]+) eV", re.MULTILINE
)
FIXED = re.compile(rb"Occupation numbers: +(Fixed|Zero-width)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class GpawHeader:
    """A run's first lines; the first cell, Å, serves the distance of its k-points."""

    text: bytes
    is_whole: bool
    cell: FloatArray | None

    @property
    def reference_energy(self) -> float | None:
        """Energy of the setups' reference atoms, eV, which GPAW's energies are relative to."""
        return first_number(REFERENCE, self.text)


def provenance_of(header: GpawHeader) -> RunProvenance:
    """Return the level of theory."""
    text = header.text
    written = text_of(FUNCTIONAL.search(text))
    functional = functional_name(written) if written else None
    u, shells = _hubbard(text)
    kpoints, divisions = _kpoints(text)
    smearing, width = _smearing(text)
    charge = first_number(CHARGE, text)
    spacing = None if divisions is None or header.cell is None else mesh_spacing(header.cell, divisions)
    return RunProvenance(
        code="GPAW",
        code_version=text_of(VERSION.search(text)),
        functional=functional,
        functional_as_written=written if written != functional else None,
        hubbard_u_eV=u if u or header.is_whole else None,
        hubbard_l=shells or None,
        hubbard_type="Dudarev" if u else None,
        pseudopotentials=joined((element, _file(section)) for element, section in _species(text)),
        pseudopotential_hashes=joined((element, _hash(section)) for element, section in _species(text)),
        dispersion="none" if header.is_whole else None,
        spin_polarized=_spin(text),
        spin_orbit=False if header.is_whole else None,
        cutoff_eV=first_number(CUTOFF, text),
        kpoints=kpoints,
        kpoint_spacing_per_A=spacing,
        smearing=smearing,
        smearing_width_eV=width,
        charge=None if charge is None else charge + 0.0,
        energy_kind=EnergyKind.SIGMA_TO_ZERO,
    )


def _spin(text: bytes) -> bool | None:
    if b"Spin-polarized calculation" in text or b"Non-collinear" in text:
        return True
    return False if b"Spin-paired calculation" in text else None


def _species(text: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield element and text of each setup."""
    found = list(SPECIES.finditer(text))
    for species, following in zip(found, [*found[1:], None], strict=False):
        element = species[1].decode()
        end = following.start() if following else species.end() + 4000
        if element in atomic_numbers:
            yield element, text[species.end() : end]


def _file(section: bytes) -> str | None:
    name = text_of(SETUP_FILE.search(section))
    return name.rpartition("/")[2] if name else None


def _hash(section: bytes) -> str | None:
    found = text_of(SETUP_HASH.search(section))
    return f"md5-{found}" if found else None


def _hubbard(text: bytes) -> tuple[dict[str, float], dict[str, int]]:
    u, shells = {}, {}
    for element, section in _species(text):
        found = HUBBARD.search(section)
        if found and float(found[1]):
            u[element], shells[element] = float(found[1]), int(found[2])
    return u, shells


def _kpoints(text: bytes) -> tuple[str | None, tuple[int, ...] | None]:
    mesh = MESH.search(text)
    if mesh is not None:
        divisions = (int(mesh[1]), int(mesh[2]), int(mesh[3]))
        centre = "Gamma" if HOLDS_GAMMA.search(text, mesh.end()) else "Monkhorst-Pack"
        return f"mesh {'x'.join(map(str, divisions))} {centre}", divisions
    if GAMMA_ALONE.search(text):
        return "mesh 1x1x1 Gamma", (1, 1, 1)
    listed = first_number(N_POINTS, text)
    return None if listed is None else f"{int(listed)} listed points", None


def _smearing(text: bytes) -> tuple[str | None, float | None]:
    found = SMEARING.search(text)
    if found is not None:
        name = (found[1] or found[3]).decode(errors="replace").strip()
        return name, float(found[2] or found[4])
    return ("fixed occupations", 0.0) if FIXED.search(text) else (None, None)
