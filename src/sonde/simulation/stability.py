"""Is a time step short enough? Constant-energy dynamics at the step and at half of it, from the same start."""

from dataclasses import dataclass

import numpy as np
from ase import units
from ase.md.verlet import VelocityVerlet

from sonde.potentials.protocol import FrozenPotential
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.simulation.dynamics import moving_atoms, steps

_TOLERATED = 0.25
"""Tolerated error of the total energy, as a share of the kinetic energy: reached just below the limit of divergence."""


@dataclass(frozen=True)
class EnergyConservation:
    """How well a run without thermostat conserved energy.

    `drift_meV_per_atom_per_ps` is the slope of the total energy; `fluctuation_share` its root-mean-square deviation
    from the start over the mean kinetic energy; `exploded` says that the run ended early.
    """

    timestep_fs: float
    n_steps: int
    exploded: bool
    drift_meV_per_atom_per_ps: float
    fluctuation_share: float

    @property
    def stable(self) -> bool:
        """No explosion, and the energy error stays below a quarter of the kinetic energy."""
        return not self.exploded and self.fluctuation_share < _TOLERATED


@dataclass(frozen=True)
class TimeStepCheck:
    """Energy conservation at a time step and at half of it; None where the frame cannot move (one atom)."""

    stable_at_timestep: bool | None
    stable_at_half: bool | None
    at_timestep: EnergyConservation | None
    at_half: EnergyConservation | None


def time_step_check(
    potential: FrozenPotential,
    frame: Frame,
    *,
    timestep_fs: float,
    temperature_K: float,
    seed: int,
    n_steps: int = 100,
) -> TimeStepCheck:
    """Run `n_steps` at the time step and twice as many at half of it, over the same time from the same velocities.

    Unstable at the step but stable at half of it means that the step is too long. Unstable at both means that the
    potential itself leads the atoms somewhere it cannot describe, or that the step is far too long. Velocity Verlet
    diverges where the step exceeds 2/ω of the stiffest vibration (doi:10.1103/PhysRev.159.98); the check speaks up at
    about nine tenths of that, so a step that passes may still be too long for good averages.
    """
    if frame.n_atoms < 2:
        return TimeStepCheck(None, None, None, None)
    whole = conservation(
        potential, frame, timestep_fs=timestep_fs, temperature_K=temperature_K, seed=seed, n_steps=n_steps
    )
    half = conservation(
        potential, frame, timestep_fs=timestep_fs / 2, temperature_K=temperature_K, seed=seed, n_steps=2 * n_steps
    )
    return TimeStepCheck(whole.stable, half.stable, whole, half)


def conservation(
    potential: FrozenPotential, frame: Frame, *, timestep_fs: float, temperature_K: float, seed: int, n_steps: int
) -> EnergyConservation:
    """Measure how a constant-energy run conserves energy."""
    atoms = moving_atoms(potential, frame, temperature_K, np.random.default_rng(seed))
    dynamics = VelocityVerlet(atoms, timestep=timestep_fs * units.fs)
    kinetic = [atoms.get_kinetic_energy()]
    total = [kinetic[0] + atoms.get_potential_energy()]
    for _ in steps(atoms, dynamics, n_steps):
        kinetic.append(atoms.get_kinetic_energy())
        total.append(kinetic[-1] + atoms.get_potential_energy())
    done = len(total) - 1
    leapt = done < n_steps
    energy, motion = np.array(total) / frame.n_atoms, np.array(kinetic) / frame.n_atoms
    return EnergyConservation(
        timestep_fs=timestep_fs,
        n_steps=done,
        exploded=leapt or not bool(np.all(np.isfinite(energy))),
        drift_meV_per_atom_per_ps=_slope(energy, timestep_fs),
        fluctuation_share=float(np.sqrt(np.mean((energy - energy[0]) ** 2)) / max(float(np.mean(motion)), 1e-12)),
    )


def _slope(energy: FloatArray, timestep_fs: float) -> float:
    """meV per atom and ps, by a straight line."""
    if len(energy) < 3:
        return float("nan")
    time_ps = np.arange(len(energy)) * timestep_fs / 1000
    return float(np.polyfit(time_ps, energy * 1000, 1)[0])
