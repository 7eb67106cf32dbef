"""Energies on two levels: a part of the set lies a constant per element above the rest, too little to be outliers.

The model of a set misses energies by some ten meV/atom. Where two functionals, settings or zeros of energy were mixed,
what it misses falls into two heaps with nothing between them, once a constant per element is fitted to each. Heaps also
come from structures of which the model knows one kind only; these stand apart in their distances, too. So the two are
told as such only where frames of one heap have their nearest of kind in the other.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols
from scipy import linalg
from scipy.spatial import cKDTree

from sonde.datasets.contradictions import formula_of
from sonde.datasets.crowding import crowding
from sonde.datasets.label_alarms import alarm
from sonde.datasets.label_statistics import robust_sigma
from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame
from sonde.reference_energies.fitted import composition_matrix

FEWEST, SMALLEST_SHARE = 6, 0.03
"""Energies of a heap, and their share of all."""
SMALLEST_STEP_EV_PER_ATOM, STEP_SIGMAS = 0.03, 4.0
"""How far the heaps must lie apart at least, and in standard deviations of either."""
VALLEY, MOST_BETWEEN = 1 / 3, 0.15
"""The middle third of the way between the heaps, and how many may lie in it, per member of the smaller one."""
NEAR, MOST_NEAR = 0.5, 0.8
"""The share of the smaller heap that must lie within half the way around its middle."""
SEVERAL_SIGMAS = 5.0
ROUNDS = 10
FEWEST_MIXED = 0.3
"""Of the chance that their nearest of kind lies in the other heap, if heaps had nothing to do with structure."""
SAME_CONSTANTS = 0.05
"""Singular value of the compositions below which they do not tell elements apart."""


@dataclass(frozen=True, eq=False)
class _Heaps:
    """Which energies lie on the other level, (n,), and where between the levels each lies: 0 on one, 1 on the other."""

    other: BoolArray
    along: FloatArray
    step: FloatArray
    sigma: float
    constants: FloatArray


def two_references(frames: Sequence[Frame], off: FloatArray, judged: BoolArray) -> Alarm | None:
    """Report energies on a second level.

    `off` : label minus model, eV/atom. `judged` : frames whose energies are neither missing nor named otherwise.
    """
    places = np.flatnonzero(judged)
    some = [frames[place] for place in places.tolist()]
    if len(places) < 2 * FEWEST:
        return None
    elements = sorted({int(number) for frame in some for number in np.unique(frame.numbers)})
    fractions = composition_matrix(some, elements) / np.array([[frame.n_atoms] for frame in some])
    heaps = [one for begin in _beginnings(off[places]) if (one := _heaps(fractions, off[places], begin)) is not None]
    apart = sorted((one for one in heaps if _stand_apart(one)), key=lambda one: one.sigma)
    kinds = _of_a_kind(some) if apart else []
    best = next((one for one in apart if _mixed(kinds, one.other)), None)
    if best is None:
        return None
    return _alarm(best, fractions, elements, places[best.other].tolist())


def _beginnings(off: FloatArray) -> Iterator[BoolArray]:
    """Yield what lies above the middle, and what lies far above or below it."""
    middle, sigma = float(np.median(off)), robust_sigma(off)
    yield off > middle
    yield off > (float(off.max()) + float(off.min())) / 2
    for side in (1, -1):
        yield side * (off - middle) > SEVERAL_SIGMAS * sigma
        yield side * (off - middle) > SMALLEST_STEP_EV_PER_ATOM


def _heaps(fractions: FloatArray, off: FloatArray, begin: BoolArray) -> _Heaps | None:
    """Fit a constant per element to each level and sort every energy to the nearer one, until that settles."""
    other = begin
    for _ in range(ROUNDS):
        if min(np.count_nonzero(other), np.count_nonzero(~other)) < FEWEST:
            return None
        first, second = (_constants(fractions[some], off[some]) for some in (~other, other))
        now = np.abs(off - fractions @ second) < np.abs(off - fractions @ first)
        if np.array_equal(now, other):
            break
        other = now
    if np.count_nonzero(other) > len(other) / 2:
        other, first, second = ~other, second, first
    step = fractions @ (second - first)
    along = (off - fractions @ first) / np.where(np.abs(step) > 1e-9, step, np.inf)
    missed = off - np.where(other, fractions @ second, fractions @ first)
    return _Heaps(other, along, step, robust_sigma(missed), second - first)


def _constants(fractions: FloatArray, off: FloatArray) -> FloatArray:
    """Fit a constant per element by least absolute deviations, which a few stray energies do not bend."""
    weights = np.ones(len(off))
    constants = np.zeros(fractions.shape[1])
    for _ in range(ROUNDS):
        root = np.sqrt(weights)
        constants = linalg.lstsq(fractions * root[:, None], off * root, cond=SAME_CONSTANTS)[0]
        weights = 1 / np.maximum(np.abs(off - fractions @ constants), 1e-3)
        weights /= weights.max()
    return np.asarray(constants)


def _stand_apart(heaps: _Heaps) -> bool:
    """Tell whether two heaps stand there, rather than one with a tail or one cut in two."""
    n_other = int(np.count_nonzero(heaps.other))
    step = float(np.median(np.abs(heaps.step[heaps.other])))
    if n_other < max(FEWEST, SMALLEST_SHARE * len(heaps.other)):
        return False
    if step < max(SMALLEST_STEP_EV_PER_ATOM, STEP_SIGMAS * heaps.sigma):
        return False
    between = np.count_nonzero(np.abs(heaps.along - 0.5) < VALLEY / 2)
    near = np.count_nonzero(np.abs(heaps.along[heaps.other] - 1) < NEAR)
    return bool(between <= MOST_BETWEEN * n_other and near >= MOST_NEAR * n_other)


def _of_a_kind(frames: Sequence[Frame]) -> list[tuple[IntArray, IntArray]]:
    """Return the frames of each composition, and of each the nearest in volume, distances and strength of forces."""
    found = crowding(frames)
    strength = [0.0 if f.forces_eV_per_A is None else np.sqrt(np.mean(f.forces_eV_per_A**2)) for f in frames]
    told = np.column_stack([3 * np.log(found.mean), np.log(found.volume), np.log(np.array(strength) + 0.1) / 3])
    told = np.nan_to_num(told, posinf=0.0, neginf=0.0)
    members: dict[str, list[int]] = defaultdict(list)
    for place, frame in enumerate(frames):
        members[formula_of(frame)].append(place)
    kinds = []
    for own in (np.array(places) for places in members.values() if len(places) > 1):
        two = cKDTree(told[own]).query(told[own], 2)[1]
        kinds.append((own, own[np.where(two[:, 0] == np.arange(len(own)), two[:, 1], two[:, 0])]))
    return kinds


def _mixed(kinds: Sequence[tuple[IntArray, IntArray]], other: BoolArray) -> bool:
    """Tell whether frames of the smaller heap have their nearest of kind in the larger one, about as often as not."""
    crossing = by_chance = 0.0
    for own, nearest in kinds:
        crossing += np.count_nonzero(other[own] & ~other[nearest])
        by_chance += np.count_nonzero(other[own]) * np.count_nonzero(~other[own]) / (len(own) - 1)
    return by_chance > FEWEST / 2 and crossing > FEWEST_MIXED * by_chance


def _alarm(heaps: _Heaps, fractions: FloatArray, elements: Sequence[int], places: Sequence[int]) -> Alarm | None:
    step = float(np.median(heaps.step[heaps.other]))
    rank = int(np.linalg.matrix_rank(fractions[heaps.other], SAME_CONSTANTS))
    pairs = zip(elements, heaps.constants.tolist(), strict=True)
    words = ", ".join(f"{chemical_symbols[number]} {constant:+.2g}" for number, constant in pairs)
    per_element = f" (by element: {words})" if rank == len(elements) else ""
    message = (
        f"Energies lie on two levels with nothing between them: {len(places)} lie {step:+.3g} eV/atom from the "
        f"others{per_element}, which structures of the same kind do not explain."
    )
    advice = (
        "Look for two functionals, settings, references or spin states; bring all to one, or give each its own head."
    )
    return alarm("reference_shift", "medium", places, message, advice)
