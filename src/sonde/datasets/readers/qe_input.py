"""Input of Quantum ESPRESSO's pw.x: what its namelists set and its cards hold."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sonde.datasets.readers.compression import opened
from sonde.errors import BadInput

LARGEST_INPUT_BYTES = 1 << 22
COMMENT = re.compile(r"(?<!\S)[!#].*")
SETTING = re.compile(r"([A-Za-z_]\w*(?:\s*\([\d\s,]+\))?)\s*=\s*('[^']*'|\"[^\"]*\"|[^,\s/]+)")
CARDS = ("ATOMIC_SPECIES", "ATOMIC_POSITIONS", "K_POINTS", "CELL_PARAMETERS", "HUBBARD", "OCCUPATIONS", "CONSTRAINTS")
CARDS_OR_OTHERS = (*CARDS, "ATOMIC_FORCES", "ATOMIC_VELOCITIES", "ADDITIONAL_K_POINTS", "SOLVENTS")


@dataclass(frozen=True)
class PwInput:
    """Settings by their lower-case names, quotes off, and the lines of each card, its first with the card's option."""

    settings: Mapping[str, str]
    cards: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def number(self, name: str) -> float | None:
        """Return a number; Fortran's d is an exponent."""
        try:
            return float(self.settings[name].lower().replace("d", "e"))
        except (KeyError, ValueError):
            return None

    def is_on(self, name: str) -> bool | None:
        """Return a logical; None where it is not set."""
        letter = self.settings.get(name, "").lstrip(".")[:1].lower()
        return {"t": True, "f": False}.get(letter)

    def mesh(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Return divisions and shifts of an automatic mesh; Γ alone is 1 × 1 × 1."""
        option, *lines = self.cards.get("K_POINTS", ("",))
        if "gamma" in option.lower():
            return (1, 1, 1), (0, 0, 0)
        words = lines[0].split() if lines and "automatic" in option.lower() else []
        if len(words) < 6 or not all(word.lstrip("-").isdecimal() for word in words[:6]):
            return None
        values = tuple(map(int, words[:6]))
        return values[:3], values[3:]

    def potential_files(self) -> tuple[str, ...]:
        """Return the file names of the potentials in the order of the species."""
        rows = (line.split() for line in self.cards.get("ATOMIC_SPECIES", ("",))[1:])
        return tuple(row[2] for row in rows if len(row) >= 3)


def read_pw_input(text: str) -> PwInput:
    """Read namelists and cards; comments are left out."""
    settings: dict[str, str] = {}
    cards: dict[str, list[str]] = {}
    card: str | None = None
    for raw in text.splitlines():
        line = COMMENT.sub("", raw).strip()
        word = line.split()[0].upper().rstrip("{(") if line else ""
        if line.startswith(("&", "/")):
            card = None
        elif word in CARDS_OR_OTHERS:
            card = word
            cards[card] = [line[len(word) :].strip(" {}()")]
        elif card is not None and line:
            cards[card].append(line)
        else:
            settings.update((name.replace(" ", "").lower(), _bare(value)) for name, value in SETTING.findall(line))
    return PwInput(settings, {name: tuple(lines) for name, lines in cards.items()})


def _bare(value: str) -> str:
    return value.strip().strip("'\"").strip()


def input_beside(path: Path, named: str | None) -> PwInput | None:
    """Read the input beside an output: the one it names, else the one of its own name; None where there is none."""
    stem = path.name.removesuffix(".gz").rpartition(".")[0] or path.name
    for name in dict.fromkeys([named, f"{stem}.in", f"{stem}.pwi"]):
        if not name or "/" in name or "\x00" in name or name == path.name:
            continue
        candidate = path.parent / name
        try:
            if candidate.is_file():
                with opened(candidate) as handle:
                    return read_pw_input(handle.read(LARGEST_INPUT_BYTES).decode(errors="replace"))
        except (BadInput, OSError):
            return None
    return None
