"""A potential-independent, element-aware, invariant description of local environments.

Around every atom i, per neighbour element e: radial densities
    ρ_ek = Σ_j g_k(r_ij) f(r_ij)                          j of element e, g_k Gaussian shells, f a cosine cutoff
and angular densities per pair of elements and pair of two broad shells n
    (2l + 1) Σ_jk φ_n(r_ij) φ_n'(r_ik) P_l(cos θ_jik)     j of element e, k of element e', l = 1 … 4.
The double sum is got in O(neighbours): it is the product, summed over m, of two sums over neighbours Σ_j φ_n S_lm with
spherical harmonics, as in the power spectrum of Bartók, Kondor, Csányi, Phys. Rev. B 87, 184115 (2013),
doi 10.1103/PhysRevB.87.184115. A neighbour that coincides with its centre has no direction and no part in it.

Scaling, so that a Euclidean distance means something: a radial density is divided by the standard deviation that the
same shell without cutoff would have in an ideal gas of 0.05 atoms/Å³; an angular density by the product of the numbers
of neighbours in its two shells, (1 + s_n)(1 + s_n'), which bounds it. (Angular densities over √(s_n s_n'), as in a
structure factor, were tried: perfect crystals then stand far outside everything thermal and hide short contacts.)
Every column is of order one or below in condensed matter, far shells weigh less through the cutoff, and nothing is
fitted to any data. The element of the centre is no part of the description: compare distances per centre element only.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement, product

import numpy as np

from sonde.errors import WrongUse
from sonde.local_environments.harmonics import DEGREES, N_HARMONICS, OF_DEGREE, WEIGHTS, harmonics
from sonde.local_environments.neighbours import neighbour_list
from sonde.progress import SILENT, Progress
from sonde.records.arrays import AnyArray, FloatArray, IntArray
from sonde.records.frames import Frame

REFERENCE_DENSITY_PER_A3 = 0.05
"""Atoms per Å³ of the ideal gas that the radial scaling refers to: between Li (0.046) and Al (0.060)."""
FIRST_SHELL_A = 1.0
SHELLS_AT_A_TIME = 8
MOST_ELEMENTS_IN_PAIRS = 4
"""Beyond, angular densities are kept per element against all elements, or the width would pass 200."""
ATOMS_AT_A_TIME = 1500
ATOMS_IN_CACHE = 128
"""What is found for their pairs, some megabytes, stays near the processor: all at once takes twice as long."""

MOST_HELD = 2**20
"""Numbers that are worked with and kept for the next frame: 8 MB."""


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
        return len(self.elements) * self.n_radial + len(self._pairs) * len(DEGREES)

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
        slots, own = _Slots.of(centre, n_atoms), np.arange(len(self.elements))[:, None]
        r, unit, channel = slots.laid(distances), slots.laid(vectors).T.copy(), slots.laid(channel, empty=-1)
        # Coinciding atoms have no direction; they are a defect that contacts report, not a reason to divide by zero.
        unit /= np.maximum(r, 1e-12)
        memory = _SCRATCH.lent(3 * len(own) + self.n_radial + N_HARMONICS, len(r))
        weights = memory[: 3 * len(own)].reshape(3, len(own), -1)
        np.multiply(channel == own, 0.5 * (1 + np.cos((np.pi / self.cutoff_A) * r)), out=weights[0])
        for centre_of_shell, weighted in zip((0.4, 0.8), weights[1:], strict=True):
            np.multiply(weights[0], np.exp(-0.5 * ((r / self.cutoff_A - centre_of_shell) / 0.2) ** 2), out=weighted)
        shells = self._shells(r, memory[3 * len(own) : -N_HARMONICS])
        directions = harmonics(unit, memory[-N_HARMONICS:])
        radial = slots.by_atom(weights[0]) @ slots.by_atom(shells).transpose(0, 2, 1)
        moments = slots.by_atom(weights[1:]) @ slots.by_atom(directions).transpose(0, 2, 1)
        return np.hstack([radial.reshape(n_atoms, -1), self._angular(moments)])

    def _shells(self, distances: FloatArray, shells: FloatArray) -> FloatArray:
        """Write Gaussian shells (n_radial, n_pairs) over their ideal-gas deviations, without the cutoff.

        They are as wide as they are apart: with t counted from the first, shell k is exp(−t²/2) Π e^t e^(½ − k), a few
        at a time so that no factor runs out of numbers.
        """
        centres = np.linspace(FIRST_SHELL_A, self.cutoff_A, self.n_radial, endpoint=False)
        sigma = centres[1] - centres[0]
        # ∫ g² 4πr² dr over a Gaussian of width σ at r0, squared: 4π √π σ (r0² + σ²/2)
        scale = 1 / np.sqrt(REFERENCE_DENSITY_PER_A3 * 4 * np.pi**1.5 * sigma * (centres**2 + sigma**2 / 2))
        for first in range(0, self.n_radial, SHELLS_AT_A_TIME):
            t = (distances - centres[first]) / sigma
            np.multiply(np.exp(-0.5 * t * t), scale[first], out=shells[first])
            growing = np.exp(t)
            for k in range(first + 1, min(first + SHELLS_AT_A_TIME, self.n_radial)):
                factor = np.exp(0.5 - (k - first)) * scale[k] / scale[k - 1]
                np.multiply(shells[k - 1], factor * growing, out=shells[k])
        return shells

    @cached_property
    def _pairs(self) -> list[tuple[int, int]]:
        """Pairs of (element, broad shell) channels; channel 2e + n, those past the last element are all elements."""
        n_elements = len(self.elements)
        if n_elements <= MOST_ELEMENTS_IN_PAIRS:
            return list(combinations_with_replacement(range(2 * n_elements), 2))
        return list(product(range(2 * n_elements), range(2 * n_elements, 2 * n_elements + 2)))

    def _angular(self, moments: FloatArray) -> FloatArray:
        """Angular densities (n_atoms, pairs × degrees) from moments (n_atoms, 2 shells × elements, harmonics)."""
        n_atoms, n_own = len(moments), 2 * len(self.elements)
        # atoms last, as each of a few dozen products is then one long loop; shell by shell becomes element by element
        by_shell = moments.transpose(1, 2, 0).reshape(2, -1, N_HARMONICS, n_atoms)
        channels = np.empty((n_own + 2, N_HARMONICS, n_atoms))
        channels[0:n_own:2], channels[1:n_own:2] = by_shell
        channels[n_own:] = by_shell.sum(axis=1)
        counts = 1 + channels[n_own:, 0]
        left, right = np.array(self._pairs).T
        first = 0 if len(self.elements) <= MOST_ELEMENTS_IN_PAIRS else n_own
        last = n_own if first == 0 else n_own + 2
        found = np.empty((len(left), len(DEGREES), n_atoms))
        for row, own in enumerate(OF_DEGREE.values()):
            weighted = channels[:n_own, own] * WEIGHTS[own, None]
            found[:, row] = np.einsum("amn,bmn->abn", weighted, channels[first:last, own])[left, right - first]
        found /= (counts[left % 2] * counts[right % 2])[:, None]
        return found.reshape(-1, n_atoms).T


def _batches(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if sum(f.n_atoms for f in batch) >= ATOMS_AT_A_TIME:
            yield batch
            batch = []
    if batch:
        yield batch


class _Scratch(threading.local):
    """Memory of this thread that is used again: fresh pages would take as long as what is written on them."""

    def __init__(self) -> None:
        self._held = np.empty(0)

    def lent(self, n_rows: int, n_columns: int) -> FloatArray:
        """An array (n_rows, n_columns) of anything, until the next call."""
        n = n_rows * n_columns
        if n > MOST_HELD:
            return np.empty((n_rows, n_columns))
        if n > len(self._held):
            self._held = np.empty(n)
        return self._held[:n].reshape(n_rows, n_columns)


_SCRATCH = _Scratch()


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

    def laid(self, values: AnyArray, *, empty: float = 0) -> AnyArray:
        """Values (n_pairs, …) in their slots: (all slots, …)."""
        n_slots = self.n_atoms * self.n_each
        if len(values) == n_slots:
            return values
        found = np.full((n_slots, *values.shape[1:]), empty, values.dtype)
        found[self.place] = values
        return found

    def by_atom(self, rows: FloatArray) -> FloatArray:
        """Rows (…, all slots) as matrices (n_atoms, n_rows, n_each), without a copy."""
        n_rows = int(np.prod(rows.shape[:-1]))
        return rows.reshape(n_rows, self.n_atoms, self.n_each).transpose(1, 0, 2)
