"""The least-squares problem of the linear potential: features of energies and forces, solved by ridge regression."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from sonde.potentials.linear_basis import (
    FeatureLayout,
    Graph,
    LinearSettings,
    PairBasis,
    features,
    graph_of,
    moments,
    pair_basis,
    product_moments,
)
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame

_PAIRS_AT_ONCE = 15_000
"""Bounds the memory of the force design, about 10 kB per pair."""


@dataclass(frozen=True, eq=False)
class Design:
    """Features of some frames: `atoms` (n_atoms, width), `energies` and `forces` against all weights.

    Weights are laid out as one constant per element, then one block of `width` per element of the centre.
    """

    atoms: FloatArray
    energies: FloatArray
    forces: FloatArray


def design_of(graph: Graph, layout: FeatureLayout, settings: LinearSettings) -> Design:
    """Rows of energies (n_frames, n_weights) and forces (3 n_atoms, n_weights)."""
    basis = pair_basis(graph.vectors, settings)
    A = moments(graph, basis, layout.n_elements)
    D = features(A, layout)
    per_centre = _by_centre(D[:, None, :], graph, layout)[:, 0]
    per_frame = sparse.csr_matrix(
        (np.ones(graph.n_atoms), (graph.frame_of, np.arange(graph.n_atoms))), shape=(graph.n_frames, graph.n_atoms)
    )
    forces = np.concatenate(
        [np.zeros((graph.n_atoms, 3, layout.n_elements)), _force_features(graph, basis, A, layout)], axis=2
    )
    return Design(D, per_frame @ per_centre, forces.reshape(3 * graph.n_atoms, -1))


def _by_centre(D: FloatArray, graph: Graph, layout: FeatureLayout) -> FloatArray:
    """Place each atom's features into the block of its own element, behind the constants."""
    n_elements, width = layout.n_elements, layout.width
    placed = np.zeros((graph.n_atoms, 1, n_elements + n_elements * width))
    for centre in range(n_elements):
        own = graph.species == centre
        start = n_elements + centre * width
        placed[own, :, start : start + width] = D[own]
        placed[own, :, centre] = 1
    return placed


def _force_features(graph: Graph, basis: PairBasis, A: FloatArray, layout: FeatureLayout) -> FloatArray:
    """−∂(Σ_i D_i)/∂x per atom: (n_atoms, 3, n_elements · width)."""
    X = np.zeros((graph.n_atoms, 3, layout.n_elements, layout.width))
    neighbour = graph.species[graph.j]
    for centre in range(layout.n_elements):
        for element in range(layout.n_elements):
            chosen = np.flatnonzero((graph.species[graph.i] == centre) & (neighbour == element))
            if len(chosen):
                _add_pairs(X[:, :, centre], chosen, element, (graph, basis, A, layout))
    return X.reshape(graph.n_atoms, 3, -1)


def _add_pairs(
    X: FloatArray,
    chosen: IntArray,
    element: int,
    of: tuple[Graph, PairBasis, FloatArray, FeatureLayout],
) -> None:
    """Add to X (n_atoms, 3, width) what the chosen pairs, all with neighbours of one element, contribute."""
    graph, basis, A, layout = of
    toward = sparse.csr_matrix(
        (
            np.repeat([1.0, -1.0], len(chosen)),
            (np.concatenate([graph.i[chosen], graph.j[chosen]]), np.tile(np.arange(len(chosen)), 2)),
        ),
        shape=(graph.n_atoms, len(chosen)),
    )
    slope, unit = basis.slope[chosen], basis.unit[chosen]
    start = element * layout.n_radial
    linear = (unit[:, :, None] * slope[:, None, :]).reshape(len(chosen), -1)
    X[:, :, start : start + layout.n_radial] += (toward @ linear).reshape(graph.n_atoms, 3, -1)
    radial, slope = basis.radial[chosen, : layout.n_product], slope[:, : layout.n_product]
    for rank, block in enumerate(layout.ranks):
        columns = layout.product_columns(rank)
        along = unit[:, :, None] * basis.angular[chosen, None, block]
        across = basis.turning[chosen, block].transpose(0, 2, 1)
        dA = along[:, :, None] * slope[:, None, :, None] + across[:, :, None] * radial[:, None, :, None]
        other = product_moments(A, layout)[graph.i[chosen]][..., block].transpose(0, 2, 1)
        products = dA.reshape(len(chosen), -1, other.shape[1]) @ other
        at_atoms = (toward @ products.reshape(len(chosen), -1)).reshape(graph.n_atoms, 3, layout.n_product, -1)
        for k in range(layout.n_product):
            a = element * layout.n_product + k
            # row by row, so that no column is named twice in one addition
            X[:, :, columns[a]] += at_atoms[:, :, k]
            X[:, :, columns[a, a]] += at_atoms[:, :, k, a]  # the derivative of a square has two equal terms


@dataclass(frozen=True, eq=False)
class Solution:
    """Weights (n_weights,) and the scale of the atoms' features, for the embedding."""

    weights: FloatArray
    atoms: FloatArray


def solve(
    frames: Sequence[Frame], elements: Sequence[int], reference: FloatArray, settings: LinearSettings
) -> Solution:
    """Fit weights to energies above `reference` (per element) and to forces, chunk by chunk."""
    layout = FeatureLayout.of(settings, len(elements))
    n_weights = len(elements) * (1 + layout.width)
    normal, right = np.zeros((n_weights, n_weights)), np.zeros(n_weights)
    atoms: list[FloatArray] = []
    for chunk, graph in _chunks(frames, elements, settings.cutoff_A):
        design = design_of(graph, layout, settings)
        atoms.append(design.atoms)
        X, y = _labelled_rows(chunk, design, reference, settings.energy_weight)
        normal += X.T @ X
        right += X.T @ y
    return Solution(_ridge(normal, right, settings.ridge), np.concatenate(atoms))


def _chunks(frames: Sequence[Frame], elements: Sequence[int], cutoff_A: float) -> Iterator[tuple[list[Frame], Graph]]:
    """Cut frames into chunks of few enough pairs; a neighbour costs about the same everywhere in a solid."""
    chunk: list[Frame] = []
    size = 0
    for frame in frames:
        pairs = frame.n_atoms * 60
        if chunk and size + pairs > _PAIRS_AT_ONCE:
            yield chunk, graph_of(chunk, elements, cutoff_A)
            chunk, size = [], 0
        chunk.append(frame)
        size += pairs
    if chunk:
        yield chunk, graph_of(chunk, elements, cutoff_A)


def _labelled_rows(
    frames: Sequence[Frame], design: Design, reference: FloatArray, energy_weight: float
) -> tuple[FloatArray, FloatArray]:
    """Weighted rows and labels of the energies and forces that are known."""
    known = [index for index, frame in enumerate(frames) if frame.energy_eV is not None]
    counts = design.energies[:, : len(reference)]
    sizes = counts.sum(axis=1)
    energies = np.array([frames[index].energy_eV for index in known], float)
    factor = energy_weight / sizes[known]
    forces = [np.full((f.n_atoms, 3), np.nan) if f.forces_eV_per_A is None else f.forces_eV_per_A for f in frames]
    labels = np.concatenate(forces).ravel()
    given = np.isfinite(labels)
    X = np.concatenate([design.energies[known] * factor[:, None], design.forces[given]])
    return X, np.concatenate([(energies - counts[known] @ reference) * factor, labels[given]])


def _ridge(normal: FloatArray, right: FloatArray, ridge: float) -> FloatArray:
    """Solve (S + λ) w = b with columns scaled to unit length; columns that never occur get weight zero."""
    scale = np.sqrt(np.diag(normal))
    used = scale > 1e-12 * max(float(scale.max()), 1e-300)
    inverse = 1 / scale[used]
    system = normal[np.ix_(used, used)] * inverse[:, None] * inverse
    system[np.diag_indices_from(system)] += ridge
    weights = np.zeros_like(right)
    weights[used] = inverse * linalg.solve(system, right[used] * inverse, assume_a="pos")
    return weights
