r"""Moments of the neighbour density on Bessel functions, and their gradients: the basis of the linear potential.

For atom i, neighbour element Z and radial function k the moments up to rank two are

    A_i[Z, k, m] = Σ_j∈Z φ_k(r_ij) Y_m(r̂_ij),   φ_k(r) = √(2/r_c) sin(kπr/r_c)/r · (1 − (r/r_c)²)³,

with Y = (1; x, y, z; xx, yy, zz, √2xy, √2xz, √2yz). Features are A[Z, k, 0] and the contractions of pairs of moments
over each rank, which are invariant (the three-body part of the atomic cluster expansion,
doi:10.1103/PhysRevB.99.014104).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from sonde.local_environments.neighbours import neighbour_list
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame

RANKS = (slice(0, 1), slice(1, 4), slice(4, 10))
_ROOT2 = np.sqrt(2.0)
_SECOND = ((0, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0), (0, 1, _ROOT2), (0, 2, _ROOT2), (1, 2, _ROOT2))


@dataclass(frozen=True)
class LinearSettings:
    """What the linear potential is made of.

    `n_radial` radial functions per neighbour element enter linearly; products are formed of the first `n_product` (0:
    a pure pair potential) up to rank `l_max` (0: the embedded-atom form, 2: with angles). `ridge` is relative to the
    scaled features; `energy_weight` is the weight of an energy per atom, eV, against one force component, eV/Å.
    """

    cutoff_A: float = 6.0
    n_radial: int = 8
    n_product: int = 2
    l_max: int = 2
    ridge: float = 1e-5
    energy_weight: float = 10.0
    embedding_width: int = 32


@dataclass(frozen=True, eq=False)
class Graph:
    """Directed pairs i → j of several frames laid one after another.

    `vectors` (n_pairs, 3) from i to j, Å; `species` index of each atom's element; `frame_of` each atom's frame.
    """

    i: IntArray
    j: IntArray
    vectors: FloatArray
    species: IntArray
    frame_of: IntArray
    n_frames: int

    @property
    def n_atoms(self) -> int:
        return len(self.species)


def graph_of(frames: Sequence[Frame], elements: Sequence[int], cutoff_A: float) -> Graph:
    """Find all pairs closer than the cutoff, periodic images included."""
    offset, parts = 0, []
    for frame in frames:
        near = neighbour_list(frame, cutoff_A)
        parts.append((near.i + offset, near.j + offset, near.vectors))
        offset += frame.n_atoms
    place = {number: index for index, number in enumerate(elements)}
    numbers = np.concatenate([frame.numbers for frame in frames])
    return Graph(
        i=np.concatenate([part[0] for part in parts]),
        j=np.concatenate([part[1] for part in parts]),
        vectors=np.concatenate([part[2] for part in parts]).reshape(-1, 3),
        species=np.array([place[int(number)] for number in numbers], dtype=np.int64),
        frame_of=np.repeat(np.arange(len(frames)), [frame.n_atoms for frame in frames]),
        n_frames=len(frames),
    )


@dataclass(frozen=True, eq=False)
class PairBasis:
    """Radial functions and directions of every pair, with their derivatives.

    `radial`, `slope` (n_pairs, n_radial): φ and dφ/dr; `unit` (n_pairs, 3); `angular` (n_pairs, 10): Y;
    `turning` (n_pairs, 10, 3): ∂Y/∂r.
    """

    radial: FloatArray
    slope: FloatArray
    unit: FloatArray
    angular: FloatArray
    turning: FloatArray


def pair_basis(vectors: FloatArray, settings: LinearSettings) -> PairBasis:
    """Evaluate φ, Y and their derivatives for pair vectors (n_pairs, 3)."""
    r = np.linalg.norm(vectors, axis=1)
    unit = vectors / r[:, None]
    radial, slope = _bessel(r, settings)
    angular, turning = _directions(unit, r)
    return PairBasis(radial, slope, unit, angular, turning)


def _bessel(r: FloatArray, settings: LinearSettings) -> tuple[FloatArray, FloatArray]:
    rc = settings.cutoff_A
    k = np.arange(1, settings.n_radial + 1) * np.pi / rc
    kr = r[:, None] * k
    x2 = (r / rc) ** 2
    envelope, envelope_slope = (1 - x2) ** 3, -6 * r / rc**2 * (1 - x2) ** 2
    wave = np.sqrt(2 / rc) * np.sin(kr) / r[:, None]
    wave_slope = np.sqrt(2 / rc) * k * np.cos(kr) / r[:, None] - wave / r[:, None]
    return wave * envelope[:, None], wave_slope * envelope[:, None] + wave * envelope_slope[:, None]


def _directions(unit: FloatArray, r: FloatArray) -> tuple[FloatArray, FloatArray]:
    angular = np.empty((len(unit), 10))
    turning = np.zeros((len(unit), 10, 3))
    across = (np.eye(3) - unit[:, :, None] * unit[:, None, :]) / r[:, None, None]
    angular[:, 0] = 1
    angular[:, 1:4] = unit
    turning[:, 1:4] = across
    for m, (a, b, factor) in enumerate(_SECOND, start=4):
        angular[:, m] = factor * unit[:, a] * unit[:, b]
        turning[:, m] = factor * (across[:, a] * unit[:, b, None] + across[:, b] * unit[:, a, None])
    return angular, turning


def moments(graph: Graph, basis: PairBasis, n_elements: int) -> FloatArray:
    """Sum neighbours into A: (n_atoms, n_elements, n_radial, 10)."""
    pairs = len(graph.i)
    n_radial = basis.radial.shape[1]
    terms = (basis.radial[:, :, None] * basis.angular[:, None, :]).reshape(pairs, n_radial * 10)
    rows = graph.i * n_elements + graph.species[graph.j]
    gather = sparse.csr_matrix((np.ones(pairs), (rows, np.arange(pairs))), shape=(graph.n_atoms * n_elements, pairs))
    return (gather @ terms).reshape(graph.n_atoms, n_elements, n_radial, 10)


@dataclass(frozen=True)
class FeatureLayout:
    """Which column holds which feature of an atom: linear densities first, then products rank by rank."""

    n_elements: int
    n_radial: int
    n_product: int
    l_max: int

    @classmethod
    def of(cls, settings: LinearSettings, n_elements: int) -> "FeatureLayout":
        return cls(n_elements, settings.n_radial, min(settings.n_product, settings.n_radial), settings.l_max)

    @property
    def n_linear(self) -> int:
        return self.n_elements * self.n_radial

    @property
    def n_moments(self) -> int:
        """Moments that take part in products, over elements and radial functions."""
        return self.n_elements * self.n_product

    @property
    def ranks(self) -> tuple[slice, ...]:
        return RANKS[: self.l_max + 1] if self.n_product else ()

    @property
    def width(self) -> int:
        return self.n_linear + len(self.ranks) * self.n_moments * (self.n_moments + 1) // 2

    def product_columns(self, rank: int) -> IntArray:
        """Column of the product of moments a and b: (n_moments, n_moments), symmetric."""
        n = self.n_moments
        upper = np.triu_indices(n)
        columns = np.empty((n, n), dtype=np.int64)
        columns[upper] = self.n_linear + rank * len(upper[0]) + np.arange(len(upper[0]))
        columns.T[upper] = columns[upper]
        return columns


def features(A: FloatArray, layout: FeatureLayout) -> FloatArray:
    """Invariant features of each atom: (n_atoms, width)."""
    n_atoms = len(A)
    D = np.empty((n_atoms, layout.width))
    D[:, : layout.n_linear] = A[..., 0].reshape(n_atoms, -1)
    upper = np.triu_indices(layout.n_moments)
    for rank, block in enumerate(layout.ranks):
        a = product_moments(A, layout)[..., block]
        D[:, layout.product_columns(rank)[upper]] = (a @ a.transpose(0, 2, 1))[:, upper[0], upper[1]]
    return D


def product_moments(A: FloatArray, layout: FeatureLayout) -> FloatArray:
    """The moments that take part in products: (n_atoms, n_moments, 10)."""
    return A[:, :, : layout.n_product].reshape(len(A), layout.n_moments, 10)
