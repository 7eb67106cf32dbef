"""Short molecular dynamics with a frozen potential, by ASE."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from ase import Atoms, units
from ase.md.langevin import Langevin
from ase.md.verlet import VelocityVerlet

from sonde.errors import WrongUse
from sonde.potentials.calculator import SondeCalculator, atoms_of, frame_of
from sonde.potentials.protocol import FrozenPotential
from sonde.records.frames import Frame

Thermostat = Literal["nve", "langevin"]

_FRICTION_PER_FS = 0.01
_LEAP_A = 5.0
"""An atom that moves this far in one step is beyond any meaning of the potential; the run ends with that frame."""
_SENSELESS_A = 1e3
"""A step of this length is not taken: positions would lose their digits, then overflow."""


def run_dynamics(
    potential: FrozenPotential,
    frame: Frame,
    *,
    timestep_fs: float,
    temperature_K: float,
    n_steps: int,
    seed: int,
    thermostat: Thermostat,
    every: int = 1,
) -> list[Frame]:
    """Run dynamics from a frame and return every `every`-th configuration, the start included.

    Velocities are drawn from the Maxwell-Boltzmann distribution at `temperature_K` and their common motion removed.
    "nve" conserves energy (velocity Verlet); "langevin" holds the temperature with a friction of 0.01 per fs. The
    frames carry no labels: energies of a potential are not those of a calculation. Tags hold step, time_fs,
    temperature_K, kinetic_energy_eV and total_energy_eV. A run that explodes ends early: the frame in which an atom
    moved more than 5 Å in one step is the last one, so that the explosion can be seen; positions are always finite.
    """
    if n_steps < 0 or every < 1 or timestep_fs <= 0:
        raise WrongUse(f"n_steps {n_steps}, every {every}, timestep {timestep_fs} fs: must be ≥ 0, ≥ 1, > 0.")
    atoms = moving_atoms(potential, frame, temperature_K, np.random.default_rng(seed))
    dynamics = _integrator(atoms, timestep_fs, temperature_K, thermostat, np.random.default_rng([seed, 1]))
    frames = [_snapshot(atoms, 0, timestep_fs)]
    taken = (step for step in steps(atoms, dynamics, n_steps) if step % every == 0)
    frames.extend(_snapshot(atoms, step, timestep_fs) for step in taken)
    return [one.numbered(index) for index, one in enumerate(frames)]


def moving_atoms(potential: FrozenPotential, frame: Frame, temperature_K: float, rng: np.random.Generator) -> Atoms:
    """ASE atoms of a frame with thermal velocities, no common motion, and the potential as calculator."""
    atoms = atoms_of(frame)
    masses = atoms.get_masses()[:, None]
    # drawn here, because the name of ase's function for it differs between the versions we allow
    momenta = rng.standard_normal((frame.n_atoms, 3)) * np.sqrt(masses * units.kB * temperature_K)
    atoms.set_momenta(momenta - masses / masses.sum() * momenta.sum(axis=0))
    atoms.calc = SondeCalculator(potential)
    return atoms


def steps(atoms: Atoms, dynamics: Any, n_steps: int) -> Iterator[int]:
    """Advance step by step; end behind the first leap, or before one that has no meaning at all."""
    for step in range(1, n_steps + 1):
        leap = _leap_ahead(atoms, float(dynamics.dt))
        if not leap < _SENSELESS_A:
            return
        dynamics.step()
        yield step
        if leap > _LEAP_A:
            return


def _leap_ahead(atoms: Atoms, timestep: float) -> float:
    """The longest way, Å, that an atom will go in the next step (in ASE's unit of time) by its velocity and force."""
    # huge forces overflow before they can be noticed
    with np.errstate(over="ignore", invalid="ignore"):
        push = 0.5 * timestep * atoms.get_forces() / atoms.get_masses()[:, None]
        return float(np.max(np.linalg.norm((atoms.get_velocities() + push) * timestep, axis=1)))


def _integrator(
    atoms: Atoms, timestep_fs: float, temperature_K: float, thermostat: Thermostat, rng: np.random.Generator
) -> Any:
    if thermostat == "nve":
        return VelocityVerlet(atoms, timestep=timestep_fs * units.fs)
    return Langevin(
        atoms,
        timestep=timestep_fs * units.fs,
        temperature_K=temperature_K,
        friction=_FRICTION_PER_FS / units.fs,
        fixcm=False,  # holding it would not sample the temperature exactly
        rng=rng,
    )


def _snapshot(atoms: Atoms, step: int, timestep_fs: float) -> Frame:
    frame = frame_of(atoms)
    kinetic = float(atoms.get_kinetic_energy())
    tags = {
        "step": step,
        "time_fs": step * timestep_fs,
        "temperature_K": float(atoms.get_temperature()),
        "kinetic_energy_eV": kinetic,
        "total_energy_eV": kinetic + float(atoms.get_potential_energy()),
    }
    return Frame(frame.numbers, frame.positions, frame.cell, frame.pbc, tags=tags)
