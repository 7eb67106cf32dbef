"""A frame: one configuration of atoms with the labels that a calculation gave it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sonde.records.arrays import BoolArray, FloatArray, IntArray

Tag = str | int | float | bool | None


@dataclass(frozen=True, eq=False)
class Frame:
    """Atoms in a cell, with labels where they are known.

    Attributes
    ----------
    numbers : (n_atoms,) atomic numbers, in file order.
    positions : (n_atoms, 3) Cartesian, Å, as in the file (not wrapped).
    cell : (3, 3) lattice vectors as rows, Å; zeros where there is none.
    pbc : (3,) periodic directions.
    energy_eV : total energy of the cell; None is unknown.
    forces_eV_per_A : (n_atoms, 3).
    stress_eV_per_A3 : (3, 3), positive under tension (ASE's sign).
    tags : everything else that the file says of the frame (config_type, scf_converged, xc, …).
    source_file, ordinal : where it was read; the ordinal counts from 0 within the dataset.
    """

    numbers: IntArray
    positions: FloatArray
    cell: FloatArray
    pbc: BoolArray
    energy_eV: float | None = None
    forces_eV_per_A: FloatArray | None = None
    stress_eV_per_A3: FloatArray | None = None
    tags: Mapping[str, Tag] = field(default_factory=dict)
    source_file: str | None = None
    ordinal: int = 0

    @property
    def n_atoms(self) -> int:
        return len(self.numbers)

    def numbered(self, ordinal: int) -> "Frame":
        """Return the same frame at another place in its dataset."""
        return replace(self, ordinal=ordinal)
