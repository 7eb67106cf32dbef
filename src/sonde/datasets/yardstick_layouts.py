"""Which columns of a least-squares problem belong to which elements, and how far apart elements count as one.

Where a set has few elements, every pair of them has a pair potential of its own. Where it has many, all pairs share
one potential of the distance in units of the covalent radii, which changes smoothly with the place of the two elements
in the periodic table: 83 elements have 3,486 pairs, and no set has enough of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from ase.data import covalent_radii

from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame

N_RADIAL, N_DENSITIES = 8, 2
NOBLE = (0, 2, 10, 18, 36, 54, 86, 118)
USUAL_BOND_A = 2.6
"""Distance that the sum of two covalent radii is scaled to: radial functions are made for it."""


@dataclass(frozen=True)
class Layout:
    """Columns: constants, pairs of elements times radial functions, embeddings."""

    elements: tuple[int, ...]
    pairs_apart: ClassVar[bool] = True
    """Whether pairs of elements have weights of their own: good enough for energies, too."""

    @property
    def n_pairs(self) -> int:
        return len(self.elements) * (len(self.elements) + 1) // 2

    @property
    def first_embedding(self) -> int:
        return len(self.elements) + self.n_pairs * N_RADIAL

    @property
    def n_weights(self) -> int:
        return self.first_embedding + len(self.elements) * N_DENSITIES

    def pair_columns(self, a: IntArray, b: IntArray) -> IntArray:
        """Columns (n_pairs, N_RADIAL) of unordered pairs of elements, given by their places."""
        low, high = np.minimum(a, b), np.maximum(a, b)
        place = low * len(self.elements) - low * (low - 1) // 2 + high - low
        return len(self.elements) + place[:, None] * N_RADIAL + np.arange(N_RADIAL)

    def embedding_columns(self, species: IntArray) -> IntArray:
        """Columns (n, N_DENSITIES) of atoms of these elements."""
        return self.first_embedding + species[:, None] * N_DENSITIES + np.arange(N_DENSITIES)

    def pair_factors(self, a: IntArray, b: IntArray) -> FloatArray:  # noqa: ARG002 - one signature for all layouts
        """What radial functions are multiplied by, one copy per column of (n_pairs, n)."""
        return np.ones((len(a), 1))

    def embedding_factors(self, species: IntArray) -> FloatArray:
        """What densities are multiplied by, one copy per column of (n_atoms, n)."""
        return np.ones((len(species), 1))

    def stretch(self, a: IntArray, b: IntArray) -> FloatArray:  # noqa: ARG002 - one signature for all layouts
        """Factors on distances, (n_pairs,)."""
        return np.ones(len(a))


@dataclass(frozen=True)
class SharedLayout(Layout):
    """One pair potential and one embedding for all elements, changing smoothly over the periodic table."""

    pairs_apart: ClassVar[bool] = False

    @property
    def n_weights(self) -> int:
        return len(self.elements) + N_RADIAL * N_PAIR_FACTORS + N_DENSITIES * N_OWN_FACTORS

    def pair_columns(self, a: IntArray, b: IntArray) -> IntArray:  # noqa: ARG002 - all pairs share their columns
        """Columns (n_pairs, N_RADIAL × factors), the same for all pairs."""
        return np.tile(len(self.elements) + np.arange(N_RADIAL * N_PAIR_FACTORS), (len(a), 1))

    def embedding_columns(self, species: IntArray) -> IntArray:
        """Columns (n, N_DENSITIES × factors), the same for all atoms."""
        first = len(self.elements) + N_RADIAL * N_PAIR_FACTORS
        return np.tile(first + np.arange(N_DENSITIES * N_OWN_FACTORS), (len(species), 1))

    def pair_factors(self, a: IntArray, b: IntArray) -> FloatArray:
        """Constant, mean and spread of the two places in the table."""
        filling, period = self._places()
        mean, apart = (filling[a] + filling[b]) / 2, np.abs(filling[a] - filling[b])
        deep = (period[a] + period[b]) / 2
        return np.column_stack([np.ones(len(a)), mean, mean**2, apart, deep])

    def embedding_factors(self, species: IntArray) -> FloatArray:
        """Constant and place in the table."""
        filling, period = self._places()
        return np.column_stack([np.ones(len(species)), filling[species], period[species]])

    def stretch(self, a: IntArray, b: IntArray) -> FloatArray:
        """Distances count in units of the covalent radii."""
        radii = covalent_radii[list(self.elements)]
        return np.asarray(USUAL_BOND_A / (radii[a] + radii[b]))

    def _places(self) -> tuple[FloatArray, FloatArray]:
        """How far each element's period is filled, −1 to 1, and its period, about −1 to 1."""
        numbers = np.array(self.elements)
        period = np.searchsorted(NOBLE, numbers)
        first, last = np.array(NOBLE)[period - 1], np.array(NOBLE)[period]
        return 2 * (numbers - first) / (last - first) - 1, (period - 4) / 3


N_PAIR_FACTORS, N_OWN_FACTORS = 5, 3


def elements_of(frames: Sequence[Frame]) -> tuple[int, ...]:
    """List the elements that occur."""
    return tuple(sorted({int(number) for frame in frames for number in np.unique(frame.numbers)}))
