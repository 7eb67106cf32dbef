"""Chemical systems and project names in text, and whether a conversation is about another project than ours."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

from sonde.decisions.threads import Thread
from sonde.elements import SYMBOLS
from sonde.records.decisions import Change, Passage

System = frozenset[str]

CANTOR: System = frozenset({"Co", "Cr", "Fe", "Mn", "Ni"})
_CANTOR = re.compile(r"\bCantor(?:'s)? alloys?\b", re.IGNORECASE)
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SYMBOLS = frozenset(SYMBOLS[:96])
_TOKEN = re.compile(r"(?<![\w-])(?:[A-Z][a-z]?(?:\d+(?:\.\d+)?|_\d)?[xyz]?){2,8}(?![\w])")
_HYPHENATED = re.compile(r"(?<![\w-])[A-Z][a-z]?(?:[-–/][A-Z][a-z]?)+(?![\w])")
_PART = re.compile(r"([A-Z][a-z]?)")
_PROJECT = re.compile(
    r"\b(?:(?:for|in|from|of|on|at|with|within) (?:the |our |my |your |their )?|the |our |their"
    r" )(?P<name>[\w\-–/]+(?: [\w\-–/]+)?) "
    r"(?P<noun>projects?|repo(?:sitory)?|potential|dataset|data ?set|paper|study|alloys?|fit|training set|model|set)\b",
    re.IGNORECASE,
)
_DATABASES = frozenset({"materials", "open", "aflow", "nomad", "oqmd"})
"""First words of names like "Materials Project": a source of data that any project may refer to."""
_OTHER = frozenset({"other", "another", "different", "sister"})
_OUR_WORDS = (
    "this our the new current whole main entire same production final ml mlip mace chgnet interatomic raw"
    " training full filtered first second next last published that latest test validation ours"
)
_OURS = frozenset(_OUR_WORDS.split())


@lru_cache(maxsize=65536)
def systems_in(text: str) -> frozenset[System]:
    """Return the element sets of the formulas and hyphenated systems in a text (CoCrNi, Cu-Ni, Al2O3)."""
    text = text if text.isascii() else text.translate(_LOWERED)
    found = [_system(match.group()) for match in _TOKEN.finditer(text)]
    found += [CANTOR] if _CANTOR.search(text) else []
    found += [_system(re.sub("[-–/]", "", match.group())) for match in _HYPHENATED.finditer(text)]
    return frozenset(system for system in found if system)


def system_named(word: str, known: Iterable[System]) -> System | None:
    """Read a lower-case name ("cu-ni", "nbmotaw") as one of the systems that are written out elsewhere."""
    letters = re.sub(r"[^a-z]", "", word.lower())
    alike = _by_letters(frozenset(known)).get("".join(sorted(letters)), ())
    return next((system for system in alike if letters in _spellings(system)), None)


@dataclass(frozen=True)
class Home:
    """What a repository is about: its names (of the source, of folders) and its chemical systems."""

    names: frozenset[str]
    systems: frozenset[System]
    known: frozenset[System] = frozenset()
    """All systems written out anywhere in the archive."""

    def is_ours(self, system: System) -> bool:
        """Whether a system is one of the repository's own, a part of one, or holds one."""
        return any(system <= own or own <= system for own in self.systems)


def homes(changes: Sequence[Change], written: Mapping[str, Counter[System]], known: Set[System]) -> Mapping[str, Home]:
    """Work out for every source of changes what it is about, from its names, paths, commit messages and documents.

    written: how often commits and files of a source name a system. known: all systems written out anywhere.
    """
    paths = {source: Counter[str]() for source in dict.fromkeys(change.source for change in changes)}
    for change in changes:
        paths[change.source][change.path] += 1
    return {source: _home(source, found, written.get(source, Counter()), known) for source, found in paths.items()}


def _home(source: str, paths: Mapping[str, int], written: Mapping[System, int], known: Set[System]) -> Home:
    counts, names = Counter(written), _name_words(source)
    for path, n in paths.items():
        counts.update(dict.fromkeys(systems_in(re.sub(r"[/_.]", " ", path)), 3 * n))
        names |= _name_words(path.partition("/")[0]) if "/" in path else set()
    return Home(frozenset(names), _frequent(counts) | _named(names, known), frozenset(known))


def foreign_project(text: str, title: str | None, home: Home) -> str | None:
    """Name the other project that a text or its channel says it is about, None if it names none or ours."""
    channel = _foreign_channel(title, home)
    own_words = [word for match in _PROJECT.finditer(text) if (word := _judge(match, home))]
    if "ours" in own_words:
        return None
    if own_words:
        return own_words[0]
    foreign = _foreign_systems(text, home)
    if foreign and re.search(r"\b(?:for|in|on|from|of) (?:the )?[\w\-–/]*$", text[: text.find(foreign)] or " "):
        return foreign
    return channel


def _foreign_systems(text: str, home: Home) -> str | None:
    if not home.systems:
        return None
    written = [m.group() for pattern in (_HYPHENATED, _TOKEN) for m in pattern.finditer(text)]
    systems = [(word, _system(re.sub("[-–/]", "", word))) for word in written]
    if any(system and home.is_ours(system) for _, system in systems):
        return None
    return next((word for word, system in systems if system), None)


def _foreign_channel(title: str | None, home: Home) -> str | None:
    if not title or not home.systems:
        return None
    words = [title, *re.split(r"[\s_:,;()#]+", title), *re.split(r"[\s_\-:,;()#]+", title)]
    pieces = re.split(r"[\s_\-:,;()#]+", title)
    words += ["".join(pieces[i : i + n]) for n in (2, 3, 4, 5) for i in range(len(pieces) - n + 1)]
    systems = [system for word in words if (system := system_named(word, home.known))] + list(systems_in(title))
    if not systems or any(home.is_ours(system) for system in systems):
        return None
    return title


def _judge(match: re.Match[str], home: Home) -> str | None:
    """Return 'ours', the name of another project, or None where the words do not tell."""
    words = [word for word in re.split(r"\s+", match["name"]) if word]
    lower = {word.lower() for word in words}
    if lower & _DATABASES:
        return None
    if lower & _OTHER:
        return match["name"]
    systems = systems_in(match["name"]) | {s for w in words if (s := system_named(w, home.known))}
    if systems:
        if not home.systems:
            return None
        return "ours" if any(home.is_ours(system) for system in systems) else match["name"]
    if any(_name_words(word) & home.names for word in words):
        return "ours"
    named_project = match["noun"].lower().startswith(("project", "repo"))
    return match["name"] if named_project and home.names and not lower & _OURS else None


def other_project(source: str, passage: Passage, thread: Thread, home: Home) -> str | None:
    """Name the project or repository, other than a source, that a passage, its channel or its talk's opening is about.

    home: what the source is about.
    """
    if passage.kind in ("commit", "file"):
        return None if passage.source == source else passage.source
    own = foreign_project(passage.text, passage.title, home)
    if own or thread.passages[0].anchor == passage.anchor:
        return own
    return foreign_project(thread.passages[0].text, passage.title, home)


def _named(names: Iterable[str], known: Iterable[System]) -> frozenset[System]:
    return frozenset(system for name in names if (system := system_named(name, known)))


def _frequent(counts: Counter[System]) -> frozenset[System]:
    if not counts:
        return frozenset()
    most = max(counts.values())
    return frozenset(system for system, count in counts.items() if count >= max(1, 0.2 * most))


def _name_words(name: str) -> set[str]:
    words = {word.lower() for word in re.split(r"[\s_\-./:]+", name) if len(word) > 2}
    whole = re.sub(r"[^a-z0-9]", "", name.lower())
    return (words | {whole}) - {"configs", "config", "scripts", "src", "data", "repo", "the", "git", "code", ""}


@lru_cache(maxsize=65536)
def _system(word: str) -> System | None:
    """Element set of a formula of two or more elements; plain capitals (SCF, CPU, NaN) are no formulas."""
    symbols = _PART.findall(word)
    letters = re.sub(r"[\d._]|[xyz](?=\d|$|[A-Z])", "", word)
    if "".join(symbols) not in (word, letters, re.sub(r"[\d._]", "", word)) or word == "NaN":
        return None
    if not all(symbol in _SYMBOLS for symbol in symbols) or len(set(symbols)) < 2:
        return None
    telling = any(len(symbol) == 2 for symbol in symbols) or bool(re.search(r"\d", word) and len(symbols) < 4)
    return frozenset(symbols) if telling and len(set(symbols)) == len(symbols) else None


@lru_cache(maxsize=8)
def _by_letters(known: frozenset[System]) -> Mapping[str, Sequence[System]]:
    """Systems by the letters of their symbols in alphabetical order, which no spelling changes."""
    found: dict[str, list[System]] = {}
    for system in known:
        found.setdefault("".join(sorted("".join(system).lower())), []).append(system)
    return found


@lru_cache(maxsize=8192)
def _spellings(system: System) -> frozenset[str]:
    """All orders in which a system's symbols are run together in a name; long systems in alphabetical order only."""
    from itertools import permutations

    symbols = sorted(symbol.lower() for symbol in system)
    if len(symbols) > 5:
        return frozenset({"".join(symbols)})
    return frozenset("".join(order) for order in permutations(symbols))
