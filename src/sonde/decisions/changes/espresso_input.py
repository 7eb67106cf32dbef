"""Settings of a Quantum ESPRESSO input: namelists, and the cards that decide (quantum-espresso.org/Doc)."""

import re
from collections.abc import Iterator

from sonde.decisions.changes.units import unit_of_comment
from sonde.decisions.changes.values import Unreadable, Value

BEGIN = re.compile(r"\s*&(?P<name>[A-Za-z_]\w*)\s*(?P<rest>.*)$")
SETTING = re.compile(r"(?P<key>[A-Za-z]\w*(?:\([^)]*\))?)\s*=\s*(?P<value>'[^']*'|\"[^\"]*\"|[^,!\s]+)")
CARD = re.compile(r"(?P<name>ATOMIC_SPECIES|K_POINTS|HUBBARD|ATOMIC_POSITIONS|CELL_PARAMETERS|OCCUPATIONS|[A-Z_]{6,})\b"
                  r"\s*[{(]?\s*(?P<option>[\w-]*)")  # fmt: skip
RYDBERG = ("ecutwfc", "ecutrho", "ecutfock", "degauss", "conv_thr", "etot_conv_thr")
UNITS = {**dict.fromkeys(RYDBERG, "Ry"), "forc_conv_thr": "Ry/bohr", "press": "kbar", "press_conv_thr": "kbar"}
UNITS |= {"hubbard_u": "eV", "hubbard_j": "eV", "hubbard_v": "eV", "tempw": "K"}


def values(text: str) -> Iterator[Value]:
    """Yield `system.ecutwfc`, `ATOMIC_SPECIES.Ni` (its pseudopotential), `K_POINTS.automatic`, `HUBBARD.U.Ni-3d`.

    Positions and cell are structures, not settings, and are left out.

    Raises
    ------
    Unreadable
        Where no namelist stands in the text.
    """
    namelist, card, seen = "", "", False
    for number, line in enumerate(text.split("\n"), start=1):
        code, _, comment = line.partition("!")
        if match := BEGIN.match(code):
            namelist, seen, code = match["name"].lower(), True, match["rest"]
        elif namelist and code.strip() == "/":
            namelist = ""
            continue
        if namelist:
            yield from _settings(namelist, code, comment, number)
        elif match := CARD.match(code):
            card = match["name"]
            if card == "K_POINTS":
                yield Value("K_POINTS.mode", (match["option"] or "tpiba").lower(), None, number)
        else:
            yield from _entry(card, code.split(), number)
    if not seen:
        raise Unreadable("holds no namelist")


def _settings(namelist: str, code: str, comment: str, line: int) -> Iterator[Value]:
    for match in SETTING.finditer(code):
        key, text = match["key"].lower(), match["value"].strip("'\"").strip()
        unit = UNITS.get(key.partition("(")[0]) or unit_of_comment(comment)
        yield Value(f"{namelist}.{key}", re.sub(r"(?<=\d)[dD](?=[-+]?\d)", "e", text), unit, line)


def _entry(card: str, words: list[str], line: int) -> Iterator[Value]:
    if card == "ATOMIC_SPECIES" and len(words) >= 3:
        yield Value(f"ATOMIC_SPECIES.{words[0]}", words[2], None, line)
    elif card == "K_POINTS" and len(words) == 6:
        yield Value("K_POINTS.mesh", " ".join(words[:3]), None, line)
        yield Value("K_POINTS.shift", " ".join(words[3:]), None, line)
    elif card == "HUBBARD" and len(words) >= 3:
        yield Value(f"HUBBARD.{words[0]}.{'-'.join(words[1:-1])}", words[-1], "eV", line)
