"""Records of the room `datasets`: surfaces, audits, lineage."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from sonde.records.arrays import FloatArray, IntArray

Op = Literal[">", ">=", "<", "<=", "in"]


@dataclass(frozen=True)
class Condition:
    """`feature op threshold`: a frame is dropped when it holds.

    threshold_low and threshold_high bound all thresholds that give the same drops on this data.
    For `in`, `values` lists the dropped values and the thresholds are None.
    """

    feature: str
    op: Op
    threshold: float | None
    threshold_low: float | None
    threshold_high: float | None
    unit: str | None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """A rule that explains drops. feature … unit are those of its first condition.

    `conditions` are joined by `joined_by`. recall is taken over the drops that the rule set as a whole has to explain
    (all drops, or the non-random part of them), precision over the frames for which the rule holds.
    n_matched counts the frames it holds for, n_matched_dropped those of them that were dropped.
    """

    rule: str
    feature: str
    op: Op
    threshold: float | None
    threshold_low: float | None
    threshold_high: float | None
    unit: str | None
    precision: float
    recall: float
    conditions: tuple[Condition, ...]
    joined_by: Literal["and", "or"] | None
    n_matched: int
    n_matched_dropped: int
    equivalent: tuple["Rule", ...] = ()


@dataclass(frozen=True)
class Collateral:
    """A region of the data that a rule hit harder than the rest: `tag=value` or `composition=…`."""

    region: str
    n: int
    n_dropped: int
    dropped_fraction: float
    elsewhere_fraction: float
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    """95 % interval of dropped_fraction / elsewhere_fraction."""
    stratified_by: str | None = None
    """The tag within whose values the rates below were compared; None where there is nothing to stratify by."""
    stratified_ratio: float | None = None
    """Ratio of drop rates at equal tag (Mantel-Haenszel): near 1 where the tag alone explains the region's drops."""
    stratified_low: float | None = None
    stratified_high: float | None = None


@dataclass(frozen=True)
class Lineage:
    """How a child dataset came from its parent."""

    SCHEMA: ClassVar[str] = "sonde.lineage/1"
    parent: str
    child: str
    n_parent: int
    n_child: int
    n_kept: int
    n_dropped: int
    n_added: int
    n_relabelled: int
    random_split: bool
    """True where drops that no rule explains look like a random loss."""
    random_fraction: float | None
    """Fraction lost at random among the frames that no rule drops."""
    random_fraction_low: float | None
    random_fraction_high: float | None
    n_dropped_by_rule: int
    n_dropped_at_random: int
    n_unexplained: int
    """Drops that neither a rule nor random loss accounts for."""
    rules: tuple[Rule, ...]
    collateral: tuple[Collateral, ...]
    notes: tuple[str, ...] = ()
    kept_parent: IntArray | None = field(default=None, metadata={"json": False})
    """Ordinals in the parent, one per kept frame."""
    kept_child: IntArray | None = field(default=None, metadata={"json": False})
    """Ordinals in the child, in step with kept_parent."""
    dropped: IntArray | None = field(default=None, metadata={"json": False})
    """Ordinals in the parent of the dropped frames, ascending."""
    dropped_by_rule: IntArray | None = field(default=None, metadata={"json": False})
    """Those of them for which rules[0] holds."""


@dataclass(frozen=True)
class Surface:
    """Level of theory as far as frames state it; a field that is absent is unknown and equals nothing."""

    fields: Mapping[str, str]
    n_frames: int
    elements: tuple[str, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contradiction:
    """One geometry with labels that differ beyond 1e-5 eV/atom or 1e-4 eV/Å."""

    ordinals: tuple[int, ...]
    energy_spread_meV_per_atom: float | None
    force_spread_eV_per_A: float | None
    formula: str


@dataclass(frozen=True)
class Offset:
    """Energy difference between two groups over the geometries they share, group_a minus group_b."""

    group_a: str
    group_b: str
    n_shared: int
    mean_meV_per_atom: float
    sd_meV_per_atom: float


@dataclass(frozen=True)
class PairedLabels:
    """Labels of two groups (codes, functionals, settings, datasets) on the geometries they share, a minus b."""

    group_a: str
    group_b: str
    n_shared: int
    energy_mean_meV_per_atom: float | None
    energy_sd_meV_per_atom: float | None
    force_rms_difference_eV_per_A: float | None
    """Over components, as the next two."""
    force_max_difference_eV_per_A: float | None
    force_rms_eV_per_A: float | None
    """Of the forces themselves."""
    force_correlation: float | None
    """Uncentred; below zero where one side holds gradients."""
    stress_rms_difference_GPa: float | None


@dataclass(frozen=True)
class NoiseFloor:
    """Standard deviation of labels as far as the set itself tells; None where nothing does.

    `repeated`: one geometry labelled more than once. `near`: energies of near copies against the work of their forces.
    `force_net`: from forces that do not add up to zero, a lower bound.
    """

    n_repeated: int
    energy_repeated_meV_per_atom: float | None
    force_repeated_eV_per_A: float | None
    n_near: int
    energy_near_meV_per_atom: float | None
    force_energy_slope: float | None
    """Change of energy per work of the forces over near copies: 1 where their signs and units agree."""
    force_net_eV_per_A: float | None


@dataclass(frozen=True)
class SelectiveU:
    """A metal with Hubbard U in some frames and without in others, and what switches it on.

    `n_exceptions` : frames that the triggers do not explain. `n_atoms_beyond` : atoms with U that have no trigger
    within the receptive field; `n_identical_environments` : those of them with the surroundings of an atom without U.
    Distances are of atoms with U to the nearest trigger within the field. "consistent with": nothing is stated, and the
    frames with U are those in which it would be customary.
    """

    metal: str
    u: tuple[str, ...]
    triggers: tuple[str, ...]
    status: Literal["found", "consistent with"]
    n_frames_with_u: int
    n_frames_without_u: int
    n_exceptions: int
    receptive_field_A: float
    n_atoms_looked_at: int
    n_atoms_beyond: int
    median_nearest_A: float | None
    largest_nearest_A: float | None
    n_identical_environments: int
    examples: tuple[int, ...]


@dataclass(frozen=True)
class Alarm:
    """A defect, with what to do about it."""

    kind: str
    severity: Literal["high", "medium", "low"]
    n: int
    ordinals: tuple[int, ...]
    message: str
    what_to_do: str


@dataclass(frozen=True)
class Contact:
    """The closest distance of a pair of elements, and a frame that holds it."""

    pair: str
    distance_A: float
    frame: int


@dataclass(frozen=True)
class Audit:
    """What a dataset holds and what contradicts what in it."""

    SCHEMA: ClassVar[str] = "sonde.audit/1"
    dataset: str
    n_frames: int
    n_atoms: int
    elements: Mapping[str, int]
    """Atoms per element."""
    formulas: Mapping[str, int]
    config_types: Mapping[str, int]
    labels: Mapping[str, int]
    """Frames that carry energy, forces, stress."""
    surfaces: tuple[Surface, ...]
    contradictions: Mapping[str, object]
    """{"n_groups": int, "examples": [Contradiction, …]}"""
    offsets: tuple[Offset, ...]
    duplicates: int
    alarms: tuple[Alarm, ...]
    zero_filled: int = 0
    """Labels (energy, forces, stress, each counted) that are exactly zero where nothing asks for it."""
    outliers: int = 0
    """Frames whose energy lies far from what their composition suggests."""
    leakage: int | None = None
    """Held-out frames that stand in another split, or frames that stand in the other dataset, too; None: neither splits
    nor another dataset were there to look at."""
    near_duplicates: int = 0
    """Frames within 0.05 Å (root mean square) of an earlier one in the same cell."""
    selective_u: tuple[SelectiveU, ...] = ()
    paired: tuple[PairedLabels, ...] = ()
    noise: NoiseFloor | None = None
    closest_contacts: tuple[Contact, ...] = ()
    """Per pair of elements, in up to 2,000 frames."""
    notes: tuple[str, ...] = ()
    """What was not looked at, and why."""


SURFACE_ALARMS = frozenset(
    [
        "mixed_surfaces",
        "same_labels_on_two_surfaces",
        "contradictory_labels",
        "selective_u",
        "reference_shift",
        "energy_per_atom",
        "energy_unit",
        "force_unit",
        "force_sign",
        "stress_unit",
        "stress_sign",
        "stress_order",
        "force_energy_mismatch",
    ]
)
"""Kinds of alarm that mean mixed surfaces, units or references: no larger model mends these."""


def surface_alarms_of(audit: Audit) -> tuple[Alarm, ...]:
    """Return the alarms that mean labels of more than one surface, unit or reference in one set."""
    return tuple(alarm for alarm in audit.alarms if alarm.kind in SURFACE_ALARMS)


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Numbers per frame that rules can be made of: columns of shape (n_frames,), NaN where unknown."""

    numeric: Mapping[str, FloatArray]
    units: Mapping[str, str | None]
    categorical: Mapping[str, tuple[str | None, ...]]
    n_frames: int
    reference_energies_eV: Mapping[int, float] = field(default_factory=dict)
    """Energy per atomic number that energy_per_atom_referenced was taken against."""
    notes: tuple[str, ...] = ()
