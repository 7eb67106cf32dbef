"""Records of the room `reliability`."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from sonde.records.arrays import FloatArray

State = Literal["reliable", "unreliable", "out_of_scope"]


@dataclass(frozen=True)
class Reliability:
    """Whether one structure's predicted forces can be trusted.

    p_within is the calibrated probability that the largest per-atom force error is at most tolerance_eV_per_A; it is
    shown beside the state also where the structure is out of scope, where the calibration does not carry.
    Arrays are per atom: atomic_p_within (n_atoms,), distance, q and t2 as ratios to the held-out limit (1 = limit).
    """

    state: State
    p_within: float
    tolerance_eV_per_A: float
    out_of_scope_score: float
    """Largest ratio of a scope measure to its limit over the atoms; above 1 is out of scope."""
    false_alarm_rate: float
    worst_atoms: tuple[int, ...]
    atomic_p_within: FloatArray = field(metadata={"json": False})
    distance_ratio: FloatArray = field(metadata={"json": False})
    q_ratio: FloatArray = field(metadata={"json": False})
    t2_ratio: FloatArray = field(metadata={"json": False})


@dataclass(frozen=True)
class TrustSummary:
    """How a fitted probe did on frames it was neither trained nor calibrated on."""

    SCHEMA: ClassVar[str] = "sonde.trust-fit/1"
    potential: str
    n_train_frames: int
    n_calibration_frames: int
    n_test_frames: int
    tolerance_eV_per_A: float
    prevalence_within: float | None
    auroc: float | None
    auroc_low: float | None
    auroc_high: float | None
    auroc_force_norm: float | None
    """The baseline: largest predicted force alone."""
    brier: float | None
    ece: float | None
    n_out_of_scope: int
    grouped_by: str
    notes: tuple[str, ...] = ()
