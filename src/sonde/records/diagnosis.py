"""Records of the room `diagnosis`: evidence in, findings and actions out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.datasets import Collateral, Rule
from sonde.records.decisions import Change, Quote
from sonde.records.potentials import ForceResiduals
from sonde.records.reliability import State

FindingKind = Literal[
    "setup",
    "failure_not_shown",
    "contradictory_labels",
    "filtered",
    "never_computed",
    "lost_otherwise",
    "thin",
    "covered_not_learnt",
    "look_elsewhere",
]
Verdict = FindingKind | Literal["cannot_tell"]
Status = Literal["supported", "refuted", "untestable"]
Intent = Literal["on_purpose", "collateral", "reason_unknown", "intent_not_recorded"]


# ---- evidence: what operations gather; every field that could not be measured is None -------------------------------


@dataclass(frozen=True)
class Contact:
    """Closest distance of an element pair in the input structure, beside the raw pool's and the training dataset's."""

    pair: tuple[str, str]
    input_A: float
    training_minimum_A: float | None
    pool_minimum_A: float | None


@dataclass(frozen=True)
class SetupEvidence:
    """Does the checkpoint do what it did when it was registered, and is the input physical?"""

    residuals_registered: ForceResiduals | None = None
    residuals_now: ForceResiduals | None = None
    training_force_scale_eV_per_A: float | None = None
    """Root mean square force component of the training labels: a potential with residuals near it learnt nothing."""
    identity_differs: tuple[str, ...] = ()
    """Fields of the fingerprint that are not as registered: head, dtype, checkpoint_sha256, elements."""
    unknown_elements: tuple[str, ...] = ()
    """Elements of the input that the potential does not know."""
    contacts: tuple[Contact, ...] = ()
    first_frame_labelled: bool = False
    """Does the first input frame carry forces from a calculation?"""
    timestep_fs: float | None = None
    stable_at_timestep: bool | None = None
    stable_at_half: bool | None = None


@dataclass(frozen=True)
class FailureEvidence:
    """Is a failure shown at all?"""

    own_error_eV_per_A: float | None = None
    """Largest per-atom force error on the input's own labels."""
    n_labelled_inputs: int = 0
    anomaly: str | None = None
    """What went wrong in the trajectory, in words, with the frame."""


@dataclass(frozen=True)
class Coverage:
    """Share of the failing atoms whose nearest environment of the same element is farther than the limit.

    Limits are the 99 % quantile of the same distance for held-out frames of the reference set itself. None: the
    reference set is not at hand.
    """

    reference: Literal["training", "pool"]
    n_reference_frames: int
    novel_in_embedding: float | None
    novel_in_descriptor: float | None
    median_ratio_embedding: float | None
    median_ratio_descriptor: float | None
    """Median over the failing atoms of distance / limit."""


@dataclass(frozen=True)
class NeighbourErrors:
    """Force errors (largest per atom in a frame, eV/Å) of a group of labelled frames near the failing structure."""

    group: Literal["dropped_by_rule", "dropped_otherwise", "kept", "training_nearest"]
    n: int
    median_eV_per_A: float | None
    """Over frames, of the largest per-atom error."""
    fraction_above_tolerance: float | None
    atomwise_median_below_eV_per_A: float | None
    """Over atoms whose label |F| lies in the range that dropped and kept frames share."""
    n_atoms_below: int = 0
    ordinals: tuple[int, ...] = ()


@dataclass(frozen=True)
class FilterEvidence:
    """What lineage, repository and archive say of the drops near the failing structure."""

    rule: Rule
    n_dropped_near: int
    """Dropped frames of the raw pool near the failing structure …"""
    n_dropped_near_by_rule: int
    """… and those of them that the rule dropped."""
    n_kept_near: int
    n_survivors_beyond: int
    """Training frames for which the rule holds all the same."""
    inputs_beyond: float | None
    """Share of the input structures for which the rule would hold, where their labels say so."""
    change: Change | None = None
    change_note: str | None = None
    """Why no change was found, or how it matches the threshold, in words."""
    change_predates_training: bool | None = None
    reasons: tuple[Quote, ...] = ()
    scope_includes: bool | None = None
    """Does the quoted reason's scope name these frames (True), exclude them (False), or say nothing (None)?"""
    scope_words: str | None = None
    archive_searched: bool = False
    collateral: tuple[Collateral, ...] = ()


@dataclass(frozen=True)
class LabelEvidence:
    """Contradictory labels near the failing atoms."""

    n_pairs_near: int
    offset_meV_per_atom: float | None
    offset_low: float | None
    offset_high: float | None
    noise_meV_per_atom: float | None
    force_offset_eV_per_A: float | None
    groups: tuple[str, str] | None
    residual_by_group_meV_per_atom: tuple[float, float] | None


@dataclass(frozen=True)
class DensityEvidence:
    """Does the error rise as local training density falls, on held-out labelled frames?"""

    n_frames: int
    spearman: float | None
    low: float | None
    high: float | None
    input_density_percentile: float | None
    """Where the input's own density lies among the held-out frames (0 = thinnest)."""


@dataclass(frozen=True)
class LossEvidence:
    """Frames of the pool near the failing structure that were lost without a rule."""

    n_near_lost: int
    n_near_pool: int
    lost_fraction_near: float | None
    lost_fraction_elsewhere: float | None
    nearest_lost_fraction: float | None = None
    """Share of the failing atoms whose nearest environment in the raw pool was lost …"""
    median_distance_ratio: float | None = None
    """… and the median, over the failing atoms, of distance to the training dataset over distance to the raw pool."""
    how: str | None = None
    """Words: random split or subsample, unconverged, or unexplained."""


@dataclass(frozen=True)
class Evidence:
    """All that a diagnosis rests on; None means that it could not be gathered, and `missing` says why."""

    tolerance_eV_per_A: float
    setup: SetupEvidence
    failure: FailureEvidence
    training_coverage: Coverage | None = None
    pool_coverage: Coverage | None = None
    filter: FilterEvidence | None = None
    lineage_known: bool = False
    loss: LossEvidence | None = None
    errors: Mapping[str, NeighbourErrors] = field(default_factory=dict)
    """By group."""
    labels: LabelEvidence | None = None
    density: DensityEvidence | None = None
    never_computed_quotes: tuple[Quote, ...] = ()
    """Quotes whose scope names the failing region as left out on purpose."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """What is absent → what it would take: {"raw pool": "sonde add dataset … ", "archive": …, "labels": …}"""


# ---- what comes out --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EvidenceLine:
    """One sentence of a finding with the number, anchor or command that it rests on."""

    text: str
    rests_on: str | None = None


@dataclass(frozen=True)
class Finding:
    """A possible cause: supported, refuted or untestable, and on what grounds."""

    finding: FindingKind
    status: Status
    intent: Intent | None
    evidence: tuple[EvidenceLine, ...]
    why_untestable: str | None = None


@dataclass(frozen=True)
class Action:
    """What to do next, the cheapest first."""

    action: str
    why: str
    n_labels_needed: int | None
    command: str | None


@dataclass(frozen=True)
class StructureReport:
    """One input structure: can its prediction be trusted, and which atoms carry the trouble."""

    index: int
    formula: str
    reliability: float | None
    """Calibrated P(largest per-atom force error ≤ tolerance); None where no probe could be fitted."""
    state: State | None
    worst_atoms: tuple[int, ...]
    largest_predicted_force_eV_per_A: float | None
    """None where the potential does not know an element of the structure."""
    true_error_eV_per_A: float | None
    """Largest per-atom force error, where the input carries labels."""


@dataclass(frozen=True, eq=False)
class DiagnosisFigures:
    """Numbers behind the plots of a report (not part of the JSON).

    map_*: (n, 2) scores on the first two principal components of the independent descriptor, atoms of the failing
    elements only. rule_values_*: the rule's feature over kept and dropped frames. atoms_*: of the worst structure.
    """

    map_training: FloatArray
    map_dropped: FloatArray
    map_failing: FloatArray
    rule_values_kept: FloatArray
    rule_values_dropped: FloatArray
    rule_values_failing: FloatArray
    atoms_numbers: IntArray
    atoms_positions: FloatArray
    atoms_cell: FloatArray
    atoms_failing: BoolArray
    atoms_p_within: FloatArray
    atoms_true_error: FloatArray | None
    timeline: tuple["TimelineEvent", ...] = ()


@dataclass(frozen=True)
class TimelineEvent:
    """Something dated on the way to the failure: a change, a quote, the training."""

    time: datetime
    lane: Literal["change", "reason", "value", "rejected", "context", "training"]
    text: str
    anchor: str | None
    author: str | None


@dataclass(frozen=True)
class Confirmation:
    """Result of retraining with the dropped neighbours restored, against equally many dropped frames from elsewhere.

    Errors are the mean per-atom force error on the held-out failing structures, one per seed, eV/Å.
    """

    n_restored: int
    seeds: tuple[int, ...]
    as_trained_eV_per_A: tuple[float, ...]
    restored_neighbours_eV_per_A: tuple[float, ...]
    restored_elsewhere_eV_per_A: tuple[float, ...]
    n_test_frames: int
    n_near_duplicates_excluded: int
    caused_by: bool
    """True only if restoring the neighbours beats both others in every seed."""
    note: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """The answer of `sonde diagnose`."""

    SCHEMA: ClassVar[str] = "sonde.diagnose/1"
    potential: str
    tolerance: float
    tolerance_unit: str
    training_dataset: str | None
    raw_pool: str | None
    inputs: str
    structures: tuple[StructureReport, ...]
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]
    verdict: Verdict
    verdict_intent: Intent | None
    headline: str
    """The verdict in one sentence."""
    quotes: tuple[Quote, ...]
    changes: tuple[Change, ...]
    actions: tuple[Action, ...]
    contacts: tuple[Contact, ...]
    collateral: tuple[Collateral, ...]
    confirmation: Confirmation | None = None
    notes: tuple[str, ...] = ()
    figures: DiagnosisFigures | None = field(default=None, metadata={"json": False})
