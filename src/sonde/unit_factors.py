"""Factors to SI base units and dimensions of the units that people write; what is not in the table is pint's business.

pint takes half a second to load, more than all else that a question needs. The dimensions are in pint's words, and the
factors are the exact or CODATA 2022 values that pint holds.
"""

import re
from collections import Counter
from collections.abc import Mapping

AVOGADRO_PER_MOL = 6.02214076e23
_ENERGY = {"[mass]": 1, "[length]": 2, "[time]": -2}
_PRESSURE = {"[mass]": 1, "[length]": -1, "[time]": -2}
_LENGTH, _TIME = {"[length]": 1}, {"[time]": 1}
_EV_J, _RYDBERG_J, _HARTREE_J = 1.602176634e-19, 2.1798723611029888e-18, 4.3597447222059776e-18
_KNOWN: dict[str, tuple[float, dict[str, int]]] = {
    "kJ_per_mol": (1e3 / AVOGADRO_PER_MOL, _ENERGY),
    "kcal_per_mol": (4.184e3 / AVOGADRO_PER_MOL, _ENERGY),
    "electron_volt": (_EV_J, _ENERGY),
    "millielectron_volt": (1e-3 * _EV_J, _ENERGY),
    "kiloelectron_volt": (1e3 * _EV_J, _ENERGY),
    "rydberg": (_RYDBERG_J, _ENERGY),
    "millirydberg": (1e-3 * _RYDBERG_J, _ENERGY),
    "hartree": (_HARTREE_J, _ENERGY),
    "millihartree": (1e-3 * _HARTREE_J, _ENERGY),
    "angstrom": (1e-10, _LENGTH),
    "bohr": (5.291772105438828e-11, _LENGTH),
    "nanometer": (1e-9, _LENGTH),
    "picometer": (1e-12, _LENGTH),
    "kelvin": (1.0, {"[temperature]": 1}),
    "gigapascal": (1e9, _PRESSURE),
    "megapascal": (1e6, _PRESSURE),
    "pascal": (1.0, _PRESSURE),
    "kilobar": (1e8, _PRESSURE),
    "bar": (1e5, _PRESSURE),
    "femtosecond": (1e-15, _TIME),
    "picosecond": (1e-12, _TIME),
    "nanosecond": (1e-9, _TIME),
    "second": (1.0, _TIME),
    "minute": (60.0, _TIME),
    "hour": (3600.0, _TIME),
    "day": (86400.0, _TIME),
    "week": (604800.0, _TIME),
    "month": (2629800.0, _TIME),
    "year": (31557600.0, _TIME),
    "atom": (1.0, {"[atom_count]": 1}),
}
_ORDER = ("[mass]", "[length]", "[time]", "[temperature]", "[atom_count]")
_FACTOR = re.compile(r"(?P<over>/ )?(?P<name>\w+?)(?: ?\*\* ?(?P<power>\d+))?(?: \* | (?=/ )|$)")


def base_of(unit: str) -> tuple[float, str] | None:
    """Return factor and dimension of a unit such as "electron_volt / angstrom**3"; None where a part is not known."""
    factor, powers, place = 1.0, Counter[str](), 0
    while match := _FACTOR.match(unit, place):
        if match["name"] != "1":
            if match["name"] not in _KNOWN:
                return None
            scale, dimensions = _KNOWN[match["name"]]
            power = int(match["power"] or 1) * (-1 if match["over"] else 1)
            factor *= scale**power
            powers.update({dimension: power * of_one for dimension, of_one in dimensions.items()})
        place = match.end()
        if place == len(unit):
            return factor, written(powers)
    return None


def is_plain(unit: str) -> bool:
    """Whether a text is a unit of the table, or one over another, as pint writes it."""
    above, _, below = unit.partition(" / ")
    return above in _KNOWN and (not below or below in _KNOWN)


def written(powers: Mapping[str, float]) -> str:
    """Write powers of dimensions as pint does, always in the same order: pint's depends on what it met before."""
    names = [*_ORDER, *sorted(set(powers) - set(_ORDER))]
    above = " * ".join(_power(name, powers[name]) for name in names if powers.get(name, 0) > 0)
    below = "".join(f" / {_power(name, -powers[name])}" for name in names if powers.get(name, 0) < 0)
    return (above or ("1" if below else "dimensionless")) + below


def _power(name: str, power: float) -> str:
    return name if power == 1 else f"{name} ** {power:g}"
