"""Titles of a VASP POTCAR, and a hash of each potential; these are licensed, so that nothing else is kept."""

import hashlib
import re
from collections.abc import Iterator

from sonde.decisions.changes.values import Unreadable, Value

TITLE = re.compile(r"^\s*TITEL\s*=\s*(?P<title>\S.*?)\s*$", re.MULTILINE)
END = "End of Dataset"
HASH_DIGITS = 12


def values(text: str) -> Iterator[Value]:
    """Yield per element the title (`PAW_PBE Ni_pv 06Sep2000`) and the beginning of a SHA-256 of the potential.

    Raises
    ------
    Unreadable
        Where no title stands in the text.
    """
    line = 1
    found = False
    for potential in text.split(END):
        for match in TITLE.finditer(potential):
            title = match["title"]
            place = line + potential.count("\n", 0, match.start("title"))
            element = re.split(r"[_.]", title.split()[:2][-1])[0]
            digest = hashlib.sha256(potential.strip().encode()).hexdigest()[:HASH_DIGITS]
            yield Value(f"POTCAR.{element}", title, None, place)
            yield Value(f"POTCAR.{element}.sha256", digest, None, place)
            found = True
        line += potential.count("\n")
    if not found and text.strip():
        raise Unreadable("holds no TITEL")
