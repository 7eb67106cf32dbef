"""The rows of a least-squares problem: energy, forces and stress of a frame, linear in the weights of a short model.

    E = Σ_i c_Z(i) + ½ Σ_ij Σ_k v_ZZ'k φ_k(r_ij) + Σ_i Σ_m w_Z(i)m √(ε + s_im),   s_im = Σ_j ψ_m(r_ij)

A constant per element, a pair potential per pair of elements, and an embedding in two densities per element (Finnis and
Sinclair, doi 10.1080/01418618408244210). It is no potential to simulate with: it knows the sign, the unit and the
order of magnitude of labels in one dataset. Rows are made once per frame, so that fits that leave frames out are cheap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sonde.datasets.yardstick_layouts import N_RADIAL, Layout
from sonde.local_environments.neighbours import Neighbours, neighbour_list
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame

CUTOFF_A = 5.5
DENSITY_WIDTHS_A = (0.8, 1.6)
"""Decay lengths of the two densities that atoms are embedded in."""
SMALLEST_DENSITY = 1e-3
"""Keeps the slope of the square root finite for atoms without neighbours."""
CLOSEST_A = 0.3
"""Below, the radial functions are those at this distance: coinciding atoms are a defect, not a division by zero."""
ATOMS_AT_A_TIME = 600


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one frame: energy (n_weights,), forces (3 n_atoms, n_weights), stress (9, n_weights) or None."""

    energy: FloatArray
    forces: FloatArray
    stress: FloatArray | None


@dataclass(frozen=True, eq=False)
class _Batch:
    """Frames laid one after another: pairs i → j with their distances and vectors, per atom its element and frame."""

    near: Neighbours
    species: IntArray
    frame_of: IntArray
    n_frames: int


def rows_of(frames: Sequence[Frame], layout: Layout) -> Iterator[Rows]:
    """Compute the rows of each frame, some frames at a time; stress only where a frame repeats in all directions."""
    some: list[Frame] = []
    for frame in frames:
        some.append(frame)
        if sum(one.n_atoms for one in some) >= ATOMS_AT_A_TIME:
            yield from _rows_of_batch(some, layout)
            some = []
    if some:
        yield from _rows_of_batch(some, layout)


def _batch(frames: Sequence[Frame], layout: Layout) -> _Batch:
    lists = [neighbour_list(frame, CUTOFF_A) for frame in frames]
    starts = np.cumsum([0, *(frame.n_atoms for frame in frames)])[:-1]
    near = Neighbours(
        np.concatenate([one.i + start for one, start in zip(lists, starts, strict=True)]),
        np.concatenate([one.j + start for one, start in zip(lists, starts, strict=True)]),
        np.concatenate([one.distances for one in lists]),
        np.concatenate([one.vectors for one in lists]),
    )
    species = np.searchsorted(layout.elements, np.concatenate([frame.numbers for frame in frames]))
    frame_of = np.repeat(np.arange(len(frames)), [frame.n_atoms for frame in frames])
    return _Batch(near, species, frame_of, len(frames))


def _rows_of_batch(frames: Sequence[Frame], layout: Layout) -> Iterator[Rows]:
    batch = _batch(frames, layout)
    i, j, r = batch.near.i, batch.near.j, np.maximum(batch.near.distances, CLOSEST_A)
    pair = batch.species[i], batch.species[j]
    stretch = layout.stretch(*pair)
    factors, own_factors = layout.pair_factors(*pair), layout.embedding_factors(batch.species)
    wave, wave_slope = (_times(values, factors) for values in _radial(np.minimum(r * stretch, CUTOFF_A)))
    density, own_slope, other_slope = _densities(batch, np.minimum(r * stretch, CUTOFF_A))
    density, own_slope = _times(density, own_factors), _times(own_slope, own_factors[i])
    other_slope = _times(other_slope, own_factors[j])
    pair_columns = layout.pair_columns(*pair)
    own = layout.embedding_columns(batch.species)
    energy = _summed(batch.frame_of[i], pair_columns, wave / 2, (batch.n_frames, layout.n_weights))
    energy += _summed(batch.frame_of, own, density, energy.shape)
    energy += _summed(batch.frame_of, batch.species[:, None], np.ones((len(own), 1)), energy.shape)
    # Each pair stands in the list from both sides: the force on i holds the embedding of i and that of j.
    columns = np.hstack([pair_columns, own[i], own[j]])
    slopes = np.hstack([wave_slope, own_slope, other_slope]) * stretch[:, None]
    yield from _split(frames, batch, energy, columns, slopes)


def _times(values: FloatArray, factors: FloatArray) -> FloatArray:
    """Copy columns (n, k) once per factor (n, m): (n, k m)."""
    return (values[:, :, None] * factors[:, None, :]).reshape(len(values), -1)


def _split(
    frames: Sequence[Frame], batch: _Batch, energy: FloatArray, columns: IntArray, slopes: FloatArray
) -> Iterator[Rows]:
    near, n_weights = batch.near, energy.shape[1]
    unit = near.vectors / np.maximum(near.distances, CLOSEST_A)[:, None]
    shape = (len(batch.species), n_weights)
    forces = np.stack([_summed(near.i, columns, slopes * unit[:, a, None], shape) for a in range(3)], axis=1)
    virial = np.empty((batch.n_frames, 9, n_weights))
    pair_frame = batch.frame_of[near.i]
    for a in range(3):
        for b in range(a, 3):
            lever = 0.5 * (near.vectors[:, a] * unit[:, b])[:, None]
            virial[:, 3 * a + b] = _summed(pair_frame, columns, slopes * lever, energy.shape)
            virial[:, 3 * b + a] = virial[:, 3 * a + b]
    ends = np.cumsum([frame.n_atoms for frame in frames])
    for place, (frame, end) in enumerate(zip(frames, ends, strict=True)):
        volume = abs(float(np.linalg.det(frame.cell)))
        stress = virial[place] / volume if np.all(frame.pbc) and volume > 0 else None
        yield Rows(energy[place], forces[end - frame.n_atoms : end].reshape(-1, n_weights), stress)


def _summed(rows: IntArray, columns: IntArray, values: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Add values (n, k) up in a table at (row, column)."""
    places = (rows[:, None] * shape[1] + columns).ravel()
    return np.asarray(np.bincount(places, values.ravel(), shape[0] * shape[1]), float).reshape(shape)


def _radial(r: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bessel functions φ_k = sin(kπr/c)/r with a smooth cutoff, and their slopes: (n_pairs, N_RADIAL)."""
    r = r[:, None]
    k = np.arange(1, N_RADIAL + 1) * np.pi / CUTOFF_A
    fade, fade_slope = _fade(r)
    wave, wave_slope = np.sin(k * r) / r, (k * np.cos(k * r) - np.sin(k * r) / r) / r
    return wave * fade, wave_slope * fade + wave * fade_slope


def _fade(r: FloatArray) -> tuple[FloatArray, FloatArray]:
    inside = 1 - (r / CUTOFF_A) ** 2
    return inside**2, -4 * r / CUTOFF_A**2 * inside


def _densities(batch: _Batch, r: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """√(ε + s) of each atom (n_atoms, m), and its slope with the distance of a pair for the atoms i and j of it."""
    near, (fade, fade_slope) = batch.near, _fade(r)
    values, own, other = [], [], []
    for width in DENSITY_WIDTHS_A:
        decay = np.exp(-(r - 2.0) / width)
        root = np.sqrt(SMALLEST_DENSITY + np.bincount(near.i, decay * fade, len(batch.species)))
        slope = 0.5 * (decay * fade_slope - decay * fade / width)
        values.append(root)
        own.append(slope / root[near.i])
        other.append(slope / root[near.j])
    return np.stack(values, axis=1), np.stack(own, axis=1), np.stack(other, axis=1)
