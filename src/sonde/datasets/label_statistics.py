"""What label alarms rest on: zero forces against symmetry, energies off their reference."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from sonde.local_environments.neighbours import neighbour_list
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.frames import Frame

POLAR_CUTOFF_A = 6.0
POLAR_TOLERANCE = 1e-3
"""Å, in units of the largest weight of one neighbour: what rounded coordinates leave of a sum that vanishes."""
CLEARLY_POLAR = 0.05
"""Beyond, in the same units, a force does not round to zero either."""
SHELLS_A = (2.0, 3.0, 4.5)
MAD_TO_SIGMA = 1.4826
OUTLIER_SIGMAS = 10.0
SMALLEST_OUTLIER_EV_PER_ATOM = 0.3
FIT_SIGMAS = 4.0


def zero_forces_by_symmetry(frame: Frame) -> bool:
    """Tell whether symmetry makes every force vanish.

    A force is a polar vector of the atom's environment. Where the site's symmetry forbids one, Σ_j w(r_ij) r_ij also
    vanishes, for any radial weight w and for each element; where one of these sums stands, zero is no consequence of
    symmetry. Three weights per element are tried, within 6 Å.
    """
    return bool(_polarity(frame).max(initial=0.0) <= POLAR_TOLERANCE)


def zeros_by_symmetry(frame: Frame) -> bool:
    """Tell whether symmetry may ask for those components of the forces that are exactly zero, beside others."""
    assert frame.forces_eV_per_A is not None
    return bool(_polarity(frame)[frame.forces_eV_per_A == 0].max(initial=0.0) <= CLEARLY_POLAR)


def _polarity(frame: Frame) -> FloatArray:
    """Largest |Σ_j w(r_ij) r_ij| over weights and elements, (n_atoms, 3), in units of the weight of one neighbour."""
    pairs = neighbour_list(frame, POLAR_CUTOFF_A)
    fade = (1 - (pairs.distances / POLAR_CUTOFF_A) ** 2) ** 2
    largest = np.zeros((frame.n_atoms, 3))
    for number in np.unique(frame.numbers):
        for shell in SHELLS_A:
            weights = np.where(frame.numbers[pairs.j] == number, fade * np.exp(-pairs.distances / shell), 0.0)
            polar = np.stack(
                [np.bincount(pairs.i, weights * pairs.vectors[:, axis], frame.n_atoms) for axis in range(3)], axis=1
            )
            most = float(weights.max(initial=0.0))
            largest = np.maximum(largest, np.abs(polar) / most if most > 0 else 0.0)
    return largest


def robust_sigma(values: FloatArray) -> float:
    """Standard deviation of a normal distribution with the same median absolute deviation."""
    return MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))


def outlying(above_reference: FloatArray, groups: Sequence[str]) -> BoolArray:
    """Mark energies farther than 10 robust standard deviations, and 0.3 eV/atom, from the median of their group.

    Groups (config_type, say) that were meant to be far from equilibrium do not mark themselves.
    """
    marked = np.zeros(len(above_reference), bool)
    members: dict[str, list[int]] = defaultdict(list)
    for place in np.flatnonzero(np.isfinite(above_reference)).tolist():
        members[groups[place]].append(place)
    for some in members.values():
        values = above_reference[some]
        limit = max(OUTLIER_SIGMAS * robust_sigma(values), SMALLEST_OUTLIER_EV_PER_ATOM)
        marked[some] = np.abs(values - np.median(values)) > limit
    return marked
