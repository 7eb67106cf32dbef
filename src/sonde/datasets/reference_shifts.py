"""Energies against other references: off by one energy per atom of each element.

Where such energies are most of those that are off, a fit finds the shifts. Sets have outliers of their own, though, and
where these are many a fit ends between the two. Then shifts are tried that a few energies give exactly, and those that
explain most are taken, if that is most of what is off, or a good part, closer than chance would have it.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from ase.data import chemical_symbols
from scipy import linalg
from scipy.special import comb
from scipy.stats import binom

from sonde.datasets.contradictions import formula_of
from sonde.datasets.energies_expected import Expected
from sonde.datasets.label_alarms import alarm
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame
from sonde.reference_energies.fitted import composition_matrix

FEWEST_SHIFTED = 4
EXPLAINED = 0.7
"""Share of the energies that are off which one shift per element must explain, to be named."""
EXPLAINED_BEYOND_CHANCE, CHANCE = 0.3, 0.001
"""A share that is enough where energies agree with the shifts more closely than chance would make so many."""
ENOUGH_PER_ELEMENT = 5
"""Energies that are off, per element, below which a few that agree are not taken for the rule."""
ROUNDS, DRAWS = 6, 1000
SMALLEST_PART = 0.05
"""Singular value of the compositions below which they do not tell elements apart."""


def reference_shift(frames: Sequence[Frame], expected: Expected, far: BoolArray) -> tuple[Alarm | None, BoolArray]:
    """Find one energy per element that explains most of what is off, and mark what it explains.

    Energies of exactly zero are no energies; every set of references would explain them.
    """
    places = np.array([place for place in np.flatnonzero(far).tolist() if frames[place].energy_eV], int)
    marked = np.zeros(len(frames), bool)
    some = [frames[place] for place in places.tolist()]
    elements = sorted({int(number) for frame in some for number in np.unique(frame.numbers)})
    if len(places) < max(FEWEST_SHIFTED, len(elements) + 2):
        return None, marked
    fractions = composition_matrix(some, elements) / np.array([[frame.n_atoms] for frame in some])
    shifts, explained = _shifts(fractions, expected.off[places], expected.tolerance)
    if not explained.any() or not _needed(expected.off[places[explained]], expected.tolerance):
        return None, marked
    if not _beyond_compositions(frames, [some[i] for i in np.flatnonzero(explained)], far):
        return None, marked
    marked[places[explained]] = True
    rank = int(np.linalg.matrix_rank(fractions[explained], SMALLEST_PART))
    off = float(np.median(expected.off[places[explained]]))
    words = ", ".join(f"{chemical_symbols[z]} {shift:+.3g}" for z, shift in zip(elements, shifts, strict=True))
    return _shift_alarm(words if rank == len(elements) else None, off, marked), marked


def _shifts(fractions: FloatArray, off: FloatArray, tolerance: float) -> tuple[FloatArray, BoolArray]:
    """Find one shift per element, eV, and what it explains: nothing where that is too little."""
    shifts, explained = _fit(fractions, off, tolerance)
    if explained.mean() < EXPLAINED:
        shifts, explained = _fit(fractions, off, tolerance, _agreeing(fractions, off, tolerance))
        most = explained.mean() >= EXPLAINED and len(off) >= ENOUGH_PER_ELEMENT * len(shifts)
        by_chance = _by_chance(np.abs(off - fractions @ shifts), off, tolerance, len(shifts))
        if not most and (explained.mean() < EXPLAINED_BEYOND_CHANCE or by_chance > CHANCE):
            explained[:] = False
    return shifts, explained


def _agreeing(fractions: FloatArray, off: FloatArray, tolerance: float) -> BoolArray:
    """Mark what agrees with the shifts of as many energies as there are elements, drawn so that most agree."""
    rng = np.random.default_rng(0)
    drawn = np.argsort(rng.random((DRAWS, len(off))), axis=1)[:, : fractions.shape[1]]
    shifts = np.linalg.pinv(fractions[drawn], SMALLEST_PART) @ off[drawn][:, :, None]
    agree = np.abs(off - shifts[:, :, 0] @ fractions.T) <= tolerance / 2
    return np.asarray(agree[int(np.argmax(agree.sum(axis=1)))])


def _by_chance(missed: FloatArray, off: FloatArray, tolerance: float, n_shifts: int) -> float:
    """Bound the chance that as many energies lie so near to the best of all shifts that some of them give.

    Energies that are off for reasons of their own are taken to lie anywhere where most that are off do.
    """
    n, n_near = len(off), int(np.count_nonzero(missed <= tolerance / 2))
    low, high = np.quantile(off, [0.05, 0.95])
    near_one = min(1.0, tolerance / max(float(high - low), tolerance))
    return float(comb(n, n_shifts) * binom.sf(n_near - n_shifts - 1, n - n_shifts, near_one))


def _fit(
    fractions: FloatArray, off: FloatArray, tolerance: float, begin: BoolArray | None = None
) -> tuple[FloatArray, BoolArray]:
    """Fit one shift per element, eV, at first to all or to `begin`, then to what it explains; tell what it explains."""
    inside = np.ones(len(off), bool) if begin is None else begin
    shifts = np.zeros(fractions.shape[1])
    for _ in range(ROUNDS):
        shifts = linalg.lstsq(fractions[inside], off[inside], cond=1e-6)[0]
        missed = np.abs(off - fractions @ shifts)
        inside = missed <= max(tolerance, float(np.median(missed)))
    return shifts, np.abs(off - fractions @ shifts) <= tolerance


def _beyond_compositions(frames: Sequence[Frame], shifted: Sequence[Frame], far: BoolArray) -> bool:
    """Tell whether shifts per element explain more than that a few compositions are badly described as a whole.

    Either they explain more compositions than there are elements, or the same compositions stand right in other frames.
    """
    wrong = Counter(formula_of(frame) for frame in shifted)
    elements = {int(number) for frame in shifted for number in np.unique(frame.numbers)}
    if len(wrong) >= len(elements) + 2:
        return True
    right = Counter(formula_of(frame) for frame, off in zip(frames, far, strict=True) if not off)
    return sum(n for formula, n in wrong.items() if right[formula] >= n) >= EXPLAINED * len(shifted)


def _needed(off: FloatArray, tolerance: float) -> bool:
    """Tell whether the energies are off by more than what counts as right: otherwise anything explains them."""
    return float(np.median(np.abs(off))) > 2 * tolerance


def _shift_alarm(per_element: str | None, off: float, shifted: BoolArray) -> Alarm | None:
    """Say what is taken off; `per_element` is None where too few compositions are off to part it among the elements."""
    n = int(shifted.sum())
    taken = f"a constant per element is taken off (eV per atom: {per_element})"
    if per_element is None:
        taken = (
            f"a constant is taken off, {off:+.3g} eV per atom in the middle (how much of it belongs to which element "
            "cannot be told: their compositions are too few or too much alike)"
        )
    message = f"{n} energies fit the others once {taken}: other reference energies, or another surface."
    advice = "Find out which energies (isolated atoms, pseudopotentials) they refer to, and bring all to one reference."
    return alarm("reference_shift", "high", np.flatnonzero(shifted).tolist(), message, advice)
