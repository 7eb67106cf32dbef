"""A potential as an ASE calculator: one forward pass gives everything."""

from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from sonde.potentials.protocol import FrozenPotential
from sonde.records.frames import Frame


def frame_of(atoms: Atoms) -> Frame:
    """Copy species, positions and cell of ASE atoms into a frame without labels."""
    return Frame(
        numbers=np.array(atoms.numbers, dtype=np.int64),
        positions=np.array(atoms.positions, dtype=float),
        cell=np.array(atoms.cell, dtype=float),
        pbc=np.array(atoms.pbc, dtype=bool),
    )


def atoms_of(frame: Frame) -> Atoms:
    """Copy a frame into ASE atoms, without labels or calculator."""
    return Atoms(numbers=frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc)


class SondeCalculator(Calculator):
    """Energy, forces, stress (Voigt order, ASE's sign), atomic energies (`energies`) and `embeddings` of a potential.

    Every property comes from one evaluation; results are fresh arrays for each structure.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress", "energies"]

    def __init__(self, potential: FrozenPotential, **options: Any) -> None:
        super().__init__(**options)
        self.potential = potential

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = None, system_changes: list[str] = all_changes
    ) -> None:
        """Evaluate the structure once, whichever properties are asked for."""
        super().calculate(atoms, properties or ["energy"], system_changes)
        result = self.potential.evaluate([frame_of(self.atoms)])[0]
        self.results = {
            "energy": result.energy_eV,
            "free_energy": result.energy_eV,
            "forces": result.forces_eV_per_A,
            "embeddings": result.embeddings,
        }
        if result.atomic_energies_eV is not None:
            self.results["energies"] = result.atomic_energies_eV
        if result.stress_eV_per_A3 is not None:
            self.results["stress"] = result.stress_eV_per_A3.ravel()[[0, 4, 8, 5, 2, 1]]
