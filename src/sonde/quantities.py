"""Numbers with units as people write them: a pattern finds them in running text, a table or pint converts them.

Units are kept as pint reads them ("electron_volt / angstrom"); a number without a unit has the unit None and is
compared only with another such number.
"""

import math
import re
import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from sonde.unit_factors import base_of, is_plain, written

Comparator = Literal[">", ">=", "<", "<="]

# One spelling per row: what stands in text → what pint calls it. Case counts where a prefix hangs on it (meV, MeV).
_UNIT_SPELLINGS: tuple[tuple[str, str], ...] = (
    (r"kJ ?/ ?mol|kJ mol\^?-1", "kJ_per_mol"),
    (r"kcal ?/ ?mol|kcal mol\^?-1", "kcal_per_mol"),
    (r"electron ?volts?|eV|ev|EV", "electron_volt"),
    (r"meV|mev", "millielectron_volt"),
    (r"keV", "kiloelectron_volt"),
    (r"mRy|mry", "millirydberg"),
    (r"[Rr]ydbergs?|Ry|ry|RY|Ryd", "rydberg"),
    (r"mHa", "millihartree"),
    (r"[Hh]artrees?|Ha|E_h", "hartree"),
    (r"Å|Å|Å|[Aa]ngstr(?:o|ö|oe)ms?|ang|Ang|A", "angstrom"),
    (r"[Bb]ohrs?|BOHR|a_0|a0", "bohr"),
    (r"nm", "nanometer"),
    (r"pm", "picometer"),
    (r"°C|degC", "degC"),
    (r"K|[Kk]elvins?", "kelvin"),
    (r"GPa|gpa", "gigapascal"),
    (r"MPa", "megapascal"),
    (r"Pa", "pascal"),
    (r"kbar|kBar|kB", "kilobar"),
    (r"bar", "bar"),
    (r"fs|femtoseconds?", "femtosecond"),
    (r"ps|picoseconds?", "picosecond"),
    (r"ns|nanoseconds?", "nanosecond"),
    (r"seconds?|sec|s", "second"),
    (r"minutes?|min", "minute"),
    (r"hours?|hrs?|h", "hour"),
    (r"days?", "day"),
    (r"weeks?", "week"),
    (r"months?", "month"),
    (r"years?|yrs?", "year"),
    (r"atoms?|at\b\.?", "atom"),
    (r"%|percent|per cent", "percent"),
)
_DEFINITIONS = (
    "atom = [atom_count]",
    "kJ_per_mol = kilojoule / 6.02214076e23",
    "kcal_per_mol = 4.184 * kilojoule / 6.02214076e23",
)
_UNIT_TOKEN = "(?:" + "|".join(pattern for pattern, _ in _UNIT_SPELLINGS) + ")"
_POWER = r"(?:\s?\^?\s?\{?[-−]?[123]\}?|\*\*[-−]?[123]|[²³]|⁻[¹²³])?"
_NEGATIVE_POWER = r"(?:\s?\^?\s?\{?[-−][123]\}?|\*\*[-−][123]|⁻[¹²³])"
_JOINED = (
    rf"(?:\s?/\s?|\s+per\s+|\s?[·*]\s?)(?:{_UNIT_TOKEN}|a(?!\w))(?:{_POWER}(?![\w]))?"
    rf"|[ ·]?{_UNIT_TOKEN}{_NEGATIVE_POWER}"
)
_UNIT = rf"(?:{_UNIT_TOKEN}{_POWER}(?:{_JOINED}){{0,2}}|1\s?/\s?(?:Å|Å|A|[Aa]ngstroms?|bohr))"
_DIGITS = r"(?:\d{1,3}(?:[,_\u00a0\u2009\u202f]\d{3})+(?!\d)|\d+)"
_EXPONENT = r"(?:[eE][+\-−]?\d+|\s?[×x]\s?10\s?\^?\{?[+\-−]?\d+\}?)?"
_NUMBER = rf"(?:(?:{_DIGITS}(?:\.\d+)?|\.\d+){_EXPONENT}|0,\d+)"
_SKIPPED = (
    r"https?://\S+|\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d\S*)?|\b\d{1,2}:\d\d(?::\d\d)?\b|\b\d{1,2}\.\d{1,2}\.(?:\d{4}"
    r"|\d\d)\b"
    r"|\b\d{1,2}/\d{1,2}/\d{2,4}\b|\b\d+(?:\.\d+){2,}\b|\b(?=\d*[a-f])[0-9a-f]{7,40}\b"
)
_WORDS_BEFORE: dict[str, str] = {
    ">=": r"≥|>=|=>|at least|no less than|not less than|not below|or above",
    "<=": r"≤|<=|=<|at most|up to|no more than|not more than|within",
    ">": r"(?<![-=])>|(?:[a-z]+er|more) than|above|over|beyond|exceed(?:s|ing|ed)?|past",
    "<": r"<|less than|below|under|shorter than|smaller than|lower than|closer than",
    "~": r"~|≈|∼|±|about|approximately|approx\.?|roughly|around|circa|ca\.?|some|nearly|almost",
}
_BEFORE = re.compile(
    r"(?P<comparator>"
    + "|".join(f"(?:{pattern})" for sign, pattern in _WORDS_BEFORE.items() if sign != "~")
    + rf")?\s*(?P<about>{_WORDS_BEFORE['~']})?\s*$",
    re.IGNORECASE,
)
_ENDS_BEFORE = re.compile(
    r"(?:[<>=≥≤~≈∼±]|\b(?:than|above|over|beyond|exceed\w*|past|below|under|least|most|to|within|about|approximately"
    r"|approx\.?"
    r"|roughly|around|circa|ca\.?|some|nearly|almost))\s*$",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\s?(?:(?!(?:for|as|in|of|on|at|is|was|to|and|or|with|from|by|the|we|so)\b)[a-z]+[ -]){0,2}?(frames?|structures?"
    r"|configs?|configurations?|snapshots?|cells?|runs?|jobs?|seeds?|images?"
    r"|people|entries|folders?|files?|nodes?|cores?|gpus?|lines?|commits?|times|calculations|datasets?|models?"
    r"|elements|samples|slabs?|steps|trajectories|labels|outliers|tests?|parents|examples)\b",
    re.IGNORECASE,
)
_ENUMERATES = re.compile(
    r"\s*(?:,|/|\||->|→|=>|⇒|to|and|or|vs\.?|versus|instead of|rather than|not|over|than|,? ?(?:and|or|not|instead of)"
    r"|\(?(?:was|previously|formerly|before|from))\s*(?:the |at |with )?(?:old |previous |earlier )?(?:about |~ ?)?",
    re.IGNORECASE,
)
_FIND = re.compile(
    rf"(?P<skipped>{_SKIPPED})"
    rf"|(?<![\w.])(?<![A-Za-z_]-)(?P<sign>(?<![\d)\w])[-−+])?(?P<number>{_NUMBER})(?![.,]?\d)"
    rf"(?:\s?(?P<unit1>{_UNIT})(?![\w]))?"
    rf"(?:\s?(?:-|–|—|\.\.\.?|…)\s?(?P<high>{_NUMBER})(?![\w.]*\d)(?=\W|$|[A-Za-zÅ°]))?"
    rf"(?:(?P<thousand>k)\b|(?P<ordinal>st|nd|rd|th)\b|\s?[-(\[]?(?P<unit>{_UNIT})(?![\w])|(?![\w]))"
)


@dataclass(frozen=True)
class Quantity:
    """A number found in text.

    value and high (the far end of a range) are in `unit`; half_digit is half a unit of the last digit written;
    counted names what an adjoining noun counts ("15 frames"), which is then no value of a setting.
    """

    value: float
    unit: str | None
    comparator: Comparator | None
    span: tuple[int, int]
    half_digit: float = 0.0
    approximate: bool = False
    high: float | None = None
    counted: str | None = None

    def to(self, unit: str) -> "Quantity":
        """Convert to another unit of the same dimension.

        Raises
        ------
        ValueError
            The quantity has no unit, or one of another dimension.
        """
        target = parse_unit(unit)
        if self.unit is None or target is None or dimension(self.unit) != dimension(target):
            raise ValueError(f"{self.value} {self.unit or '(no unit)'} cannot be expressed in {unit!r}")
        value, high = convert(self.value, self.unit, target), self.high
        far = None if high is None else convert(high, self.unit, target)
        scale = abs(_base(self.unit)[0] / _base(target)[0])
        return replace(self, value=value, unit=target, high=far, half_digit=self.half_digit * scale)

    def assuming(self, unit: str | None) -> "Quantity":
        """Give a bare number the unit that its setting has; a number with a unit stays as it is."""
        return replace(self, unit=parse_unit(unit)) if self.unit is None and unit else self


_DIGIT = re.compile(r"\d")


@lru_cache(maxsize=8192)
def find_quantities(text: str) -> tuple[Quantity, ...]:
    """Return the numbers in running text, in order, with unit, comparator and place; dates and hashes are none."""
    if not _DIGIT.search(text):
        return ()
    read = (_quantity(text, match) for match in _FIND.finditer(text) if match["skipped"] is None)
    found = [quantity for quantity in read if math.isfinite(quantity.value)]
    return tuple(_sharing_units(text, found))


def parse_quantity(text: str, unit: str | None = None) -> Quantity | None:
    """Read a whole string as one quantity ("15", "15 eV/Å"), or say that it is none; `unit` holds where none stands."""
    found = find_quantities(text.strip())
    if len(found) != 1 or found[0].span != (0, len(text.strip())):
        return None
    return found[0].assuming(unit)


def same_quantity(first: Quantity, second: Quantity, rtol: float = 1e-6) -> bool:
    """Whether two statements give one value, within what their writers stated.

    In the same unit, or one a power of ten away, numbers must agree to rtol, unless one is "about" (5 %). In other
    units they agree where one, converted, rounds to the other as written: 0.58 Ry/bohr is 15 eV/Å. Ranges and values
    of different dimension never agree.
    """
    if first.high is not None or second.high is not None or dimension(first.unit) != dimension(second.unit):
        return False
    a, b = in_base_units(first), in_base_units(second)
    about = 0.05 if first.approximate or second.approximate else 0.0
    difference = abs(a - b)
    if difference <= max(rtol, about) * max(abs(a), abs(b)):
        return True
    factors = _base(first.unit)[0], _base(second.unit)[0]
    offset = first.unit != second.unit and "degC" in (first.unit, second.unit)
    if _power_of_ten(factors[0] / factors[1]) and not offset:
        return False
    return difference <= max(first.half_digit * abs(factors[0]), second.half_digit * abs(factors[1]))


@lru_cache(maxsize=4096)
def parse_unit(text: str | None) -> str | None:
    """Return pint's name of a unit written in any of the usual ways ("eV/Å", "eV_per_A", "Ry"), None if it is none."""
    if not text:
        return None
    parts = _unit_parts(text.replace("_per_", "/") if re.search("[A-Za-zÅ]_per_", text) else text)
    if parts is None and "_" in text:
        parts = _unit_parts(text.replace("_per_", "/").replace("_", "/"))
    if parts is None:
        return _by_pint(text)
    above = " * ".join(f"{name}**{power}" if power != 1 else name for name, power in parts if power > 0) or "1"
    below = "".join(f" / {name}" + (f"**{-power}" if power != -1 else "") for name, power in parts if power < 0)
    return above + below


def convert(value: float, unit: str, target: str) -> float:
    """Convert a number between units of one dimension, as pint knows them."""
    if "degC" in (unit, target):
        return float(_registry().Quantity(value, unit).to(target).magnitude)
    return value * (_base(unit)[0] / _base(target)[0])


def dimension(unit: str | None) -> str:
    """Return the physical dimension in pint's words; a bare number has the dimension ''."""
    return _base(unit)[1]


def in_base_units(quantity: Quantity) -> float:
    """Return the value in SI base units, for comparing and sorting."""
    if quantity.unit == "degC":
        return convert(quantity.value, "degC", "kelvin")
    return quantity.value * _base(quantity.unit)[0]


def _quantity(text: str, match: re.Match[str]) -> Quantity:
    written = match["number"]
    unit = parse_unit(match["unit"] or match["unit1"])
    scale = 1000.0 if match["thousand"] else 1.0
    sign = -1.0 if match["sign"] in ("-", "−") else 1.0
    high = _number(match["high"]) * scale if match["high"] else None
    before = _words_before(text[max(0, match.start() - 28) : match.start()])
    counted = _COUNTED.match(text, match.end()) if unit is None else None
    return Quantity(
        value=sign * _number(written) * scale,
        unit=unit,
        comparator=_comparator(before["comparator"] if before else None),
        span=match.span(),
        half_digit=_half_digit(written) * scale,
        approximate=bool(before and before["about"]),
        high=high,
        counted=counted[1].lower() if counted else None,
    )


def _words_before(tail: str) -> re.Match[str] | None:
    # The long pattern is tried only where the last word can end it.
    return _BEFORE.search(tail) if _ENDS_BEFORE.search(tail[-15:]) else None


def _sharing_units(text: str, found: list[Quantity]) -> list[Quantity]:
    """Give bare numbers of an enumeration the unit written once: "from 10 to 15 eV/Å", "15 eV/Å instead of 10"."""
    shared = list(found)
    for step in (-1, 1):
        order = range(len(shared) - 2, -1, -1) if step == -1 else range(1, len(shared))
        for index in order:
            donor = shared[index - step]
            first, second = sorted((shared[index].span, donor.span))
            bare = shared[index].unit is None and not shared[index].counted and donor.unit
            if bare and _ENUMERATES.fullmatch(text[first[1] : second[0]]):
                shared[index] = replace(shared[index], unit=donor.unit)
    return shared


def _comparator(words: str | None) -> Comparator | None:
    if not words:
        return None
    signs: tuple[Comparator, ...] = (">=", "<=", "<", ">")
    return next(sign for sign in signs if re.fullmatch(_WORDS_BEFORE[sign], words, re.IGNORECASE))


def _number(written: str) -> float:
    if written.startswith("0,"):
        return float(written.replace(",", "."))
    plain = re.sub(r"[,_\u00a0\u2009\u202f]", "", written).replace("−", "-")
    mantissa, *exponent = re.split(r"\s?[×x]\s?10\s?\^?\{?", plain)
    return float(mantissa) * (_ten_to(float(exponent[0].rstrip("}"))) if exponent else 1.0)


def _half_digit(written: str) -> float:
    """Half a unit of the last digit written; zeros before the decimal point count as written."""
    mantissa, *exponent = re.split(r"[eE]|\s?[×x]\s?10\s?\^?\{?", written.replace("−", "-"))
    point = "," if mantissa.startswith("0,") else "."
    decimals = len(mantissa.partition(point)[2])
    shift = float(exponent[0].rstrip("}")) if exponent else 0.0
    return 0.5 * _ten_to(shift - decimals)


def _ten_to(power: float) -> float:
    """Infinite beyond what a float holds: "1e400" in a text is no error."""
    return 10.0**power if power < sys.float_info.max_10_exp else math.inf


_SPELLED = tuple((re.compile(rf"(?:{pattern})(?![A-Za-z])"), name) for pattern, name in _UNIT_SPELLINGS)
_POWER_WRITTEN = re.compile(r"\s?(?:\^|\*\*)?\s?\{?([-−]?[123])\}?|([²³])|⁻([¹²³])")
_SUPERSCRIPTS = {"¹": 1, "²": 2, "³": 3}


def _unit_parts(text: str) -> list[tuple[str, int]] | None:
    """Split a written unit into (pint name, power); None where a part is not known."""
    parts: list[tuple[str, int]] = []
    rest, sign = text.strip(), 1
    if rest.startswith("1") and "/" in rest:
        rest = rest[1:].lstrip()
    while rest:
        joint = re.match(r"\s*(/|per\s|[·*]|\s)\s*", rest)
        if joint:
            sign = -1 if joint[1].strip() in ("/", "per") else 1
            rest = rest[joint.end() :]
        name, rest = _one_unit(rest, allow_small_a=bool(parts))
        if name is None:
            return None
        written = _POWER_WRITTEN.match(rest)
        power = _power(written) if written else 1
        rest = rest[written.end() :] if written else rest
        parts.append((name, sign * power))
        sign = 1
    return parts


def _one_unit(text: str, *, allow_small_a: bool) -> tuple[str | None, str]:
    for pattern, name in _SPELLED:
        match = pattern.match(text)
        if match:
            return name, text[match.end() :]
    if allow_small_a and re.match(r"a(?![A-Za-z])", text):
        return "angstrom", text[1:]
    return None, text


def _power(written: re.Match[str]) -> int:
    if written[1]:
        return int(written[1].replace("−", "-"))
    return _SUPERSCRIPTS[written[2]] if written[2] else -_SUPERSCRIPTS[written[3]]


def _by_pint(text: str) -> str | None:
    if is_plain(text):
        return text
    import pint

    try:
        return str(_registry().Unit(text))
    except (pint.PintError, ValueError, TypeError, AttributeError, AssertionError, KeyError):
        return None


@lru_cache(maxsize=1)
def _registry() -> Any:
    # pint takes half a second to load: only where a unit is met that is not in the table of factors.
    import pint

    registry: Any = pint.UnitRegistry()
    for definition in _DEFINITIONS:
        registry.define(definition)
    return registry


@lru_cache(maxsize=4096)
def _base(unit: str | None) -> tuple[float, str]:
    """Factor to base units and dimension; the offset of °C is pint's business in `convert`."""
    if unit is None:
        return 1.0, ""
    plain = "kelvin" if unit == "degC" else unit
    if plain == "percent":
        return 0.01, "percent"
    if known := base_of(plain):
        return known
    quantity = _registry().Quantity(1.0, plain).to_base_units()
    return float(quantity.magnitude), written(dict(quantity.dimensionality))


def _power_of_ten(factor: float) -> bool:
    exponent = math.log10(abs(factor))
    return abs(exponent - round(exponent)) < 1e-9
