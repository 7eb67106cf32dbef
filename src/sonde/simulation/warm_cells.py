"""Alloy cells of a given composition, strain and temperature, made from reference structures with a potential."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from ase import units
from ase.data import chemical_symbols
from scipy.optimize import minimize_scalar

from sonde.errors import BadInput, WrongUse
from sonde.potentials.protocol import FrozenPotential
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.simulation.dynamics import run_dynamics

SCALES = (0.8, 1.25)
"""Range of lattice scales in which a volume without pressure is looked for."""
STEP_A = 0.03
LEAST_STIFFNESS = 0.05
"""eV/Å²: below, an atom is not held and has no harmonic displacement."""
MOST_PROBED = 4
"""Atoms per element whose stiffness is measured."""
Fractions = Mapping[int, float]


def simplex(elements: Sequence[int], n_steps: int) -> list[dict[int, float]]:
    """All compositions of the elements in steps of 1/n_steps, the pure ones included.

    Raises
    ------
    WrongUse : no elements, one twice, or no step.
    """
    if not elements or len(set(elements)) != len(elements) or n_steps < 1:
        raise WrongUse("A map needs distinct elements and at least one step between them.")
    shares = (parts for parts in product(range(n_steps + 1), repeat=len(elements)) if sum(parts) == n_steps)
    return [{z: part / n_steps for z, part in zip(elements, parts, strict=True)} for parts in shares][::-1]


def composition_name(fractions: Fractions) -> str:
    """Elements with per cent, the absent ones left out: Al75 Mg25."""
    named = [(chemical_symbols[z], share) for z, share in fractions.items() if share > 0]
    return " ".join(symbol if share == 1 else f"{symbol}{100 * share:.3g}" for symbol, share in named)


def enlarged(frame: Frame, least_atoms: int) -> Frame:
    """Repeat a periodic cell, the shortest direction first, until it holds at least so many atoms; labels are dropped.

    Raises
    ------
    BadInput : the frame does not repeat in all directions.
    """
    if not np.all(frame.pbc):
        where = frame.source_file or "reference structure"
        raise BadInput(where, f"frame {frame.ordinal}", "is not periodic", "Give a crystal in a periodic cell.")
    numbers, positions, cell = frame.numbers, np.asarray(frame.positions, float), np.array(frame.cell, float)
    while len(numbers) < least_atoms:
        axis = int(np.argmin(np.linalg.norm(cell, axis=1)))
        numbers, positions = np.tile(numbers, 2), np.concatenate([positions, positions + cell[axis]])
        cell[axis] *= 2
    return Frame(numbers, positions, cell, frame.pbc, source_file=frame.source_file, ordinal=frame.ordinal)


def decorated(frame: Frame, fractions: Fractions, rng: np.random.Generator) -> Frame:
    """Put elements onto the sites at random; as many of each as the cell allows (largest remainders)."""
    elements = np.array(list(fractions), np.int64)
    wished = np.array(list(fractions.values())) * frame.n_atoms
    counts = np.floor(wished).astype(int)
    missing = frame.n_atoms - int(counts.sum())
    counts[np.argsort(-(wished - counts), kind="stable")[:missing]] += 1
    return replace(frame, numbers=rng.permutation(np.repeat(elements, counts)))


def scaled(frame: Frame, scale: float) -> Frame:
    """Stretch cell and positions by a factor."""
    return replace(frame, positions=scale * frame.positions, cell=scale * np.asarray(frame.cell, float))


def resting_scale(potential: FrozenPotential, frame: Frame) -> float | None:
    """The isotropic factor on the cell at which the potential's energy is least; None where it is at no inner point."""

    def energy(scale: float) -> float:
        return potential.evaluate([scaled(frame, float(scale))])[0].energy_eV

    grid = np.linspace(*SCALES, 19)
    energies = [energy(scale) for scale in grid]
    # nearest the given volume: a fitted potential may have a deeper, senseless minimum where atoms overlap
    inner = [k for k in range(1, len(grid) - 1) if energies[k] <= min(energies[k - 1], energies[k + 1])]
    if not inner:
        return None
    best = min(inner, key=lambda k: abs(np.log(grid[k])))
    found = minimize_scalar(energy, bounds=(grid[best - 1], grid[best + 1]), method="bounded", options={"xatol": 1e-4})
    return float(found.x)


def stiffnesses(potential: FrozenPotential, frame: Frame, rng: np.random.Generator) -> dict[int, float | None]:
    """Force constant of an atom alone, eV/Å², per element: mean over a few atoms and the three directions.

    Central differences of its own force at ±0.03 Å. None where it is below 0.05 eV/Å²: the atom is not held.
    """
    probed = {
        int(z): rng.permutation(np.flatnonzero(np.equal(frame.numbers, z)))[:MOST_PROBED].tolist()
        for z in np.unique(frame.numbers)
    }
    found: dict[int, float | None] = {}
    for z, atoms in probed.items():
        measured = [_own_stiffness(potential, frame, atom, axis) for atom in atoms for axis in range(3)]
        mean = float(np.mean(measured))
        found[z] = mean if mean > LEAST_STIFFNESS else None
    return found


def _own_stiffness(potential: FrozenPotential, frame: Frame, atom: int, axis: int) -> float:
    moved = []
    for sign in (1, -1):
        positions = np.array(frame.positions, float)
        positions[atom, axis] += sign * STEP_A
        moved.append(replace(frame, positions=positions))
    forward, back = potential.evaluate(moved)
    return float(-(forward.forces_eV_per_A[atom, axis] - back.forces_eV_per_A[atom, axis]) / (2 * STEP_A))


def shaken(frame: Frame, stiffness: Mapping[int, float], temperature_K: float, noise: FloatArray) -> Frame:
    """Displace each atom by √(kT/κ) times its noise (n_atoms, 3): independent classical oscillators (Einstein).

    Atoms move less than in a crystal with its long waves, so that this is the calm side of a temperature.
    """
    width = np.sqrt(units.kB * temperature_K / np.array([stiffness[z] for z in frame.numbers.tolist()]))
    return replace(frame, positions=frame.positions + width[:, None] * noise)


@dataclass(frozen=True)
class WarmRun:
    """Length and time step of the dynamics that make a cell warm."""

    n_steps: int = 100
    timestep_fs: float = 2.0


def driven(potential: FrozenPotential, frame: Frame, temperature_K: float, run: WarmRun, seed: int) -> Frame:
    """The structure at the end of Langevin dynamics from rest on the sites, with velocities of that temperature."""
    frames = run_dynamics(
        potential,
        frame,
        timestep_fs=run.timestep_fs,
        temperature_K=temperature_K,
        n_steps=run.n_steps,
        seed=seed,
        thermostat="langevin",
        every=max(1, run.n_steps),
    )
    return replace(frames[-1], tags={})
