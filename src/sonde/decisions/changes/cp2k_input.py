"""Settings of a CP2K input (manual.cp2k.org): nested sections `&NAME … &END`, a keyword and its values on each line."""

import re
from collections.abc import Iterator

from sonde.decisions.changes.units import shown
from sonde.decisions.changes.values import Unreadable, Value

STRUCTURE = frozenset({"COORD", "CELL", "VELOCITY", "BASIS", "POTENTIAL"})
"""Sections that hold structures and data."""
WITH_NAME = frozenset({"KIND", "XC_FUNCTIONAL"})
UNIT = re.compile(r"\[\s*(?P<unit>[^\]]+?)\s*\]")
UNITS = {"CUTOFF": "Ry", "REL_CUTOFF": "Ry", "TIMESTEP": "fs", "TEMPERATURE": "K", "ELECTRONIC_TEMPERATURE": "K"}
UNITS |= {"U_MINUS_J": "Ha", "PRESSURE": "bar"}


def values(text: str) -> Iterator[Value]:
    """Yield `FORCE_EVAL.DFT.MGRID.CUTOFF` and its like; a section with a name in it carries it (`KIND.Ni.BASIS_SET`).

    Raises
    ------
    Unreadable
        Where sections do not close.
    """
    open_sections: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        code = re.split(r"[!#]", line)[0].strip()
        if code.upper().startswith("&END"):
            if not open_sections:
                raise Unreadable(f"line {number} closes a section that is not open")
            open_sections.pop()
        elif code.startswith("&"):
            name, _, parameter = code[1:].partition(" ")
            open_sections.append(
                name.upper() + (f".{parameter.strip()}" if parameter and name.upper() in WITH_NAME else "")
            )
            if name.upper() == "XC_FUNCTIONAL" and parameter.strip():
                yield Value(".".join([*open_sections[:-1], "XC_FUNCTIONAL"]), parameter.strip(), None, number)
        elif code and not code.startswith("@") and not STRUCTURE & set(open_sections):
            yield _keyword(open_sections, code, number)
    if open_sections:
        raise Unreadable(f"section {open_sections[-1]} is not closed")


def _keyword(sections: list[str], code: str, line: int) -> Value:
    keyword, _, written = code.partition(" ")
    stated = UNIT.search(written)
    text = " ".join(UNIT.sub(" ", written).split())
    unit = shown(stated["unit"].replace("angstrom", "Å")) if stated else UNITS.get(keyword.upper())
    return Value(".".join([*sections, keyword.upper()]), text or "True", unit, line)
