"""One geometry with labels that cannot both be right on one energy surface."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from ase.data import chemical_symbols
from ase.formula import Formula
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sonde.datasets.comparable_energies import same_charge
from sonde.datasets.identity import ENERGY_TOLERANCE_EV_PER_ATOM, FORCE_TOLERANCE_EV_PER_A
from sonde.datasets.same_geometry import same_geometry_groups
from sonde.datasets.superposition import Superposition, superposition
from sonde.datasets.surfaces import HARD, disagreements, family, surface_of
from sonde.records.datasets import Contradiction
from sonde.records.frames import Frame

STIFFEST_EV_PER_A2 = 100.0
"""Upper bound of force constants: how fast forces may change with the displacement of one atom."""
ASSUMED_FORCE_EV_PER_A = 5.0
"""Per atom, where no forces are labelled, for how much a displacement within the tolerance may change the energy."""
MOMENT_TOLERANCE_UB = 0.5
LARGEST_GROUP = 30
"""Copies of one geometry that are still compared each with each."""
MOMENTS = ("absolute_magnetic_moment", "total_magnetic_moment")

Relation = Literal["duplicate", "contradiction", "spin_states", "unlabelled", "apart"]


@dataclass(frozen=True)
class GeometryPair:
    """Two frames of one geometry and how their labels relate.

    `spin_states`: labels differ, and so do the stated magnetic moments on the same stated surface, which is legitimate.
    `apart`: chained together by a third frame, but themselves farther apart than the tolerance; or of another charge.
    """

    first: int
    second: int
    relation: Relation
    energy_difference_eV: float | None
    """First minus second, total."""
    force_difference_eV_per_A: float | None
    n_atoms: int


def geometry_pairs(frames: Sequence[Frame], groups: Iterable[Sequence[int]] | None = None) -> Iterator[GeometryPair]:
    """Compare the labels of all pairs of frames that hold one geometry; in groups beyond 30, each with the first."""
    for group in same_geometry_groups(frames) if groups is None else groups:
        all_pairs = (
            combinations(group, 2) if len(group) <= LARGEST_GROUP else ((group[0], other) for other in group[1:])
        )
        for first, second in all_pairs:
            yield compare(frames, first, second)


def compare(frames: Sequence[Frame], first: int, second: int) -> GeometryPair:
    """Compare two frames: label differences beyond the tolerance and beyond what their displacement explains."""
    a, b = frames[first], frames[second]
    laid = superposition(a, b) if same_charge(a, b) else None
    if laid is None:
        return GeometryPair(first, second, "apart", None, None, a.n_atoms)
    energy = None if a.energy_eV is None or b.energy_eV is None else a.energy_eV - b.energy_eV
    force = _force_difference(a, b, laid)
    moved = max(laid.largest_distance_A, float(np.abs(a.cell - b.cell).max()))
    return GeometryPair(first, second, _relation(a, b, energy, force, moved), energy, force, a.n_atoms)


def _relation(a: Frame, b: Frame, energy: float | None, force: float | None, moved: float) -> Relation:
    if energy is None and force is None:
        return "unlabelled"
    energies_differ = energy is not None and abs(energy) > _energy_allowed(a, b, moved)
    allowed = FORCE_TOLERANCE_EV_PER_A + STIFFEST_EV_PER_A2 * moved
    if not energies_differ and not (force is not None and force > allowed):
        return "duplicate"
    return "spin_states" if _other_spin_state(a, b) else "contradiction"


def _force_difference(a: Frame, b: Frame, laid: Superposition) -> float | None:
    if a.forces_eV_per_A is None or b.forces_eV_per_A is None:
        return None
    return float(np.abs(a.forces_eV_per_A - b.forces_eV_per_A[laid.permutation]).max())


def _energy_allowed(a: Frame, b: Frame, moved: float) -> float:
    """Tolerance, and what a displacement of every atom by `moved` may change: |F| d + K d² / 2 per atom."""
    forces = [np.linalg.norm(f.forces_eV_per_A, axis=1).sum() for f in (a, b) if f.forces_eV_per_A is not None]
    slope = max(forces) if forces else ASSUMED_FORCE_EV_PER_A * a.n_atoms
    return float(
        ENERGY_TOLERANCE_EV_PER_ATOM * a.n_atoms + slope * moved + STIFFEST_EV_PER_A2 * a.n_atoms * moved**2 / 2
    )


def _other_spin_state(a: Frame, b: Frame) -> bool:
    """Tell whether both state a magnetic moment, the moments differ, and nothing says that the surfaces do."""
    if any(family(field) in HARD for field in disagreements(surface_of(a), surface_of(b))):
        return False
    moments = [(a.tags.get(key), b.tags.get(key)) for key in MOMENTS]
    return any(
        isinstance(x, int | float) and isinstance(y, int | float) and abs(abs(x) - abs(y)) > MOMENT_TOLERANCE_UB
        for x, y in moments
    )


def contradictory_pairs(frames: Sequence[Frame], pairs: Iterable[GeometryPair] | None = None) -> list[Contradiction]:
    """List the geometries with contradictory labels, the largest energy spread first.

    Each lists all frames that take part in a contradiction on that geometry. The spread is over those frames.
    """
    clashes = [p for p in (geometry_pairs(frames) if pairs is None else pairs) if p.relation == "contradiction"]
    part = _linked(clashes)
    found: dict[int, list[GeometryPair]] = {}
    for pair in clashes:
        found.setdefault(part[pair.first], []).append(pair)
    records = [_contradiction(frames, some) for some in found.values()]
    return sorted(records, key=lambda record: -(record.energy_spread_meV_per_atom or 0.0))


def _linked(pairs: Sequence[GeometryPair]) -> dict[int, int]:
    """Number the groups of frames that pairs link, by place."""
    places, ends = np.unique(np.array(_ends(pairs), np.int64), return_inverse=True)
    graph = coo_array((np.ones(len(pairs)), tuple(ends.reshape(2, -1))), shape=(len(places), len(places)))
    return dict(zip(places.tolist(), connected_components(graph, directed=False)[1].tolist(), strict=True))


def _ends(pairs: Sequence[GeometryPair]) -> tuple[list[int], list[int]]:
    return [pair.first for pair in pairs], [pair.second for pair in pairs]


def _contradiction(frames: Sequence[Frame], pairs: list[GeometryPair]) -> Contradiction:
    ordinals = sorted({end for ends in _ends(pairs) for end in ends})
    energies = [abs(pair.energy_difference_eV) for pair in pairs if pair.energy_difference_eV is not None]
    forces = [pair.force_difference_eV_per_A for pair in pairs if pair.force_difference_eV_per_A is not None]
    return Contradiction(
        ordinals=tuple(ordinals),
        energy_spread_meV_per_atom=1000 * max(energies) / pairs[0].n_atoms if energies else None,
        force_spread_eV_per_A=max(forces) if forces else None,
        formula=formula_of(frames[ordinals[0]]),
    )


def formula_of(frame: Frame) -> str:
    """Return the formula of the whole cell, elements in alphabetical order: "Al3Li"."""
    return Formula.from_list([chemical_symbols[number] for number in frame.numbers.tolist()]).format("metal")
