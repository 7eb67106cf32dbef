"""One thing under many names: max_force = fmax = force cutoff = "largest force"; ENCUT = ecutwfc; SIGMA = degauss.

Keys of configuration files are matched by their parts, running text by phrases. "Cutoff" alone means nothing: a force
cutoff, a plane-wave cutoff and the cutoff radius of a descriptor are told apart by the words or the unit beside it.
"""

import re
from functools import lru_cache

from sonde.concepts.concept import Concept
from sonde.concepts.table import CONCEPTS

__all__ = [
    "CONCEPTS",
    "Concept",
    "concept_of",
    "concepts_in",
    "feature_of",
    "mentions",
    "unit_in_key",
    "unit_of",
    "words_of",
]

_BY_NAME = {concept.name: concept for concept in CONCEPTS}
_BY_KEY = {key: concept.name for concept in CONCEPTS for key in (*concept.keys.split(), concept.name)}
_HINTS = [(hint, concept.name) for concept in CONCEPTS for hint in concept.hints]
_UNIT_SUFFIX = re.compile(
    r"_(?P<unit>(?:m?eV|Ry|Ha|hartree|rydberg)(?:(?:_per_|_|/)?(?:A|Å|Ang|angstrom|bohr|atom))?|GPa|kbar|A3|A|Ang"
    r"|angstrom|bohr|K|fs)$",
    re.IGNORECASE,
)
_PARENTS: tuple[tuple[str, frozenset[str], str], ...] = (
    # (last part, what an earlier part must contain, meaning)
    (
        "threshold tolerance cutoff limit max sigma max_sigma sigma_max std max_std",
        frozenset({"active_learning", "al", "uncertainty", "committee", "acquisition", "query", "uq"}),
        "uncertainty_threshold",
    ),
    (
        "strategy method selector function criterion",
        frozenset({"active_learning", "al", "acquisition", "query"}),
        "query_strategy",
    ),
    (
        "metric metrics monitor",
        frozenset({"validation", "valid", "val", "eval", "evaluation", "early_stopping", "checkpoint", "selection"}),
        "validation_metric",
    ),
    ("cutoff threshold limit max maximum upper", frozenset({"force", "forces", "fmax"}), "max_force"),
    (
        "cutoff",
        frozenset(
            {"dft", "vasp", "qe", "incar", "planewave", "pw", "scf", "electrons", "system", "espresso", "abinit"}
        ),
        "plane_wave_cutoff",
    ),
    (
        "cutoff",
        frozenset({"model", "mace", "descriptor", "soap", "neighbors", "neighbours", "radial", "nequip", "ace"}),
        "cutoff_radius",
    ),
    (
        "fmax force max_force",
        frozenset(
            {"relax", "relaxation", "optimizer", "optimiser", "opt", "geometry_optimization", "bfgs", "fire", "lbfgs"}
        ),
        "relaxation_force",
    ),
    ("width", frozenset({"smearing"}), "smearing_width"),
    ("max min threshold cutoff limit", frozenset({"energy", "energy_per_atom"}), "energy_per_atom"),
    (
        "min minimum threshold cutoff limit",
        frozenset({"distance", "distances", "contacts", "contact"}),
        "closest_contact",
    ),
    ("fraction ratio size train test valid", frozenset({"split"}), "train_fraction"),
    ("u value", frozenset({"hubbard", "ldau"}), "hubbard_u"),
    ("max min", frozenset({"volume", "volume_per_atom"}), "volume_per_atom"),
)
_UNIT_MEANINGS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"(?:m?ev|ry|ha\w*|electron_volt|rydberg)\W*(?:_per_|_|/|per)\W*(?:a\b|å|ang\w*|bohr)|electron_volt /"
            r" angstrom",
            re.IGNORECASE,
        ),
        "max_force",
    ),
    (re.compile(r"(?:ev|ry|ha\w*|electron_volt|rydberg)\W*$", re.IGNORECASE), "plane_wave_cutoff"),
    (re.compile(r"(?:a|å|ang\w*|bohr)\W*$", re.IGNORECASE), "cutoff_radius"),
    (re.compile(r"gpa|kbar", re.IGNORECASE), "pressure"),
)


_BETWEEN_PARTS = re.compile(r"[.\[\]/:\s]+")
_HUMP, _GAP = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])"), re.compile(r"[-\s]+")


@lru_cache(maxsize=32768)
def concept_of(key: str, unit: str | None = None) -> str | None:
    """Return what a key of a configuration file means ("filters.max_force_eV_A" → "max_force"), None if unknown.

    `unit` settles a bare "cutoff".
    """
    parts = [_snake(part) for part in _BETWEEN_PARTS.split(key) if part and not part.isdigit()]
    if not parts:
        return None
    suffix = unit_in_key(key)
    last = _without_unit(parts[-1])
    earlier = {word for part in parts[:-1] for word in (part, *part.split("_"))}
    # Few keys stand below another: most are told by their own name.
    for names, within, meaning in _PARENTS if earlier else ():
        if last in names.split() and earlier & within:
            return meaning
    joined = f"{parts[-2]}_{last}" if len(parts) > 1 else last
    for candidate in (parts[-1], last, joined):
        if candidate in _BY_KEY:
            return _BY_KEY[candidate]
    return _by_unit(last, unit or suffix) or _within(last)


def concepts_in(text: str) -> set[str]:
    """Return the concepts that a text names."""
    return {name for name, _ in mentions(text)}


def mentions(text: str) -> list[tuple[str, int]]:
    """Return (concept, place) for every phrase of the table found in a text, by place; contained phrases give way."""
    return list(_mentions(text))


@lru_cache(maxsize=8192)
def _mentions(text: str) -> tuple[tuple[str, int], ...]:
    # A sentence is read for every change that its conversation may be about.
    lower = text.lower()
    found: list[tuple[int, int, str]] = []
    for name in dict.fromkeys([name for hint, name in _HINTS if hint in lower]):
        found.extend((match.start(), match.end(), name) for match in _phrases(name).finditer(text))
    found.extend(_bare_cutoffs(text, lower))
    kept = [span for span in found if not any(_covers(other, span) for other in found)]
    return tuple((name, start) for start, _, name in sorted(kept))


@lru_cache(maxsize=len(CONCEPTS))
def _phrases(concept: str) -> re.Pattern[str]:
    # Compiled where a text hints at the concept: all of them take longer than a question.
    return re.compile(rf"(?<![\w])(?:{_BY_NAME[concept].phrases})(?![A-Za-z]|_(?!ev|mev|ry))", re.IGNORECASE)


def words_of(concept: str) -> str:
    """Return the concept's name in running words."""
    return _BY_NAME[concept].words


def unit_of(concept: str) -> str | None:
    """Return the unit that a bare value of the concept is in, None for a pure number or a name."""
    return _BY_NAME[concept].unit


def feature_of(concept: str) -> str | None:
    """Return the lineage feature that a filter on the concept acts on, None where it acts on none."""
    return _BY_NAME[concept].feature


def unit_in_key(key: str) -> str | None:
    """Return the unit that a key carries as a suffix ("max_force_eV_A" → "eV_A")."""
    match = _UNIT_SUFFIX.search(key)
    return match["unit"] if match else None


def _snake(part: str) -> str:
    spaced = part if part.isupper() or part.islower() else _HUMP.sub("_", part)
    return _GAP.sub("_", spaced).strip("_\"'").lower()


def _without_unit(part: str) -> str:
    return _UNIT_SUFFIX.sub("", part)


def _by_unit(last: str, unit: str | None) -> str | None:
    if unit is None or last not in ("cutoff", "cut_off", "cut", "threshold"):
        return None
    return next((meaning for pattern, meaning in _UNIT_MEANINGS if pattern.search(unit)), None)


_SHORT = frozenset({"fmax", "fcut", "rcut", "rmax", "dmin", "emax", "seed"})
_TOLD_APART = {known: rank for rank, known in enumerate(_BY_KEY) if len(known) >= 5 or known in _SHORT}
_MOST_WORDS = max(known.count("_") + 1 for known in _TOLD_APART)


def _within(last: str) -> str | None:
    """Longest known name that stands as whole words within a longer key; short names only if they are unmistakable."""
    words = last.split("_")
    runs = ("_".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, min(i + _MOST_WORDS, len(words)) + 1))
    inside = [run for run in runs if run in _TOLD_APART]
    return _BY_KEY[max(inside, key=lambda run: (len(run), -_TOLD_APART[run]))] if inside else None


_BARE_WORD = r"[Cc]ut-? ?off|[Tt]hreshold|[Ff]ilter|[Cc]ap|[Ll]imit|[Cc]ut"
_BARE_UNIT = r"(?:m?eV|Ry|Ha)(?:\s?(?:/|per)\s?(?:Å|A|[Aa]ng\w*|[Bb]ohr))?|Å|A|[Aa]ngstrom|[Bb]ohr|GPa|kbar"
_BARE = re.compile(
    rf"(?<![\w-])(?P<word>{_BARE_WORD})s?\b[^.;\n]{{0,25}}?\d\s?(?P<unit>{_BARE_UNIT})(?![\w/])"
    rf"|(?<![\w.])\d[\d.]*\s?(?P<unit2>{_BARE_UNIT}) (?P<word2>{_BARE_WORD})s?\b",
)
_HINTS_OF_BARE = ("cut", "threshold", "filter", "cap", "limit")
_VAGUE = re.compile(r"(?:cap|limit|cut)", re.IGNORECASE)
"""A cap of 5 eV may be of anything, one of 5 eV/Å is of forces, one of 20 GPa of pressures."""


def _bare_cutoffs(text: str, lower: str) -> list[tuple[int, int, str]]:
    """A cutoff with no word beside it that says of what, told by its unit ("cutoff of 15 eV/Å")."""
    if not any(hint in lower for hint in _HINTS_OF_BARE):
        return []
    found = []
    for match in _BARE.finditer(text):
        unit = match["unit"] or match["unit2"]
        vague = _VAGUE.fullmatch(match["word"] or match["word2"]) and not re.search(r"/|per|GPa|kbar", unit)
        meaning = None if vague else _by_unit("cutoff", unit)
        if meaning:
            found.append((match.start(), match.start() + 1, meaning))
    return found


def _covers(other: tuple[int, int, str], span: tuple[int, int, str]) -> bool:
    """Whether another concept's longer phrase holds this one: "force weight" is no force, "energy cutoff" no energy."""
    return (
        other[2] != span[2] and other[0] <= span[0] and span[1] <= other[1] and other[1] - other[0] > span[1] - span[0]
    )
