"""Energies far from what the rest of the set leads to expect: per atom, in another unit, against other references."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols
from scipy import linalg

from sonde.datasets.comparable_energies import is_alone
from sonde.datasets.composition_reference import energies_off_reference
from sonde.datasets.contradictions import formula_of
from sonde.datasets.label_alarms import alarm
from sonde.datasets.label_statistics import FIT_SIGMAS, outlying, robust_sigma
from sonde.datasets.unit_readings import ENERGY_UNITS, PER_ATOM
from sonde.datasets.yardstick import Yardstick, usual
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame
from sonde.reference_energies.fitted import composition_matrix

OFF_SIGMAS, SMALLEST_OFF_EV_PER_ATOM = 12.0, 0.4
"""Beyond both, an energy lies far from the model of its set; surfaces in nbmotaw lie up to 0.32 eV/atom off."""
FIT_EV_PER_ATOM = 0.05
GROWING = frozenset([PER_ATOM, *(one.words for one in ENERGY_UNITS if one.factor > 1)])
FEWEST_SHIFTED = 4
RESOLVED = 3.0
"""Tolerances by which an energy must differ from none to say in which unit it is."""
ENERGIES_PER_WEIGHT, ENOUGH = 1.5, 50
"""Fewer energies than both, and the model bends to wrong energies: then compositions alone say what is usual."""
MUCH_BETTER = 0.15
"""Share of its miss, and of the right energy, that may be left under a reading that several energies want."""
MOST_DECIDED_ALONE = 0.5
"""Energies on which the others have less to say, such as the only one with some element, are not judged."""
EXPLAINED = 0.7
"""Share of the energies that are off which one shift per element must explain, to be named."""


@dataclass(frozen=True, eq=False)
class Expected:
    """Energies per atom against what was expected, eV/atom, NaN without an energy, and which lie far off.

    `tolerance` : how far off a right energy may be, eV/atom. `rest` : what they are compared with, in words.
    """

    off: FloatArray
    expected: FloatArray
    far: BoolArray
    tolerance: float
    rest: str


def energy_alarms(frames: Sequence[Frame], yardstick: Yardstick | None) -> list[Alarm]:
    """Name energies that are off by what they would have to be to be right; the rest of them are outliers."""
    expected = _expected(frames, yardstick)
    if expected is None or not expected.far.any():
        return []
    readings = _readings(frames, expected)
    named = np.zeros(len(frames), bool)
    alarms = []
    for words, places in readings.items():
        named[places] = True
        alarms.append(_unit_alarm(words, places))
    shift, shifted = _reference_shift(frames, expected, expected.far & ~named)
    named |= shifted
    alarms += [_shift_alarm(shift, shifted), _outlier_alarm(expected, expected.far & ~named)]
    return [one for one in alarms if one is not None]


def _expected(frames: Sequence[Frame], yardstick: Yardstick | None) -> Expected | None:
    """Against the model of the set where there is one, else against a reference per composition and config_type."""
    per_atom = np.array([np.nan if f.energy_eV is None else f.energy_eV / f.n_atoms for f in frames])
    if not np.isfinite(per_atom).any():
        return None
    n_energies = int(np.isfinite(per_atom).sum())
    if yardstick is not None and yardstick.layout.pairs_apart and n_energies > _enough(yardstick):
        off = yardstick.energies_off
        usual_ones = yardstick.usual_energies
        off = off - np.median(off[usual_ones])
        sigma = robust_sigma(off[usual_ones])
        limit = max(OFF_SIGMAS * sigma, SMALLEST_OFF_EV_PER_ATOM)
        told = yardstick.decided_alone <= MOST_DECIDED_ALONE
        far = told & (np.nan_to_num(np.abs(off)) > limit * _strain(frames)) & ~_alone(frames)
        return Expected(off, per_atom - off, far, max(FIT_SIGMAS * sigma, FIT_EV_PER_ATOM), "a model of the others")
    above, reference = energies_off_reference(frames)
    near = usual(above)
    middle, sigma = float(np.median(above[near])), robust_sigma(above[near])
    far = outlying(above, [str(frame.tags.get("config_type")) for frame in frames])
    tolerance = max(FIT_SIGMAS * sigma, FIT_EV_PER_ATOM)
    return Expected(above - middle, reference + middle, far, tolerance, _rest(frames))


def _enough(yardstick: Yardstick) -> float:
    """Energies that it takes for the model not to bend to wrong ones; forces tell it all but the constants."""
    layout = yardstick.layout
    return max(min(ENOUGH, ENERGIES_PER_WEIGHT * layout.n_weights), ENERGIES_PER_WEIGHT * len(layout.elements))


def _rest(frames: Sequence[Frame]) -> str:
    tagged = any(frame.tags.get("config_type") for frame in frames)
    return "the others of their config_type" if tagged else "what a constant per element lets expect of the others"


def _alone(frames: Sequence[Frame]) -> BoolArray:
    return np.array([is_alone(frame) for frame in frames], bool)


def _strain(frames: Sequence[Frame]) -> FloatArray:
    """By how much frames may be farther off than usual ones: models are worse where forces are strong; 1 to 3."""
    sizes = np.array([0.0 if f.forces_eV_per_A is None else np.sqrt(np.mean(f.forces_eV_per_A**2)) for f in frames])
    usual = float(np.median(sizes[sizes > 0])) if (sizes > 0).any() else 1.0
    return np.asarray(np.clip(sizes / (2 * usual), 1.0, 3.0))


def _readings(frames: Sequence[Frame], expected: Expected) -> dict[str, list[int]]:
    """Sort the energies that are off by the reading under which they fit best, if they fit under any."""
    found: dict[str, list[int]] = {}
    likely: dict[str, list[int]] = {}
    strain = _strain(frames)
    for place in np.flatnonzero(expected.far).tolist():
        energy, n_atoms = frames[place].energy_eV or 0.0, frames[place].n_atoms
        right = float(expected.expected[place])
        misses = {one.words: abs(one.factor * energy / n_atoms - right) for one in ENERGY_UNITS}
        if n_atoms > 1:
            misses[PER_ATOM] = abs(energy - right)
        if abs(right) < RESOLVED * expected.tolerance * strain[place]:
            # Whatever makes an energy small would fit.
            misses = {words: miss for words, miss in misses.items() if words in GROWING}
        best = min(misses, key=lambda words: misses[words])
        if misses[best] < expected.tolerance * strain[place]:
            found.setdefault(best, []).append(place)
        elif misses[best] < MUCH_BETTER * min(abs(energy / n_atoms - right), abs(right)):
            likely.setdefault(best, []).append(place)
    for words, places in likely.items():
        # One may be chance; several that turn right under one reading are not.
        if len(places) + len(found.get(words, ())) >= FEWEST_SHIFTED:
            found[words] = sorted([*found.get(words, ()), *places])
    return found


def _unit_alarm(words: str, places: Sequence[int]) -> Alarm | None:
    if words == PER_ATOM:
        message = f"{len(places)} energies fit the others only if they are per atom, not per cell."
        advice = "Multiply them by the number of atoms, or leave the frames out."
        return alarm("energy_per_atom", "high", places, message, advice)
    message = f"{len(places)} energies fit the others only if they are {words}."
    return alarm("energy_unit", "high", places, message, "Convert them to eV, or leave the frames out.")


def _outlier_alarm(expected: Expected, far: BoolArray) -> Alarm | None:
    places = np.flatnonzero(far)
    places = places[np.argsort(-np.abs(expected.off[places]))]
    most = float(np.abs(expected.off[places]).max(initial=0.0))
    message = f"{len(places)} energies lie far from {expected.rest}, up to {most:.3g} eV/atom off."
    advice = "Look at them: unconverged, another surface, or atoms too close; the farthest first."
    return alarm("energy_outliers", "medium", places.tolist(), message, advice)


# ---- other reference energies ----------------------------------------------------------------------------------------


def _reference_shift(frames: Sequence[Frame], expected: Expected, far: BoolArray) -> tuple[dict[str, float], BoolArray]:
    """Find one energy per element that explains most of what is off, by refitting to what it explains."""
    places = np.flatnonzero(far)
    none: tuple[dict[str, float], BoolArray] = ({}, np.zeros(len(frames), bool))
    some = [frames[place] for place in places.tolist()]
    elements = sorted({int(number) for frame in some for number in np.unique(frame.numbers)})
    if len(places) < max(FEWEST_SHIFTED, len(elements) + 2):
        return none
    fractions = composition_matrix(some, elements) / np.array([[frame.n_atoms] for frame in some])
    off = expected.off[places]
    inside = np.ones(len(places), bool)
    shifts = np.zeros(len(elements))
    for _ in range(6):
        shifts = linalg.lstsq(fractions[inside], off[inside])[0]
        missed = np.abs(off - fractions @ shifts)
        inside = missed <= max(expected.tolerance, float(np.median(missed)))
    explained = np.abs(off - fractions @ shifts) <= expected.tolerance
    if explained.mean() < EXPLAINED or not _needed(off[explained], expected.tolerance):
        return none
    if not _beyond_compositions(frames, [some[i] for i in np.flatnonzero(explained)], far):
        return none
    marked = none[1].copy()
    marked[places[explained]] = True
    return {chemical_symbols[z]: float(shift) for z, shift in zip(elements, shifts, strict=True)}, marked


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


def _shift_alarm(shift: dict[str, float], shifted: BoolArray) -> Alarm | None:
    words = ", ".join(f"{element} {value:+.3g}" for element, value in shift.items())
    message = (
        f"{int(shifted.sum())} energies fit the others once a constant per element is taken off (eV per atom: "
        f"{words}): other reference energies, or another surface."
    )
    advice = "Find out which energies (isolated atoms, pseudopotentials) they refer to, and bring all to one reference."
    return alarm("reference_shift", "high", np.flatnonzero(shifted).tolist(), message, advice)
