"""`sonde trust map`: where a potential can be trusted, over composition × strain × temperature."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sonde.errors import BadInput, WrongUse
from sonde.operations.trust import probe_of
from sonde.progress import SILENT, Progress
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.records.reliability import ProbeKind, Reliability, Tolerance
from sonde.records.trust_map import MapBoundary, MapCell, Thermal, TrustMap

if TYPE_CHECKING:
    from sonde.potentials.protocol import FrozenPotential
    from sonde.reliability.probes.protocol import Probe
    from sonde.store import Project

N_RESAMPLES = 400
HALF = 0.5
Place = tuple[str, float, float]


@dataclass(frozen=True)
class MapPlan:
    """What to map. elements: symbols, those of the reference where empty, mixed in steps of 1/n_steps.

    strains: linear and isotropic, from the potential's own volume without pressure; least_atoms: of the cells;
    n_structures: decorations per place; thermal: random displacements of oscillators, or short dynamics.
    """

    elements: tuple[str, ...] = ()
    n_steps: int = 4
    strains: tuple[float, ...] = (-0.08, -0.04, 0.0, 0.04, 0.08)
    temperatures_K: tuple[float, ...] = (100.0, 300.0, 600.0, 1000.0, 1500.0)
    least_atoms: int = 32
    n_structures: int = 6
    thermal: Thermal = "einstein"
    seed: int = 0

    def __post_init__(self) -> None:
        if any(not -0.5 < one < 1 for one in self.strains) or any(not one >= 0 for one in self.temperatures_K):
            raise WrongUse("Strains lie between -0.5 and 1, temperatures from 0 K on.")
        if not self.strains or not self.temperatures_K or self.n_structures < 2 or self.least_atoms < 1:
            raise WrongUse("A map needs strains, temperatures and at least two structures per place.")


def trust_map(
    project: "Project",
    potential: str,
    reference: Path,
    *,
    plan: MapPlan | None = None,
    tolerance: float | Tolerance | None = None,
    kind: ProbeKind = "local",
    progress: Progress = SILENT,
) -> TrustMap:
    """Map where a potential's errors stay within tolerance: cells are made from reference structures and scored.

    Sites of the reference are occupied at random, cells brought to the potential's own volume without pressure,
    strained and made warm. Decorations and displacements are the same along strain and temperature, so that the map is
    smooth, and intervals resample whole decorations.

    Raises
    ------
    BadInput : the reference is not periodic or holds no structure; an element is unknown to the potential.
    """
    from sonde.operations.diagnose import read_structures
    from sonde.reliability.probes.protocol import tolerance_for

    plan = sorted_plan(plan or MapPlan())
    loaded, probe = probe_of(project, potential, kind, progress)
    references = read_structures(reference)
    made = _Maker(loaded, probe, tolerance_for(probe, tolerance), plan)
    compositions = made.compositions(references)
    places: dict[Place, list[Reliability]] = {}
    for fractions in progress.track(compositions, "mapping", len(compositions)):
        places |= made.scored(references, fractions)
    return _record(potential, reference, places, made)


class _Maker:
    """Makes the structures of the map and scores them; keeps what it could not make."""

    def __init__(
        self, potential: "FrozenPotential", probe: "Probe", tolerance: float | Tolerance, plan: MapPlan
    ) -> None:
        self.potential, self.probe, self.tolerance, self.plan = potential, probe, tolerance, plan
        self.unheld: list[str] = []
        self.without_rest: list[str] = []
        self.sizes: set[int] = set()

    def compositions(self, references: Sequence[Frame]) -> list[dict[int, float]]:
        from ase.data import atomic_numbers

        from sonde.simulation.warm_cells import simplex

        for symbol in self.plan.elements:
            known = atomic_numbers.get(symbol)
            if known not in self.potential.identity.elements:
                problem = f"{symbol!r} is no element that the potential knows"
                raise BadInput("map", "--elements", problem, "Name elements that it was made for, as Al,Mg.")
        given = [int(atomic_numbers[symbol]) for symbol in self.plan.elements]
        own = sorted({int(z) for frame in references for z in frame.numbers.tolist()})
        return simplex(given or own, self.plan.n_steps)

    def scored(self, references: Sequence[Frame], fractions: dict[int, float]) -> dict[Place, list[Reliability]]:
        """Structures of one composition at every strain and temperature, the k-th always of the k-th decoration."""
        from sonde.simulation.warm_cells import composition_name

        name, plan = composition_name(fractions), self.plan
        found: dict[Place, list[Reliability]] = {(name, e, T): [] for e in plan.strains for T in plan.temperatures_K}
        for k in range(plan.n_structures):
            rng = np.random.default_rng([plan.seed, k])
            resting = self._resting(references[k % len(references)], fractions, rng)
            noise = rng.standard_normal((resting.n_atoms, 3))
            for strain in plan.strains:
                frames = self._warm(resting, strain, noise, name, k)
                if not frames:
                    continue
                evaluations = self.potential.evaluate(frames)
                scores = self.probe.score_frames(self.potential.identity, frames, evaluations, self.tolerance)
                for temperature, score in zip(plan.temperatures_K, scores, strict=True):
                    found[name, strain, temperature].append(score)
        return found

    def _resting(self, reference: Frame, fractions: dict[int, float], rng: np.random.Generator) -> Frame:
        from sonde.simulation.warm_cells import composition_name, decorated, enlarged, resting_scale, scaled

        frame = decorated(enlarged(reference, self.plan.least_atoms), fractions, rng)
        self.sizes.add(frame.n_atoms)
        scale = resting_scale(self.potential, frame)
        if scale is None:
            self.without_rest.append(composition_name(fractions))
            return frame
        return scaled(frame, scale)

    def _warm(self, resting: Frame, strain: float, noise: FloatArray, name: str, k: int) -> list[Frame]:
        """One structure per temperature; none where atoms are not held on their sites, which has no displacements."""
        from sonde.simulation.warm_cells import WarmRun, driven, scaled, shaken, stiffnesses

        frame, plan = scaled(resting, 1 + strain), self.plan
        if plan.thermal == "dynamics":
            return [driven(self.potential, frame, T, WarmRun(), plan.seed + k) for T in plan.temperatures_K]
        held = {
            z: one for z, one in stiffnesses(self.potential, frame, np.random.default_rng(plan.seed)).items() if one
        }
        if len(held) < len(set(frame.numbers.tolist())):
            self.unheld.append(f"{name} at {strain:+.0%}")
            return []
        return [shaken(frame, held, T, noise) for T in plan.temperatures_K]

    def notes(self) -> tuple[str, ...]:
        notes = []
        if self.plan.thermal == "einstein":
            notes.append("Atoms are displaced as independent oscillators, which is the calm side of a temperature.")
        if self.without_rest:
            names = ", ".join(sorted(set(self.without_rest)))
            notes.append(f"No volume without pressure between 0.8 and 1.25 of the lattice: {names}, as given instead.")
        if self.unheld:
            names = ", ".join(sorted(set(self.unheld)))
            notes.append(f"Atoms are not held on their sites, so that these have no thermal displacements: {names}.")
        return tuple(notes)


def _record(potential: str, reference: Path, places: dict[Place, list[Reliability]], made: _Maker) -> TrustMap:
    plan = made.plan
    some = next((scores[0] for scores in places.values() if scores), None)
    rng = np.random.default_rng(plan.seed)
    draws = rng.integers(plan.n_structures, size=(N_RESAMPLES, plan.n_structures))
    names = tuple(dict.fromkeys(name for name, _, _ in places))
    return TrustMap(
        potential=potential,
        reference=str(reference),
        claim="" if some is None else some.claim,
        thermal=plan.thermal,
        n_atoms=tuple(sorted(made.sizes)),
        n_structures=plan.n_structures,
        seed=plan.seed,
        compositions=names,
        strains=plan.strains,
        temperatures_K=plan.temperatures_K,
        cells=tuple(_cell(place, scores, draws) for place, scores in places.items()),
        boundaries=tuple(_boundary(name, strain, places, plan, draws) for name in names for strain in plan.strains),
        notes=made.notes(),
    )


def _trusted(scores: Sequence[Reliability]) -> FloatArray:
    """P(error ≤ tolerance) of each structure, 0 out of scope."""
    return np.array([0.0 if one.state == "out_of_scope" else one.p_within for one in scores])


def _cell(place: Place, scores: list[Reliability], draws: "np.ndarray[tuple[int, int], np.dtype[np.int64]]") -> MapCell:
    if len(scores) < draws.shape[1]:
        # some decorations could not be made: the rest would be a biased choice
        return MapCell(*place, len(scores), None, None, None, None, None, None)
    trusted = _trusted(scores)
    low, high = np.percentile(trusted[draws].mean(axis=1), [2.5, 97.5])
    return MapCell(
        *place,
        len(scores),
        float(trusted.mean()),
        float(low),
        float(high),
        float(np.mean([one.p_within for one in scores])),
        float(np.mean([one.state == "out_of_scope" for one in scores])),
        float(np.median([one.out_of_scope_score for one in scores])),
    )


def _boundary(
    name: str,
    strain: float,
    places: dict[Place, list[Reliability]],
    plan: MapPlan,
    draws: "np.ndarray[tuple[int, int], np.dtype[np.int64]]",
) -> MapBoundary:
    temperatures = np.sort(np.array(plan.temperatures_K))
    scores = [places[name, strain, float(T)] for T in temperatures]
    if any(len(own) < plan.n_structures for own in scores):
        return MapBoundary(name, strain, None, None, None, at_all=False)
    trusted = np.array([_trusted(own) for own in scores])
    lost = crossing(temperatures, trusted.mean(axis=1))
    drawn = np.sort([crossing(temperatures, trusted[:, rows].mean(axis=1)) for rows in draws])
    # order statistics, since crossings above the map are infinite
    low, high = drawn[round(0.025 * (len(drawn) - 1))], drawn[round(0.975 * (len(drawn) - 1))]
    at_all = bool(trusted[0].mean() >= HALF)
    return MapBoundary(name, strain, _finite(lost), _finite(low), _finite(high), at_all=at_all)


def _finite(temperature: float) -> float | None:
    return float(temperature) if np.isfinite(temperature) else None


def crossing(temperatures: FloatArray, trusted: FloatArray) -> float:
    """The first temperature at which `trusted` falls below one half, by straight lines; infinite where it does not."""
    below = np.flatnonzero(trusted < HALF)
    if not len(below):
        return float("inf")
    k = int(below[0])
    if k == 0:
        return float(temperatures[0])
    share = (trusted[k - 1] - HALF) / (trusted[k - 1] - trusted[k])
    return float(temperatures[k - 1] + share * (temperatures[k] - temperatures[k - 1]))


def sorted_plan(plan: MapPlan) -> MapPlan:
    """The same plan with strains and temperatures in rising order, each once."""
    return replace(
        plan, strains=tuple(sorted(set(plan.strains))), temperatures_K=tuple(sorted(set(plan.temperatures_K)))
    )
