"""Versions that people keep by name (run_v2/, final/, config_old.yaml): what is one file, and which was first."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from sonde.decisions.dates import find_date

MARK = re.compile(
    r"(?:^|[ _.\-(])(?P<word>old|orig(?:inal)?|bak|backup|copy|before|v|ver|version|rev|attempt|try|new|final|last|good"
    r"|(?P<date>(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d))[ _.-]?(?P<number>\d{0,3})\)?(?=$|[ _.\-(])",
    re.IGNORECASE,
)
NEEDS_NUMBER = frozenset(["v", "ver", "version", "rev", "attempt", "try"])
RANKS = {"old": -1, "orig": -1, "original": -1, "bak": -1, "backup": -1, "copy": -1, "before": -1}
LATE = {"new": 2, "good": 2, "final": 3, "last": 3}

Rank = tuple[tuple[int, str, int], ...]
UNMARKED = (0, "", 0)


@dataclass(frozen=True)
class Version:
    """One file of a series: its path in the folder, the label of its version, and when it was there at the latest."""

    path: str
    label: str
    rank: Rank
    time: datetime


def series_of(folder: Path, names: Iterable[str]) -> list[list[Version]]:
    """Group files into series of versions, each oldest first; a file without another version is a series of one.

    Versions are ordered as their names say: old before none before v2 before final. The time is a date in the name,
    else when the file was last written; copying makes that later, never earlier, so that no version is taken to be
    later than the one that follows it.
    """
    listed = sorted(names)
    stems = _stems(listed)
    series: dict[str, list[Version]] = defaultdict(list)
    for name in listed:
        canonical, marks, rank = _unversioned(PurePosixPath(name), stems)
        dated = next((day for day in map(find_date, reversed(marks)) if day), None)
        written = datetime.fromtimestamp((folder / name).stat().st_mtime, UTC)
        series[canonical].append(Version(name, "/".join(marks) or "unmarked", rank, min(dated or written, written)))
    return [_bounded(sorted(versions, key=lambda version: version.rank)) for versions in series.values()]


def marked(rank: Rank) -> Rank:
    """The order that the marked parts of a path state, the same for all files of one snapshot."""
    return tuple(part for part in rank if part != UNMARKED) or (UNMARKED,)


def _bounded(versions: list[Version]) -> list[Version]:
    bounded: list[Version] = []
    latest: datetime | None = None
    for version in reversed(versions):
        latest = version.time if latest is None else min(latest, version.time)
        bounded.append(Version(version.path, version.label, version.rank, latest))
    return bounded[::-1]


def _stems(names: Iterable[str]) -> Mapping[str, str]:
    """Name that a folder like `final/` takes by its siblings: `run`, where they are run/, run_v2/ and no other."""
    inside: dict[str, set[str]] = defaultdict(set)
    for name in names:
        for place in PurePosixPath(name).parents:
            if place.name:
                inside[str(place.parent)].add(place.name)
    found = {}
    for parent, children in inside.items():
        stems = {_stem(child) for child in children} - {""}
        versioned = {_stem(child) for child in children if _stem(child) != child} - {""}
        if len(stems) == 1 and versioned:
            found.update({str(PurePosixPath(parent, child)): min(stems) for child in children if not _stem(child)})
    return found


def _unversioned(path: PurePosixPath, stems: Mapping[str, str]) -> tuple[str, list[str], Rank]:
    """Path without marks of versions, the parts that carry one, and the order that they state."""
    parts, marks, rank = [], list[str](), []
    for depth, part in enumerate(path.parts):
        is_file = depth == len(path.parts) - 1
        suffix = PurePosixPath(part).suffix if is_file else ""
        suffix = suffix if _stem(suffix) else ""  # INCAR.orig
        stem = _stem(part.removesuffix(suffix))
        if stem != part.removesuffix(suffix):
            marks.append(part)
        rank.append(_rank(part.removesuffix(suffix)))
        so_far = str(PurePosixPath(*path.parts[: depth + 1]))
        parts.append((stem or stems.get(so_far, "")) + suffix)
    return "/".join(parts), marks, tuple(rank)


def _stem(name: str) -> str:
    return MARK.sub(lambda match: match[0] if _is_none(match) else "", name).strip(" _.-()")


def _is_none(match: re.Match[str]) -> bool:
    return match["word"].lower() in NEEDS_NUMBER and not match["number"]


def _rank(name: str) -> tuple[int, str, int]:
    """Order of a name among its series: kind of mark, date, number."""
    kind, date, number = 0, "", 0
    for match in MARK.finditer(name):
        if _is_none(match):
            continue
        word = match["word"].lower()
        if match["date"]:
            kind, date = kind or 1, re.sub(r"\D", "", match["date"])
            continue
        given = RANKS.get(word, LATE.get(word, 1))
        kind = given if abs(given) >= abs(kind) else kind
        number += int(match["number"] or 1)  # final_final is later than final
    return kind, date, number
