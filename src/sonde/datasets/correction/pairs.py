"""Geometries that carry an energy on two surfaces."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import gcd

import numpy as np
from ase.data import chemical_symbols

from sonde.datasets.correction.places import Place
from sonde.datasets.correction.surface_choice import SurfaceChoice, corrected_elements, holds
from sonde.datasets.features import FALSE_WORDS
from sonde.datasets.same_geometry import same_geometry_groups
from sonde.datasets.superposition import Superposition, chemical_key, superposition
from sonde.datasets.surfaces import disagreements, family
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame

ZERO_FORCE_EV_PER_A = 1e-4
MOST_COPIES = 20
"""Frames per surface and geometry among which the pair is chosen."""
NOT_CONVERGED = "scf_converged is false"
OTHER_FIELDS = "the frames differ in another deciding field, too"
SECOND_COPY = "a further frame of a geometry that has its pair"


@dataclass(frozen=True)
class Choices:
    """What the user means: frames of `source` (None: all that are off the target) go towards `target`.

    `where` limits the source frames further.
    """

    target: SurfaceChoice
    source: SurfaceChoice | None = None
    where: SurfaceChoice | None = None

    def is_target(self, place: Place) -> bool | None:
        return holds(self.target, place)

    def is_source(self, place: Place) -> bool:
        """Tell whether a frame is off the target and meant by --from and --where."""
        if self.is_target(place) is not False:
            return False
        chosen = [choice for choice in (self.source, self.where) if choice is not None]
        return all(holds(choice, place) for choice in chosen)


@dataclass(frozen=True, eq=False)
class SurfacePair:
    """One geometry on both surfaces; differences are source minus target.

    Attributes
    ----------
    corrected : number of atoms per corrected element (atomic number).
    difference_eV : of total energies.
    force_differences_eV_per_A : (n_atoms,) |ΔF|; None where either lacks forces.
    zero_forces : both frames have none, as symmetry forbids them.
    stress_difference_eV_per_A3 : (3, 3), positive under tension.
    """

    source: Place
    target: Place
    corrected: Mapping[int, int]
    difference_eV: float
    force_differences_eV_per_A: FloatArray | None
    zero_forces: bool
    stress_difference_eV_per_A3: FloatArray | None

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


def surface_pairs(places: Sequence[Place], choices: Choices) -> PairSearch:
    """Find one pair per geometry that stands on both surfaces, within 1e-3 Å.

    Of several candidates the one that differs in the fewest other stated fields is taken, then the one of the lowest
    energies, since further self-consistent solutions lie above the ground state. Linear in the number of frames.
    """
    candidates = _candidates(places, choices)
    set_aside: Counter[str] = Counter()
    pairs = []
    for group in same_geometry_groups([place.frame for place, _ in candidates]):
        sources = [candidates[k][0] for k in group if candidates[k][1]]
        targets = [candidates[k][0] for k in group if not candidates[k][1]]
        pair = _best(sources, targets, choices, set_aside) if sources and targets else None
        if pair is not None:
            pairs.append(pair)
    return PairSearch(tuple(pairs), dict(set_aside))


def _candidates(places: Iterable[Place], choices: Choices) -> list[tuple[Place, bool]]:
    """List (frame, is it on the source surface?) for the frames with an energy whose composition is on both."""
    kinds: dict[tuple[bytes, bytes], list[tuple[Place, bool]]] = defaultdict(list)
    for place in places:
        if place.frame.energy_eV is None or not place.frame.n_atoms:
            continue
        is_source = choices.is_source(place)
        if is_source or choices.is_target(place):
            kinds[chemical_key(place.frame)].append((place, is_source))
    both = [kind for kind in kinds.values() if len({is_source for _, is_source in kind}) == 2]
    return [candidate for kind in both for candidate in kind]


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
        source=source,
        target=target,
        corrected={number: int(np.count_nonzero(a.numbers == number)) for number in sorted(elements)},
        difference_eV=float(a.energy_eV or 0.0) - float(b.energy_eV or 0.0),
        force_differences_eV_per_A=forces,
        zero_forces=zero,
        stress_difference_eV_per_A3=stress,
    )
