"""`python -m eval.trust.molecules`: small organic molecules labelled with GFN2-xTB, where nothing periodic helps.

Molecules of ase's G2 set (Curtiss et al., J. Chem. Phys. 106, 1063 (1997), doi 10.1063/1.473182) are relaxed with
GFN2-xTB (Bannwarth, Ehlert, Grimme, J. Chem. Theory Comput. 15, 1652 (2019), doi 10.1021/acs.jctc.8b01176, by tblite),
then shaken: snapshots of Langevin dynamics and thermal displacements along all normal modes, at four temperatures. A
frame's trajectory is its molecule, so that frames of one molecule are never parted. Labels: total energies and forces
of GFN2-xTB, a tight-binding method: a reference surface of its own, not an approximation that errors are blamed on.
"""

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before tblite is loaded: small molecules

import numpy as np
from ase import Atoms, units
from ase.build import molecule
from ase.calculators.calculator import CalculationFailed
from ase.io import read, write
from ase.md.langevin import Langevin
from ase.optimize import BFGS

from sonde.potentials.calculator import frame_of
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame

HERE = Path(__file__).parent
KEPT = HERE / ".sonde" / "molecules.extxyz"
TRAINING = ("CH3CH2OH", "CH3CONH2", "C6H6", "CH3CN", "isobutane", "H2CCHCN", "CH3CHO", "CH3CH2NH2")
"""Molecules that potentials are trained on: every element and most kinds of bonds, but not all."""
OTHERS = (
    "CH3OCH3",
    "CH3COOH",
    "HCOOCH3",
    "CH3COCH3",
    "C5H5N",
    "C4H4NH",
    "C4H4O",
    "butadiene",
    "CH3NO2",
    "bicyclobutane",
    "cyclobutane",
    "OCHCHO",
)
"""Molecules that no potential here was trained on."""
TEMPERATURES_K = (300.0, 600.0, 900.0, 1200.0)
SNAPSHOTS, DISPLACED = 15, 4
"""Frames of dynamics, and displaced along modes, for each molecule and temperature."""
TIMESTEP_FS, STEPS_BEFORE, STEPS_APART = 0.5, 60, 20
SOFTEST = 0.1
"""eV/(Å² u): modes below 165 per cm count as this stiff; along straight lines, torsions would tear molecules apart."""


def labelled(name: str, seed: int) -> Iterator[Atoms]:
    """Shaken copies of a molecule with energies (eV) and forces (eV/Å), where the electrons converge."""
    rest = relaxed(name)
    modes = normal_modes(rest)
    for temperature in TEMPERATURES_K:
        rng = np.random.default_rng([seed, int(temperature)])
        for shaken in snapshots(rest, temperature, rng):
            yield from _told(shaken, name, "dynamics", temperature)
        for _ in range(DISPLACED):
            yield from _told(displaced(rest, modes, temperature, rng), name, "modes", temperature)


def relaxed(name: str) -> Atoms:
    """The molecule at rest, without a cell."""
    atoms = molecule(name)
    atoms.calc = _gfn2()
    BFGS(atoms, logfile=None).run(fmax=0.01, steps=300)
    return atoms


def snapshots(rest: Atoms, temperature_K: float, rng: np.random.Generator) -> Iterator[Atoms]:
    """Structures of Langevin dynamics, evenly apart."""
    atoms = rest.copy()
    atoms.calc = rest.calc
    masses = atoms.get_masses()[:, None]
    atoms.set_momenta(rng.standard_normal((len(atoms), 3)) * np.sqrt(masses * units.kB * temperature_K))
    friction = 0.01 / units.fs
    moving = Langevin(
        atoms, TIMESTEP_FS * units.fs, temperature_K=temperature_K, friction=friction, fixcm=False, rng=rng
    )
    moving.run(STEPS_BEFORE)
    for _ in range(SNAPSHOTS):
        moving.run(STEPS_APART)
        yield _bare(atoms, atoms.positions)


def normal_modes(rest: Atoms, step_A: float = 0.01) -> tuple[FloatArray, FloatArray]:
    """Stiffness (3n − 6,), eV/(Å² u), and mass-weighted directions (3n, 3n − 6), by central differences of forces."""
    moved, columns = _bare(rest, rest.positions), []
    moved.calc = rest.calc
    for atom, axis in np.ndindex(len(rest), 3):
        forces = []
        for sign in (1, -1):
            moved.positions = rest.positions
            moved.positions[atom, axis] += sign * step_A
            forces.append(moved.get_forces().ravel())
        columns.append((forces[1] - forces[0]) / (2 * step_A))
    root = np.repeat(np.sqrt(rest.get_masses()), 3)
    hessian = np.array(columns) / np.outer(root, root)
    stiffness, directions = np.linalg.eigh((hessian + hessian.T) / 2)
    inner = np.argsort(np.abs(stiffness))[6:]  # the six smallest move and turn the molecule as a whole
    return stiffness[inner], directions[:, inner]


def displaced(
    rest: Atoms, modes: tuple[FloatArray, FloatArray], temperature_K: float, rng: np.random.Generator
) -> Atoms:
    """A draw from the classical harmonic crystal of the modes at a temperature."""
    stiffness, directions = modes
    amplitudes = np.sqrt(units.kB * temperature_K / np.maximum(stiffness, SOFTEST)) * rng.standard_normal(
        len(stiffness)
    )
    moved = (directions @ amplitudes).reshape(-1, 3) / np.sqrt(rest.get_masses())[:, None]
    return _bare(rest, rest.positions + moved)


def _told(atoms: Atoms, name: str, kind: str, temperature_K: float) -> Iterator[Atoms]:
    """The structure with its labels, kind and origin, if its electrons converge."""
    one = _bare(atoms, atoms.positions)
    one.calc = _gfn2()
    try:
        energy, forces = float(one.get_potential_energy()), np.array(one.get_forces())
    except CalculationFailed:
        return
    atoms.info = {"molecule": name, "config_type": kind, "temperature_K": temperature_K, "REF_energy": energy}
    atoms.arrays["REF_forces"] = forces
    yield atoms


def _bare(atoms: Atoms, positions: FloatArray) -> Atoms:
    return Atoms(numbers=atoms.numbers, positions=positions)


def _gfn2() -> Any:
    return importlib.import_module("tblite.ase").TBLite(method="GFN2-xTB", verbosity=0)


def molecules(path: Path = KEPT) -> list[Frame]:
    """Frames of all molecules, those of `TRAINING` first; computed and kept in `path` where there are none yet.

    Trajectory: the molecule. Computing takes some minutes and needs tblite.
    """
    if not path.exists():
        compute(path)
    kept: Any = read(path, index=":")
    return [_frame(atoms, k) for k, atoms in enumerate(kept)]


def _frame(atoms: Atoms, ordinal: int) -> Frame:
    bare, info = frame_of(atoms), atoms.info
    temperature = float(info["temperature_K"])
    kind, name = str(info["config_type"]), str(info["molecule"])
    return Frame(
        bare.numbers,
        bare.positions,
        bare.cell,
        bare.pbc,
        energy_eV=float(info["REF_energy"]),
        forces_eV_per_A=np.array(atoms.arrays["REF_forces"]),
        tags={"config_type": kind, "trajectory": name, "temperature_K": temperature},
        ordinal=ordinal,
    )


def compute(path: Path, names: Sequence[str] = TRAINING + OTHERS) -> None:
    """Compute and write all frames.

    Exits where tblite is not installed.
    """
    if importlib.util.find_spec("tblite") is None:
        sys.exit("The molecules are labelled with GFN2-xTB, which needs tblite: pip install tblite")
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = []
    for seed, name in enumerate(names):
        own = list(labelled(name, seed))
        largest = [float(np.linalg.norm(atoms.arrays["REF_forces"], axis=1).max()) for atoms in own]
        sys.stderr.write(f"{name}: {len(own)} frames, largest forces {np.median(largest):.1f} eV/Å in the middle\n")
        frames += own
    fresh = path.with_suffix(".new")
    write(fresh, frames, format="extxyz")
    fresh.replace(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=KEPT)
    compute(parser.parse_args().out)
