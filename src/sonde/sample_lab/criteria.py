"""The quantities a laboratory may filter its frames by: how they are computed, called, and written with units."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase.data import covalent_radii
from matscipy.neighbours import neighbour_list

from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.sample_lab.extxyz import atoms_of

GPA_PER_EV_PER_A3 = 160.21766208
CONTACT_CUTOFF_A = 4.5


@dataclass(frozen=True)
class Criterion:
    """A filter quantity and the values that suit the Al-Li-Mg set.

    A frame is dropped where `feature op threshold` holds. meant: the group of frames that a cut meant for others than
    the distorted cells is about; `collateral` thresholds touch a few of that group, `on_purpose` ones need not.
    `earlier` thresholds drop nothing, `decoys` belong to another project. spellings: unit → factor in talk; units that
    occur in configurations are `file_units`.
    """

    feature: str
    op: Literal[">", "<"]
    unit: str | None
    keys: tuple[str, ...]
    meant: str
    collateral: tuple[float, ...]
    on_purpose: tuple[float, ...]
    earlier: tuple[float, ...]
    decoys: tuple[float, ...]
    looser: float
    spellings: tuple[tuple[str, float], ...]
    file_units: tuple[tuple[str, float], ...]
    measure: Callable[[Frame], float]
    source: str
    """The function `measure(atoms)` as it stands in the laboratory's own script."""

    def values(self, frames: Sequence[Frame]) -> FloatArray:
        """Return the quantity of every frame, shape (n_frames,), in the criterion's unit."""
        return np.array([self.measure(frame) for frame in frames], dtype=np.float64)

    def beyond(self, frames: Sequence[Frame], threshold: float) -> tuple[int, ...]:
        """Return the ordinals of the frames that the cut would drop."""
        values = self.values(frames)
        hit = values > threshold if self.op == ">" else values < threshold
        return tuple(int(i) for i in np.flatnonzero(hit))

    def spell(self, value: float, rng: random.Random) -> str:
        """Write a value as somebody would in a message: the unit varies, the quantity does not."""
        unit, factor = rng.choice(self.spellings)
        return f"{value * factor:.6g} {unit}".strip()


def _largest_force(frame: Frame) -> float:
    if frame.forces_eV_per_A is None:
        return float("nan")
    return float(np.linalg.norm(frame.forces_eV_per_A, axis=1).max())


def _pressure(frame: Frame) -> float:
    if frame.stress_eV_per_A3 is None:
        return float("nan")
    return float(-np.trace(frame.stress_eV_per_A3) / 3 * GPA_PER_EV_PER_A3)


def _contact_ratio(frame: Frame) -> float:
    i, j, distance = neighbour_list("ijd", atoms_of(frame), CONTACT_CUTOFF_A)
    radii = covalent_radii[frame.numbers]
    return float(np.min(distance / (radii[i] + radii[j]))) if len(distance) else float("nan")


FORCE = Criterion(
    feature="max_force",
    op=">",
    unit="eV/Å",
    keys=("max_force", "fmax", "force_cutoff", "f_max", "max_force_eV_per_A", "force_max"),
    meant="rattled",
    collateral=(3.5, 4.0, 4.5, 5.0, 6.0),
    on_purpose=(3.0, 4.0, 5.0, 6.0, 7.0, 8.0),
    earlier=(50.0, 60.0, 80.0, 100.0),
    decoys=(9.0, 12.0, 15.0, 18.0, 25.0),
    looser=1.2,
    spellings=(("eV/Å", 1.0), ("eV/Å", 1.0), ("eV/A", 1.0), ("eV/Ang", 1.0), ("meV/Å", 1000.0)),
    file_units=(("eV/Å", 1.0), ("eV/Å", 1.0), ("eV/Å", 1.0), ("meV/Å", 1000.0)),
    measure=_largest_force,
    source='''def measure(atoms):
    """Largest force on an atom, eV/Å."""
    return np.linalg.norm(atoms.arrays["REF_forces"], axis=1).max()
''',
)
PRESSURE = Criterion(
    feature="pressure",
    op=">",
    unit="GPa",
    keys=("max_pressure", "pressure_cutoff", "p_max", "max_pressure_GPa"),
    meant="bulk_strain",
    collateral=(15.0, 16.0, 18.0, 20.0, 21.0),
    on_purpose=(15.0, 20.0, 25.0, 30.0),
    earlier=(150.0, 200.0, 250.0),
    decoys=(40.0, 55.0, 70.0),
    looser=1.15,
    spellings=(("GPa", 1.0), ("GPa", 1.0), ("kbar", 10.0)),
    file_units=(("GPa", 1.0),),
    measure=_pressure,
    source='''def measure(atoms):
    """Pressure, GPa, positive under compression (the stress is stored with the other sign, eV/Å³)."""
    return -np.trace(np.reshape(atoms.info["REF_stress"], (3, 3))) / 3 * 160.21766208
''',
)
CONTACT = Criterion(
    feature="closest_contact_ratio",
    op="<",
    unit=None,
    keys=("min_contact_ratio", "contact_ratio_min", "closest_contact_ratio"),
    meant="rattled",
    collateral=(0.8, 0.82, 0.84, 0.86),
    on_purpose=(0.7, 0.72, 0.75, 0.78, 0.8),
    earlier=(0.3, 0.4, 0.5),
    decoys=(0.55, 0.6, 0.65),
    looser=0.96,
    spellings=(("", 1.0),),
    file_units=(("", 1.0),),
    measure=_contact_ratio,
    source='''def measure(atoms):
    """Closest distance over the sum of the covalent radii."""
    i, j, distance = neighbour_list("ijd", atoms, 4.5)
    radii = covalent_radii[atoms.numbers]
    return np.min(distance / (radii[i] + radii[j]))
''',
)
CRITERIA = {criterion.feature: criterion for criterion in (FORCE, PRESSURE, CONTACT)}
