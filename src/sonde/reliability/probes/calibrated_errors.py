"""From models of atoms' log errors to probabilities that hold on frames the models did not see.

Per atom a distribution of the error given embedding, predicted force and element (`log_error`), calibrated on groups of
frames that the model was not trained on (`calibration`); per structure the calibrated largest error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sonde.errors import BadInput
from sonde.local_environments.grouping import group_folds, group_numbers
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.reliability import Tolerance
from sonde.reliability.calibration import SmoothedDistribution
from sonde.reliability.probes.caution import Caution, tolerances_for
from sonde.reliability.probes.data import ProbeData
from sonde.reliability.probes.log_error import LogErrorModel, LogScale, error_floor, inputs
from sonde.reliability.probes.structures import LargestErrors, Located
from sonde.reliability.withheld import withheld_folds

LEAST_FRAMES = 20
LEAST_GROUPS = 5
N_FOLDS = 3
RELIABLE_FROM = 0.5
"""A structure is never reliable where being within tolerance is less likely than not; see `caution` for more."""


@dataclass(frozen=True, eq=False)
class CalibratedErrors:
    """A model of log errors with the distributions that make its probabilities honest, and when to rely on them."""

    model: LogErrorModel
    scale: LogScale
    atoms: SmoothedDistribution
    largest: LargestErrors
    caution: Caution

    @classmethod
    def fit(cls, data: ProbeData, *, seed: int) -> "CalibratedErrors":
        """Fit the model on all frames, scale and distributions on frames scored by models that never saw their group.

        Raises
        ------
        BadInput
            Too few labelled frames or groups.
        """
        if not enough(data):
            problem = f"{data.n_frames} frames with forces in {_n_groups(data)} groups are too few."
            mend = f"Give at least {LEAST_FRAMES} frames with forces in {LEAST_GROUPS} groups, unseen by the potential."
            raise BadInput("probe", None, problem, mend)
        floor = error_floor(data)
        model = LogErrorModel.fit(data, error_floor=floor, seed=seed)
        located = out_of_fold_locations(data, floor, group_folds(data.groups, N_FOLDS, seed), seed)
        X = [model.features.of(*inputs(data, n)) for n in range(data.n_frames)]
        log_errors = [np.log(errors + floor) for errors in data.errors]
        residuals = np.concatenate(log_errors) - np.concatenate(located)
        scale = LogScale.fit(np.concatenate([model.features.for_scale(own) for own in X]), residuals)
        spreads = [scale.at(model.features.for_scale(own)) for own in X]
        atoms = SmoothedDistribution.fit(residuals / np.concatenate(spreads))
        largest = LargestErrors.fit(Located(located, spreads, log_errors))
        bare = cls(model, scale, atoms, largest, Caution(np.zeros(0), np.zeros(0)))
        return replace(bare, caution=bare._caution(data, spreads, seed))

    def _caution(self, data: ProbeData, spreads: Sequence[FloatArray], seed: int) -> Caution:
        """Find how sure to be from structures whose composition the model that places them did not know."""
        fold = withheld_folds(data.numbers, data.groups, N_FOLDS, seed)
        located = out_of_fold_locations(data, self.model.error_floor, fold, seed)
        known = _with_known_elements(data, fold)
        largest, tolerances = data.largest_errors[known], tolerances_for(data.largest_errors)
        logs = np.log(tolerances + self.model.error_floor)
        p = [[self.largest.p_within(located[n], spreads[n], t) for n in known.tolist()] for t in logs]
        return Caution.fit(np.array(p), largest, tolerances, RELIABLE_FROM)

    def reliable_from(self, tolerance: float, largest: float | None = None) -> float:
        """The probability from which a structure in scope counts as reliable at a tolerance, eV/Å.

        largest : where tolerances differ between its atoms, from the first to this one.
        """
        return max(self.caution.at(end, RELIABLE_FROM) for end in (tolerance, largest or tolerance))

    def p_within(
        self, embeddings: FloatArray, numbers: IntArray, norms: FloatArray, tolerance: float | Tolerance
    ) -> tuple[float, FloatArray]:
        """Probability that all atoms' errors, and (n_atoms,) that each one's, are at most the tolerance.

        Raises
        ------
        WrongUse : a tolerance that is not above zero.
        """
        return self.p_within_each(embeddings, numbers, norms, [tolerance])[0]

    def p_within_each(
        self, embeddings: FloatArray, numbers: IntArray, norms: FloatArray, tolerances: Sequence[float | Tolerance]
    ) -> list[tuple[float, FloatArray]]:
        """The same for several tolerances."""
        asked = [Tolerance.of(tolerance).of_atoms(norms) for tolerance in tolerances]
        X = self.model.features.of(embeddings, numbers, norms)
        location, spread = self.model.location(X), self.scale.at(self.model.features.for_scale(X))
        logs = [np.log(own + self.model.error_floor) for own in asked]
        return [(self.largest.p_within(location, spread, t), self.atoms.cdf((t - location) / spread)) for t in logs]

    def worst_location(self, embeddings: FloatArray, numbers: IntArray, norms: FloatArray) -> float:
        """Log error at which the worst atom is placed: ranks structures, also where probabilities are 0 or 1."""
        return float(self.model.location(self.model.features.of(embeddings, numbers, norms)).max())

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        return {name: getattr(self, name).state() for name in ("model", "scale", "atoms", "largest", "caution")}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "CalibratedErrors":
        """Rebuild what gave this state."""
        model, scale = LogErrorModel.from_state(state["model"]), LogScale.from_state(state["scale"])
        atoms = SmoothedDistribution.from_state(state["atoms"])
        largest, caution = LargestErrors.from_state(state["largest"]), Caution.from_state(state["caution"])
        return cls(model, scale, atoms, largest, caution)


def _with_known_elements(data: ProbeData, fold: IntArray) -> IntArray:
    """Frames all of whose elements occur outside their fold, too: others are out of scope whatever a model says."""
    Z = np.concatenate(data.numbers)
    of_atom = np.repeat(fold, [len(z) for z in data.numbers])
    elsewhere = {out: np.unique(Z[of_atom != out]) for out in np.unique(fold).tolist()}
    known = zip(data.numbers, fold.tolist(), strict=True)
    return np.flatnonzero([np.isin(z, elsewhere[out]).all() for z, out in known])


def out_of_fold_locations(data: ProbeData, floor: float, fold: IntArray, seed: int) -> list[FloatArray]:
    """Location of every frame's atoms (n_atoms,) by a model that saw no frame of its fold (n_frames,)."""
    located: list[FloatArray] = [np.zeros(0)] * data.n_frames
    for out in np.unique(fold):
        model = LogErrorModel.fit(data.taking(np.flatnonzero(fold != out)), error_floor=floor, seed=seed)
        held = np.flatnonzero(fold == out).tolist()
        X = [model.features.of(*inputs(data, n)) for n in held]
        ends = np.cumsum([len(own) for own in X])[:-1]
        for n, own in zip(held, np.split(model.location(np.concatenate(X)), ends), strict=True):
            located[n] = own
    return located


def enough(data: ProbeData) -> bool:
    """Whether there are frames and groups enough to fit and calibrate on."""
    return data.n_frames >= LEAST_FRAMES and _n_groups(data) >= LEAST_GROUPS


def _n_groups(data: ProbeData) -> int:
    return len(np.unique(group_numbers(data.groups)))
