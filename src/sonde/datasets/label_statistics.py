"""What label alarms rest on: zero forces against symmetry, energies off their reference."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from sonde.local_environments.neighbours import neighbour_list
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.frames import Frame
from sonde.reference_energies.fitted import composition_matrix, fit_reference_energies

POLAR_CUTOFF_A = 6.0
POLAR_TOLERANCE = 1e-3
"""Å, in units of the largest weight of one neighbour: what rounded coordinates leave of a sum that vanishes."""
SHELLS_A = (2.0, 3.0, 4.5)
MAD_TO_SIGMA = 1.4826
OUTLIER_SIGMAS = 10.0
SMALLEST_OUTLIER_EV_PER_ATOM = 0.3
FIT_SIGMAS = 4.0
FIT_ROUNDS = 10


def zero_forces_by_symmetry(frame: Frame) -> bool:
    """Tell whether symmetry makes every force vanish.

    A force is a polar vector of the atom's environment. Where the site's symmetry forbids one, Σ_j w(r_ij) r_ij also
    vanishes, for any radial weight w and for each element; where one of these sums stands, zero is no consequence of
    symmetry. Three weights per element are tried, within 6 Å.
    """
    pairs = neighbour_list(frame, POLAR_CUTOFF_A)
    fade = (1 - (pairs.distances / POLAR_CUTOFF_A) ** 2) ** 2
    for number in np.unique(frame.numbers):
        for shell in SHELLS_A:
            weights = np.where(frame.numbers[pairs.j] == number, fade * np.exp(-pairs.distances / shell), 0.0)
            polar = np.stack(
                [np.bincount(pairs.i, weights * pairs.vectors[:, axis], frame.n_atoms) for axis in range(3)]
            )
            if np.abs(polar).max() > POLAR_TOLERANCE * float(weights.max(initial=0.0)):
                return False
    return True


def energies_off_reference(frames: Sequence[Frame]) -> tuple[FloatArray, FloatArray]:
    """Energy above the fitted composition reference, and the reference itself, eV/atom, NaN without an energy.

    The fit is repeated without the frames that lie far from it, so that a few wrong energies do not bend it.
    """
    labelled = np.array([frame.energy_eV is not None for frame in frames])
    above, reference = np.full(len(frames), np.nan), np.full(len(frames), np.nan)
    if not labelled.any():
        return above, reference
    some = [frame for frame in frames if frame.energy_eV is not None]
    elements = sorted({int(number) for frame in some for number in np.unique(frame.numbers)})
    sizes = np.array([frame.n_atoms for frame in some], float)
    composition = composition_matrix(some, elements) / sizes[:, None]
    per_atom = np.array([frame.energy_eV for frame in some], float) / sizes
    inside = _near_median(per_atom)
    for _ in range(FIT_ROUNDS):
        fitted = fit_reference_energies([frame for frame, good in zip(some, inside, strict=True) if good])
        predicted = composition @ np.array([fitted.energies_eV.get(number, np.nan) for number in elements])
        predicted = np.where(np.isfinite(predicted), predicted, per_atom)
        now = _near_median(per_atom - predicted)
        if np.array_equal(now, inside):
            break
        inside = now
    above[labelled], reference[labelled] = per_atom - predicted, predicted
    return above, reference


def _near_median(values: FloatArray) -> BoolArray:
    return np.abs(values - np.median(values)) <= max(FIT_SIGMAS * robust_sigma(values), 1e-6)


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
