"""What becomes of each frame: on the target already, corrected, or not correctable, and why."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from ase.data import chemical_symbols

from sonde.datasets.correction.environments import Environments, Ranges, covered_ranges, environments, is_covered
from sonde.datasets.correction.pairs import Choices, SurfacePair
from sonde.datasets.correction.places import Place
from sonde.datasets.correction.surface_choice import corrected_elements
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
    """By ordinal: shifts in eV that are taken off the total energy, and reasons why nothing can be."""

    shifts_eV: Mapping[int, float]
    reasons: Mapping[int, str]
    n_without_energy: int
    n_frames: int

    @property
    def n_on_target(self) -> int:
        return self.n_frames - len(self.shifts_eV) - len(self.reasons) - self.n_without_energy

    def counts(self, treated: Uncorrectable | None, n_twins: int) -> FrameCounts:
        """Count frames by what becomes of them."""
        words: Mapping[Uncorrectable, Literal["left out", "left as they are"]]
        words = {"leave-out": "left out", "keep": "left as they are"}
        return FrameCounts(
            n_frames=self.n_frames,
            n_on_target=self.n_on_target,
            n_corrected=len(self.shifts_eV),
            n_without_energy=self.n_without_energy,
            n_uncorrectable=len(self.reasons),
            uncorrectable=dict(Counter(self.reasons.values()).most_common()),
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
    known_eV: Mapping[int, float],
    shifts: Sequence[ElementShift],
    pairs: Sequence[SurfacePair],
    kinds: Sequence[Environments],
) -> Corrector:
    """Apply fitted shifts where pairs have been: their surface, their elements, their environments."""
    hard: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        for key, value in pair.source.hard_fields.items():
            hard[key].add(value)
    why = {chemical_symbols.index(shift.element): shift.why_not for shift in shifts if shift.why_not}
    seen = {key: frozenset(values) for key, values in hard.items()}
    return Corrector(known_eV, why, covered_ranges(kinds), seen, frozenset(pair.source.key for pair in pairs))


def decide(places: Iterable[Place], choices: Choices, corrector: Corrector) -> Decisions:
    """Decide on every frame; one without an energy has nothing to correct."""
    shifts: dict[int, float] = {}
    reasons: dict[int, str] = {}
    n_frames = n_without_energy = 0
    for place in places:
        n_frames += 1
        if place.frame.energy_eV is None:
            n_without_energy += 1
            continue
        reason, shift = _decision(place, choices, corrector)
        if reason is not None:
            reasons[place.frame.ordinal] = reason
        elif shift is not None:
            shifts[place.frame.ordinal] = shift
    return Decisions(shifts, reasons, n_without_energy, n_frames)


def _decision(place: Place, choices: Choices, corrector: Corrector) -> tuple[str | None, float | None]:
    on_target = choices.is_target(place)
    if on_target is None:
        return NOT_STATED, None
    if on_target:
        return None, None
    if not choices.is_source(place):
        return NOT_MEANT, None
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
        if frame.ordinal in decisions.reasons:
            if treated != "keep":
                return None
            return replace(frame, tags={**frame.tags, "not_corrected": decisions.reasons[frame.ordinal]})
        shift = decisions.shifts_eV.get(frame.ordinal)
        if shift is None or frame.energy_eV is None:
            return frame
        return replace(frame, energy_eV=frame.energy_eV - shift, tags={**frame.tags, **tags, "energy_shift_eV": -shift})

    return successor
