"""Where the runs in one text output stand, and where the steps of each begin."""

import re
from dataclasses import dataclass
from itertools import pairwise
from mmap import mmap
from pathlib import Path

from sonde.datasets.readers.protocol import Place

LARGEST_PIECE_BYTES = 1 << 30


@dataclass(frozen=True)
class RunRange:
    """One run in a file.

    Attributes
    ----------
    number, n_runs : which of how many.
    start : its first byte.
    cuts : where its steps begin; last of them comes the run's end.
    """

    number: int
    n_runs: int
    start: int
    cuts: tuple[int, ...]

    @property
    def has_steps(self) -> bool:
        return len(self.cuts) > 1

    def header(self, text: mmap) -> bytes:
        """Return what stands before the first step."""
        return text[self.start : self.cuts[0]]


def run_ranges(path: Path, text: mmap, new_run: re.Pattern[bytes], new_step: re.Pattern[bytes]) -> list[RunRange]:
    """Cut a text into its runs and steps; a piece that would not fit into memory is refused."""
    starts = [found.start() for found in new_run.finditer(text)]
    if not starts:
        raise Place(path).bad("no run begins in it", "is this the output of the code that it is read for?")
    cuts = [found.start() for found in new_step.finditer(text)]
    found = []
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(text)], strict=True)):
        own = (*(cut for cut in cuts if start <= cut < end), end)
        if max(b - a for a, b in pairwise((start, *own))) > LARGEST_PIECE_BYTES:
            raise Place(path).bad("a step or header of more than a gigabyte", "is this the output of a run?")
        found.append(RunRange(number, len(starts), start, own))
    return found
