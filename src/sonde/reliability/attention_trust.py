"""Fit an attention probe to a potential, and say how good it is on frames that it did not see."""

from collections.abc import Sequence

import numpy as np

from sonde.local_environments.grouping import group_folds, group_numbers
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, PotentialIdentity
from sonde.records.reliability import TrustSummary
from sonde.reliability.metrics import (
    auroc,
    auroc_interval,
    brier,
    calibration_error_by_chance,
    expected_calibration_error,
    reliability_bins,
)
from sonde.reliability.probes.attention import AttentionModel, AttentionProbe, AttentionSettings
from sonde.reliability.probes.attention_data import StructureData
from sonde.reliability.trust import N_FOLDS, TrustSettings, scope_of, training_notes


def fit_attention(
    identity: PotentialIdentity,
    frames: Sequence[Frame],
    evaluations: Sequence[FrameEvaluation],
    groups: Sequence[object],
    *,
    attention: AttentionSettings | None = None,
    seed: int = 0,
    settings: TrustSettings | None = None,
) -> tuple[AttentionProbe, TrustSummary]:
    """Fit an AttentionProbe on labelled frames, best ones that the potential was not trained on.

    The tolerance is found once, on all frames; the summary is of a cross-validation over groups: each frame is judged
    by a model that was neither trained, stopped nor calibrated on any frame of its group.

    Raises
    ------
    BadInput : too few frames with labels or groups, or all frames on one side of the tolerance.
    """
    attention, settings = attention or AttentionSettings(), settings or TrustSettings()
    data = StructureData.from_evaluations(frames, evaluations, groups, identity=identity, target=attention.target)
    scope, descriptor = scope_of(frames, evaluations, data.positions_in_input, data.groups, None)
    rate = settings.false_alarm_rate
    probe = AttentionProbe.fit(
        data, settings=attention, seed=seed, scope=scope, descriptor=descriptor, false_alarm_rate=rate
    )
    tolerance = probe.model.tolerance
    p = cross_validated(data, AttentionSettings(attention.target, tolerance, training=attention.training), seed=seed)
    forces = [np.linalg.norm(evaluations[n].forces_eV_per_A, axis=1).max() for n in data.positions_in_input]
    return probe, _summary(data, data.errors <= tolerance, p, -np.array(forces), probe, settings, seed)


def cross_validated(data: StructureData, settings: AttentionSettings, *, seed: int) -> FloatArray:
    """P(error ≤ tolerance) of every structure (n,) by a model that never saw its group."""
    fold = group_folds(data.groups, N_FOLDS, seed + 1)
    p = np.zeros(data.n_frames)
    for out in np.unique(fold):
        model = AttentionModel.fit(data.taking(np.flatnonzero(fold != out)), settings=settings, seed=seed)
        for n in np.flatnonzero(fold == out).tolist():
            p[n] = model.judge(data.embeddings[n], data.numbers[n], float(data.energies_eV[n])).p_within
    return p


def _summary(
    data: StructureData,
    within: BoolArray,
    p: FloatArray,
    calmness: FloatArray,
    probe: AttentionProbe,
    settings: TrustSettings,
    seed: int,
) -> TrustSummary:
    target, tolerance = probe.model.target, probe.model.tolerance
    low, high = auroc_interval(within, p, data.groups, seed=seed)
    return TrustSummary(
        potential=settings.potential,
        n_train_frames=data.n_frames,
        n_calibration_frames=data.n_frames,
        n_test_frames=data.n_frames,
        tolerance_eV_per_A=tolerance if target == "force" else None,
        tolerance_eV_per_atom=tolerance if target == "energy_per_atom" else None,
        tolerance_eV=tolerance if target == "total_energy" else None,
        prevalence_within=float(within.mean()),
        auroc=auroc(within, p),
        auroc_low=low,
        auroc_high=high,
        auroc_force_norm=auroc(within, calmness),
        brier=brier(within, p),
        ece=expected_calibration_error(within, p),
        ece_by_chance=calibration_error_by_chance(reliability_bins(within, p)),
        n_out_of_scope=probe.gate.n_beyond,
        grouped_by=settings.grouped_by,
        notes=tuple(_notes(data, settings)),
        probe="attention",
    )


def _notes(data: StructureData, settings: TrustSettings) -> list[str]:
    notes = [
        f"Tested by {N_FOLDS}-fold cross-validation over groups: each frame by a model neither trained, stopped nor"
        " calibrated on its group.",
        "An attention probe answers for this one tolerance, and its importance of atoms is no probability of an error.",
    ]
    if data.target != "force":
        notes.append("Energy errors are those left when each element's reference energy is fitted to the labels.")
    notes += training_notes(data.positions_in_input, settings)
    n_groups = len(np.unique(group_numbers(data.groups)))
    if n_groups < 20:
        notes.append(f"Only {n_groups} groups: the interval of the AUROC is rough.")
    return notes
