"""What becomes of each frame: on the target already, corrected, or not correctable, and why."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from ase.data import chemical_symbols

from sonde.datasets.correction.environments import Ranges, covered_ranges, environments, is_covered
from sonde.datasets.correction.pairs import Choices, Side, SurfacePair
from sonde.datasets.correction.places import Place
from sonde.datasets.correction.surface_choice import corrected_elements
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.correction import ElementShift, FrameCounts
from sonde.records.frames import Frame, Tag

Uncorrectable = Literal["leave-out", "keep"]
NOT_STATED = "not stating their surface"
NOT_MEANT = "off the target, but outside --from and --where"
NO_PAIR = "no pair holds it"
OTHER_SURFACE = "on another surface than the pairs"
NOT_COVERED = "with an atom in an environment that no pair covers"


@dataclass(frozen=True, eq=False)
class Decisions:
    """What becomes of each frame, by ordinal.

    Attributes
    ----------
    shifts_eV : (n_frames,) taken off the total energy; NaN where nothing is.
    reason_of : (n_frames,) number of the reason why a frame off the target cannot be corrected; −1 where there is none.
    words : the reasons. reasons : frames per reason.
    """

    shifts_eV: FloatArray
    reason_of: IntArray
    words: tuple[str, ...]
    n_without_energy: int

    @property
    def n_frames(self) -> int:
        return len(self.shifts_eV)

    @property
    def n_corrected(self) -> int:
        return int(np.count_nonzero(np.isfinite(self.shifts_eV)))

    @property
    def reasons(self) -> Counter[str]:
        counts = np.bincount(self.reason_of[self.reason_of >= 0], minlength=len(self.words))
        return Counter(dict(zip(self.words, counts.tolist(), strict=True)))

    def shift_of(self, ordinal: int) -> float | None:
        """What is taken off the energy of a frame, eV; None where nothing is."""
        shift = float(self.shifts_eV[ordinal])
        return None if np.isnan(shift) else shift

    def reason(self, ordinal: int) -> str | None:
        """Why a frame off the target cannot be corrected; None where it can, or need not."""
        number = int(self.reason_of[ordinal])
        return None if number < 0 else self.words[number]

    def counts(self, treated: Uncorrectable | None, n_twins: int) -> FrameCounts:
        """Count frames by what becomes of them."""
        words: Mapping[Uncorrectable, Literal["left out", "left as they are"]]
        words = {"leave-out": "left out", "keep": "left as they are"}
        reasons = self.reasons
        return FrameCounts(
            n_frames=self.n_frames,
            n_on_target=self.n_frames - self.n_corrected - reasons.total() - self.n_without_energy,
            n_corrected=self.n_corrected,
            n_without_energy=self.n_without_energy,
            n_uncorrectable=reasons.total(),
            uncorrectable=dict(reasons.most_common()),
            uncorrectable_are=words[treated] if treated else None,
            n_twins=n_twins,
        )


@dataclass(frozen=True, eq=False)
class Corrector:
    """Shifts in eV per atomic number, and where pairs have shown them to hold: `ranges` and `hard` fields.

    `paired` are the frames of the pairs themselves, which are covered.
    """

    shifts_eV: Mapping[int, float]
    why_unknown: Mapping[int, str]
    ranges: Ranges
    hard: Mapping[str, frozenset[str]]
    paired: frozenset[tuple[str, int]] = frozenset()

    def why_not(self, place: Place, elements: Iterable[int]) -> str | None:
        """Say why a frame off the target cannot be corrected; None where it can."""
        if any(key in self.hard and value not in self.hard[key] for key, value in place.hard_fields.items()):
            return OTHER_SURFACE
        for number in sorted(elements):
            if number not in self.shifts_eV:
                why = self.why_unknown.get(number, NO_PAIR)
                return f"with {chemical_symbols[number]}, whose shift is not known: {why}"
        if place.key in self.paired or is_covered(environments(place.frame, elements), self.ranges):
            return None
        return NOT_COVERED

    def shift(self, frame: Frame, elements: Iterable[int]) -> float:
        """What is taken off the total energy, eV."""
        return float(sum(np.count_nonzero(frame.numbers == n) * self.shifts_eV[n] for n in elements))


def corrector_from_pairs(
    known_eV: Mapping[int, float], shifts: Sequence[ElementShift], pairs: Sequence[SurfacePair]
) -> Corrector:
    """Apply fitted shifts where pairs have been: their surface, their elements, their environments."""
    hard: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        for key, value in pair.source.hard_fields.items():
            hard[key].add(value)
    why = {chemical_symbols.index(shift.element): shift.why_not for shift in shifts if shift.why_not}
    seen = {key: frozenset(values) for key, values in hard.items()}
    ranges = covered_ranges([pair.kinds for pair in pairs])
    return Corrector(known_eV, why, ranges, seen, frozenset(pair.source.key for pair in pairs))


def decide(places: Iterable[Place], choices: Choices, corrector: Corrector) -> Decisions:
    """Decide on every frame; they come in the order of their ordinals, from 0."""
    shifts, reason_of = array("d"), array("i")
    numbers: dict[str, int] = {}
    n_without_energy = 0
    for place in places:
        side = choices.side(place)
        n_without_energy += side is Side.NO_ENERGY
        reason, shift = _decision(place, side, choices, corrector)
        shifts.append(np.nan if shift is None else shift)
        reason_of.append(-1 if reason is None else numbers.setdefault(reason, len(numbers)))
    return Decisions(np.array(shifts), np.array(reason_of, np.int32), tuple(numbers), n_without_energy)


def _decision(place: Place, side: Side, choices: Choices, corrector: Corrector) -> tuple[str | None, float | None]:
    """Return why a frame cannot be corrected, or its shift in eV; neither where there is nothing to correct."""
    if side is Side.NOT_STATED:
        return NOT_STATED, None
    if side is Side.NOT_MEANT:
        return NOT_MEANT, None
    if side is not Side.SOURCE:
        return None, None
    elements = corrected_elements(choices.target, place)
    reason = corrector.why_not(place, elements)
    return (reason, None) if reason else (None, corrector.shift(place.frame, elements))


def rewritten(
    decisions: Decisions, treated: Uncorrectable | None, tags: Mapping[str, Tag]
) -> Callable[[Frame], Frame | None]:
    """Return what turns a frame into its successor: shifted and tagged, as it is, or None where it is left out.

    Forces and stress stay those of the source surface.
    """

    def successor(frame: Frame) -> Frame | None:
        reason = decisions.reason(frame.ordinal)
        if reason is not None:
            if treated != "keep":
                return None
            return replace(frame, tags={**frame.tags, "not_corrected": reason})
        shift = decisions.shift_of(frame.ordinal)
        if shift is None or frame.energy_eV is None:
            return frame
        return replace(frame, energy_eV=frame.energy_eV - shift, tags={**frame.tags, **tags, "energy_shift_eV": -shift})

    return successor
