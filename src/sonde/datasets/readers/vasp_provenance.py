"""Level of theory of a VASP run, from its output and the inputs beside it.

What the run says of itself counts; an INCAR beside it is believed only where it agrees with the output, and then it
serves for the digits that the output leaves out: OUTCAR prints U with one decimal.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from sonde.datasets.readers.cells import SMALLEST_VOLUME_A3, volume_of
from sonde.datasets.readers.run_provenance import RunProvenance
from sonde.datasets.readers.vasp_functional import dispersion_of, functional_of
from sonde.datasets.readers.vasp_header import RunHeader, Species
from sonde.datasets.readers.vasp_inputs import InputsBeside, KpointMesh, PotcarEntry, logical, number, numbers
from sonde.records.arrays import FloatArray

HALF_DIGIT_OF_U_EV = 0.051
HALF_DIGIT_OF_CUTOFF_EV = 0.06
SMEARINGS: Mapping[int, str] = {
    -15: "tetrahedron (Bloechl), Fermi-Dirac",
    -14: "tetrahedron, Fermi-Dirac",
    -5: "tetrahedron (Bloechl)",
    -4: "tetrahedron",
    -3: "several widths",
    -2: "fixed occupations",
    -1: "Fermi-Dirac",
    0: "Gaussian",
}
"""ISMEAR (vasp.at/wiki/ISMEAR); n > 0 is Methfessel-Paxton of order n."""
WITHOUT_WIDTH = (-5, -4, -2)
PRECISIONS = {"A": "Accurate", "N": "Normal", "H": "High", "M": "Medium", "L": "Low", "S": "Single"}
LDAU_TYPES = {1: "Liechtenstein", 2: "Dudarev", 3: "linear response", 4: "Liechtenstein without exchange splitting"}
MANY_BODY = ("GW", "EVGW", "QPGW", "SCGW", "ACFDT", "RPA", "BSE", "TDHF", "CHI", "2E4W", "3DC", "CRPA", "MP2", "TIMEEV")
"""How values of ALGO begin whose energies are not those of the functional (vasp.at/wiki/ALGO)."""
NON_SELF_CONSISTENT = 10
"""ICHARG from here on keeps the charge density fixed."""


def provenance_of(header: RunHeader, beside: InputsBeside) -> tuple[RunProvenance, tuple[str, ...]]:
    """Return the level of theory of a run, and in words what is odd with what its files say of it."""
    differences = tuple(_differences(header, beside.incar or {}))
    incar = {} if differences or beside.incar is None else beside.incar
    asked = dict(header.written or {}) or dict(incar)
    functional, u = functional_of(header, incar), _hubbard(header, asked)
    dispersion, by_default = dispersion_of(header, incar, bool(header.written_is_whole or incar))
    found = RunProvenance(
        code="VASP",
        code_version=header.version,
        functional=functional.name,
        functional_as_written=functional.as_written,
        pseudopotentials=_joined((kind.element, kind.title) for kind in header.species),
        pseudopotential_hashes=_hashes(header.species, beside.potcar or ()),
        pseudopotential_functional=functional.of_potentials,
        dispersion=dispersion,
        charge=_charge(header),
        implied=frozenset(["dispersion"]) if by_default else frozenset(),
    )
    found = _with_sampling(_with_electrons(_with_u(found, u), header, asked), header, beside.kpoints)
    wrong_incar = (f"INCAR beside is not of this run: {', '.join(differences)}",) if differences else ()
    return found, (*wrong_incar, *functional.defects, *u.defects, *_odd(header, beside))


# ---- is the INCAR beside that of the run? ----------------------------------------------------------------------------


def _differences(header: RunHeader, incar: Mapping[str, str]) -> Iterator[str]:
    """Name settings in which an INCAR and the run differ by more than the output rounds."""
    for key, tolerance in (("ENCUT", HALF_DIGIT_OF_CUTOFF_EV), ("ISPIN", 0.0), ("ISMEAR", 0.0), ("NELECT", 1e-3)):
        asked, had = number(incar.get(key)), number(header.setting(key))
        if asked is not None and had is not None and abs(asked - had) > tolerance:
            yield f"{key} {asked:g} there, {had:g} here"
    for key in ("LSORBIT", "LHFCALC", "LDAU", "LASPH"):
        switched, was = logical(incar.get(key)), logical(header.setting(key))
        if switched is not None and was is not None and switched != was:
            yield f"{key} {'T' if switched else 'F'} there, {'T' if was else 'F'} here"
    asked_u, had_u = numbers(incar.get("LDAUU")), numbers(header.in_force.get("LDAUU"))
    if asked_u and had_u and header.is_on("LDAU") and not _same(asked_u, had_u):
        yield f"LDAUU {incar['LDAUU']} there, {header.in_force['LDAUU']} here"


def _same(asked: tuple[float, ...], had: tuple[float, ...]) -> bool:
    return len(asked) == len(had) and all(abs(a - b) < HALF_DIGIT_OF_U_EV for a, b in zip(asked, had, strict=True))


# ---- Hubbard ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Hubbard:
    u_eV: Mapping[str, float] | None = None
    j_eV: Mapping[str, float] | None = None
    shells: Mapping[str, int] | None = None
    kind: str | None = None
    rounded: bool | None = None
    defects: tuple[str, ...] = ()


def _with_u(found: RunProvenance, u: _Hubbard) -> RunProvenance:
    return replace(
        found,
        hubbard_u_eV=u.u_eV,
        hubbard_j_eV=u.j_eV,
        hubbard_l=u.shells,
        hubbard_type=u.kind,
        hubbard_u_rounded=u.rounded,
    )


def _hubbard(header: RunHeader, asked: Mapping[str, str]) -> _Hubbard:
    """Return U and J per element: as asked for where that is known, else as printed."""
    on = logical(header.setting("LDAU") or asked.get("LDAU"))
    if on is None and not header.written_is_whole:
        return _Hubbard()
    if not on:
        return _Hubbard(u_eV={})
    exact = numbers(asked.get("LDAUU"))
    source = asked if exact and len(exact) == len(header.species) else header.in_force
    lists = [numbers(source.get(key)) for key in ("LDAUU", "LDAUJ", "LDAUL")]
    if lists[0] is None or len(lists[0]) != len(header.species):
        return _Hubbard(defects=(f"LDAU is on, but there is no U for each of {len(header.species)} kinds of ion",))
    n = len(header.species)
    u, j, shells = (values if values and len(values) == n else None for values in lists)
    kind = number(header.setting("LDAUTYPE") or asked.get("LDAUTYPE"))
    found = _per_element(header.species, u or (), j or (0.0,) * n, shells or (0.0,) * n)
    if found is None:
        return _Hubbard(defects=("U differs between kinds of ion of one element",))
    kept_u, kept_j, kept_l = found
    return _Hubbard(
        kept_u,
        kept_j if any(kept_j.values()) else {},
        kept_l if shells else None,
        LDAU_TYPES.get(int(kind), f"LDAUTYPE {kind:g}") if kind is not None else None,
        source is header.in_force and header.u_is_rounded,
    )


def _per_element(
    species: tuple[Species, ...], u: tuple[float, ...], j: tuple[float, ...], shells: tuple[float, ...]
) -> tuple[dict[str, float], dict[str, float], dict[str, int]] | None:
    """Sort by element, kinds without U left out; None where two kinds of one element differ."""
    of_element: dict[str, tuple[float, float, int]] = {}
    for kind, *values in zip(species, u, j, shells, strict=True):
        own = (values[0], values[1], int(values[2])) if values[2] >= 0 else (0.0, 0.0, -1)
        if of_element.setdefault(kind.element, own) != own:
            return None
    kept = {element: own for element, own in of_element.items() if own[0] or own[1]}
    return {e: o[0] for e, o in kept.items()}, {e: o[1] for e, o in kept.items()}, {e: o[2] for e, o in kept.items()}


# ---- potentials ------------------------------------------------------------------------------------------------------


def _hashes(species: tuple[Species, ...], on_disk: tuple[PotcarEntry, ...]) -> dict[str, str] | None:
    """Return the hash of each element's potential, as the run states it, else of the POTCAR beside it of that title."""
    beside = {entry.title: entry.sha256 for entry in on_disk}
    return _joined((kind.element, kind.sha256 or beside.get(kind.title or "")) for kind in species)


def _joined(pairs: Iterable[tuple[str, str | None]]) -> dict[str, str] | None:
    """Collect texts per element; two potentials of one element stand side by side."""
    found: dict[str, list[str]] = {}
    for element, text in pairs:
        if text and text not in found.setdefault(element, []):
            found[element].append(text)
    return {element: "+".join(texts) for element, texts in found.items() if texts} or None


# ---- electrons, k-points, charge -------------------------------------------------------------------------------------


def _with_electrons(found: RunProvenance, header: RunHeader, asked: Mapping[str, str]) -> RunProvenance:
    order, spin = number(header.setting("ISMEAR")), number(header.setting("ISPIN"))
    noncollinear, real_space = logical(header.setting("LNONCOLLINEAR")), header.setting("LREAL")
    largest_l = number(header.setting("LMAXMIX"))
    return replace(
        found,
        spin_polarized=None if spin is None else spin == 2 or noncollinear is True,
        spin_orbit=logical(header.setting("LSORBIT")),
        noncollinear=noncollinear,
        cutoff_eV=_cutoff(header, asked),
        smearing=None if order is None else SMEARINGS.get(int(order), f"Methfessel-Paxton {int(order)}"),
        smearing_width_eV=_width(header, asked, order),
        aspherical=logical(header.setting("LASPH")),
        precision=PRECISIONS.get((header.setting("PREC") or "").strip()[:1].upper()),
        real_space_projection=None if real_space is None else logical(real_space) is not False,
        dipole_correction=_dipole(header),
        fixed_moment=_fixed_moment(header),
        largest_mixed_l=None if largest_l is None else int(largest_l),
    )


def _fixed_moment(header: RunHeader) -> float | None:
    """Return NUPDOWN; its default, a negative number, imposes nothing."""
    difference = number(header.setting("NUPDOWN"))
    return difference if difference is not None and difference >= 0 else None


def _cutoff(header: RunHeader, asked: Mapping[str, str]) -> float | None:
    """Return the cutoff with all its digits: OUTCAR has one, what was asked for or the potentials have the others."""
    printed = number(header.in_force.get("ENCUT"))
    exact = number(asked.get("ENCUT") or asked.get("ENMAX"))
    defaults = [kind.largest_cutoff_eV for kind in header.species if kind.largest_cutoff_eV]
    for candidate in (exact, max(defaults, default=None)):
        if candidate is not None and (printed is None or abs(candidate - printed) < HALF_DIGIT_OF_CUTOFF_EV):
            return candidate
    return printed


def _width(header: RunHeader, asked: Mapping[str, str], order: float | None) -> float | None:
    """Return the width in eV; OUTCAR prints two decimals, so that its 0.00 may be any width below 0.005."""
    if order is not None and int(order) in WITHOUT_WIDTH:
        return 0.0
    printed, exact = number(header.in_force.get("SIGMA")), number(asked.get("SIGMA"))
    if exact is not None and (printed is None or abs(exact - printed) <= 0.005):
        return exact
    return printed or None


def _dipole(header: RunHeader) -> str | None:
    direction = number(header.setting("IDIPOL"))
    if logical(header.setting("LDIPOL")) is None and direction is None:
        return None
    potential = " with potential" if header.is_on("LDIPOL") else ""
    return f"IDIPOL {int(direction)}{potential}" if direction else "none"


def _with_sampling(found: RunProvenance, header: RunHeader, beside: KpointMesh | None) -> RunProvenance:
    mesh = header.kpoints
    if mesh is None or mesh.divisions is None:
        mesh = beside or _mesh_of_spacing(header) or mesh
    divisions = mesh.divisions if mesh else None
    spacing = None if divisions is None or header.cell is None else _spacing(header.cell, divisions)
    return replace(found, kpoints=mesh.text if mesh else None, kpoint_spacing_per_A=spacing)


def _mesh_of_spacing(header: RunHeader) -> KpointMesh | None:
    """Return the mesh that VASP makes of KSPACING (vasp.at/wiki/KSPACING), where a run had no KPOINTS file."""
    spacing = number(header.setting("KSPACING"))
    printed = header.kpoints.n_irreducible if header.kpoints else None
    if spacing is None or spacing <= 0 or header.cell is None or volume_of(header.cell) < SMALLEST_VOLUME_A3:
        return None
    n1, n2, n3 = (max(1, int(np.ceil(length / spacing))) for length in _reciprocal_lengths(header.cell))
    has_gamma = logical(header.setting("KGAMMA")) is not False
    return None if printed is not None and printed > n1 * n2 * n3 else KpointMesh((n1, n2, n3), has_gamma, printed)


def _reciprocal_lengths(cell: FloatArray) -> list[float]:
    lengths: list[float] = (2 * np.pi * np.linalg.norm(np.linalg.inv(cell).T, axis=1)).tolist()
    return lengths


def _spacing(cell: FloatArray, divisions: tuple[int, int, int]) -> float | None:
    """Largest distance between neighbouring k-points along the reciprocal vectors, 1/Å with 2π, as in KSPACING."""
    if volume_of(cell) < SMALLEST_VOLUME_A3:
        return None
    return round(max(length / n for length, n in zip(_reciprocal_lengths(cell), divisions, strict=True)), 4)


def _charge(header: RunHeader) -> float | None:
    """Return the charge of the cell in e: valence electrons of its atoms minus NELECT."""
    electrons = number(header.setting("NELECT"))
    valences = [(kind.n_valence, kind.count) for kind in header.species]
    if electrons is None or not valences or any(valence is None for valence, _ in valences):
        return None
    charge = sum((valence or 0.0) * count for valence, count in valences) - electrons
    return round(charge, 2) + 0.0


def _odd(header: RunHeader, beside: InputsBeside) -> Iterator[str]:
    """Say what is odd with the set-up of a run."""
    charge_density = number(header.setting("ICHARG"))
    if charge_density is not None and charge_density >= NON_SELF_CONSISTENT:
        yield f"not self-consistent: ICHARG = {charge_density:g}"
    algorithm = (header.written or beside.incar or {}).get("ALGO", "").strip().upper()
    if algorithm.startswith(MANY_BODY):
        yield f"a many-body run (ALGO = {algorithm}): its results are not those of the functional"
    if beside.poscar_species is not None:
        symbols, counts = beside.poscar_species
        had = tuple(kind.element for kind in header.species)
        if counts == tuple(kind.count for kind in header.species) and symbols != had:
            yield f"POSCAR beside names {' '.join(symbols)}, the potentials are of {' '.join(had)}"
    title = _composition(header.poscar_title or "")
    if title is not None and title != _composition_of(header.species):
        yield f"the title of POSCAR is {header.poscar_title!r}, the potentials make it {_formula(header.species)}"


def _composition(title: str) -> dict[str, int] | None:
    """Read a title that is a formula, "Mg4 V2 Bi2 O12"; None where it is anything else, or was cut."""
    from ase.formula import Formula

    words = title.split()
    if len(title.rstrip()) >= WIDTH_OF_TITLE or len(words) < 2:
        return None
    try:
        counts = Formula("".join(words), strict=True).count()
    except ValueError:
        return None
    return counts if all(any(c.isdigit() for c in word) for word in words) else None


WIDTH_OF_TITLE = 40
"""Longer titles are cut in OUTCAR."""


def _composition_of(species: tuple[Species, ...]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for kind in species:
        counts[kind.element] = counts.get(kind.element, 0) + kind.count
    return counts


def _formula(species: tuple[Species, ...]) -> str:
    return " ".join(f"{element}{count}" for element, count in _composition_of(species).items())
