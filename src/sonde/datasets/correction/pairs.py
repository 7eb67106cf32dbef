"""Geometries that carry an energy on two surfaces."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import product
from math import gcd

import numpy as np
from ase.data import chemical_symbols

from sonde.datasets.correction.candidates import NO_GROUP, CandidateGroups, Candidates
from sonde.datasets.correction.environments import Environments, environments
from sonde.datasets.correction.places import Place
from sonde.datasets.correction.surface_choice import SurfaceChoice, corrected_elements, holds
from sonde.datasets.features import FALSE_WORDS
from sonde.datasets.same_geometry import same_geometry_groups
from sonde.datasets.superposition import Superposition, superposition
from sonde.datasets.surfaces import disagreements, family
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame

ZERO_FORCE_EV_PER_A = 1e-4
MOST_COPIES = 20
"""Frames per surface and geometry among which the pair is chosen."""
NOT_CONVERGED = "scf_converged is false"
OTHER_FIELDS = "the frames differ in another deciding field, too"
SECOND_COPY = "a further frame of a geometry that has its pair"


class Side(IntEnum):
    """Where a frame stands."""

    NO_ENERGY = 0
    NOT_STATED = 1
    TARGET = 2
    NOT_MEANT = 3
    SOURCE = 4


@dataclass(frozen=True)
class Choices:
    """What the user means: frames of `source` (None: all that are off the target) go towards `target`.

    `where` limits the source frames further.
    """

    target: SurfaceChoice
    source: SurfaceChoice | None = None
    where: SurfaceChoice | None = None

    def side(self, place: Place) -> Side:
        """Tell where a frame stands; a source is off the target and meant by --from and --where."""
        if place.frame.energy_eV is None:
            return Side.NO_ENERGY
        on_target = holds(self.target, place)
        if on_target is None:
            return Side.NOT_STATED
        if on_target:
            return Side.TARGET
        chosen = [choice for choice in (self.source, self.where) if choice is not None]
        return Side.SOURCE if all(holds(choice, place) for choice in chosen) else Side.NOT_MEANT


@dataclass(frozen=True, eq=False)
class SurfacePair:
    """One geometry on both surfaces; differences are source minus target. The frames come without their geometry.

    Attributes
    ----------
    corrected : number of atoms per corrected element (atomic number).
    difference_eV : of total energies.
    force_differences_eV_per_A : (n_atoms,) |ΔF|; None where either lacks forces.
    zero_forces : both frames have none, as symmetry forbids them.
    stress_difference_eV_per_A3 : (3, 3), positive under tension.
    kinds : environments of the corrected atoms.
    """

    source: Place
    target: Place
    corrected: Mapping[int, int]
    difference_eV: float
    force_differences_eV_per_A: FloatArray | None
    zero_forces: bool
    stress_difference_eV_per_A3: FloatArray | None
    kinds: Environments

    @property
    def n_corrected(self) -> int:
        return sum(self.corrected.values())

    @property
    def composition(self) -> str:
        return composition_of(self.source.frame)


@dataclass(frozen=True, eq=False)
class PairSearch:
    """Pairs, and those set aside by reason."""

    pairs: tuple[SurfacePair, ...]
    set_aside: Mapping[str, int]


def composition_of(frame: Frame) -> str:
    """Return the reduced formula, elements in alphabetical order: "NiO"."""
    counts = Counter(chemical_symbols[number] for number in frame.numbers.tolist())
    divisor = gcd(*counts.values())
    return "".join(f"{symbol}{n // divisor if n > divisor else ''}" for symbol, n in sorted(counts.items()))


def surface_pairs(places: Iterable[Place], choices: Choices) -> PairSearch:
    """Find one pair per geometry that stands on both surfaces, within 1e-3 Å.

    Of several candidates the one that differs in the fewest other stated fields is taken, then the one of the lowest
    energies, since further self-consistent solutions lie above the ground state. Linear in the number of frames.
    """
    candidates = Candidates()
    n_places = 0
    for n_places, place in enumerate(places, start=1):
        add_candidate(candidates, n_places - 1, place, choices.side(place))
    return pairs_within(candidates.groups(n_places), places, choices)


def add_candidate(candidates: Candidates, number: int, place: Place, side: Side) -> None:
    """Take up a frame that may belong to a pair."""
    if side in (Side.SOURCE, Side.TARGET) and place.frame.n_atoms:
        candidates.add(number, place.frame, side is Side.SOURCE)


def pairs_within(groups: CandidateGroups, places: Iterable[Place], choices: Choices) -> PairSearch:
    """Go through the frames once more; those of a group are held until it is complete."""
    set_aside: Counter[str] = Counter()
    found: list[tuple[int, SurfacePair]] = []
    held: dict[int, list[Place]] = defaultdict(list)
    for place, group in zip(places, groups.group_of.tolist(), strict=True):
        if group == NO_GROUP:
            continue
        held[group].append(place)
        if len(held[group]) == groups.sizes[group]:
            found += [(group, pair) for pair in _pairs(held.pop(group), choices, set_aside)]
    found.sort(key=lambda one: one[0])
    return PairSearch(tuple(pair for _, pair in found), dict(set_aside))


def _pairs(places: Sequence[Place], choices: Choices, set_aside: Counter[str]) -> Iterator[SurfacePair]:
    """Pair frames among which each may share its geometry with some other."""
    is_source = [choices.side(place) is Side.SOURCE for place in places]
    for group in same_geometry_groups([place.frame for place in places]):
        sources = [places[k] for k in group if is_source[k]]
        targets = [places[k] for k in group if not is_source[k]]
        pair = _best(sources, targets, choices, set_aside) if sources and targets else None
        if pair is not None:
            yield pair


def _best(
    sources: Sequence[Place], targets: Sequence[Place], choices: Choices, set_aside: Counter[str]
) -> SurfacePair | None:
    reasons: Counter[str] = Counter()
    ranked = sorted(
        product(sources[:MOST_COPIES], targets[:MOST_COPIES]),
        key=lambda pair: _preference(pair[0], pair[1], choices.target),
    )
    for source, target in ranked:
        laid = superposition(source.frame, target.frame)
        if laid is None:
            continue
        reason = _reason_aside(source, target, choices.target)
        if reason is None:
            if len(sources) + len(targets) > 2:
                set_aside[SECOND_COPY] += max(len(sources), len(targets)) - 1
            return _pair(source, target, choices.target, laid)
        reasons[reason] += 1
    set_aside.update(reasons.keys())
    return None


def _preference(source: Place, target: Place, wanted: SurfaceChoice) -> tuple[int, float]:
    others = [f for f in _differing(source, target) if family(f) not in wanted.fields]
    return len(others), (source.frame.energy_eV or 0.0) + (target.frame.energy_eV or 0.0)


def _differing(source: Place, target: Place) -> tuple[str, ...]:
    return disagreements(source.fields, target.fields)


def _reason_aside(source: Place, target: Place, wanted: SurfaceChoice) -> str | None:
    if any(not_converged(place.frame) for place in (source, target)):
        return NOT_CONVERGED
    others = disagreements(source.hard_fields, target.hard_fields)
    return OTHER_FIELDS if any(family(field) not in wanted.fields for field in others) else None


def not_converged(frame: Frame) -> bool:
    """Tell whether the frame says of itself that self-consistency was not reached."""
    flag = frame.tags.get("scf_converged")
    return flag is not None and str(flag).strip().lower() in FALSE_WORDS


def _pair(source: Place, target: Place, wanted: SurfaceChoice, laid: Superposition) -> SurfacePair:
    a, b = source.frame, target.frame
    elements = corrected_elements(wanted, source)
    forces = stress = None
    zero = False
    if a.forces_eV_per_A is not None and b.forces_eV_per_A is not None:
        forces = np.linalg.norm(a.forces_eV_per_A - b.forces_eV_per_A[laid.permutation], axis=1)
        zero = bool(max(np.abs(a.forces_eV_per_A).max(), np.abs(b.forces_eV_per_A).max()) < ZERO_FORCE_EV_PER_A)
    if a.stress_eV_per_A3 is not None and b.stress_eV_per_A3 is not None:
        stress = a.stress_eV_per_A3 - b.stress_eV_per_A3
    return SurfacePair(
        source=source.without_geometry(),
        target=target.without_geometry(),
        corrected={number: int(np.count_nonzero(a.numbers == number)) for number in sorted(elements)},
        difference_eV=float(a.energy_eV or 0.0) - float(b.energy_eV or 0.0),
        force_differences_eV_per_A=forces,
        zero_forces=zero,
        stress_difference_eV_per_A3=stress,
        kinds=environments(a, elements),
    )
