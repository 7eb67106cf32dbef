"""What all measurements share: processor seconds, peak memory in a process of its own, and exponents of growth.

Processor seconds, not wall-clock ones: other programs on the machine change them little. They still mean nothing on
another machine; ratios and exponents measured in one run do.
"""

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

STATUS = Path("/proc/self/status")
BYTES_PER_MB = 1e6


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, the ratio or exponent, and the numbers behind it."""

    what: str
    value: float
    kind: str
    """"ratio", "exponent" or "share"."""
    behind: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        shown = {"ratio": f"{self.value:.2g}×", "exponent": f"n^{self.value:.2f}", "share": f"{self.value:.1%}"}
        return shown[self.kind]


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Least processor seconds of several runs of the same work: everything that disturbs a run adds to it."""
    return min(_seconds_once(work) for _ in range(repeats))


def _seconds_once(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def side_by_side(ours: Callable[[], object], theirs: Callable[[], object], repeats: int = 3) -> tuple[float, float]:
    """Least processor seconds of two pieces of work, run in turns so that both see the same machine."""
    pairs = [(_seconds_once(ours), _seconds_once(theirs)) for _ in range(repeats)]
    return min(a for a, _ in pairs), min(b for _, b in pairs)


def exponent(cost_by_size: Mapping[int, float]) -> float:
    """Slope of log cost over log size by least squares: 1 is linear, 2 quadratic."""
    sizes, costs = np.array(list(cost_by_size)), np.array(list(cost_by_size.values()))
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def growth(what: str, cost_by_size: Mapping[int, float], unit: str) -> Row:
    """Make a line of the table of a cost at several sizes."""
    behind = {f"{size:,}": f"{cost:.3g} {unit}" for size, cost in cost_by_size.items()}
    return Row(what, exponent(cost_by_size), "exponent", behind)


def ratio(what: str, ours: float, theirs: float, names: tuple[str, str], unit: str = "s") -> Row:
    """Make a line of the table of theirs over ours."""
    return Row(what, theirs / ours, "ratio", {names[0]: f"{ours:.3g} {unit}", names[1]: f"{theirs:.3g} {unit}"})


def share(what: str, added: float, plain: float) -> Row:
    """Make a line of the table of what is added to something, in parts of it."""
    return Row(what, added / plain, "share", {"added": f"{1000 * added:.2f} ms", "plain": f"{1000 * plain:.1f} ms"})


def in_a_process_of_its_own(work: Callable[..., Any], *arguments: object) -> Any:
    """Run work in a fresh interpreter, so that its peak memory is its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(work, *arguments).result()


def peak_memory_MB() -> float:  # noqa: N802 - the unit
    """Most memory that this process has held so far."""
    if STATUS.exists():
        # ru_maxrss of a child begins with what its parent held; this does not.
        line = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / BYTES_PER_MB
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held * (1 if sys.platform == "darwin" else 1024) / BYTES_PER_MB
