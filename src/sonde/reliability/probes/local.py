"""LocalProbe: the probability that a potential's force error stays within a tolerance, per atom and per structure.

Per atom a distribution of the force error given embedding, predicted force and element (`log_error`), calibrated on
groups of frames that the model was not trained on (`calibration`); per structure the calibrated largest error; beside
both the out-of-scope gate. Cost per atom is constant: no attention, no neighbours beyond the independent descriptor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from sonde.errors import BadInput, WrongUse
from sonde.local_environments.descriptors import DensityDescriptor
from sonde.local_environments.grouping import group_folds, group_numbers
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, PotentialIdentity
from sonde.records.reliability import Reliability, State
from sonde.reliability.calibration import SmoothedDistribution
from sonde.reliability.gate import ScopeData, ScopeGate
from sonde.reliability.probe_file import from_bytes, to_bytes
from sonde.reliability.probes.caution import Caution, tolerances_for
from sonde.reliability.probes.data import ProbeData, force_norms, require_finite
from sonde.reliability.probes.log_error import LogErrorModel, LogScale, error_floor, inputs
from sonde.reliability.probes.structures import LargestErrors, Located
from sonde.reliability.withheld import withheld_folds

LEAST_FRAMES = 20
LEAST_GROUPS = 5
N_FOLDS = 3
RELIABLE_FROM = 0.5
"""A structure is never reliable where being within tolerance is less likely than not; see `caution` for more."""
MOST_WORST_ATOMS = 5


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
        _require_enough(data)
        floor = error_floor(data)
        model = LogErrorModel.fit(data, error_floor=floor, seed=seed)
        located = _out_of_fold_locations(data, floor, group_folds(data.groups, N_FOLDS, seed), seed)
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
        located = _out_of_fold_locations(data, self.model.error_floor, fold, seed)
        known = _with_known_elements(data, fold)
        largest, tolerances = data.largest_errors[known], tolerances_for(data.largest_errors)
        logs = np.log(tolerances + self.model.error_floor).tolist()
        p = [[self.largest.p_within(located[n], spreads[n], t) for n in known.tolist()] for t in logs]
        return Caution.fit(np.array(p), largest, tolerances, RELIABLE_FROM)

    def reliable_from(self, tolerance: float) -> float:
        """The probability from which a structure in scope counts as reliable at a tolerance, eV/Å."""
        return self.caution.at(tolerance, RELIABLE_FROM)

    def p_within(
        self, embeddings: FloatArray, numbers: IntArray, norms: FloatArray, tolerance: float
    ) -> tuple[float, FloatArray]:
        """Probability that the largest error, and (n_atoms,) that each atom's, is at most tolerance, eV/Å."""
        return self.p_within_each(embeddings, numbers, norms, [tolerance])[0]

    def p_within_each(
        self, embeddings: FloatArray, numbers: IntArray, norms: FloatArray, tolerances: Sequence[float]
    ) -> list[tuple[float, FloatArray]]:
        """The same for several tolerances."""
        for tolerance in tolerances:
            if not (np.isfinite(tolerance) and tolerance > 0):
                raise WrongUse(f"A tolerance on the force error must be above zero, in eV/Å; {tolerance} was given.")
        X = self.model.features.of(embeddings, numbers, norms)
        location, spread = self.model.location(X), self.scale.at(self.model.features.for_scale(X))
        logs = [float(np.log(tolerance + self.model.error_floor)) for tolerance in tolerances]
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


def _out_of_fold_locations(data: ProbeData, floor: float, fold: IntArray, seed: int) -> list[FloatArray]:
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


def _require_enough(data: ProbeData) -> None:
    n_groups = len(np.unique(group_numbers(data.groups)))
    if data.n_frames < LEAST_FRAMES or n_groups < LEAST_GROUPS:
        problem = f"{data.n_frames} frames with forces in {n_groups} groups are too few."
        mend = f"Give at least {LEAST_FRAMES} frames with forces in {LEAST_GROUPS} groups, unseen by the potential."
        raise BadInput("probe", None, problem, mend)


@dataclass(frozen=True, eq=False)
class LocalProbe:
    """An error probe with its out-of-scope gate, bound to one potential."""

    identity: PotentialIdentity
    errors: CalibratedErrors
    gate: ScopeGate
    descriptor: DensityDescriptor

    @classmethod
    def fit(
        cls,
        data: ProbeData,
        *,
        seed: int,
        scope: ScopeData,
        descriptor: DensityDescriptor,
        false_alarm_rate: float = 0.05,
    ) -> "LocalProbe":
        """Fit errors on data and the gate on scope: the frames of data, then any others, with their environments."""
        errors, known = CalibratedErrors.fit(data, seed=seed), data.largest_errors
        gate = ScopeGate.fit(scope, false_alarm_rate=false_alarm_rate, seed=seed, largest_errors=known)
        return cls(data.identity, errors, gate, descriptor)

    def score_frames(
        self,
        identity: PotentialIdentity,
        frames: Sequence[Frame],
        evaluations: Sequence[FrameEvaluation],
        tolerance: float,
    ) -> list[Reliability]:
        """Score frames evaluated by the potential of this identity; see `score`."""
        environments = environments_of(self.descriptor, frames)
        triples = zip(frames, evaluations, environments, strict=True)
        return [
            self.score(e, f.numbers, tolerance, identity=identity, environments=environment)
            for f, e, environment in triples
        ]

    def score(
        self,
        evaluation: FrameEvaluation,
        numbers: IntArray,
        tolerance: float,
        *,
        identity: PotentialIdentity,
        environments: FloatArray,
    ) -> Reliability:
        """Say whether one evaluated structure's forces can be trusted to tolerance, eV/Å.

        environments: (n_atoms, width) of `descriptor`; see `environments_of`.

        Raises
        ------
        WrongUse
            The tolerance is not above zero, or the evaluation is by another potential than the probe was fitted on.
        BadInput
            No atoms, or embeddings, forces or an energy that are not finite.
        """
        require_same_potential(self.identity, identity)
        require_finite(evaluation, "structure")
        embeddings, numbers = np.asarray(evaluation.embeddings, float), np.asarray(numbers, np.int64)
        p, atomic = self.errors.p_within(embeddings, numbers, force_norms(evaluation), tolerance)
        ratios = self.gate.ratios([embeddings], [environments], [numbers])[0]
        score = float(ratios.max())
        return Reliability(
            state=_state(p, score, self.errors.reliable_from(tolerance)),
            p_within=p,
            tolerance_eV_per_A=float(tolerance),
            out_of_scope_score=score,
            false_alarm_rate=self.gate.false_alarm_rate,
            worst_atoms=_worst_atoms(atomic, ratios.max(axis=1)),
            atomic_p_within=atomic,
            distance_ratio=ratios[:, :2].max(axis=1),
            q_ratio=ratios[:, 2],
            t2_ratio=ratios[:, 3],
            unknown_elements=unknown_elements(self.gate, numbers),
        )

    def to_bytes(self) -> bytes:
        """Write the probe: arrays and JSON, no pickle."""
        descriptor, identity = asdict(self.descriptor), asdict(self.identity)
        parts = {"errors": self.errors.state(), "gate": self.gate.state()}
        return to_bytes({"probe": "local", "identity": identity, "descriptor": descriptor, **parts})

    @classmethod
    def from_bytes(cls, payload: bytes) -> "LocalProbe":
        """Read what `to_bytes` wrote."""
        state = from_bytes(payload)
        if state.get("probe") != "local":
            raise BadInput("probe", None, f"it is of kind {state.get('probe')!r}, not 'local'.", "Fit it again.")
        identity, descriptor = dict(state["identity"]), dict(state["descriptor"])
        for fields in (identity, descriptor):
            fields["elements"] = tuple(fields["elements"])
        return cls(
            PotentialIdentity(**identity),
            CalibratedErrors.from_state(state["errors"]),
            ScopeGate.from_state(state["gate"]),
            DensityDescriptor(**descriptor),
        )


def require_same_potential(fitted: PotentialIdentity, given: PotentialIdentity) -> None:
    """Refuse evaluations by another potential than the probe's: its errors are other errors.

    Raises
    ------
    WrongUse
        Names the fields that differ.
    """
    if fitted == given:
        return
    mine, other = asdict(fitted), asdict(given)
    differing = [f"{name} {mine[name]!r} ≠ {other[name]!r}" for name in mine if mine[name] != other[name]]
    if differing:
        raise WrongUse(
            f"This probe was fitted on another potential: {'; '.join(differing)}."
            " Fit a probe for the potential at hand (sonde trust fit)."
        )


def environments_of(descriptor: DensityDescriptor, frames: Sequence[Frame]) -> list[FloatArray]:
    """Descriptors (n_atoms, width) per frame; not-a-number throughout frames with elements that it lacks."""
    known = [n for n, frame in enumerate(frames) if set(np.unique(frame.numbers).tolist()) <= set(descriptor.elements)]
    found = dict(zip(known, descriptor.compute([frames[n] for n in known]), strict=True))
    nothing = [np.full((frame.n_atoms, descriptor.width), np.nan) for frame in frames]
    return [found.get(n, nothing[n]) for n in range(len(frames))]


def unknown_elements(gate: ScopeGate, numbers: IntArray) -> tuple[str, ...]:
    """Symbols of the elements that the gate has no reference for."""
    return tuple(chemical_symbols[z] for z in np.unique(numbers).tolist() if z not in gate.measures.planes)


def _state(p: float, score: float, reliable_from: float) -> State:
    if score > 1:
        return "out_of_scope"
    return "reliable" if p >= reliable_from else "unreliable"


def _worst_atoms(atomic: FloatArray, ratios: FloatArray) -> tuple[int, ...]:
    """Atoms out of scope first, the farthest first, then the least likely to be within tolerance."""
    order = np.lexsort((atomic, -np.where(ratios > 1, ratios, 0.0)))
    return tuple(int(atom) for atom in order[:MOST_WORST_ATOMS])
