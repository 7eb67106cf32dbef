"""Level of theory in the XML that Quantum ESPRESSO's pw.x leaves (data-file-schema.xml, schemas since 2017).

Everything stands in Hartree atomic units, "unless otherwise specified". U is the exception: up to pw.x 7.0 it was
written as the input had it, in eV, and since then (`new_format`, or a value that no U in eV has) in Hartree; what was
decided is said among the defects where the schema leaves it open.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from ase.units import Bohr, Hartree

from sonde.datasets.readers.functional_names import functional_name
from sonde.datasets.readers.qe_header import element_of_label, mesh_text
from sonde.datasets.readers.run_provenance import EnergyKind, RunProvenance
from sonde.datasets.readers.run_steps import joined, mesh_spacing
from sonde.records.arrays import FloatArray

LARGEST_U_HARTREE = 0.6
"""16 eV; a larger number is a U in eV."""
LARGEST_POTENTIAL_BYTES = 1 << 26
SMEARINGS: Mapping[str, str] = {
    "gaussian": "Gaussian",
    "gauss": "Gaussian",
    "mp": "Methfessel-Paxton 1",
    "m-p": "Methfessel-Paxton 1",
    "methfessel-paxton": "Methfessel-Paxton 1",
    "mv": "Marzari-Vanderbilt",
    "m-v": "Marzari-Vanderbilt",
    "cold": "Marzari-Vanderbilt",
    "marzari-vanderbilt": "Marzari-Vanderbilt",
    "fd": "Fermi-Dirac",
    "f-d": "Fermi-Dirac",
    "fermi-dirac": "Fermi-Dirac",
}
OCCUPATIONS: Mapping[str, str] = {
    "fixed": "fixed occupations",
    "from_input": "fixed occupations from the input",
    "tetrahedra": "tetrahedron (Bloechl)",
    "tetrahedra_lin": "tetrahedron",
    "tetrahedra_opt": "tetrahedron (optimized)",
}
DISPERSIONS: Mapping[str, str] = {
    "none": "none",
    "grimme-d2": "D2",
    "dft-d": "D2",
    "dft-d2": "D2",
    "grimme-d3": "D3",
    "dft-d3": "D3",
    "ts": "TS",
    "ts-vdw": "TS",
    "tkatchenko-scheffler": "TS",
    "mbd": "MBD",
    "mbd_vdw": "MBD",
    "many-body dispersion": "MBD",
    "xdm": "XDM",
}
DAMPINGS = {2.0: "D2", 3.0: "D3", 4.0: "D3(BJ)", 5.0: "D3M", 6.0: "D3M(BJ)"}
WHOLE_NUMBER = re.compile(r"\s*-?\d{1,6}\s*")
U_KINDS = {0: "Dudarev", 1: "Liechtenstein", 2: "Dudarev with V"}


def text_at(element: Element | None, path: str) -> str | None:
    """Return the text of the first element below a path; None where there is none."""
    found = None if element is None else element.findtext(path)
    return found.strip() if found and found.strip() else None


def number_at(element: Element | None, path: str) -> float | None:
    """Return the number below a path; None where it is missing, no number, or not finite."""
    try:
        value = float(text_at(element, path) or "nan")
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def is_on(element: Element | None, path: str) -> bool | None:
    """Return a logical; None where it is missing."""
    return {"true": True, "false": False}.get((text_at(element, path) or "").lower())


def provenance_of(
    info: Element | None, asked: Element, output: Element | None, cell: FloatArray, folder: Path
) -> tuple[RunProvenance, tuple[str, ...]]:
    """Return the level of theory and what is odd: of the output where it says it, else of the echoed input.

    Parameters
    ----------
    info, asked, output : elements `general_info`, `input` and `output`.
    cell : lattice vectors, Å.
    folder : where the potentials may lie; only their hashes are taken.
    """
    creator = info.find("creator") if info is not None else None
    dft = _first("dft", output, asked)
    written = text_at(dft, "functional")
    functional = _functional(written, dft)
    cutoffs = [number_at(asked, f"basis/{name}") for name in ("ecutwfc", "ecutrho")]
    found = RunProvenance(
        code="Quantum ESPRESSO",
        code_version=creator.get("VERSION") if creator is not None else None,
        functional=functional,
        functional_as_written=written if written != functional else None,
        dispersion=_dispersion(dft),
        cutoff_eV=_electronvolts(cutoffs[0]),
        density_cutoff_eV=_electronvolts(cutoffs[1]),
        charge=number_at(asked, "bands/tot_charge"),
        fixed_moment=number_at(asked, "bands/tot_magnetization"),
        dipole_correction=_field(asked),
        energy_kind=EnergyKind.FREE,
    )
    found = _with_sampling(_with_spin(found, asked, output), asked, output, cell)
    return _with_u(_with_potentials(found, asked, folder), dft)


def _first(path: str, *elements: Element | None) -> Element | None:
    return next(
        (found for element in elements if element is not None and (found := element.find(path)) is not None), None
    )


def _electronvolts(hartree: float | None) -> float | None:
    return None if hartree is None else round(hartree * Hartree, 3)


def _functional(written: str | None, dft: Element | None) -> str | None:
    if written is None:
        return None
    name, fraction = functional_name(written), number_at(dft, "hybrid/exx_fraction")
    return name if fraction in (None, 0.0, 0.25) else f"{name} (exact exchange {fraction:g})"


def _dispersion(dft: Element | None) -> str | None:
    if dft is None:
        return None
    written = (text_at(dft, "vdW/vdw_corr") or "none").lower()
    name = DISPERSIONS.get(written, written)
    damping = number_at(dft, "vdW/dftd3_version")
    return DAMPINGS.get(damping, f"D3 version {damping:g}") if name == "D3" and damping is not None else name


def _field(asked: Element) -> str | None:
    if is_on(asked, "electric_field/dipole_correction") and not number_at(
        asked, "electric_field/electric_field_amplitude"
    ):
        return "dipole correction"
    return "electric field" if asked.find("electric_field") is not None else "none"


def _with_spin(found: RunProvenance, asked: Element, output: Element | None) -> RunProvenance:
    where = _first("magnetization", output)
    where = asked.find("spin") if where is None else where
    noncollinear = is_on(where, "noncolin")
    return replace(
        found,
        spin_polarized=is_on(where, "lsda") or noncollinear,
        spin_orbit=is_on(where, "spinorbit"),
        noncollinear=noncollinear,
    )


def _with_sampling(found: RunProvenance, asked: Element, output: Element | None, cell: FloatArray) -> RunProvenance:
    mesh = _first("k_points_IBZ/monkhorst_pack", asked)
    kpoints, spacing = None, None
    divisions, shifts = (_whole_numbers(mesh, key) for key in ("nk", "k"))
    if divisions is not None and shifts is not None:
        kpoints, spacing = mesh_text(divisions, shifts), mesh_spacing(cell, divisions)
    elif (listed := text_at(asked, "k_points_IBZ/nk")) is not None:
        kpoints = f"{listed} listed points"
    smearing = _first("band_structure/smearing", output) if output is not None else None
    smearing = _first("bands/smearing", asked) if smearing is None else smearing
    name, width = _smearing(text_at(asked, "bands/occupations"), smearing)
    return replace(found, kpoints=kpoints, kpoint_spacing_per_A=spacing, smearing=name, smearing_width_eV=width)


def _whole_numbers(mesh: Element | None, key: str) -> tuple[int, ...] | None:
    """Return the three attributes nk1 … or k1 … of a mesh; None where one is no number."""
    words = [mesh.get(key + axis, "") for axis in "123"] if mesh is not None else []
    return tuple(map(int, words)) if words and all(WHOLE_NUMBER.fullmatch(word) for word in words) else None


def _smearing(occupations: str | None, smearing: Element | None) -> tuple[str | None, float | None]:
    if occupations is None:
        return None, None
    if occupations != "smearing":
        return OCCUPATIONS.get(occupations, occupations), 0.0
    if smearing is None:
        return None, None
    name = (smearing.text or "").strip().lower()
    width = floats(smearing.get("degauss"))
    known = len(width) == 1 and np.isfinite(width[0])
    return SMEARINGS.get(name, name) or None, round(width[0] * Hartree, 6) if known else None


def elements_of_species(asked: Element) -> dict[str, str]:
    """Return the element of each species by the label that atoms carry."""
    labels = [species.get("name", "").strip() for species in asked.iterfind("atomic_species/species")]
    return {label: element for label in labels if (element := element_of_label(label))}


def _with_potentials(found: RunProvenance, asked: Element, folder: Path) -> RunProvenance:
    elements = elements_of_species(asked)
    pairs = [
        (elements.get(species.get("name", "").strip(), ""), text_at(species, "pseudo_file"))
        for species in asked.iterfind("atomic_species/species")
    ]
    named = [(element, name) for element, name in pairs if element]
    hashes = joined((element, _hash_of(folder, name)) for element, name in named)
    return replace(found, pseudopotentials=joined(named), pseudopotential_hashes=hashes)


def _hash_of(folder: Path, name: str | None) -> str | None:
    """Return the MD5 sum of a potential in the folder, as pw.x prints it; the file itself is not kept."""
    if not name or "/" in name or "\x00" in name:
        return None
    path = folder / name
    if not path.is_file() or path.stat().st_size > LARGEST_POTENTIAL_BYTES:
        return None
    return f"md5-{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}"


# ---- Hubbard ---------------------------------------------------------------------------------------------------------


def _with_u(found: RunProvenance, dft: Element | None) -> tuple[RunProvenance, tuple[str, ...]]:
    hubbard = dft.find("dftU") if dft is not None else None
    if hubbard is None:
        return (found if dft is None else replace(found, hubbard_u_eV={})), ()
    values = list(_u_values(hubbard))
    if not values:
        return found, ("DFT+U is on, but no U is written",)
    scale, said = _unit_of_u(hubbard, [value for _, _, value in values])
    kind = number_at(hubbard, "lda_plus_u_kind")
    projection = text_at(hubbard, "U_projection_type")
    name = U_KINDS.get(int(kind), f"kind {kind:g}") if kind is not None else "DFT+U"
    u = {element: round(value * scale, 6) for element, _, value in values if value}
    shells = {element: "spdf".index(shell) for element, shell, value in values if value and shell}
    return replace(
        found,
        hubbard_u_eV=u,
        hubbard_j_eV={},
        hubbard_l=shells or None,
        hubbard_type=f"{name}, {projection}" if projection else name,
    ), said


def _u_values(hubbard: Element) -> Iterator[tuple[str, str, float]]:
    """Yield element, letter of the shell and the number of each U."""
    for entry in hubbard.iterfind("Hubbard_U"):
        element = element_of_label(entry.get("specie", "").strip())
        shell = entry.get("label", "").strip()[-1:]
        try:
            value = float(entry.text or "")
        except ValueError:
            continue
        if element and np.isfinite(value):
            yield element, shell if shell in ("s", "p", "d", "f") else "", value


def _unit_of_u(hubbard: Element, values: list[float]) -> tuple[float, tuple[str, ...]]:
    """Return the unit of U in eV, and how it was told where the schema does not say it."""
    if hubbard.get("new_format", "").lower() == "true":
        return Hartree, ()
    if max(map(abs, values)) > LARGEST_U_HARTREE:
        return 1.0, (f"unit of U not stated: taken as eV, for {max(values):g} Hartree would be no U",)
    return Hartree, (f"unit of U not stated: {max(values):g} taken as Hartree",)


# ---- geometry --------------------------------------------------------------------------------------------------------


def vectors_at(structure: Element) -> FloatArray | None:
    """Return the lattice vectors of an `atomic_structure`, Å."""
    rows = [floats(text_at(structure, f"cell/a{axis}")) for axis in "123"]
    return np.array(rows) * Bohr if all(len(row) == 3 for row in rows) else None


def floats(text: str | None) -> list[float]:
    """Read numbers; an empty list where one of them is none."""
    try:
        return [float(word) for word in (text or "").split()]
    except ValueError:
        return []
