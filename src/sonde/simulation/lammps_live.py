"""The structure that a LAMMPS run holds now, through LAMMPS's own Python module."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from sonde.errors import WrongUse
from sonde.records.frames import Frame


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
