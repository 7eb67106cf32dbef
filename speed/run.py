"""Every measurement in one table of ratios and exponents: `make speed`.

Data: $SONDE_SHARED_DATA, else ../shared/data. How often lineage names the planted rule: python speed/lineage.py
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded: threads blur processor seconds
HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE))

from rich.console import Console  # noqa: E402 - found only by the path above
from rich.table import Table  # noqa: E402
from speed import (  # noqa: E402
    archives,
    auditing,
    code_outputs,
    correcting,
    environments,
    half_a_million,
    importing,
    laws,
    reading,
    recovering,
    searching,
    vasp_runs,
    watching,
)
from speed.measuring import Row  # noqa: E402

from sonde.datasets.readers import read_frames  # noqa: E402
from sonde.records.frames import Frame  # noqa: E402

NOTE = (
    "Ratios and exponents are the message: both sides of a ratio, and all sizes of an exponent, were measured in this "
    "run on this machine. Processor seconds of one thread; the seconds themselves are noise. n^1 is linear. How often "
    "lineage is right on planted filters: python speed/lineage.py"
)


def nbmotaw(shared_data: Path) -> list[Frame]:
    """Read all frames of nbmotaw, numbered through."""
    files = sorted((shared_data / "nbmotaw").glob("*.json.gz"))
    return [frame.numbered(i) for i, frame in enumerate(frame for file in files for frame in read_frames(file))]


def rows(shared_data: Path) -> Iterator[Row]:
    """Measure everything, the quick ones first."""
    small = list(read_frames(shared_data / "al_li_mg" / "al_li_mg.xyz"))
    large = nbmotaw(shared_data)
    yield from reading.measure({"al_li_mg": small, "nbmotaw": large})
    yield from vasp_runs.measure(shared_data)
    yield from code_outputs.measure(shared_data)
    yield from environments.measure(small, large)
    yield from watching.measure(small)
    yield from searching.measure()
    yield from laws.measure()
    yield from importing.measure()
    yield from archives.measure()
    yield from half_a_million.measure()
    yield from recovering.measure(large)
    yield from correcting.measure()
    yield from auditing.measure()


def main() -> None:
    """Print the table."""
    start = time.perf_counter()
    table = Table("what", "result", "behind it", title="sonde: ratios and growth", title_justify="left")
    table.columns[1].justify = "right"
    progress = Console(stderr=True)
    for row in rows(Path(os.environ.get("SONDE_SHARED_DATA", HERE.parent / "shared" / "data"))):
        progress.print(f"{row.what}: {row.shown}", highlight=False)
        table.add_row(row.what, row.shown, ", ".join(f"{name} {cost}" for name, cost in row.behind.items()))
    Console(width=120).print(table, NOTE, f"Measured in {time.perf_counter() - start:.0f} s.", sep="\n")


if __name__ == "__main__":
    main()
