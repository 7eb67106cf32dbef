"""Text outputs of Quantum ESPRESSO, CP2K, FHI-aims and GPAW, made long by repeating a real step."""

import gzip
import re
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import ase.io
from speed.measuring import (
    BYTES_PER_MB,
    Row,
    growth,
    in_a_process_of_its_own,
    peak_memory_MB,
    ratio,
    seconds,
    side_by_side,
)

from sonde.datasets.readers import aims_output, cp2k_output, gpaw_output, qe_output, read_frames

NOMAD = Path("dft_outputs/nomad")
GPAW = Path(__file__).resolve().parents[1] / "tests/datasets/readers/gpaw/al2_relaxation.txt"


@dataclass(frozen=True)
class Code:
    """A real output of several steps, where its steps begin, and what ase calls its format (None: it has no reader)."""

    name: str
    output: Path
    step: re.Pattern[bytes]
    ase_format: str | None


CODES = (
    Code("Quantum ESPRESSO", NOMAD / "quantumespresso/Si_md/out.out", qe_output.FIRST_OF_A_STEP, "espresso-out"),
    Code("CP2K", NOMAD / "cp2k/geometry_optimization/H2O.out.gz", cp2k_output.FIRST_OF_A_STEP, None),
    Code("FHI-aims", NOMAD / "fhiaims/HO_md/H2O_periodic_MD.out", aims_output.FIRST_OF_A_STEP, "aims-output"),
    Code("GPAW", GPAW, gpaw_output.FIRST_OF_A_STEP, "gpaw-out"),
)


def measure(shared_data: Path, sizes: Iterable[int] = (100, 300, 1000)) -> Iterator[Row]:
    """Ratio, growth over steps, and how much more memory ten times the steps take, for every code."""
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ase converts stresses with a warning
        for code in CODES:
            paths = {size: long_output(shared_data, code, Path(name), size) for size in sizes}
            yield from compared(code, min(paths.values(), key=lambda path: path.stat().st_size))
            costs = {size: seconds(partial(read_all, path), repeats=2) for size, path in paths.items()}
            yield growth(f"reading output of {code.name}, over steps", costs, "s")
            yield memory(f"output of {code.name}", paths[min(paths)], paths[max(paths)])


def long_output(shared_data: Path, code: Code, folder: Path, n_steps: int) -> Path:
    """Write an output that repeats a step from the middle of a real one until it has so many."""
    source = shared_data / code.output
    text = gzip.decompress(source.read_bytes()) if source.suffix == ".gz" else source.read_bytes()
    starts = [found.start() for found in code.step.finditer(text)]
    middle = len(starts) // 2
    step = text[starts[middle - 1] : starts[middle]]
    path = folder / f"{code.name.replace(' ', '_')}.{n_steps}.out"
    with path.open("wb") as file:
        file.write(text[: starts[middle]])
        for _ in range(max(0, n_steps - len(starts))):
            file.write(step)
        file.write(text[starts[middle] :])
    return path


def compared(code: Code, path: Path) -> Iterator[Row]:
    """Read every geometry and its labels with sonde and with ase."""
    size_MB = path.stat().st_size / BYTES_PER_MB
    ours: Callable[[], object] = partial(read_all, path)
    rate = f"{size_MB / seconds(ours, repeats=2):,.0f} MB/s"
    if code.ase_format is None:
        return
    own, theirs = side_by_side(ours, partial(ase.io.read, path, ":", format=code.ase_format), repeats=2)
    row = ratio(
        f"reading output of {code.name}, {size_MB:.1f} MB: ase.io.read over sonde", own, theirs, ("sonde", "ase")
    )
    yield Row(row.what, row.value, row.kind, {**row.behind, "sonde alone": rate})


def memory(what: str, small: Path, large: Path) -> Row:
    """How much more memory a file takes that is so much larger, each in a process of its own."""
    peaks = [in_a_process_of_its_own(peak_of_reading, path) for path in (small, large)]
    times = large.stat().st_size / small.stat().st_size
    name = f"peak memory of reading {what}: {times:.0f} times the size over once"
    return ratio(name, peaks[0], peaks[1], ("once", f"{times:.0f} times"), "MB")


def peak_of_reading(path: Path) -> float:
    """Most memory held while a file is read, MB."""
    read_all(path)
    return peak_memory_MB()


def read_all(path: Path) -> int:
    """Read a file to its end and count."""
    return sum(1 for _ in read_frames(path))
