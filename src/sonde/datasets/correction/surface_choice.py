"""Which frames a user means: by surface ("PBE", "PBE+U"), by stated fields or tags ("hubbard_u=none"), by dataset."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ase.data import atomic_numbers, chemical_symbols

from sonde.datasets.correction.places import Place
from sonde.datasets.surfaces import KEYS, PER_ELEMENT, SHIFTED, family
from sonde.errors import WrongUse

CONDITION = re.compile(r"\s*(?P<name>[\w.-]+?)\s*(\[(?P<element>[A-Z][a-z]?)\])?\s*=\s*(?P<values>.*?)\s*", re.DOTALL)
BETWEEN = re.compile(r",(?=[^,=]+=)")
"""Values may hold commas, as "Ni_pv, O" does: only one that a further condition follows ends a condition."""
NO_U = "none"
ANY_U = "any"
"""As a value of hubbard_u: a U on some element."""


@dataclass(frozen=True)
class Condition:
    """`name=value|value`, `name[element]=value`; name is a field of the level of theory, a tag, or `dataset`."""

    name: str
    element: str | None
    values: tuple[str, ...]

    @property
    def is_field(self) -> bool:
        return self.name in KEYS


@dataclass(frozen=True)
class SurfaceChoice:
    """Conditions that hold together."""

    text: str
    conditions: tuple[Condition, ...]

    @property
    def fields(self) -> frozenset[str]:
        """Fields of the level of theory that it decides; all where it goes by tags or by dataset."""
        if all(condition.is_field for condition in self.conditions):
            return frozenset(condition.name for condition in self.conditions)
        return frozenset(KEYS)


def surface_choice(text: str) -> SurfaceChoice:
    """Read what a user wrote: "PBE" (without U), "PBE+U", or conditions joined by commas.

    Raises WrongUse.
    """
    if "=" not in text:
        return _by_title(text)
    conditions = []
    for part in BETWEEN.split(text):
        match = CONDITION.fullmatch(part)
        values = tuple(value.strip() for value in match["values"].split("|")) if match else ()
        if match is None or not all(values):
            raise WrongUse(f"{part.strip()!r} is no condition: write field=value, e.g. hubbard_u=none.")
        _check_element(match["name"], match["element"])
        conditions.append(Condition(match["name"], match["element"], values))
    return SurfaceChoice(text.strip(), tuple(conditions))


def _by_title(text: str) -> SurfaceChoice:
    functional, plus, u = text.strip().upper().partition("+U")
    if not functional or u:
        raise WrongUse(f"{text!r} names no surface: write e.g. PBE, PBE+U, or conditions such as hubbard_u=none.")
    of_u = Condition("hubbard_u", None, (ANY_U if plus else NO_U,))
    return SurfaceChoice(text.strip(), (Condition("functional", None, (functional,)), of_u))


def _check_element(name: str, element: str | None) -> None:
    if element is None:
        return
    if name not in PER_ELEMENT or element not in atomic_numbers:
        raise WrongUse(f"{name}[{element}] cannot be: only {' and '.join(PER_ELEMENT)} are kept per element.")


def holds(choice: SurfaceChoice, place: Place) -> bool | None:
    """Tell whether a frame is meant; None where it does not state enough to say."""
    answers = [_holds(condition, place) for condition in choice.conditions]
    if False in answers:
        return False
    return None if None in answers else True


def _holds(condition: Condition, place: Place) -> bool | None:
    if condition.name == "dataset" and not condition.is_field:
        return place.dataset in condition.values
    if not condition.is_field:
        frame = place.frame
        tag = frame.source_file if condition.name == "source_file" else frame.tags.get(condition.name)
        return None if tag is None else any(_same(str(tag), value) for value in condition.values)
    stated = stated_values(condition, place.fields)
    if not stated:
        # A cell without the element has nothing to disagree on, provided that it says anything of the field.
        known = any(family(field) == condition.name for field in place.fields)
        return True if condition.element is not None and known else None
    if condition.values == (ANY_U,) and condition.name == "hubbard_u":
        return any(value != NO_U for value in stated.values())
    return all(_meets(condition, value) for value in stated.values())


def stated_values(condition: Condition, fields: Mapping[str, str]) -> dict[str, str]:
    """Return the stated fields that a condition is about."""
    wanted = None if condition.element is None else f"{condition.name}[{condition.element}]"
    return {
        key: value for key, value in fields.items() if key == wanted or (not wanted and family(key) == condition.name)
    }


def _meets(condition: Condition, stated: str) -> bool:
    return any(_same(stated, value) or _same(stated.rpartition(":")[2], value) for value in condition.values)


def _same(stated: str, wanted: str) -> bool:
    """Compare words without regard to case, numbers by value."""
    try:
        return float(stated) == float(wanted)
    except ValueError:
        return stated.casefold() == wanted.casefold()


def off_target(target: SurfaceChoice, place: Place) -> dict[str, str]:
    """Return the stated fields in which a frame differs from the target; none where the choice goes by tags."""
    return {
        key: value
        for condition in target.conditions
        if condition.is_field
        for key, value in stated_values(condition, place.fields).items()
        if not _meets(condition, value)
    }


def corrected_elements(target: SurfaceChoice, place: Place) -> frozenset[int]:
    """Return the atomic numbers whose energy a move to the target changes.

    Where a frame is off the target in per-element fields only (U on Ni), these elements; else all that it holds.
    """
    all_elements = frozenset(int(number) for number in set(place.frame.numbers.tolist()))
    off = off_target(target, place)
    named = [key.partition("[")[2].rstrip("]") for key in off]
    if not named or not all(named):
        return all_elements
    return frozenset(atomic_numbers[name] for name in named) & all_elements


def deciding_values(target: SurfaceChoice, place: Place) -> dict[str, str]:
    """Return what a frame states of the fields of the target: all where it is off it as a whole, else those off it."""
    off = off_target(target, place)
    if all("[" in key for key in off):
        return off
    return {k: v for c in target.conditions if c.is_field for k, v in stated_values(c, place.fields).items()}


def surface_title(place: Place) -> str:
    """Name the surface of a frame as people do: "PBE+U"; nothing where it states neither functional nor U."""
    with_u = any(family(key) == "hubbard_u" and value != NO_U for key, value in place.fields.items())
    functional = place.fields.get("functional", "")
    return f"{functional}+U" if with_u and not functional.startswith(SHIFTED) else functional


def symbols(numbers: Iterable[int]) -> str:
    """List elements by symbol, joined by commas."""
    return ", ".join(sorted(chemical_symbols[number] for number in numbers))
