"""Tags of a VASP INCAR (vasp.at/wiki/INCAR): `TAG = value`, several on a line by `;`, comments after # or !."""

import re
from collections.abc import Iterator

from sonde.decisions.changes.units import unit_of_comment
from sonde.decisions.changes.values import Unreadable, Value

TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$", re.DOTALL)
UNITS = {"ENCUT": "eV", "ENAUG": "eV", "EDIFF": "eV", "SIGMA": "eV", "KSPACING": "1/Å", "PSTRESS": "kbar"}
UNITS |= {"EFIELD": "eV/Å", "TEBEG": "K", "TEEND": "K", "EMIN": "eV", "EMAX": "eV"}


def values(text: str) -> Iterator[Value]:
    """Yield the tags of an INCAR with the unit that VASP gives them; where a tag stands twice VASP takes the first.

    Raises
    ------
    Unreadable
        Where no tag stands in the text.
    """
    seen: set[str] = set()
    for line, statement, comment in _statements(text):
        match = TAG.match(statement)
        if match and match[1].upper() not in seen:
            tag = match[1].upper()
            seen.add(tag)
            written = " ".join(match[2].split())
            yield Value(tag, written, _unit(tag, written) or unit_of_comment(comment), line)
    if not seen and text.strip():
        raise Unreadable("holds no INCAR tag")


def _statements(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, statement and comment; a backslash joins the next line."""
    begun, joined = 0, ""
    for number, line in enumerate(text.split("\n"), start=1):
        code, comment = _split_comment(line)
        begun = begun or number
        joined += code.rstrip()
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
            continue
        for statement in joined.split(";"):
            yield begun, statement, comment
        begun, joined = 0, ""


def _split_comment(line: str) -> tuple[str, str]:
    found = re.search(r"[#!]", line)
    return (line[: found.start()], line[found.end() :]) if found else (line, "")


def _unit(tag: str, written: str) -> str | None:
    """EDIFFG is an energy if positive, a force if negative."""
    if tag == "EDIFFG":
        return "eV/Å" if written.startswith("-") else "eV"
    return UNITS.get(tag)
