"""The out-of-scope gate: is a structure among those that the probe's probability was calibrated on?

Four measures per atom, each against reference atoms of the same element: distance to the nearest environment in the
potential's embedding and in a potential-independent descriptor (a potential may not see what it lacks), and √Q and √T²
of the embedding's principal components. Their values for withheld compositions of the reference (groups where there are
too few of them) give the limits, so that a new composition of known elements is in scope as far as it is as usual as
those were when they were new; limits from held-out groups alone flag every new composition, right or wrong. Per element
the 90 % quantile as the unit, per measure a Pareto tail beyond it (Hill, Ann. Stat. 3, 1163 (1975),
doi 10.1214/aos/1176343247). At a false-alarm rate α per structure an atom of a structure of N atoms may exceed its
limit with probability 1 − (1 − α)^(1/N), so that the limit grows with N: as the tail says for independent atoms, and by
no more than the largest values of held-out structures do, whose atoms go together; a last common factor, the conformal
1 − α quantile over held-out structures of their largest ratio, makes the rate hold for all measures together.

New is not wrong: relaxed alloys may lie far from all others and be predicted well. Where errors are known, a measure
that ranks those of withheld compositions worse than chance counts only `FAR` times beyond its limits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sonde.errors import BadInput
from sonde.local_environments.distances import EnvironmentIndex, conformal_quantile, pooled_quantiles
from sonde.local_environments.pca import PrincipalComponents
from sonde.records.arrays import FloatArray, IntArray
from sonde.reliability.calibration import LEAST_SPREAD_OF_LOG_SIZE
from sonde.reliability.metrics import auroc
from sonde.reliability.withheld import withheld_folds

N_MEASURES = 4
Q = 2
"""Column of √Q among them."""
N_FOLDS = 5
UNIT_QUANTILE = 0.9
VARIANCE_IN_PLANE = 0.95
TAIL_INDEX_RANGE = (0.02, 1.0)
FAR = 3.0
UNKNOWN_RATIO = 1e20
"""Ratios beyond it are of elements without a unit."""


@dataclass(frozen=True, eq=False)
class ScopeData:
    """Reference frames: embeddings and independent descriptors (n_atoms, width), numbers (n_atoms,), groups."""

    embeddings: tuple[FloatArray, ...]
    environments: tuple[FloatArray, ...]
    numbers: tuple[IntArray, ...]
    groups: tuple[object, ...]

    def taking(self, frames: IntArray) -> "ScopeData":
        """The same for some of the frames."""
        chosen = frames.tolist()
        columns = (self.embeddings, self.environments, self.numbers, self.groups)
        return ScopeData(*(tuple(column[n] for n in chosen) for column in columns))

    def joined(self, other: "ScopeData") -> "ScopeData":
        """Both sets of frames."""
        return ScopeData(
            self.embeddings + other.embeddings,
            self.environments + other.environments,
            self.numbers + other.numbers,
            self.groups + other.groups,
        )


@dataclass(frozen=True, eq=False)
class ScopeMeasures:
    """The four measures against one reference."""

    embedding: EnvironmentIndex
    environment: EnvironmentIndex
    planes: Mapping[int, PrincipalComponents]

    @classmethod
    def fit(cls, data: ScopeData) -> "ScopeMeasures":
        """Index the reference; elements with fewer than 3 atoms have no plane and are out of scope."""
        X, Z = np.concatenate(data.embeddings), np.concatenate(data.numbers)
        counts = {int(z): int(n) for z, n in zip(*np.unique(Z, return_counts=True), strict=True)}
        return cls(
            EnvironmentIndex.fit(data.embeddings, data.numbers, scaling="whiten"),
            EnvironmentIndex.fit(data.environments, data.numbers),
            {
                z: PrincipalComponents.fit(X[np.equal(Z, z)], variance=VARIANCE_IN_PLANE)
                for z, n in counts.items()
                if n >= 3
            },
        )

    def of(
        self, embeddings: Sequence[FloatArray], environments: Sequence[FloatArray], numbers: Sequence[IntArray]
    ) -> list[FloatArray]:
        """Measures (n_atoms, 4) per frame: both distances, √Q, √T²; infinite for an element without reference.

        Not-a-number environments (of frames with elements that the descriptor lacks) are infinitely far.
        """
        by_embedding = self.embedding.nearest(embeddings, numbers)
        known = [np.nan_to_num(x) for x in environments]
        by_environment = self.environment.nearest(known, numbers)
        measured = []
        for n, (x, z) in enumerate(zip(embeddings, numbers, strict=True)):
            values = np.full((len(x), N_MEASURES), np.inf)
            values[:, 0] = by_embedding[n].distance
            values[:, 1] = np.where(np.isnan(environments[n]).any(axis=1), np.inf, by_environment[n].distance)
            for element in set(np.unique(z).tolist()) & set(self.planes):
                own, plane = np.equal(z, element), self.planes[element]
                scores, q = plane.scores_and_q(x[own])
                values[own, 2], values[own, 3] = np.sqrt(q), np.sqrt(_t2(plane, scores))
            measured.append(values)
        return measured

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        planes = {str(element): plane.state() for element, plane in self.planes.items()}
        return {"embedding": self.embedding.state(), "environment": self.environment.state(), "planes": planes}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "ScopeMeasures":
        """Rebuild what gave this state."""
        planes = {int(z): PrincipalComponents.from_state(plane) for z, plane in state["planes"].items()}
        embedding, environment = (EnvironmentIndex.from_state(state[name]) for name in ("embedding", "environment"))
        return cls(embedding, environment, planes)


def _t2(plane: PrincipalComponents, scores: FloatArray) -> FloatArray:
    """T², zero where the reference has no variance at all: Q and the distance then say what there is to say."""
    return plane.t2_of_scores(scores) if plane.eigenvalues[0] > 0 else np.zeros(len(scores))


@dataclass(frozen=True, eq=False)
class ScopeGate:
    """Measures with their limits.

    units: element → (4,) 90 % quantiles of held-out atoms; tails (4,): Pareto exponents ξ of the ratio beyond them;
    factor: last common factor on all limits; n_held_out, n_beyond: held-out frames, and those beyond the limits;
    weights (4,): of the ratios, 1/FAR for measures that do not tell of errors; growth (4,): exponents of the limits in
    the number of atoms, from the usual one on.
    """

    measures: ScopeMeasures
    units: Mapping[int, FloatArray]
    tails: FloatArray
    factor: float
    false_alarm_rate: float
    n_held_out: int
    n_beyond: int
    weights: FloatArray
    growth: FloatArray
    usual_size: float

    @classmethod
    def fit(
        cls, data: ScopeData, *, false_alarm_rate: float, seed: int, largest_errors: FloatArray | None = None
    ) -> "ScopeGate":
        """Fit measures on all reference frames and limits on held-out groups of them.

        largest_errors : (n_known,), eV/Å, of the first frames of `data`; None where none is known.

        Raises
        ------
        BadInput
            Too few frames for the false-alarm rate: a rate α needs at least 1/α − 1 frames.
        """
        held = _held_out(data, seed)
        numbers, values = np.concatenate(data.numbers), np.concatenate(held)
        found = np.isfinite(values).all(axis=1)  # not of an element that only the withheld frames have
        numbers, values = numbers[found], values[found]
        units = _units(numbers, values)
        own_units = _unit_rows(units, numbers)
        tails = np.array([_tail(values[:, m] / own_units[:, m]) for m in range(N_MEASURES)])
        sizes = np.array([len(z) for z in data.numbers])
        growth = _growth([v / _unit_rows(units, z) for v, z in zip(held, data.numbers, strict=True)], sizes, tails)
        even = cls(
            measures=ScopeMeasures.fit(data),
            units=units,
            tails=tails,
            factor=1.0,
            false_alarm_rate=false_alarm_rate,
            n_held_out=len(held),
            n_beyond=0,
            weights=np.ones(N_MEASURES),
            growth=growth,
            usual_size=float(np.median(sizes)),
        )
        ratios = np.array([even._to_limits(v, z).max(axis=0) for v, z in zip(held, data.numbers, strict=True)])
        weights = np.ones(N_MEASURES) if largest_errors is None else _weights(ratios, largest_errors)
        largest = (weights * ratios).max(axis=1)
        finite = largest[np.isfinite(largest)]
        factor = conformal_quantile(finite, 1 - false_alarm_rate)
        if factor is None:
            needed = int(np.ceil(1 / false_alarm_rate)) - 1
            problem = f"{len(finite)} frames cannot show a false-alarm rate of {false_alarm_rate:g} per structure."
            raise BadInput("out-of-scope gate", None, problem, f"Give at least {needed} frames, or a larger rate.")
        n_beyond = int(np.sum(largest > factor))
        return replace(even, factor=max(factor, 1e-12), n_beyond=n_beyond, weights=weights)

    def ratios(
        self, embeddings: Sequence[FloatArray], environments: Sequence[FloatArray], numbers: Sequence[IntArray]
    ) -> list[FloatArray]:
        """Measures over their limits (n_atoms, 4) per frame: a structure with any above 1 is out of scope."""
        measured = self.measures.of(embeddings, environments, numbers)
        return [self._to_limits(values, z) / self.factor for values, z in zip(measured, numbers, strict=True)]

    def q_limits(self) -> dict[int, tuple[float, float]]:
        """Limit of an atom's Q per element in a structure of the usual size: as found on held-out frames, and on paper.

        The latter, of Jackson and Mudholkar, for the same rate per atom; without elements that fill their plane.
        """
        per_atom = 1 - (1 - self.false_alarm_rate) ** (1 / self.usual_size)
        found = {}
        for element, unit in self.units.items():
            paper = self.measures.planes[element].jackson_mudholkar_limit(per_atom)
            if paper is not None and np.isfinite(paper) and paper > 0:
                root = unit[Q] * ((1 - UNIT_QUANTILE) / per_atom) ** self.tails[Q] * self.factor / self.weights[Q]
                found[element] = (float(root) ** 2, paper)
        return found

    def _to_limits(self, values: FloatArray, numbers: IntArray) -> FloatArray:
        """Measures (n_atoms, 4) of one structure over limits that grow with its number of atoms."""
        per_atom = 1 - (1 - self.false_alarm_rate) ** (1 / self.usual_size)
        usual = ((1 - UNIT_QUANTILE) / per_atom) ** self.tails
        limits = _unit_rows(self.units, numbers) * usual * (len(numbers) / self.usual_size) ** self.growth
        return self.weights * values / limits

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        names = ("tails", "factor", "false_alarm_rate", "n_held_out", "n_beyond", "weights", "growth", "usual_size")
        units = {str(element): unit for element, unit in self.units.items()}
        return {"measures": self.measures.state(), "units": units, **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "ScopeGate":
        """Rebuild what gave this state."""
        rest = dict(state)
        measures = ScopeMeasures.from_state(rest.pop("measures"))
        units = {int(element): unit for element, unit in rest.pop("units").items()}
        return cls(measures=measures, units=units, **rest)


def _growth(ratios: Sequence[FloatArray], sizes: IntArray, tails: FloatArray) -> FloatArray:
    """Exponents (4,) in the number of atoms of the largest ratio of a structure, given (n_atoms, 4) each.

    Those of independent atoms, the tails, where sizes are too much alike to see another.
    """
    largest = np.array([own.max(axis=0) for own in ratios])
    seen = np.isfinite(largest).all(axis=1) & (largest < UNKNOWN_RATIO).all(axis=1) & (largest > 0).all(axis=1)
    log_size = np.log(sizes[seen])
    if seen.sum() < 3 or np.std(log_size) < LEAST_SPREAD_OF_LOG_SIZE:
        return tails
    slopes = np.polyfit(log_size, np.log(largest[seen]), 1)[0]
    return np.clip(slopes, 0.0, tails)


def _weights(ratios: FloatArray, largest_errors: FloatArray) -> FloatArray:
    """Weights (4,) of measures by how their ratios (n_frames, 4) rank the frames with errors above the median."""
    known = np.nan_to_num(ratios[: len(largest_errors)], posinf=1e30)
    above = largest_errors > np.median(largest_errors)
    ranked = [auroc(above, known[:, m]) for m in range(N_MEASURES)]
    return np.array([1.0 if own is None or own >= 0.5 else 1 / FAR for own in ranked])


def _held_out(data: ScopeData, seed: int) -> list[FloatArray]:
    """Measures (n_atoms, 4) of every frame against the frames outside its fold of compositions."""
    fold = withheld_folds(data.numbers, data.groups, N_FOLDS, seed)
    values: list[FloatArray] = [np.zeros((0, N_MEASURES))] * len(data.numbers)
    for out in np.unique(fold):
        held = np.flatnonzero(fold == out)
        part = data.taking(held)
        measures = ScopeMeasures.fit(data.taking(np.flatnonzero(fold != out)))
        found = measures.of(part.embeddings, part.environments, part.numbers)
        for n, own in zip(held.tolist(), found, strict=True):
            values[n] = own
    return values


def _units(numbers: IntArray, values: FloatArray) -> dict[int, FloatArray]:
    """Unit of every measure (4,) for the elements with atoms enough to have one."""
    columns = [pooled_quantiles(values[:, m], numbers, UNIT_QUANTILE) for m in range(N_MEASURES)]
    units = {}
    for element in columns[0]:
        found = [column[element] for column in columns]
        if None not in found:
            # Where all reference atoms are alike a measure is zero throughout; any departure is then beyond its limit.
            units[element] = np.maximum(np.array(found, float), 1e-9)
    return units


def _unit_rows(units: Mapping[int, FloatArray], numbers: IntArray) -> FloatArray:
    """Units (n_atoms, 4); zero, so that every ratio is infinite, for elements without."""
    nothing = np.full(N_MEASURES, 1e-300)
    elements, which = np.unique(numbers, return_inverse=True)
    return np.array([units.get(element, nothing) for element in elements.tolist()])[which]


def _tail(ratios: FloatArray) -> float:
    """Hill's estimate of the Pareto exponent ξ from the ratios above 1, the upper tenth."""
    beyond = ratios[(ratios > 1) & np.isfinite(ratios) & (ratios < 1e6)]
    if len(beyond) < 3:
        return TAIL_INDEX_RANGE[0]
    return float(np.clip(np.mean(np.log(beyond)), *TAIL_INDEX_RANGE))
