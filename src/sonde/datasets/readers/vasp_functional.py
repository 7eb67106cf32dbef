"""Which exchange-correlation functional a VASP run used, and which dispersion correction.

GGA alone says nothing: outputs print "--" where it was not set, and the potentials decide. What counts, the strongest
first: METAGGA, exact exchange, GGA where it is set, the number LEXCH of the run, LEXCH of the potentials, their titles.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sonde.datasets.readers.functional_names import functional_name
from sonde.datasets.readers.vasp_header import RunHeader
from sonde.datasets.readers.vasp_inputs import logical, number

NOT_SET = frozenset(["", "--", "NONE", "F", ".FALSE.", "FALSE"])
OF_GGA: Mapping[str, str] = {
    "CA": "LDA (PZ)",
    "PZ": "LDA (PZ)",
    "91": "PW91",
    "PE": "PBE",
    "PS": "PBEsol",
    "RP": "RPBE",
    "RE": "revPBE",
    "AM": "AM05",
    "B3": "B3LYP",
    "B5": "B3LYP",
    "BF": "BEEF-vdW",
    "OR": "optPBE",
    "BO": "optB88",
    "MK": "optB86b",
    "ML": "rPW86",
    "CX": "vdW-DF-cx",
}
"""Values of GGA and of LEXCH in potentials (vasp.at/wiki/GGA)."""
OF_NUMBER: Mapping[int, str] = {2: "CA", 7: "91", 8: "PE", 9: "RP", 14: "PS"}
"""Numbers LEXCH that outputs print; others stay numbers."""
WITH_NONLOCAL: Mapping[str, str] = {
    "RE": "vdW-DF",
    "OR": "optPBE-vdW",
    "BO": "optB88-vdW",
    "MK": "optB86b-vdW",
    "ML": "vdW-DF2",
}
"""What GGA is called where LUSE_VDW is on."""
FAMILIES_OF_TITLES = {"PAW_PBE": "PE", "PAW_GGA": "91", "PAW": "CA", "PAW_LDA": "CA", "US": "CA", "US_PBE": "PE"}
DISPERSIONS: Mapping[int, str] = {
    0: "none",
    1: "D2",
    10: "D2",
    11: "D3",
    12: "D3(BJ)",
    13: "D4",
    15: "D3",
    2: "TS",
    20: "TS",
    21: "TS/HI",
    202: "MBD",
    212: "MBD/HI",
    263: "MBD/FI",
    3: "ULG",
    4: "dDsC",
}
"""IVDW (vasp.at/wiki/IVDW)."""
NONLOCAL = "nonlocal (LUSE_VDW)"
UNNAMED = "pairwise, IVDW not stated"
SMALLEST_ADDED_EV = 1e-4
"""Less is rounding; a dispersion correction adds more to any cell."""


@dataclass(frozen=True)
class PrintedDispersion:
    """What an ionic step prints of a dispersion correction: its number, and whether there is an energy of it."""

    code: int | None = None
    has_energy: bool = False


NOTHING_PRINTED = PrintedDispersion()


@dataclass(frozen=True)
class Functional:
    """Name, what the files hold of it, and what they contradict."""

    name: str | None
    as_written: str | None
    of_potentials: str | None
    defects: tuple[str, ...] = ()


def functional_of(header: RunHeader, incar: Mapping[str, str]) -> Functional:
    """Name the functional of a run from its output and what was set.

    Parameters
    ----------
    incar : what the run was asked for; empty where that is unknown.
    """
    settings = _Settings(header, incar)
    of_potentials = _of_potentials(header)
    gga, defects = _gga(settings, header.lexch, of_potentials)
    base = _gga_name(gga, settings)
    name = _meta(settings) or base
    if settings.on("LHFCALC"):
        name = _hybrid(name, gga, settings)
    return Functional(name, _as_written(settings, header), _spelled(of_potentials), defects)


@dataclass(frozen=True)
class _Settings:
    header: RunHeader
    incar: Mapping[str, str]

    def text(self, key: str) -> str | None:
        value = (self.header.setting(key) or self.incar.get(key) or "").strip().strip('"').upper()
        return None if value in NOT_SET else value

    def on(self, key: str) -> bool:
        return logical(self.header.setting(key) or self.incar.get(key)) is True

    def number(self, key: str, default: float) -> float:
        value = number(self.header.setting(key) or self.incar.get(key))
        return default if value is None else value


def _of_potentials(header: RunHeader) -> frozenset[str]:
    """Collect the functionals that the potentials were made for."""
    stated = {species.lexch.upper() for species in header.species if species.lexch}
    if stated:
        return frozenset(stated)
    families = (species.title.split()[0] for species in header.species if species.title and species.title.split())
    return frozenset(FAMILIES_OF_TITLES.get(family.upper(), family) for family in families)


def _gga(settings: _Settings, lexch: int | None, potentials: frozenset[str]) -> tuple[str | None, tuple[str, ...]]:
    """Return the two letters that are in force, and what contradicts them."""
    written = settings.text("GGA")
    in_force = OF_NUMBER.get(lexch, f"LEXCH {lexch}") if lexch is not None else None
    known = OF_GGA.get(in_force or "")
    if written and known and OF_GGA.get(written, written) != known:
        return in_force, (f"GGA = {written} is written, LEXCH = {lexch} ({known}) was in force",)
    if written or in_force:
        return written or in_force, ()
    if len(potentials) > 1:
        return None, (f"potentials of several functionals and no GGA: {_spelled(potentials)}",)
    return next(iter(potentials), None), ()


def _gga_name(gga: str | None, settings: _Settings) -> str | None:
    if gga is None:
        return None
    if settings.on("LUSE_VDW") and gga in WITH_NONLOCAL:
        return WITH_NONLOCAL[gga]
    return OF_GGA.get(gga, gga if gga.startswith("LEXCH") else functional_name(gga))


def _meta(settings: _Settings) -> str | None:
    text = settings.text("METAGGA")
    return functional_name(text) if text else None


def _hybrid(base: str | None, gga: str | None, settings: _Settings) -> str:
    """Name a hybrid by its share of exact exchange and its screening, in 1/Å (vasp.at/wiki/LHFCALC)."""
    share, screening = settings.number("AEXX", 0.25), settings.number("HFSCREEN", 0.0)
    if share == 1.0 and screening == 0.0 and settings.number("AGGAC", 0.0) == 0.0:
        return "HF"
    if gga == "B3":
        return "B3LYP"
    known = {(0.25, 0.2): "HSE06", (0.25, 0.3): "HSE03", (0.25, 0.0): "PBE0"}
    if base == "PBE" and (share, round(screening, 1)) in known:
        return known[(share, round(screening, 1))]
    if base == "PBEsol" and (share, round(screening, 1)) == (0.25, 0.2):
        return "HSEsol"
    return f"{base or 'unknown'} hybrid (AEXX {share:g}, HFSCREEN {screening:g})"


def _as_written(settings: _Settings, header: RunHeader) -> str | None:
    keys = ("GGA", "METAGGA", "LHFCALC", "AEXX", "HFSCREEN", "LUSE_VDW")
    stated = {key: header.setting(key) or settings.incar.get(key) for key in keys}
    parts = [f"{key}={value.strip()}" for key, value in stated.items() if value and value.strip()]
    if header.lexch is not None:
        parts.append(f"LEXCH={header.lexch}")
    return ", ".join(parts) or None


def _spelled(potentials: Iterable[str]) -> str | None:
    return " and ".join(sorted(OF_GGA.get(letters, letters) for letters in potentials)) or None


def dispersion_of(header: RunHeader, incar: Mapping[str, str], incar_is_whole: bool) -> tuple[str | None, bool]:
    """Name the dispersion correction, and say whether that is only a default.

    vasprun.xml of VASP 5 does not repeat IVDW: there, only the energies tell (`dispersion_by_energy`).
    """
    settings = _Settings(header, incar)
    if settings.on("LUSE_VDW"):
        return NONLOCAL, False
    code = number(header.setting("IVDW") or incar.get("IVDW"))
    if code is not None:
        return DISPERSIONS.get(int(code), f"IVDW {code:g}"), False
    if settings.on("LVDW"):
        return "D2", False
    return ("none", True) if incar_is_whole else (None, False)


def dispersion_by_energy(added_eV: float | None, printed: "PrintedDispersion") -> str | None:
    """Judge by what a step prints, or adds to the energy of its electrons; None where that is not known."""
    if printed.code is not None:
        return DISPERSIONS.get(printed.code, f"IVDW {printed.code}")
    if printed.has_energy:
        return UNNAMED
    return "none" if added_eV is not None and abs(added_eV) < SMALLEST_ADDED_EV else None
