"""A potential-independent, element-aware, invariant description of local environments.

Around every atom i, per neighbour element e: radial densities
    ρ_ek = Σ_j g_k(r_ij) f(r_ij)                          j of element e, g_k Gaussian shells, f a cosine cutoff
and angular densities per pair of elements and pair of two broad shells n
    (2l + 1) Σ_jk φ_n(r_ij) φ_n'(r_ik) P_l(cos θ_jik)     j of element e, k of element e', l = 1 … 4.
The double sum is got from moments Σ_j φ_n x^a y^b z^c in O(neighbours): Σ_jk φφ' cos^p θ is the contraction of two
moment tensors of rank p (Shapeev, Multiscale Model. Simul. 14, 1153 (2016), doi 10.1137/15M1054183; the power spectrum
of Bartók, Kondor, Csányi, Phys. Rev. B 87, 184115 (2013), doi 10.1103/PhysRevB.87.184115, holds the same invariants).

Scaling, so that a Euclidean distance means something: a radial density is divided by the standard deviation that the
same shell without cutoff would have in an ideal gas of 0.05 atoms/Å³; an angular density by the product of the numbers
of neighbours in its two shells, (1 + s_n)(1 + s_n'), which bounds it. (Angular densities over √(s_n s_n'), as in a
structure factor, were tried: perfect crystals then stand far outside everything thermal and hide short contacts.)
Every column is of order one or below in condensed matter, far shells weigh less through the cutoff, and nothing is
fitted to any data. The element of the centre is no part of the description: compare distances per centre element only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement, product
from math import factorial

import numpy as np
from numpy.polynomial import legendre

from sonde.errors import WrongUse
from sonde.local_environments.neighbours import neighbour_list
from sonde.progress import SILENT, Progress
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame

REFERENCE_DENSITY_PER_A3 = 0.05
"""Atoms per Å³ of the ideal gas that the radial scaling refers to: between Li (0.046) and Al (0.060)."""
FIRST_SHELL_A = 1.0
LARGEST_DEGREE = 4
"""l = 4 is the lowest degree that tells cubic surroundings from isotropic ones."""
MOST_ELEMENTS_IN_PAIRS = 4
"""Beyond, angular densities are kept per element against all elements, or the width would pass 200."""
ATOMS_AT_A_TIME = 1500
ATOMS_IN_CACHE = 128
"""Their pairs' monomials, some megabytes, stay near the processor: all at once takes twice as long."""


@dataclass(frozen=True)
class DensityDescriptor:
    """Radial and angular neighbour densities per element.

    elements: atomic numbers that may occur as neighbours; cutoff_A: where densities end, smoothly;
    n_radial: Gaussian shells from 1 Å to the cutoff, as wide (σ) as they are apart.
    """

    elements: tuple[int, ...]
    cutoff_A: float = 6.0
    n_radial: int = 12

    def __post_init__(self) -> None:
        if not self.elements or len(set(self.elements)) != len(self.elements):
            raise WrongUse(f"A descriptor needs distinct elements, not {tuple(self.elements)}.")
        if self.cutoff_A <= 2 * FIRST_SHELL_A or self.n_radial < 2:
            raise WrongUse(f"A descriptor needs a cutoff beyond {2 * FIRST_SHELL_A} Å and at least 2 radial shells.")
        object.__setattr__(self, "elements", tuple(sorted(int(Z) for Z in self.elements)))

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.elements) * self.n_radial + len(self._pairs) * LARGEST_DEGREE

    def compute(self, frames: Sequence[Frame], *, progress: Progress = SILENT) -> list[FloatArray]:
        """Describe every atom of every frame: one array (n_atoms, width) per frame.

        Invariant under rotation, reflection, translation, permutation of like atoms and choice of the periodic cell;
        smooth in the positions, also where an atom passes the cutoff.

        Raises
        ------
        WrongUse
            A frame holds an element that the descriptor was not made for.
        """
        self._require_known(frames)
        described: list[FloatArray] = []
        for batch in progress.track(list(_batches(frames)), "local environments"):
            described += self._compute_batch(batch)
        return described

    def _require_known(self, frames: Sequence[Frame]) -> None:
        for number, frame in enumerate(frames):
            strange = sorted(set(np.unique(frame.numbers).tolist()) - set(self.elements))
            if strange:
                raise WrongUse(
                    f"Frame {number} holds atomic numbers {strange}, which the descriptor of {self.elements} lacks."
                    " Make it with the elements of all frames that are to be compared."
                )

    def _compute_batch(self, frames: Sequence[Frame]) -> list[FloatArray]:
        starts = np.concatenate([[0], np.cumsum([frame.n_atoms for frame in frames])])
        lists = [neighbour_list(frame, self.cutoff_A) for frame in frames]
        numbers = np.concatenate([frame.numbers for frame in frames])
        shifts = zip(lists, starts[:-1], strict=True)
        centre, other = np.concatenate([[n.i + s, n.j + s] for n, s in shifts], axis=1)
        distances = np.concatenate([n.distances for n in lists])
        vectors = np.concatenate([n.vectors for n in lists])
        channel = np.searchsorted(self.elements, numbers[other])
        described = np.empty((int(starts[-1]), self.width))
        for first in range(0, len(described), ATOMS_IN_CACHE):
            last = min(first + ATOMS_IN_CACHE, len(described))
            own = slice(*np.searchsorted(centre, [first, last]))
            pairs = (centre[own] - first, channel[own], distances[own], vectors[own])
            described[first:last] = self._densities(*pairs, last - first)
        return np.split(described, starts[1:-1])

    def _densities(
        self, centre: IntArray, channel: IntArray, distances: FloatArray, vectors: FloatArray, n_atoms: int
    ) -> FloatArray:
        """Both densities (n_atoms, width) of pairs sorted by centre; channel (n_pairs,) is the neighbour's element."""
        slots = _Slots.of(centre, n_atoms)
        smooth = 0.5 * (1 + np.cos(np.pi * distances / self.cutoff_A))
        # Coinciding atoms have no direction; they are a defect that contacts report, not a reason to divide by zero.
        unit = vectors.T / np.maximum(distances, 1e-12)
        own = np.arange(len(self.elements))[:, None] == channel
        weights = np.concatenate([smooth * own, *(smooth * broad * own for broad in self._broad_shells(distances))])
        weights, r = slots.laid(weights), slots.laid(distances[None])
        radial, moments = np.split(weights, [len(own)])
        radial = radial.transpose(1, 0, 2) @ slots.columns(self._shells(r[0].ravel()))
        moments = moments.transpose(1, 0, 2) @ slots.columns(_monomials(slots.laid(unit).reshape(3, -1)))
        # from shell by shell to element by element
        moments = moments.reshape(n_atoms, 2, len(own), -1).transpose(0, 2, 1, 3)
        return np.hstack([radial.reshape(n_atoms, -1), self._angular(moments)])

    def _shells(self, distances: FloatArray) -> FloatArray:
        """Gaussian shells (n_radial, n_pairs) over their ideal-gas deviations, without the cutoff."""
        centres = np.linspace(FIRST_SHELL_A, self.cutoff_A, self.n_radial, endpoint=False)
        sigma = centres[1] - centres[0]
        # ∫ g² 4πr² dr over a Gaussian of width σ at r0, squared: 4π √π σ (r0² + σ²/2)
        variance = REFERENCE_DENSITY_PER_A3 * 4 * np.pi**1.5 * sigma * (centres**2 + sigma**2 / 2)
        return np.exp(-0.5 * ((distances - centres[:, None]) / sigma) ** 2) / np.sqrt(variance)[:, None]

    def _broad_shells(self, distances: FloatArray) -> list[FloatArray]:
        scaled = distances / self.cutoff_A
        return [np.exp(-0.5 * ((scaled - centre) / 0.2) ** 2) for centre in (0.4, 0.8)]

    @cached_property
    def _pairs(self) -> list[tuple[int, int]]:
        """Pairs of (element, broad shell) channels; channel 2e + n, those past the last element are all elements."""
        n_elements = len(self.elements)
        if n_elements <= MOST_ELEMENTS_IN_PAIRS:
            return list(combinations_with_replacement(range(2 * n_elements), 2))
        return list(product(range(2 * n_elements), range(2 * n_elements, 2 * n_elements + 2)))

    def _angular(self, moments: FloatArray) -> FloatArray:
        """Angular densities (n_atoms, pairs × degrees) from moments (n_atoms, elements, 2 shells, monomials)."""
        n_atoms = len(moments)
        everything = moments.sum(axis=1)
        counts = 1 + everything[:, :, 0]
        left, right = np.array(self._pairs).T
        scale = counts[:, left % 2] * counts[:, right % 2]
        channels = np.concatenate([moments.reshape(n_atoms, -1, len(_EXPONENTS)), everything], axis=1)
        degrees = (channels[:, left] * channels[:, right]).reshape(-1, len(_EXPONENTS)) @ _CONTRACTION
        return (degrees.reshape(n_atoms, len(left), -1) / scale[:, :, None]).reshape(n_atoms, -1)


def _batches(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if sum(f.n_atoms for f in batch) >= ATOMS_AT_A_TIME:
            yield batch
            batch = []
    if batch:
        yield batch


@dataclass(frozen=True, eq=False)
class _Slots:
    """As many slots for every atom as the one with most neighbours has; `place` (n_pairs,) is the slot of each pair."""

    place: IntArray
    n_atoms: int
    n_each: int

    @classmethod
    def of(cls, centre: IntArray, n_atoms: int) -> "_Slots":
        """Give slots to pairs sorted by centre."""
        counts = np.bincount(centre, minlength=n_atoms)
        n_each, starts = int(counts.max(initial=0)), np.cumsum(counts) - counts
        return cls(np.arange(len(centre)) + (np.arange(n_atoms) * n_each - starts)[centre], n_atoms, n_each)

    def laid(self, rows: FloatArray) -> FloatArray:
        """Rows (n_rows, n_pairs) in their slots, empty ones zero: (n_rows, n_atoms, n_each)."""
        found = np.zeros((len(rows), self.n_atoms * self.n_each))
        found[:, self.place] = rows
        return found.reshape(len(rows), self.n_atoms, self.n_each)

    def columns(self, rows: FloatArray) -> FloatArray:
        """Rows (n_rows, all slots) as matrices (n_atoms, n_each, n_rows), without a copy."""
        return rows.reshape(len(rows), self.n_atoms, self.n_each).transpose(1, 2, 0)


def _exponents() -> list[tuple[int, int, int]]:
    ranks = range(LARGEST_DEGREE + 1)
    return [(a, b, p - a - b) for p in ranks for a in range(p, -1, -1) for b in range(p - a, -1, -1)]


_EXPONENTS = _exponents()
_PLACE = {powers: n for n, powers in enumerate(_EXPONENTS)}


def _contraction() -> FloatArray:
    """What turns the product of two moments, monomial by monomial, into densities of degree 1, 2, …: (35, 4).

    A monomial counts as often as it occurs in the symmetric tensor of its rank p, which stands for cos^p θ; the
    coefficients of (2l + 1) P_l in powers of cos θ make degree l, with its weight in an expansion of a density.
    """
    ranks = [sum(powers) for powers in _EXPONENTS]
    often = [
        factorial(p) / np.prod([factorial(n) for n in powers]) for p, powers in zip(ranks, _EXPONENTS, strict=True)
    ]
    degrees = range(1, LARGEST_DEGREE + 1)
    of_rank = [
        (2 * degree + 1) * np.pad(legendre.leg2poly(np.eye(degree + 1)[degree]), (0, LARGEST_DEGREE - degree))
        for degree in degrees
    ]
    return np.array(often)[:, None] * np.array(of_rank).T[ranks]


_CONTRACTION = _contraction()


def _monomials(unit: FloatArray) -> FloatArray:
    """All x^a y^b z^c up to the largest degree, of directions (3, n_pairs): (35, n_pairs)."""
    monomials = np.ones((len(_EXPONENTS), unit.shape[1]))
    for n, powers in enumerate(_EXPONENTS[1:], start=1):
        axis = next(k for k in range(3) if powers[k])
        a, b, c = (power - (k == axis) for k, power in enumerate(powers))
        np.multiply(monomials[_PLACE[a, b, c]], unit[axis], out=monomials[n])
    return monomials
