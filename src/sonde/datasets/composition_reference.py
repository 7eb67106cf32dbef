"""Energies against a constant per element, fitted so that a half of them in another unit does not bend it.

A fit that begins at the median of all energies ends between two halves. So it begins three times: among energies near
the median, among the larger and among the smaller ones of each composition; the fit under which most energies are
right, as they stand or in a known unit, within the narrowest margin counts.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from sonde.datasets.contradictions import formula_of
from sonde.datasets.label_statistics import FIT_SIGMAS, robust_sigma
from sonde.datasets.unit_readings import ENERGY_UNITS
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.frames import Frame
from sonde.reference_energies.fitted import composition_matrix

FIT_ROUNDS = 10
APART = 1.8
"""Factor between energies of one composition beyond which they may be in different units."""
MOST = 0.75
MUCH_NARROWER = 2.0
"""Another beginning counts where most energies, read as they fit best, miss its fit by so much less."""
SMALLEST_RELATIVE = 1e-4


@dataclass(frozen=True, eq=False)
class _Energies:
    """Energies per atom, eV, their compositions (n, n_elements), sizes and formulas."""

    per_atom: FloatArray
    fractions: FloatArray
    sizes: FloatArray
    formulas: Sequence[str]


@dataclass(frozen=True, eq=False)
class _Fit:
    """Energies per atom, eV, and by how much most of them miss it at most, relative to the energies."""

    predicted: FloatArray
    miss: float


def energies_off_reference(frames: Sequence[Frame]) -> tuple[FloatArray, FloatArray]:
    """Energy above the fitted composition reference, and the reference itself, eV/atom, NaN without an energy.

    The fit is repeated without the frames that lie far from it, so that wrong energies do not bend it.
    """
    labelled = np.array([frame.energy_eV is not None for frame in frames], bool)
    above, reference = np.full(len(frames), np.nan), np.full(len(frames), np.nan)
    if labelled.any():
        given = _energies([frame for frame in frames if frame.energy_eV is not None])
        predicted = _best_fit(given).predicted
        above[labelled], reference[labelled] = given.per_atom - predicted, predicted
    return above, reference


def _energies(frames: Sequence[Frame]) -> _Energies:
    sizes = np.array([frame.n_atoms for frame in frames], float)
    elements = sorted({int(number) for frame in frames for number in np.unique(frame.numbers)})
    fractions = composition_matrix(frames, elements) / sizes[:, None]
    per_atom = np.array([frame.energy_eV for frame in frames], float) / sizes
    return _Energies(per_atom, fractions, sizes, [formula_of(frame) for frame in frames])


def _best_fit(given: _Energies) -> _Fit:
    best = _fit(given, _near_median(given.per_atom))
    for begin in _beginnings(given):
        other = _fit(given, begin)
        if other.miss * MUCH_NARROWER < best.miss:
            best = other
    return best


def _beginnings(given: _Energies) -> Iterator[BoolArray]:
    """Yield energies without the smaller, or larger, ones of each composition, then the sides of the widest gap."""
    sizes = np.log(np.maximum(np.abs(given.per_atom), 1e-12))
    members: dict[str, list[int]] = defaultdict(list)
    for place, formula in enumerate(given.formulas):
        members[formula].append(place)
    parted = [np.array(some) for some in members.values() if np.ptp(sizes[some]) > np.log(APART)]
    for larger in (True, False) if parted else ():
        begin = np.ones(len(sizes), bool)
        for some in parted:
            middle = (sizes[some].max() + sizes[some].min()) / 2
            begin[some] = (sizes[some] > middle) == larger
        yield begin
    ordered = np.sort(sizes)
    if len(ordered) > 1 and (steps := np.diff(ordered)).max() > np.log(APART):
        cut = ordered[int(np.argmax(steps))]
        yield sizes > cut
        yield sizes <= cut


def _fit(given: _Energies, inside: BoolArray) -> _Fit:
    for _ in range(FIT_ROUNDS):
        weights = linalg.lstsq(given.fractions[inside], given.per_atom[inside], cond=1e-10)[0]
        seen = given.fractions[inside].any(axis=0)
        known = ~given.fractions[:, ~seen].any(axis=1)
        predicted = np.where(known, given.fractions @ weights, given.per_atom)
        off = given.per_atom - predicted
        now = np.abs(off - np.median(off[inside])) <= max(FIT_SIGMAS * robust_sigma(off[inside]), 1e-6)
        if np.array_equal(now, inside):
            break
        inside = now
    return _Fit(predicted, _miss(given, predicted, inside))


def _miss(given: _Energies, predicted: FloatArray, inside: BoolArray) -> float:
    """What three energies in four miss by less than, relative to the energies, each read as it fits best."""
    factors = [1.0, *(unit.factor for unit in ENERGY_UNITS)]
    read = np.column_stack([given.per_atom * given.sizes, *(given.per_atom * factor for factor in factors)])
    off = np.abs(read - predicted[:, None]).min(axis=1)
    size = max(float(np.median(np.abs(predicted[inside]))), 1e-12)
    return max(float(np.quantile(off, MOST)) / size, SMALLEST_RELATIVE)


def _near_median(values: FloatArray) -> BoolArray:
    return np.abs(values - np.median(values)) <= max(FIT_SIGMAS * robust_sigma(values), 1e-6)
