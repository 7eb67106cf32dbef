"""What a wrong label would have to be read as to be right: another unit, another sign, another order of components."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import units

from sonde.records.arrays import FloatArray

Transform = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Reading:
    """A way to read a label. `factor` turns it into eV, eV/Å or eV/Å³; the kind is that of the alarm.

    `per_volume` : the factor is per Å³ of the cell, as that of a virial.
    """

    words: str
    kind: str
    factor: float
    order: tuple[int, int, int] | None = None
    """Which of the off-diagonal components yz, xz, xy as they stand is really yz, xz, xy."""

    per_volume: bool = False

    def apply(self, label: FloatArray, volume_A3: float) -> FloatArray:
        """Return the label, of a cell of this volume, as it would be if it were to be read so."""
        read = np.asarray(label, float) * self.factor / (volume_A3 if self.per_volume else 1.0)
        return read if self.order is None else _reordered(read, self.order)


OFF_DIAGONAL = ((1, 2), (0, 2), (0, 1))
"""yz, xz, xy."""


def _reordered(stress: FloatArray, order: tuple[int, int, int]) -> FloatArray:
    out = stress.copy()
    for (a, b), taken in zip(OFF_DIAGONAL, order, strict=True):
        out[a, b] = out[b, a] = stress[OFF_DIAGONAL[taken]]
    return out


PER_ATOM = "per atom instead of per cell"
ENERGY_UNITS = (
    Reading("in Hartree", "energy_unit", units.Hartree),
    Reading("in Rydberg", "energy_unit", units.Rydberg),
    Reading("in kcal/mol", "energy_unit", units.kcal / units.mol),
    Reading("in kJ/mol", "energy_unit", units.kJ / units.mol),
    Reading("in meV", "energy_unit", 1e-3),
)
FORCE_READINGS = (
    Reading("in Hartree/Bohr", "force_unit", units.Hartree / units.Bohr),
    Reading("in Rydberg/Bohr", "force_unit", units.Rydberg / units.Bohr),
    Reading("in eV/Bohr", "force_unit", 1 / units.Bohr),
    Reading("in kcal/mol/Å", "force_unit", units.kcal / units.mol),
    Reading("in kJ/mol/Å", "force_unit", units.kJ / units.mol),
    Reading("in kJ/mol/nm", "force_unit", units.kJ / units.mol / 10),
    Reading("in meV/Å", "force_unit", 1e-3),
    Reading("twice as large as they should be (Rydberg taken for Hartree, Bohr taken off twice)", "force_unit", 0.5),
)
STRESS_READINGS = (
    Reading("in GPa", "stress_unit", units.GPa),
    Reading("in kbar", "stress_unit", units.GPa / 10),
    Reading("in kbar, positive under compression (VASP's sign)", "stress_unit", -units.GPa / 10),
    Reading("in GPa, positive under compression", "stress_unit", -units.GPa),
    Reading("positive under compression instead of tension", "stress_sign", -1.0),
    Reading("in Hartree/Bohr³", "stress_unit", units.Hartree / units.Bohr**3),
    Reading("in Rydberg/Bohr³", "stress_unit", units.Rydberg / units.Bohr**3),
    Reading("virials in eV, minus the stress times the volume", "stress_unit", -1.0, per_volume=True),
    Reading("virials in eV, the stress times the volume", "stress_unit", 1.0, per_volume=True),
)
ORDER_READINGS = (
    Reading("xx yy zz xy yz zx (VASP) taken for xx yy zz yz xz xy", "stress_order", 1.0, (1, 2, 0)),
    Reading("xx yy zz yz xz xy taken for VASP's xx yy zz xy yz zx", "stress_order", 1.0, (2, 0, 1)),
)
"""A stress that went through the wrong order stands with its off-diagonal components turned round by one place."""
