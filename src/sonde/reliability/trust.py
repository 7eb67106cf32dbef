"""Fit a probe to a potential, and say how good it is on frames that it did not see."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase.data import chemical_symbols

from sonde.errors import BadInput, WrongUse
from sonde.local_environments.descriptors import DensityDescriptor
from sonde.local_environments.grouping import group_folds, group_numbers
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, PotentialIdentity
from sonde.records.reliability import TrustSummary
from sonde.reliability.gate import ScopeData
from sonde.reliability.metrics import (
    auroc,
    auroc_interval,
    brier,
    calibration_error_by_chance,
    expected_calibration_error,
    reliability_bins,
)
from sonde.reliability.probes.calibrated_errors import CalibratedErrors
from sonde.reliability.probes.data import ProbeData
from sonde.reliability.probes.energies import EnergyErrors
from sonde.reliability.probes.local import LocalProbe, environments_of
from sonde.reliability.probes.log_error import inputs

LEAST_FRAMES = 32
LEAST_GROUPS = 8
N_FOLDS = 4


@dataclass(frozen=True)
class TrustSettings:
    """What fit_trust can be told beside the data.

    potential, grouped_by: names for the summary; false_alarm_rate: per structure, of the out-of-scope gate;
    seen_in_training: per frame, whether the potential was trained on it; None is not known. label_noise_eV_per_A:
    standard deviation of a force component of the labels; the probe then refuses tolerances below it.
    """

    potential: str = "potential"
    grouped_by: str = "groups as given"
    false_alarm_rate: float = 0.05
    seen_in_training: tuple[bool, ...] | None = None
    label_noise_eV_per_A: float | None = None


@dataclass(frozen=True, eq=False)
class ScopeReference:
    """Frames beside the probe's own that count as known to it, with their evaluations; labels are not needed."""

    frames: Sequence[Frame]
    evaluations: Sequence[FrameEvaluation]
    groups: Sequence[object]


def fit_trust(
    identity: PotentialIdentity,
    frames: Sequence[Frame],
    evaluations: Sequence[FrameEvaluation],
    groups: Sequence[object],
    *,
    tolerance: float,
    seed: int = 0,
    scope_reference: ScopeReference | None = None,
    settings: TrustSettings | None = None,
) -> tuple[LocalProbe, TrustSummary]:
    """Fit a LocalProbe on labelled frames, best ones that the potential was not trained on.

    The summary is of a cross-validation over groups: each frame is scored by a probe that was neither trained nor
    calibrated on any frame of its group; the probe returned is then fitted on all frames. The tolerance only matters to
    the summary: the probe answers for any.

    Raises
    ------
    BadInput
        Too few frames with forces, or too few groups.
    WrongUse
        A tolerance not above zero, or arguments that do not fit each other.
    """
    settings = settings or TrustSettings()
    if not (np.isfinite(tolerance) and tolerance > 0):
        raise WrongUse(f"A tolerance on the force error must be above zero, in eV/Å; {tolerance} was given.")
    data = ProbeData.from_evaluations(frames, evaluations, groups, identity=identity)
    rate = settings.false_alarm_rate
    bare = _fitted(data, frames, evaluations, scope_reference, false_alarm_rate=rate, seed=seed)
    own = data.positions_in_input
    energies = EnergyErrors.fit(data, [frames[n] for n in own], [evaluations[n] for n in own], seed=seed)
    probe = replace(bare, energies=energies, label_noise_eV_per_A=settings.label_noise_eV_per_A)
    p = cross_validated_p_within(data, tolerance, seed=seed)
    return probe, _summary(data, p, probe, settings, tolerance, seed)


def fit_probe(
    identity: PotentialIdentity,
    frames: Sequence[Frame],
    evaluations: Sequence[FrameEvaluation],
    groups: Sequence[object],
    *,
    seed: int = 0,
    scope_reference: ScopeReference | None = None,
) -> LocalProbe:
    """Fit a LocalProbe as `fit_trust` does, without the cross-validation that tells how good it is.

    Raises
    ------
    BadInput
        Too few frames with forces, or too few groups.
    """
    data = ProbeData.from_evaluations(frames, evaluations, groups, identity=identity)
    rate = TrustSettings().false_alarm_rate
    return _fitted(data, frames, evaluations, scope_reference, false_alarm_rate=rate, seed=seed)


def _fitted(
    data: ProbeData,
    frames: Sequence[Frame],
    evaluations: Sequence[FrameEvaluation],
    scope_reference: ScopeReference | None,
    *,
    false_alarm_rate: float,
    seed: int,
) -> LocalProbe:
    _require_enough(data)
    scope, descriptor = scope_of(frames, evaluations, data.positions_in_input, data.groups, scope_reference)
    return LocalProbe.fit(data, seed=seed, scope=scope, descriptor=descriptor, false_alarm_rate=false_alarm_rate)


def cross_validated_p_within(data: ProbeData, tolerance: float, *, seed: int) -> FloatArray:
    """P(largest error ≤ tolerance) of every frame (n_frames,) by a probe that never saw its group."""
    fold = group_folds(data.groups, N_FOLDS, seed + 1)
    p = np.zeros(data.n_frames)
    for out in np.unique(fold):
        errors = CalibratedErrors.fit(data.taking(np.flatnonzero(fold != out)), seed=seed)
        for n in np.flatnonzero(fold == out).tolist():
            p[n], _ = errors.p_within(*inputs(data, n), tolerance)
    return p


def _require_enough(data: ProbeData) -> None:
    n_groups = len(np.unique(group_numbers(data.groups)))
    if data.n_frames < LEAST_FRAMES or n_groups < LEAST_GROUPS:
        problem = f"{data.n_frames} frames with forces in {n_groups} groups are too few to fit and test a probe."
        mend = f"Give at least {LEAST_FRAMES} frames with forces, in at least {LEAST_GROUPS} groups."
        raise BadInput("probe", None, problem, mend)


def scope_of(
    frames: Sequence[Frame],
    evaluations: Sequence[FrameEvaluation],
    positions: Sequence[int],
    groups: Sequence[object],
    reference: ScopeReference | None,
) -> tuple[ScopeData, DensityDescriptor]:
    """What a gate is fitted on: the frames at these positions with their groups, and the reference beside them."""
    beside = reference or ScopeReference((), (), ())
    descriptor = DensityDescriptor(tuple(np.unique(np.concatenate([f.numbers for f in (*frames, *beside.frames)]))))
    own = ScopeReference([frames[n] for n in positions], [evaluations[n] for n in positions], groups)
    return _scope(descriptor, own).joined(_scope(descriptor, beside)), descriptor


def _scope(descriptor: DensityDescriptor, reference: ScopeReference) -> ScopeData:
    return ScopeData(
        tuple(np.asarray(evaluation.embeddings, float) for evaluation in reference.evaluations),
        tuple(environments_of(descriptor, reference.frames)),
        tuple(np.asarray(frame.numbers, np.int64) for frame in reference.frames),
        tuple(reference.groups),
    )


def _summary(
    data: ProbeData, p: FloatArray, probe: LocalProbe, settings: TrustSettings, tolerance: float, seed: int
) -> TrustSummary:
    within = data.largest_errors <= tolerance
    low, high = auroc_interval(within, p, data.groups, seed=seed)
    return TrustSummary(
        potential=settings.potential,
        n_train_frames=data.n_frames,
        n_calibration_frames=data.n_frames,
        n_test_frames=data.n_frames,
        tolerance_eV_per_A=float(tolerance),
        prevalence_within=float(within.mean()),
        auroc=auroc(within, p),
        auroc_low=low,
        auroc_high=high,
        auroc_force_norm=auroc(within, -data.largest_forces),
        brier=brier(within, p),
        ece=expected_calibration_error(within, p),
        ece_by_chance=calibration_error_by_chance(reliability_bins(within, p)),
        n_out_of_scope=probe.gate.n_beyond,
        grouped_by=settings.grouped_by,
        notes=(*_notes(data, within, p, settings, tolerance), *_notes_of(probe)),
    )


def _notes(data: ProbeData, within: BoolArray, p: FloatArray, settings: TrustSettings, tolerance: float) -> list[str]:
    notes = [
        f"Tested by {N_FOLDS}-fold cross-validation over groups: each frame by a probe neither trained nor calibrated"
        " on its group."
    ]
    if within.all() or not within.any():
        which = "All" if within.all() else "No"
        notes.append(f"{which} frames lie within {tolerance:g} eV/Å: there is no ranking to measure at this tolerance.")
    ours, force_alone = auroc(within, p), auroc(within, -data.largest_forces)
    if ours is not None and force_alone is not None and ours <= force_alone:
        notes.append(
            "The largest predicted force alone ranks these frames as well: the embedding adds no ranking here."
        )
    notes += training_notes(data.positions_in_input, settings, data.largest_errors)
    n_groups = len(np.unique(group_numbers(data.groups)))
    if n_groups < 20:
        notes.append(f"Only {n_groups} groups: the interval of the AUROC is rough.")
    return notes


def _notes_of(probe: LocalProbe) -> list[str]:
    """What the probe says of energies, the noise of its labels, and its limits of Q beside those on paper."""
    said = []
    if probe.label_noise_eV_per_A is not None:
        said.append(
            f"Labels of one geometry differ by {probe.label_noise_eV_per_A:.2g} eV/Å per component: tolerances below "
            f"{probe.least_tolerance_eV_per_A:.2g} eV/Å are refused."
        )
    energies = probe.energies
    if energies is not None and energies.better_than_chance:
        said.append(
            f"Energies can be asked about, too (--energy): structures of withheld compositions were ranked with AUROC "
            f"{energies.rank_of_new:.2f} (at least {energies.rank_low:.2f}) at the median error per atom, less a "
            "constant per element."
        )
    elif energies is not None:
        rank = "" if energies.rank_of_new is None else f" (AUROC {energies.rank_of_new:.2f})"
        said.append(
            f"P of the energy error is not known: structures of withheld compositions were not ranked better than "
            f"by chance{rank}."
        )
    return said + _limits_on_paper(probe)


def _limits_on_paper(probe: LocalProbe) -> list[str]:
    """Limits of Q per atom as found on held-out frames, beside those of normal samples."""
    beside = probe.gate.q_limits()
    if not beside:
        return []
    each = ", ".join(f"{chemical_symbols[z]} {found / paper:.1f}" for z, (found, paper) in beside.items())
    return [
        f"Limits of Q from held-out frames over those of Jackson and Mudholkar, which hold for normal samples: {each}."
    ]


def training_notes(positions: Sequence[int], settings: TrustSettings, largest: FloatArray | None = None) -> list[str]:
    """Errors on its own training frames make a potential look better than it is elsewhere.

    largest : (n,) errors of the frames at these positions, eV/Å.
    """
    seen = settings.seen_in_training
    if seen is None:
        return ["Whether the potential was trained on these frames is not known; if it was, the probe is too hopeful."]
    n_seen = sum(seen[n] for n in positions)
    if not n_seen:
        return []
    return [
        f"{n_seen} of {len(positions)} frames are the potential's own training data: errors on them are smaller than"
        f" elsewhere{_measured(np.array([seen[n] for n in positions]), largest)}, so that the probe is too hopeful on"
        " new structures."
    ]


def _measured(seen: BoolArray, largest: FloatArray | None) -> str:
    """By how much they are smaller, where there are both kinds."""
    if largest is None or seen.all():
        return ""
    of_own, of_others = (float(np.median(largest[which])) for which in (seen, ~seen))
    return f" (median of the largest force error {of_own:.2g} eV/Å on them, {of_others:.2g} on the {sum(~seen)} others)"
