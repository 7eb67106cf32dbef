"""pymatgen's structure dicts, and labels in JSON, as arrays: shared by the readers of pymatgen JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.units import GPa

from sonde.datasets.readers.cells import checked_cell, checked_positions, numbers_of
from sonde.datasets.readers.labels import LabelDefect, finite_rows
from sonde.records.arrays import BoolArray, FloatArray, IntArray

VASP_STRESS_TO_EV_PER_A3 = -0.1 * GPa
"""kbar, positive under compression → eV/Å³, positive under tension."""


@dataclass(frozen=True, eq=False)
class Geometry:
    """Atoms in a cell: the fields of the same names in a `Frame`."""

    numbers: IntArray
    positions: FloatArray
    cell: FloatArray
    pbc: BoolArray


def geometry_of(structure: Mapping[str, Any]) -> Geometry:
    """Read a structure dict: sites with one whole atom each, Cartesian or fractional, in a lattice or none.

    Raises
    ------
    LabelDefect : the structure cannot be taken; the message says why.
    """
    sites = structure["sites"]
    if not isinstance(sites, list) or not all(isinstance(site, Mapping) for site in sites):
        raise LabelDefect("sites must be a list of dicts")
    cell, pbc = checked_cell(*_lattice(structure))
    numbers = numbers_of(_symbols(sites))
    return Geometry(numbers, checked_positions(_positions(sites, cell), len(numbers)), cell, pbc)


def _lattice(structure: Mapping[str, Any]) -> tuple[FloatArray, BoolArray]:
    lattice = structure.get("lattice")
    if lattice is None:
        return np.zeros((3, 3)), np.zeros(3, bool)
    cell = numeric(lattice.get("matrix") if isinstance(lattice, Mapping) else lattice, "the lattice matrix")
    if cell.shape != (3, 3):
        raise LabelDefect(f"the lattice matrix must have shape (3, 3), found {cell.shape}")
    periodic = lattice.get("pbc", (True, True, True)) if isinstance(lattice, Mapping) else (True, True, True)
    return cell, np.array(periodic, bool)


def _symbols(sites: list[Any]) -> list[str]:
    symbols = []
    for atom, site in enumerate(sites):
        species = site.get("species") or []
        if len(species) != 1 or float(species[0].get("occu", 1)) != 1:
            raise LabelDefect(f"atom {atom} is a site of mixed or partial occupation: {str(species)[:200]}")
        symbols.append(species[0]["element"])
    return symbols


def _positions(sites: list[Any], cell: FloatArray) -> FloatArray:
    if all("xyz" in site for site in sites):
        return numeric([site["xyz"] for site in sites], "the positions")
    if all("abc" in site for site in sites) and cell.any():
        return numeric([site["abc"] for site in sites], "the fractional positions") @ cell
    raise LabelDefect("every site must have xyz, or abc with a lattice")


def numeric(values: Any, what: str) -> FloatArray:
    """Turn rows of numbers into an array; `what` they are is named in the defect."""
    try:
        return np.asarray(values, float)
    except (TypeError, ValueError) as wrong:
        raise LabelDefect(f"{what} must be numbers in rows of equal length ({wrong})") from wrong


def checked_energy(energy: Any) -> float | None:
    """Return an energy as a finite number; None is absent."""
    if energy is None:
        return None
    if isinstance(energy, bool | str) or not np.isfinite(energy):
        raise LabelDefect(f"energy is not a finite number: {energy!r}")
    return float(energy)


def checked_forces(forces: Any, n_atoms: int) -> FloatArray | None:
    """Return forces of shape (n_atoms, 3); None or an empty list is absent."""
    if forces is None or len(forces) == 0:
        return None
    array = numeric(forces, "forces")
    if array.shape != (n_atoms, 3):
        raise LabelDefect(f"forces must have shape ({n_atoms}, 3), found {array.shape}")
    return finite_rows(array, "forces")
