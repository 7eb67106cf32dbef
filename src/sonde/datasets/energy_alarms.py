"""Energies far from what the rest of the set leads to expect: per atom, in another unit, against other references."""

from collections.abc import Mapping, Sequence

import numpy as np

from sonde.datasets.energies_expected import Expected, energies_among_their_like, expected_energies, strain
from sonde.datasets.label_alarms import alarm
from sonde.datasets.reference_shifts import reference_shift
from sonde.datasets.two_references import two_references
from sonde.datasets.unit_readings import ENERGY_UNITS, PER_ATOM
from sonde.datasets.yardstick import Yardstick
from sonde.records.arrays import BoolArray
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame

GROWING = frozenset([PER_ATOM, *(one.words for one in ENERGY_UNITS if one.factor > 1)])
FEWEST_ALIKE = 4
RESOLVED = 3.0
"""Tolerances by which an energy must differ from none to say in which unit it is."""
MUCH_BETTER = 0.15
"""Share of its miss, and of the right energy, that may be left under a reading that several energies want."""


def energy_alarms(frames: Sequence[Frame], yardstick: Yardstick | None) -> list[Alarm]:
    """Name energies that are off by what they would have to be to be right; the rest of them are outliers."""
    expected = expected_energies(frames, yardstick)
    if expected is None:
        return []
    readings = _readings(frames, expected)
    named = _marked(readings, len(frames))
    shift, shifted = reference_shift(frames, expected, expected.far & ~named)
    like = None if expected.by_model or shift is not None else energies_among_their_like(frames)
    if like is not None:
        readings = _with_several(readings, _readings(frames, like))
        named = _marked(readings, len(frames))
        shift, shifted = reference_shift(frames, like, like.far & ~named)
    alarms = [_unit_alarm(words, places) for words, places in readings.items()]
    alarms += [shift, _outlier_alarm(expected, expected.far & ~named & ~shifted)]
    if expected.by_model:
        alarms.append(two_references(frames, expected.off, np.isfinite(expected.off) & ~expected.far & ~named))
    return [one for one in alarms if one is not None]


def _marked(readings: Mapping[str, Sequence[int]], n_frames: int) -> BoolArray:
    named = np.zeros(n_frames, bool)
    for places in readings.values():
        named[list(places)] = True
    return named


def _with_several(readings: Mapping[str, Sequence[int]], others: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """Join readings with those of a coarser comparison, which counts only where several energies want the same."""
    joined = {words: list(places) for words, places in readings.items()}
    for words, places in others.items():
        if words in joined or len(places) >= FEWEST_ALIKE:
            joined[words] = sorted({*joined.get(words, []), *places})
    return joined


def _readings(frames: Sequence[Frame], expected: Expected) -> dict[str, list[int]]:
    """Sort the energies that are off by the reading under which they fit best, if they fit under any."""
    found: dict[str, list[int]] = {}
    likely: dict[str, list[int]] = {}
    strained = strain(frames)
    for place in np.flatnonzero(expected.far).tolist():
        energy, n_atoms = frames[place].energy_eV or 0.0, frames[place].n_atoms
        right = float(expected.expected[place])
        misses = {one.words: abs(one.factor * energy / n_atoms - right) for one in ENERGY_UNITS}
        if n_atoms > 1:
            misses[PER_ATOM] = abs(energy - right)
        if abs(right) < RESOLVED * expected.tolerance * strained[place]:
            # Whatever makes an energy small would fit.
            misses = {words: miss for words, miss in misses.items() if words in GROWING}
        best = min(misses, key=lambda words: misses[words])
        if misses[best] < expected.tolerance * strained[place]:
            found.setdefault(best, []).append(place)
        elif misses[best] < MUCH_BETTER * min(abs(energy / n_atoms - right), abs(right)):
            likely.setdefault(best, []).append(place)
    for words, places in likely.items():
        # One may be chance; several that turn right under one reading are not.
        if len(places) + len(found.get(words, ())) >= FEWEST_ALIKE:
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
