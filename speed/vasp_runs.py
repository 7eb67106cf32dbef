"""Runs of VASP: level of theory alone, and all arrays, against ase and pymatgen on the same files."""

import gzip
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import ase.io
from pymatgen.io.vasp import Outcar, Vasprun
from speed.measuring import BYTES_PER_MB, Row, growth, ratio, seconds, side_by_side

from sonde.datasets.readers import read_frames
from sonde.datasets.readers.vasp_outcar import outcar_provenance
from sonde.datasets.readers.vasp_xml import vasprun_provenance

NOMAD = Path("dft_outputs/nomad/vasp")
RUNS = (
    *(NOMAD / "booleans" / name for name in ("dotted", "lowercase", "mixed_case", "single_char")),
    *(NOMAD / "dftu" / name for name in ("multi_parameter", "multi_parameter_no_incar")),
    NOMAD / "AgAc_relax",
    NOMAD / "alternative_pseudopotentials/AlN",
)
"""Folders with a plain OUTCAR, with and without inputs beside it."""
LONG = NOMAD / "alternative_pseudopotentials/AlN"
SPIN = Path("dft_outputs/emmet_raw_vasp/OUTCAR.gz")
FIRST_ITERATION = re.compile(rb"\n-+ Iteration +\d+\(   1\)")
N_STEPS = 60
END_OF_OUTCAR = b" General timing and accounting"


def measure(shared_data: Path, sizes: Iterable[int] = (25, 50, 100)) -> Iterator[Row]:
    """Ratios for provenance and arrays, growth over ionic steps."""
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen misses the POTCAR
        folder = Path(name)
        yield from provenance(copied_runs(shared_data, folder), shared_data / LONG / "vasprun.xml")
        for what, source in (("175 atoms", shared_data / LONG / "OUTCAR"), ("47 k-points", shared_data / SPIN)):
            yield from arrays(what, long_outcar(source, folder / "OUTCAR", N_STEPS))
        yield from xml_arrays(shared_data / LONG / "vasprun.xml")
        yield growth("reading OUTCAR, over ionic steps", cost_by_steps(shared_data, sizes, folder), "s")


def copied_runs(shared_data: Path, folder: Path) -> list[Path]:
    """Copy the runs, so that they lie in this machine's temporary folder like those of anybody."""
    copies = [folder / f"run_{number}" for number in range(len(RUNS))]
    for run, copy in zip(RUNS, copies, strict=True):
        shutil.copytree(shared_data / run, copy)
    return [copy / "OUTCAR" for copy in copies]


def provenance(outcars: Sequence[Path], xml: Path) -> Iterator[Row]:
    """Level of theory of runs from the headers of their outputs; the others read whole files for it."""
    ours, theirs = side_by_side(partial(of_all, outcars), partial(pymatgen_of_all, outcars), repeats=3)
    what = f"provenance of {len(outcars)} runs of VASP, OUTCAR: pymatgen Outcar over sonde"
    yield with_rate(ratio(what, ours, theirs, ("sonde", "pymatgen")), len(outcars) / ours, "runs/s per core")
    reading = partial(Vasprun, xml, parse_dos=False, parse_eigen=False, parse_potcar_file=False)
    ours, theirs = side_by_side(partial(vasprun_provenance, xml), reading, repeats=3)
    what = "provenance of a run of VASP, vasprun.xml: pymatgen Vasprun over sonde"
    yield with_rate(ratio(what, ours, theirs, ("sonde", "pymatgen")), 1 / ours, "runs/s per core")


def of_all(outcars: Iterable[Path]) -> int:
    """Read the level of theory of each run, with what lies beside it."""
    return sum(outcar_provenance(path)[0].functional is not None for path in outcars)


def pymatgen_of_all(outcars: Iterable[Path]) -> int:
    """Read each OUTCAR with pymatgen."""
    return sum(Outcar(path).filename is not None for path in outcars)


def arrays(what: str, path: Path) -> Iterator[Row]:
    """Every geometry, energy, force and stress of a long OUTCAR."""
    size_MB = path.stat().st_size / BYTES_PER_MB
    name = f"reading OUTCAR, {N_STEPS} steps, {what}, {size_MB:.0f} MB"
    ours, theirs = side_by_side(partial(read_all, path), partial(ase.io.read, path, ":", format="vasp-out"), repeats=3)
    row = ratio(f"{name}: ase.io.read over sonde", ours, theirs, ("sonde", "ase"))
    yield with_rate(row, size_MB / ours, "MB/s")
    theirs = seconds(partial(Outcar, path))
    yield ratio(f"{name}: pymatgen Outcar, which leaves positions out, over sonde", ours, theirs, ("sonde", "pymatgen"))


def xml_arrays(path: Path) -> Iterator[Row]:
    """Every geometry, energy, force and stress of a vasprun.xml."""
    size_MB = path.stat().st_size / BYTES_PER_MB
    ours, theirs = side_by_side(partial(read_all, path), partial(ase.io.read, path, ":", format="vasp-xml"), repeats=3)
    row = ratio(f"reading vasprun.xml, {size_MB:.1f} MB: ase.io.read over sonde", ours, theirs, ("sonde", "ase"))
    yield with_rate(row, size_MB / ours, "MB/s")


def with_rate(row: Row, rate: float, unit: str) -> Row:
    """Add how much sonde does in a second."""
    return Row(row.what, row.value, row.kind, {**row.behind, "sonde alone": f"{rate:,.0f} {unit}"})


def long_outcar(source: Path, path: Path, n_steps: int) -> Path:
    """Write an OUTCAR that repeats the first ionic step of a real one so many times, numbered on."""
    text = source.read_bytes()
    text = gzip.decompress(text) if source.suffix == ".gz" else text
    starts = [found.start() for found in FIRST_ITERATION.finditer(text)]
    end = text.index(END_OF_OUTCAR)
    step = text[starts[0] : starts[1] if len(starts) > 1 else end]
    with path.open("wb") as file:
        file.write(text[: starts[0]])
        for number in range(1, n_steps + 1):
            file.write(re.sub(rb"Iteration +\d+\(", f"Iteration {number:6d}(".encode(), step))
        file.write(text[end:])
    return path


def cost_by_steps(shared_data: Path, sizes: Iterable[int], folder: Path) -> dict[int, float]:
    """Seconds to read an OUTCAR of so many ionic steps."""
    source = shared_data / LONG / "OUTCAR"
    paths = {size: long_outcar(source, folder / f"OUTCAR.{size}", size) for size in sizes}
    return {size: seconds(partial(read_all, path), repeats=3) for size, path in paths.items()}


def read_all(path: Path) -> int:
    """Read a file to its end and count."""
    return sum(1 for _ in read_frames(path))
