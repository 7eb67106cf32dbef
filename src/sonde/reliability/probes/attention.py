"""AttentionProbe: PROBE as published (arXiv 2605.00640), without the defects of its code; beside it our own gate.

A structure's atoms attend to each other; a classifier says whether its error is within one tolerance, fixed when the
probe is fitted. It costs the square of the number of atoms, and its importance of atoms is where attention goes, which
is no probability of an error: the `local` probe is the default, this one is what it is compared with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from sonde.errors import BadInput, WrongUse
from sonde.local_environments.descriptors import DensityDescriptor
from sonde.local_environments.grouping import group_numbers
from sonde.optional_imports import require
from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, PotentialIdentity
from sonde.records.reliability import Reliability, State, Target, Tolerance
from sonde.reliability.gate import ScopeData, ScopeGate
from sonde.reliability.probe_file import from_bytes, to_bytes
from sonde.reliability.probes.attention_data import UNITS, StructureData
from sonde.reliability.probes.attention_network import batch_of, outcome
from sonde.reliability.probes.attention_training import Calibration, InputScale, Trained, TrainingSettings, train
from sonde.reliability.probes.calibrated_errors import RELIABLE_FROM
from sonde.reliability.probes.data import require_finite
from sonde.reliability.probes.local import (
    MOST_WORST_ATOMS,
    environments_of,
    require_same_potential,
    unknown_elements,
)

LEAST_FRAMES = 32
LEAST_GROUPS = 8
MOST_ATOMS = 20_000
"""Attention over more takes minutes per structure, with the square of their number."""


@dataclass(frozen=True)
class AttentionSettings:
    """What the probe predicts, and how it is trained.

    target: the largest force error (eV/Å), the energy error per atom (eV/atom) or the total one (eV, as published).
    tolerance: in the target's unit; where None, the `quantile` of the training errors (as published, their median).
    """

    target: Target = "energy_per_atom"
    tolerance: float | None = None
    quantile: float = 0.5
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        if self.target not in UNITS:
            raise WrongUse(f"A target is one of {', '.join(UNITS)}; found {self.target!r}.")
        if self.tolerance is not None and not (np.isfinite(self.tolerance) and self.tolerance > 0):
            raise WrongUse(f"A tolerance must be above zero, in {UNITS[self.target]}; {self.tolerance} was given.")
        if not 0 < self.quantile < 1:
            raise WrongUse(f"A quantile lies between 0 and 1; {self.quantile} was given.")

    def boundary(self, errors: FloatArray) -> float:
        """The tolerance, given or by the quantile of errors (n,)."""
        return float(np.quantile(errors, self.quantile)) if self.tolerance is None else float(self.tolerance)


@dataclass(frozen=True, eq=False)
class Judged:
    """What the network says of a structure: P(error ≤ tolerance); importance (n_atoms,) of its atoms, summing to 1."""

    p_within: float
    importance: FloatArray


@dataclass(frozen=True, eq=False)
class AttentionModel:
    """The trained network with its target and tolerance."""

    target: Target
    tolerance: float
    trained: Trained

    @classmethod
    def fit(cls, data: StructureData, *, settings: AttentionSettings, seed: int) -> "AttentionModel":
        """Train on labelled structures; the same data and seed give the same model.

        Raises
        ------
        BadInput : too few structures or groups, or all of them on one side of the tolerance.
        """
        _require_enough(data)
        tolerance = settings.boundary(data.errors)
        within = data.errors <= tolerance
        _require_both(within, tolerance, UNITS[settings.target])
        return cls(settings.target, tolerance, train(data, within, settings=settings.training, seed=seed))

    def judge(self, embeddings: FloatArray, numbers: IntArray, energy_eV: float) -> Judged:
        """One pass over one structure gives both probability and importance.

        Raises
        ------
        WrongUse : more atoms than attention is made for.
        """
        if len(numbers) > MOST_ATOMS:
            raise WrongUse(
                f"{len(numbers)} atoms: attention grows with the square of their number and is limited to {MOST_ATOMS}."
                " Use the local probe (sonde trust fit without --probe attention)."
            )
        torch = require("torch")
        inputs = self.trained.scale.of([embeddings], [numbers], np.array([energy_eV]))
        with torch.no_grad():
            found = outcome(self.trained.parameters, batch_of(*inputs))
        log_odds = float(found.logits[0, 0] - found.logits[0, 1])
        return Judged(self.trained.calibration.p(log_odds), found.importance[0].double().numpy())

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        trained = self.trained
        return {
            "target": self.target,
            "tolerance": self.tolerance,
            "parameters": {name: tensor.numpy() for name, tensor in trained.parameters.items()},
            "scale": trained.scale.state(),
            "calibration": asdict(trained.calibration),
            "n_epochs": trained.n_epochs,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "AttentionModel":
        """Rebuild what gave this state."""
        torch = require("torch")
        parameters = {name: torch.as_tensor(array) for name, array in state["parameters"].items()}
        calibration = Calibration(**state["calibration"])
        trained = Trained(parameters, InputScale.from_state(state["scale"]), calibration, state["n_epochs"])
        return cls(state["target"], state["tolerance"], trained)


def _require_enough(data: StructureData) -> None:
    n_groups = len(np.unique(group_numbers(data.groups)))
    if data.n_frames < LEAST_FRAMES or n_groups < LEAST_GROUPS:
        problem = f"{data.n_frames} labelled frames in {n_groups} groups are too few."
        raise BadInput("probe", None, problem, f"Give at least {LEAST_FRAMES} of them in {LEAST_GROUPS} groups.")


def _require_both(within: BoolArray, tolerance: float, unit: str) -> None:
    if within.all() or not within.any():
        side = "within" if within.all() else "beyond"
        problem = f"all {len(within)} frames lie {side} {tolerance:g} {unit}: there is nothing to tell apart."
        raise BadInput("probe", None, problem, "Give another tolerance, or a quantile of the errors.")


@dataclass(frozen=True, eq=False)
class AttentionProbe:
    """The attention model with the out-of-scope gate, bound to one potential."""

    identity: PotentialIdentity
    model: AttentionModel
    gate: ScopeGate
    descriptor: DensityDescriptor

    @classmethod
    def fit(
        cls,
        data: StructureData,
        *,
        settings: AttentionSettings,
        seed: int,
        scope: ScopeData,
        descriptor: DensityDescriptor,
        false_alarm_rate: float = 0.05,
    ) -> "AttentionProbe":
        """Fit the model on data and the gate on scope (with environments by descriptor)."""
        model = AttentionModel.fit(data, settings=settings, seed=seed)
        gate = ScopeGate.fit(scope, false_alarm_rate=false_alarm_rate, seed=seed)
        return cls(data.identity, model, gate, descriptor)

    def score_frames(
        self,
        identity: PotentialIdentity,
        frames: Sequence[Frame],
        evaluations: Sequence[FrameEvaluation],
        tolerance: float | Tolerance,
    ) -> list[Reliability]:
        """Score frames evaluated by the potential of this identity; see `score`."""
        environments = environments_of(self.descriptor, frames)
        return [
            self.score(e, f.numbers, tolerance, identity=identity, environments=environment)
            for f, e, environment in zip(frames, evaluations, environments, strict=True)
        ]

    def score(
        self,
        evaluation: FrameEvaluation,
        numbers: IntArray,
        tolerance: float | Tolerance,
        *,
        identity: PotentialIdentity,
        environments: FloatArray,
    ) -> Reliability:
        """Say whether one evaluated structure's error is within the tolerance that the probe was fitted for.

        No probability is known per atom (not a number); the atoms' importance is. environments: (n_atoms, width) of
        `descriptor`; see `environments_of`.

        Raises
        ------
        WrongUse : another tolerance is asked for, or the evaluation is by another potential than the probe's.
        BadInput : embeddings or energy are not finite.
        """
        require_same_potential(self.identity, identity)
        self._require_own(tolerance)
        require_finite(evaluation, "structure")
        embeddings, numbers = np.asarray(evaluation.embeddings, float), np.asarray(numbers, np.int64)
        judged = self.model.judge(embeddings, numbers, evaluation.energy_eV)
        ratios = self.gate.ratios([embeddings], [environments], [numbers])[0]
        score = float(ratios.max())
        by_force = self.model.target == "force"
        return Reliability(
            state=_state(judged.p_within, score),
            p_within=judged.p_within,
            tolerance_eV_per_A=self.model.tolerance if by_force else None,
            tolerance_eV_per_atom=None if by_force else self._per_atom(len(numbers)),
            out_of_scope_score=score,
            false_alarm_rate=self.gate.false_alarm_rate,
            worst_atoms=_worst_atoms(judged.importance, ratios.max(axis=1)),
            atomic_p_within=np.full(len(numbers), np.nan),
            atomic_importance=judged.importance,
            distance_ratio=ratios[:, :2].max(axis=1),
            q_ratio=ratios[:, 2],
            t2_ratio=ratios[:, 3],
            unknown_elements=unknown_elements(self.gate, numbers),
        )

    def _require_own(self, asked: float | Tolerance) -> None:
        own, tolerance = self.model.tolerance, asked.force_eV_per_A if isinstance(asked, Tolerance) else asked
        if isinstance(asked, Tolerance) and (asked.relative or asked.energy_eV_per_atom is not None):
            raise WrongUse("An attention probe answers for one tolerance on one error: ask a local probe for others.")
        if not np.isclose(tolerance, own, rtol=1e-9, atol=0.0):
            raise WrongUse(
                f"This attention probe answers for {own:g} {UNITS[self.model.target]} only, not for {tolerance:g}."
                " Fit one for that tolerance, or a local probe, which answers for any."
            )

    def _per_atom(self, n_atoms: int) -> float:
        """A bound on the total energy is one on the energy per atom, for a given number of atoms."""
        return self.model.tolerance / (n_atoms if self.model.target == "total_energy" else 1)

    def to_bytes(self) -> bytes:
        """Write the probe: arrays and JSON, no pickle."""
        descriptor, identity = asdict(self.descriptor), asdict(self.identity)
        parts = {"model": self.model.state(), "gate": self.gate.state()}
        return to_bytes({"probe": "attention", "identity": identity, "descriptor": descriptor, **parts})

    @classmethod
    def from_bytes(cls, payload: bytes) -> "AttentionProbe":
        """Read what `to_bytes` wrote."""
        state = from_bytes(payload)
        if state.get("probe") != "attention":
            raise BadInput("probe", None, f"it is of kind {state.get('probe')!r}, not 'attention'.", "Fit it again.")
        identity, descriptor = dict(state["identity"]), dict(state["descriptor"])
        for fields in (identity, descriptor):
            fields["elements"] = tuple(fields["elements"])
        return cls(
            PotentialIdentity(**identity),
            AttentionModel.from_state(state["model"]),
            ScopeGate.from_state(state["gate"]),
            DensityDescriptor(**descriptor),
        )


def _state(p: float, score: float) -> State:
    if score > 1:
        return "out_of_scope"
    return "reliable" if p >= RELIABLE_FROM else "unreliable"


def _worst_atoms(importance: FloatArray, ratios: FloatArray) -> tuple[int, ...]:
    """Atoms out of scope first, the farthest first, then those that attention goes to."""
    order = np.lexsort((-importance, -np.where(ratios > 1, ratios, 0.0)))
    return tuple(int(atom) for atom in order[:MOST_WORST_ATOMS])
