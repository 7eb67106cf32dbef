"""In what environments the corrected atoms of a frame stand, in terms that decide how a shift may vary."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers, covalent_radii

from sonde.local_environments.neighbours import neighbour_list
from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.frames import Frame

BONDED = 1.25
"""Neighbours are atoms closer than this times the sum of covalent radii (ase.data)."""
ANION_CHARGES = {"N": -3, "O": -2, "F": -1, "S": -2, "Cl": -1, "Se": -2, "Br": -1, "Te": -2, "I": -1}
CATION_CHARGES = {"H": 1, "Li": 1, "Na": 1, "K": 1, "Rb": 1, "Cs": 1, "Be": 2, "Mg": 2, "Ca": 2, "Sr": 2, "Ba": 2,
                  "Zn": 2, "Al": 3, "Sc": 3, "Y": 3, "La": 3}  # fmt: skip
"""Elements of one charge; what they leave open falls on all other atoms alike."""
N_ELEMENTS = len(covalent_radii)
IS_ANION = np.isin(np.arange(N_ELEMENTS), [atomic_numbers[symbol] for symbol in ANION_CHARGES])
FIXED_CHARGE = np.full(N_ELEMENTS, np.nan)
FIXED_CHARGE[[atomic_numbers[symbol] for symbol in ANION_CHARGES | CATION_CHARGES]] = [
    *(ANION_CHARGES | CATION_CHARGES).values()
]
"""By atomic number; NaN where an element has no fixed one."""
OXIDATION_STATE = "oxidation state"
ANION_NEIGHBOURS = "anion neighbours"
COORDINATION = "coordination"
CONFIG_TYPE = "config_type"
NUMERIC = (ANION_NEIGHBOURS, OXIDATION_STATE, COORDINATION)
DESCRIPTIONS = (*NUMERIC, CONFIG_TYPE)
BEYOND = {ANION_NEIGHBOURS: 1.0, OXIDATION_STATE: 0.5, COORDINATION: 2.0}
"""How far outside the paired range an atom still counts as covered by pairs."""


@dataclass(frozen=True, eq=False)
class Environments:
    """Corrected atoms of one frame.

    Attributes
    ----------
    numbers : (n,) atomic numbers of the corrected atoms.
    values : description → (n,) numbers; the oxidation state is the same for all atoms that share what charge is left.
    config_type : of the frame; None where it is not stated.
    nearest_A : mean distance of the corrected atoms to their nearest neighbour, Å; None where none has one.
    """

    numbers: IntArray
    values: Mapping[str, FloatArray]
    config_type: str | None
    nearest_A: float | None


def environments(frame: Frame, elements: Iterable[int]) -> Environments:
    """Describe the atoms of some elements: bonded neighbours, bonded anions, and the charge that anions leave them.

    The oxidation state is a proxy: ionic charges of anions and of s-block, Al, Sc, Y, La, Zn and H atoms, the rest
    shared evenly by all other atoms. Peroxides and mixed valence escape it.
    """
    wanted = np.zeros(N_ELEMENTS, bool)
    wanted[list(elements)] = True
    chosen = wanted[frame.numbers]
    radii = covalent_radii[frame.numbers]
    near = neighbour_list(frame, 2 * BONDED * float(radii.max()))
    bonded = near.distances < BONDED * (radii[near.i] + radii[near.j])
    anion = IS_ANION[frame.numbers[near.j]]
    values = {
        COORDINATION: np.bincount(near.i[bonded], minlength=frame.n_atoms)[chosen].astype(float),
        ANION_NEIGHBOURS: np.bincount(near.i[bonded & anion], minlength=frame.n_atoms)[chosen].astype(float),
        OXIDATION_STATE: oxidation_states(frame.numbers)[chosen],
    }
    tag = frame.tags.get("config_type")
    nearest = _nearest(near.i, near.distances, chosen)
    return Environments(frame.numbers[chosen], values, None if tag is None else str(tag), nearest)


def _nearest(i: IntArray, distances: FloatArray, chosen: BoolArray) -> float | None:
    closest = np.full(len(chosen), np.inf)
    np.minimum.at(closest, i, distances)
    own = closest[chosen & np.isfinite(closest)]
    return float(own.mean()) if len(own) else None


def oxidation_states(numbers: IntArray) -> FloatArray:
    """Return a charge per atom (n_atoms,): fixed ones, and what they leave over shared evenly by the others."""
    charges = FIXED_CHARGE[numbers]
    open_ = np.isnan(charges)
    if open_.any():
        charges[open_] = -charges[~open_].sum() / np.count_nonzero(open_)
    return charges


def labels(found: Environments, description: str) -> list[str]:
    """Name the class of every corrected atom under one description; numbers of neighbours go by twos, zero apart."""
    if description == CONFIG_TYPE:
        return [found.config_type or "not stated"] * len(found.numbers)
    rounded = np.rint(found.values[description]).astype(int).tolist()
    if description == OXIDATION_STATE:
        return [f"{value:+d}" if value else "0" for value in rounded]
    return ["0" if value == 0 else f"{value - 1 + value % 2}–{value + value % 2}" for value in rounded]


def class_counts(found: Environments, description: str) -> Counter[tuple[int, str]]:
    """Count the corrected atoms per (atomic number, class)."""
    return Counter(zip(found.numbers.tolist(), labels(found, description), strict=True))


# ---- what pairs cover ------------------------------------------------------------------------------------------------

Ranges = Mapping[tuple[int, str], tuple[float, float]]


def covered_ranges(found: Sequence[Environments]) -> Ranges:
    """Return (atomic number, description) → smallest and largest value among atoms of pairs."""
    ranges: dict[tuple[int, str], tuple[float, float]] = {}
    for one in found:
        for number in np.unique(one.numbers).tolist():
            for description in NUMERIC:
                own = one.values[description][one.numbers == number]
                low, high = ranges.get((number, description), (np.inf, -np.inf))
                ranges[number, description] = (min(low, float(own.min())), max(high, float(own.max())))
    return ranges


def is_covered(found: Environments, ranges: Ranges) -> bool:
    """Tell whether every corrected atom lies within, or next to, what the pairs cover of its element."""
    for (number, description), (low, high) in ranges.items():
        own = found.values[description][found.numbers == number]
        beyond = BEYOND[description]
        if np.any((own < low - beyond) | (own > high + beyond)):
            return False
    return True
