"""Records of `sonde trust evaluate`: the probe and every baseline under one protocol."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Better:
    """AUROC of the local probe less another score's, with its 95 % interval over the same resampled groups."""

    by: float
    low: float
    high: float


@dataclass(frozen=True)
class ScoreRow:
    """One score of risk under one shift and tolerance. None where the test frames hold one kind of case only.

    Losses are the largest force errors of frames, eV/Å (AURC, excess AURC and AUGRC are in eV/Å). `within`: among
    frames of about the same largest predicted force that one fitted score judged; `pooled`: the same over the frames of
    all held-out parts, where risks by scores that were fitted on different frames are compared: a score that learns a
    level from them then loses even where it ranks each part rightly (Parker, Günter, Bedo, BMC Bioinformatics 8, 326
    (2007), doi 10.1186/1471-2105-8-326).
    """

    name: str
    auroc: float | None
    auroc_low: float | None
    auroc_high: float | None
    auroc_by_part: tuple[float | None, ...]
    """In each held-out part by itself."""
    probe_better: Better | None
    auroc_within_force_bins: float | None
    within_low: float | None
    within_high: float | None
    probe_better_within: Better | None
    auroc_within_pooled: float | None
    probe_better_pooled: Better | None
    auprc: float | None
    aurc: float
    excess_aurc: float
    augrc: float
    brier: float
    ece: float
    recall_of_worst: tuple[float | None, ...]
    """Of the worst 1, 5 and 10 % at a budget of 5 % flagged."""
    spearman: float | None
    atom_auroc: float | None
    us_per_atom: float
    """Processor time of scoring one frame at a time; the forward pass of the potential is not in it."""
    peak_MB: float
    """Memory taken while the largest frame is scored, beside the score itself."""
    labels: bool
    """Whether the score learns from labelled errors."""
    kept_loss: tuple[float, ...]
    """Mean loss, eV/Å, of the kept frames at the coverages of the evaluation."""


@dataclass(frozen=True)
class FlagRow:
    """What the states say: a frame is set aside where it is unreliable or out of scope."""

    caught: float | None
    """Share of the frames beyond tolerance that are set aside."""
    false_alarms: float | None
    """Share of the frames within tolerance that are set aside."""
    n_beyond: int
    gate_auroc: float | None
    """How the gate's distance alone ranks frames beyond tolerance: 0.5 is chance."""
    gate_caught: float | None
    """Share of the frames beyond tolerance that the gate alone sets aside."""
    gate_false_alarms: float | None


@dataclass(frozen=True)
class ReliabilityBin:
    """Frames of about the same stated probability: its mean, the share within tolerance, and how many they are."""

    stated: float
    found: float
    n: int


@dataclass(frozen=True)
class ShiftTable:
    """All scores under one shift, for one tolerance on the largest force error of a frame, or on its energy error."""

    shift: str
    held_out: tuple[str, ...]
    tolerance_eV_per_A: float | None
    """On the largest force error; None in a table of energies."""
    n_test: int
    n_groups: int
    prevalence_beyond: float
    rows: tuple[ScoreRow, ...]
    flags: FlagRow | None
    bins: tuple[ReliabilityBin, ...] = ()
    """Of the probe's probabilities."""
    seed: int = 0
    softened: bool = False
    """Errors are those of forces multiplied by the slope of the evaluation."""
    tolerance_eV_per_atom: float | None = None
    """On the error of the energy, less a constant per element; losses are then in eV per atom. None for forces."""


@dataclass(frozen=True)
class LabelPoint:
    """A score fitted on some of the frames; AUROC on held-out groups, at the middle tolerance.

    None where these are too few frames or groups to fit it, or all held-out ones lie on one side of the tolerance.
    """

    name: str
    n_frames: int
    seed: int
    auroc: float | None
    auroc_within_force_bins: float | None


@dataclass(frozen=True)
class TrustEvaluation:
    """How the probe and every baseline do on one dataset, under several shifts."""

    SCHEMA: ClassVar[str] = "sonde.trust-evaluate/3"
    COVERAGES: ClassVar[tuple[float, ...]] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
    potential: str
    dataset: str
    n_frames: int
    n_groups: int
    seeds: tuple[int, ...]
    force_slope: float
    """Least-squares slope of true on predicted force components: above 1 the potential is too soft."""
    tables: tuple[ShiftTable, ...]
    """One per seed, shift and tolerance."""
    labels: tuple[LabelPoint, ...] = ()
    notes: tuple[str, ...] = ()
