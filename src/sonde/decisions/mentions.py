"""What a passage mentions, as names under which it is found again: settings, values, commits, files and materials."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sonde.concepts import concepts_in
from sonde.decisions.systems import System, systems_in
from sonde.decisions.targets import value_key
from sonde.decisions.threads import conversation_key
from sonde.quantities import find_quantities
from sonde.records.decisions import Passage

HASH = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{7,40}(?![0-9a-zA-Z])")
PATH = re.compile(r"[\w\-]+(?:/[\w\-.]+)*\.(?:ya?ml|toml|json|py|in|cfg|ini|sh)\b|\b(?:INCAR|KPOINTS)\b")
_PATH_SIGN = re.compile(r"\.(?:ya?ml|toml|json|py|in|cfg|ini|sh)\b|INCAR|KPOINTS")
_OF_COMMIT = re.compile(r"^commit:([0-9a-f]{40})$")
_IN_FILE = re.compile(r"^(.+):\d+@([0-9a-f]{40})$", re.DOTALL)
SYSTEM, HOME = "system ", "home "


def read(passage: Passage) -> tuple[set[str], int]:
    """Return what a passage mentions, and a number that the passages of its conversation share."""
    return mentions_in(passage), conversation_key(passage)


def mentions_in(passage: Passage) -> set[str]:
    """Names of all that a passage mentions."""
    text = passage.text
    found = {concept_name(concept) for concept in concepts_in(text)}
    found |= {value_name(key) for quantity in find_quantities(text) if (key := value_key(quantity))}
    found |= {commit_name(commit) for commit in (*HASH.findall(text), *_OF_COMMIT.findall(passage.anchor))}
    found |= {line_name(path, commit) for path, commit in _IN_FILE.findall(passage.anchor)}
    found |= {file_name(path) for path in files_in(text)}
    systems = {"-".join(sorted(system)) for system in systems_in(text) | systems_in(passage.title or "")}
    found |= {SYSTEM + system for system in systems}
    if passage.kind in ("commit", "file"):
        found |= {f"{HOME}{passage.source} {system}" for system in systems}
    return found


def concept_name(concept: str) -> str:
    """Name of a setting or property."""
    return f"concept {concept}"


def value_name(key: tuple[str, int]) -> str:
    """Name of a bucket of values, see `value_key`."""
    return f"value {key[0]} {key[1]}"


def commit_name(commit: str) -> str:
    """Name of a commit, by its first seven digits."""
    return f"commit {commit[:7]}"


def line_name(path: str, commit: str) -> str:
    """Name of the lines of a file that a commit was the last to touch."""
    return f"lines {commit[:7]} {path}"


def file_name(path: str) -> str:
    """Name of a file, in whichever folder it is."""
    return f"file {path.rpartition('/')[2]}"


def files_in(text: str) -> Iterable[str]:
    """Paths that a text names, each once."""
    return set(PATH.findall(text)) if _PATH_SIGN.search(text) else ()


@dataclass(frozen=True)
class Written:
    """Materials that are written out: anywhere, and how often in the commits and files of each source."""

    known: frozenset[System]
    of_source: Mapping[str, Counter[System]]


def written(counts: Mapping[str, int]) -> Written:
    """Read counts of names that begin with SYSTEM or HOME."""
    known, of_source = set[System](), dict[str, Counter[System]]()
    for name, system, n in _systems(counts):
        known.add(system)
        if name.startswith(HOME):
            of_source.setdefault(name.removeprefix(HOME), Counter())[system] = n
    return Written(frozenset(known), of_source)


def _systems(counts: Mapping[str, int]) -> Iterator[tuple[str, System, int]]:
    for name, n in counts.items():
        kind, _, system = name.rpartition(" ")
        if name.startswith((SYSTEM, HOME)):
            yield kind, frozenset(system.split("-")), n
