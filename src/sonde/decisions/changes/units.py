"""Units of settings, where their key, their value or a comment beside them states one."""

import re

from sonde.quantities import parse_unit

# How a unit stands in a key (lower case) → how it is shown.
ENERGIES = {"ev": "eV", "mev": "meV", "kev": "keV", "ry": "Ry", "ha": "Ha", "hartree": "Ha", "kj": "kJ", "kcal": "kcal"}
LENGTHS = {"a": "Å", "ang": "Å", "angstrom": "Å", "angstroms": "Å", "nm": "nm", "bohr": "bohr"}
DIVISORS = {**LENGTHS, "atom": "atom", "mol": "mol", "fs": "fs", "ps": "ps", "k": "K"}
OTHERS = {"gpa": "GPa", "mpa": "MPa", "kbar": "kbar", "bar": "bar", "kelvin": "K", "fs": "fs", "ps": "ps", "ns": "ns"}
VOLUMES = {"a3": "Å³", "ang3": "Å³", "angstrom3": "Å³", "a2": "Å²", "ang2": "Å²"}
SIMPLE = {**ENERGIES, **LENGTHS, **VOLUMES, **OTHERS, "percent": "%"}
LONE_CAPITALS = {"A": "Å", "K": "K"}
NOT_A_LENGTH = frozenset(
    [
        "option",
        "stage",
        "group",
        "phase",
        "site",
        "plan",
        "class",
        "type",
        "set",
        "part",
        "variant",
        "case",
        "sample",
        "table",
    ]
)

_WORD = r"(?:meV|keV|eV|mRy|Ry|Hartree|Ha|kJ|kcal|Angstroms?|angstroms?|Ang|Å|A|nm|[Bb]ohr|GPa|MPa|kbar|K|fs|ps|ns)"
_OVER = r"(?:(?:\s?/\s?|\s+per\s+)(?:Angstroms?|angstroms?|Ang|Å|A|nm|[Bb]ohr|atom|mol|fs|ps|K)(?:\^?[23]|[²³])?)"
COMPOUND = re.compile(rf"(?<![\w/])({_WORD}{_OVER})(?![\w/])")
LONE_LETTER = re.compile(r"[AK]\s+\w")
STATED = re.compile(rf"(?:^|[\[(]|\bin\s|\bunits?:?\s)\s*({_WORD}{_OVER}?)(?=$|[\s\]),;.:])")
WITH_UNIT = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\W\d_][^\s,;]*(?:\s(?:per|/)\s?\S+)?)")


def unit_of_key(key: str) -> str | None:
    """Read the unit from the end of a key: max_force_eV_per_A, FORCE_MAX_EV_A, pressure_GPa, cutoff_A."""
    words = [word for word in re.split(r"[_\-\s]+", key.rpartition(".")[2]) if word]
    lower = [word.lower() for word in words]
    if len(words) > 3 and lower[-2] == "per" and lower[-3] in SIMPLE and lower[-1] in DIVISORS:
        return f"{SIMPLE[lower[-3]]}/{DIVISORS[lower[-1]]}"
    if len(words) > 2 and lower[-2] in ENERGIES and lower[-1] in DIVISORS:
        return f"{ENERGIES[lower[-2]]}/{DIVISORS[lower[-1]]}"
    return _single(words) if len(words) > 1 else None


def _single(words: list[str]) -> str | None:
    last = words[-1]
    if last in LONE_CAPITALS:  # OPTION_A is no length
        return LONE_CAPITALS[last] if words[-2].lower() not in NOT_A_LENGTH else None
    return None if len(last) == 1 else SIMPLE.get(last.lower())


def unit_of_comment(comment: str) -> str | None:
    """Read the unit from a comment: `eV/Å` anywhere, plain `eV` where it opens it, in brackets or after `in`."""
    comment = comment.strip()
    found = COMPOUND.search(comment) or STATED.search(comment)
    if found is None or LONE_LETTER.match(comment, found.start(1)):  # `A new limit` is an article
        return None
    return shown(found[1])


def split_unit(text: str) -> tuple[str, str | None]:
    """Split `15 eV/Å` into number and unit; any other text stays as it is."""
    match = WITH_UNIT.fullmatch(text.strip())
    if match is None or parse_unit(match[2]) is None:
        return text, None
    return match[1], shown(match[2])


def shown(unit: str) -> str:
    """Spell a unit in one way: eV/Å for eV/A, ev per angstrom, eV / Ang."""
    unit = re.sub(r"\s+per\s+|\s*/\s*", "/", unit.strip())
    return re.sub(r"(?<![A-Za-z])([Aa]ngstroms?|Ang|A)(?![A-Za-z])", "Å", unit)
