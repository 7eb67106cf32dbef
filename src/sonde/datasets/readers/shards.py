"""Sets that lie in a folder as several files: which, and in which order."""

import re
from collections.abc import Sequence
from pathlib import Path

NUMBER = re.compile(r"(\d+)")


def shards(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """List the files of a folder by their suffix, numbers in their names by value: part_2 before part_10."""
    files = (file for file in folder.iterdir() if file.suffix in suffixes and file.is_file())
    return sorted(files, key=lambda file: natural_order(file.name))


def natural_order(name: str) -> tuple[tuple[int, str], ...]:
    """Give the key that sorts names with the numbers in them by value."""
    return tuple((int(part), "") if part.isdecimal() else (0, part) for part in NUMBER.split(name))
