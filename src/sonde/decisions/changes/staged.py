"""Values that the next commit of a working copy will change: what is staged against what stands at HEAD."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from sonde.concepts import concept_of
from sonde.decisions.changes.formats import differing_values, format_of, largest_bytes
from sonde.decisions.changes.values import Difference, UnreadableVersion, differences


def staged_changes(folder: Path) -> Iterator[tuple[str, Difference]]:
    """Yield path and difference of every watched setting whose value the staged files change.

    Settings that only appear or go are left out, and so are files that cannot be parsed.
    """
    for path in _staged(folder):
        kind = format_of(path)
        if kind is None:
            continue
        old, new = (_content(folder, f"{version}:{path}", largest_bytes(kind)) for version in ("HEAD", ""))
        if old is None or new is None:
            continue
        try:
            found = differences(*differing_values(kind, old, new))
        except UnreadableVersion:
            continue
        for difference in found:
            if difference.old and difference.new and concept_of(difference.new.key, difference.new.unit):
                yield path, difference


def _staged(folder: Path) -> list[str]:
    listed = _git(folder, "diff", "--cached", "--name-only", "--diff-filter=M", "-z", "--no-ext-diff", "--relative")
    return [] if listed is None else [name.decode(errors="replace") for name in listed.split(b"\0") if name]


def _content(folder: Path, version: str, largest: int) -> str | None:
    content = _git(folder, "cat-file", "blob", version.replace(":", ":./", 1))
    return None if content is None or len(content) > largest else content.decode("utf-8", errors="replace")


def _git(folder: Path, *arguments: str) -> bytes | None:
    """Run git where the commit is being made, with its own index; None where it fails."""
    found = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    return found.stdout if found.returncode == 0 else None
