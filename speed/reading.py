"""Reading extended xyz: sonde's reader against ase's, on the same file."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import ase.io
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress
from speed.measuring import Row, growth, ratio, seconds, side_by_side

from sonde.datasets.readers import read_frames, write_extxyz
from sonde.records.frames import Frame

SIZES_IN_ATOMS = (4, 8, 20, 54, 200)
N_ATOMS_IN_ALL = 30_000


def measure(frames: dict[str, list[Frame]], sizes: Iterable[int] = (700, 1400, 2800)) -> Iterator[Row]:
    """Ratio for every set of frames, and for frames of each size and both writers; growth over the largest set."""
    largest = max(frames.values(), key=len)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.xyz"
        for name, own in frames.items():
            write_extxyz(path, own)
            yield compared(name, path, len(own))
        for n_atoms in SIZES_IN_ATOMS:
            for writer, write in WRITERS.items():
                own = resized(largest, n_atoms)
                write(path, own)
                yield compared(f"{n_atoms} atoms, header by {writer}", path, len(own))
        yield growth("reading extxyz, over frames", cost_by_size(largest, sizes, Path(folder)), "s")


def compared(name: str, path: Path, n_frames: int) -> Row:
    """Read all frames with sonde and with ase."""
    ours, theirs = side_by_side(partial(read_all, path), partial(ase.io.read, path, ":"), repeats=3)
    what = f"reading extxyz, {name}, {n_frames:,} frames: ase.io.read over sonde"
    return ratio(what, ours, theirs, ("sonde", "ase"))


def resized(frames: list[Frame], n_atoms: int) -> list[Frame]:
    """Make frames of so many atoms, with the tags and labels of real ones: too many are cut, too few come again."""
    n_frames = N_ATOMS_IN_ALL // max(n_atoms, 20)
    return [_resized(frames[i % len(frames)], n_atoms) for i in range(0, 7 * n_frames, 7)]


def _resized(frame: Frame, n_atoms: int) -> Frame:
    atoms = [i % frame.n_atoms for i in range(n_atoms)]
    forces = None if frame.forces_eV_per_A is None else frame.forces_eV_per_A[atoms]
    return replace(frame, numbers=frame.numbers[atoms], positions=frame.positions[atoms], forces_eV_per_A=forces)


def write_by_ase(path: Path, frames: Iterable[Frame]) -> None:
    """Write frames as ase does: labels of a calculator, no tags but the kind."""
    ase.io.write(path, [_atoms(frame) for frame in frames], format="extxyz")


def _atoms(frame: Frame) -> Atoms:
    labels = {"energy": frame.energy_eV, "forces": frame.forces_eV_per_A}
    if frame.stress_eV_per_A3 is not None:
        labels["stress"] = full_3x3_to_voigt_6_stress(frame.stress_eV_per_A3)
    atoms = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc)
    atoms.calc = SinglePointCalculator(atoms, **labels)
    atoms.info["config_type"] = frame.tags.get("config_type", "")
    return atoms


WRITERS: dict[str, Callable[[Path, list[Frame]], object]] = {"sonde": write_extxyz, "ase": write_by_ase}


def cost_by_size(frames: list[Frame], sizes: Iterable[int], folder: Path) -> dict[int, float]:
    """Seconds to read a file of so many frames."""
    costs = {}
    for size in sizes:
        path = folder / f"{size}.xyz"
        write_extxyz(path, frames[:: max(1, len(frames) // size)][:size])
        costs[size] = seconds(partial(read_all, path), repeats=2)
    return costs


def read_all(path: Path) -> int:
    """Read a file to its end and count."""
    return sum(1 for _ in read_frames(path))
