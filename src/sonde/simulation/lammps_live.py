"""LAMMPS through its own Python module: the structure that a run holds now, and forces for it from a potential."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from sonde.errors import SondeError, WrongUse
from sonde.potentials.protocol import FrozenPotential
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation

FIX = "sonde_forces"


def frame_of_run(run: Any, elements: Sequence[str]) -> Frame:
    """Copy the structure of a `lammps.lammps` object; elements are those of types 1, 2, …, lengths must be in Å.

    Positions count from the corner of the cell, atoms are ordered by their ids.

    Raises
    ------
    WrongUse : a type without an element, a name that is no element, or units without lengths in Å.
    """
    units = run.extract_global("units")
    if units not in ("metal", "real"):
        raise WrongUse(f"LAMMPS runs in units {units}; only metal and real have lengths in Å.")
    unknown = [symbol for symbol in elements if symbol not in atomic_numbers]
    types = np.array(run.gather_atoms("type", 0, 1), dtype=np.int64)
    if unknown or types.max(initial=0) > len(elements):
        raise WrongUse(f"LAMMPS has {types.max(initial=0)} types; name an element for each: found {list(elements)}.")
    low, high, xy, yz, xz, periodic, _ = run.extract_box()
    lx, ly, lz = np.subtract(high, low)
    return Frame(
        numbers=np.array([atomic_numbers[symbol] for symbol in elements], np.int64)[types - 1],
        positions=np.array(run.gather_atoms("x", 1, 3), dtype=float).reshape(-1, 3) - np.array(low),
        cell=np.array([[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]], float),
        pbc=np.array(periodic, bool),
        tags={"step": int(run.extract_global("ntimestep"))},
    )


class LammpsForces:
    """Drives a LAMMPS run with a frozen potential, by `fix external`: any potential, no pair style of its own.

    Energy, forces and virial of every step are those of the potential; `frame` and `evaluation` are those of the last
    one, so that a probe judges it without another forward pass. The run needs a box and atoms, units metal, one
    process, and `pair_style zero` (or another one, whose forces are added).

    Raises
    ------
    WrongUse : units other than metal, several processes, or types without an element.
    """

    def __init__(self, run: Any, potential: FrozenPotential, elements: Sequence[str]) -> None:
        if run.extract_global("units") != "metal" or run.extract_setting("world_size") != 1:
            raise WrongUse("A potential drives LAMMPS in units metal and on one process only.")
        self.frame = frame_of_run(run, elements)
        self.evaluation = potential.evaluate([self.frame])[0]
        self._run, self._potential, self._elements = run, potential, tuple(elements)
        self._failure: Exception | None = None
        run.command(f"fix {FIX} all external pf/callback 1 1")
        run.command(f"fix_modify {FIX} energy yes virial yes")
        run.set_fix_external_callback(FIX, self._push)

    def advance(self, n_steps: int) -> FrameEvaluation:
        """Go on by so many steps and return the evaluation of the last one.

        Raises
        ------
        SondeError : the potential could not evaluate a structure on the way.
        """
        self._run.command(f"run {n_steps} post no")
        if self._failure is not None:
            raise SondeError(f"The potential failed within the LAMMPS run: {self._failure}") from self._failure
        return self.evaluation

    def _push(self, *given: Any) -> None:
        """What LAMMPS calls at every step. It would swallow what is raised here: that is kept, and the run ended."""
        _caller, _step, _n_atoms, ids, _positions, forces = given
        try:
            self.frame = frame_of_run(self._run, self._elements)
            self.evaluation = found = self._potential.evaluate([self.frame])[0]
        except Exception as failure:  # noqa: BLE001 - a border: raised again by `advance`
            self._failure = failure
            self._run.lib.lammps_force_timeout(self._run.lmp)
            return
        forces[:] = found.forces_eV_per_A[np.asarray(ids, np.int64).ravel() - 1]
        self._run.fix_external_set_energy_global(FIX, found.energy_eV)
        if found.stress_eV_per_A3 is not None:
            virial = -found.stress_eV_per_A3 * abs(float(np.linalg.det(self.frame.cell)))
            self._run.fix_external_set_virial_global(FIX, virial[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]].tolist())
