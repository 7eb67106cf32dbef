"""One table for the probe and everything it has to beat: same splits, same targets, grouped intervals.

Every score learns on the same training part and is judged on frames whose groups it never saw. Scores without a
probability of their own get one by isotonic regression on out-of-fold risks of the training part.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression

from sonde.local_environments.grouping import group_numbers
from sonde.progress import SILENT, Progress
from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.frames import Frame
from sonde.records.reliability import FlagRow, ScoreRow, ShiftTable
from sonde.reliability.baselines.distances import LastLayer, Mahalanobis, Measure, Mixture
from sonde.reliability.baselines.plain import BoostedTrees, LargestForce, MajorityClass, SizeAndComposition
from sonde.reliability.baselines.probes import Local
from sonde.reliability.baselines.protocol import RiskData, Risks, Score, out_of_fold
from sonde.reliability.gate import ScopeData, ScopeGate
from sonde.reliability.metrics import auroc, auroc_interval, brier, expected_calibration_error
from sonde.reliability.probes.local import RELIABLE_FROM
from sonde.reliability.selective import (
    WORST,
    atom_auroc,
    augrc,
    auprc,
    aurc,
    auroc_within_bins,
    excess_aurc,
    paired_differences,
    recall_of_worst,
    spearman,
)
from sonde.reliability.shifts import Division, divisions

OURS = "local probe"


def all_scores() -> tuple[Score, ...]:
    """The probe, and every baseline."""
    return (
        Local(),
        LargestForce(),
        BoostedTrees(with_force=True),
        BoostedTrees(with_force=False),
        SizeAndComposition(),
        *(Measure(column) for column in range(4)),
        Mahalanobis(),
        Mixture(),
        LastLayer(),
        MajorityClass(),
    )


@dataclass(frozen=True, eq=False)
class _Judged:
    """What the scores said of the test frames of all divisions, laid one after another."""

    places: IntArray
    risk: dict[str, FloatArray]
    p_within: dict[str, list[FloatArray]]
    atoms: dict[str, list[FloatArray] | None]
    flagged: list[BoolArray]
    seconds: dict[str, float]


def shift_table(
    shift: str,
    frames: Sequence[Frame],
    data: RiskData,
    tolerances: Sequence[float],
    *,
    seed: int = 0,
    scores: Sequence[Score] | None = None,
    progress: Progress = SILENT,
) -> list[ShiftTable]:
    """Judge all scores under one shift, once per tolerance on the largest force error of a frame, eV/Å.

    frames : those of `data`, in its order. Where a shift has no division (too few frames of a kind) the list is empty.
    """
    parts = divisions(shift, frames, data.probe.groups, seed)
    if not parts:
        return []
    scores = scores or all_scores()
    judged = [
        _judge(part, data, scores, tolerances, seed) for part in progress.track(parts, f"shift {shift}", len(parts))
    ]
    held = tuple(part.held_out for part in parts)
    return [_table(shift, held, data, judged, tolerance, k, seed) for k, tolerance in enumerate(tolerances)]


def _judge(part: Division, data: RiskData, scores: Sequence[Score], tolerances: Sequence[float], seed: int) -> _Judged:
    train, test = data.taking(part.train), data.taking(part.test)
    found = _Judged(part.test, {}, {}, {}, [], {})
    for score in scores:
        fitted = score.fit(train, seed=seed)
        between = time.perf_counter()
        risks = fitted.risks(test, tolerances)
        found.seconds[score.name] = time.perf_counter() - between
        found.risk[score.name] = risks.frames
        found.atoms[score.name] = None if risks.atoms is None else list(risks.atoms)
        found.p_within[score.name] = _probabilities(score, train, risks, tolerances, seed)
    out = _out_of_scope(train, test, seed)
    for p in found.p_within.get(OURS, []):
        found.flagged.append(np.asarray((p < RELIABLE_FROM) | out))
    return found


def _probabilities(
    score: Score, train: RiskData, risks: Risks, tolerances: Sequence[float], seed: int
) -> list[FloatArray]:
    """P(within) per tolerance: the score's own, or isotonic in its risk."""
    if risks.p_within is not None:
        return list(risks.p_within)
    known = out_of_fold(score, train, tolerances, seed)
    found = []
    for tolerance in tolerances:
        within = train.probe.largest_errors <= tolerance
        curve = IsotonicRegression(y_min=0.0, y_max=1.0, increasing=False, out_of_bounds="clip")
        found.append(np.asarray(curve.fit(known, within).predict(risks.frames), float))
    return found


def _out_of_scope(train: RiskData, test: RiskData, seed: int) -> BoolArray:
    """Frames that the gate, fitted on the training part, sets aside."""
    scope = ScopeData(train.probe.embeddings, train.environments, train.probe.numbers, train.probe.groups)
    gate = ScopeGate.fit(scope, false_alarm_rate=0.05, seed=seed)
    ratios = gate.ratios(test.probe.embeddings, test.environments, test.probe.numbers)
    return np.array([own.max() > 1 for own in ratios])


# ---- the table ----


@dataclass(frozen=True, eq=False)
class _Tested:
    """The test frames of all divisions, laid one after another, at one tolerance."""

    data: tuple[RiskData, ...]
    losses: FloatArray
    forces: FloatArray
    beyond: BoolArray
    groups: list[tuple[int, object]]
    members: list[IntArray]
    ends: IntArray

    @classmethod
    def of(cls, data: Sequence[RiskData], tolerance: float) -> "_Tested":
        losses = np.concatenate([test.probe.largest_errors for test in data])
        groups = [(d, group) for d, test in enumerate(data) for group in test.probe.groups]
        member = group_numbers(groups)
        return cls(
            data=tuple(data),
            losses=losses,
            forces=np.concatenate([test.probe.largest_forces for test in data]),
            beyond=losses > tolerance,
            groups=groups,
            members=[np.flatnonzero(member == group) for group in range(member.max() + 1)],
            ends=np.cumsum([test.probe.n_frames for test in data])[:-1],
        )

    @property
    def n_atoms(self) -> int:
        return sum(len(z) for test in self.data for z in test.probe.numbers)


def _table(
    shift: str,
    held_out: tuple[str, ...],
    data: RiskData,
    judged: Sequence[_Judged],
    tolerance: float,
    k: int,
    seed: int,
) -> ShiftTable:
    tested = _Tested.of([data.taking(one.places) for one in judged], tolerance)
    ranked = {name: _joined([one.risk[name] for one in judged]) for name in judged[0].risk}
    return ShiftTable(
        shift=shift,
        held_out=held_out,
        tolerance_eV_per_A=float(tolerance),
        n_test=len(tested.losses),
        n_groups=len(tested.members),
        prevalence_beyond=float(tested.beyond.mean()),
        rows=tuple(_row(name, ranked, tested, judged, tolerance, k, seed) for name in ranked),
        flags=_flags(judged, tested.beyond, k),
    )


def _row(
    name: str,
    ranked: Mapping[str, FloatArray],
    tested: _Tested,
    judged: Sequence[_Judged],
    tolerance: float,
    k: int,
    seed: int,
) -> ScoreRow:
    risk, beyond, losses = ranked[name], tested.beyond, tested.losses
    p = np.concatenate([one.p_within[name][k] for one in judged])
    low, high = auroc_interval(beyond, risk, tested.groups, seed=seed)
    parts = zip(np.split(beyond, tested.ends), np.split(risk, tested.ends), strict=True)
    ours = ranked.get(OURS, risk)
    apart = None if name == OURS else paired_differences(beyond, ours, risk, tested.members, seed=seed)
    own, other = auroc(beyond, ours), auroc(beyond, risk)
    return ScoreRow(
        name=name,
        auroc=other,
        auroc_low=low,
        auroc_high=high,
        auroc_by_part=tuple(auroc(*part) for part in parts),
        probe_better_by=None if apart is None or own is None or other is None else own - other,
        probe_better_low=None if apart is None else apart[0],
        probe_better_high=None if apart is None else apart[1],
        auroc_within_force_bins=auroc_within_bins(beyond, risk, tested.forces),
        auprc=auprc(beyond, risk),
        aurc=aurc(losses, risk),
        excess_aurc=excess_aurc(losses, risk),
        augrc=augrc(losses, risk),
        brier=brier(~beyond, p),
        ece=expected_calibration_error(~beyond, p),
        recall_of_worst=tuple(recall_of_worst(losses, risk, share) for share in WORST),
        spearman=spearman(losses, risk),
        atom_auroc=_atoms(judged, tested.data, name, tolerance),
        us_per_atom=1e6 * sum(one.seconds[name] for one in judged) / tested.n_atoms,
    )


def _joined(risks: Sequence[FloatArray]) -> FloatArray:
    """Risks of all divisions as one list; finite, so that what is infinitely far ranks last."""
    return np.nan_to_num(np.concatenate(list(risks)), posinf=1e30, neginf=-1e30)


def _atoms(judged: Sequence[_Judged], tests: Sequence[RiskData], name: str, tolerance: float) -> float | None:
    risks = [one.atoms[name] for one in judged]
    if any(own is None for own in risks):
        return None
    errors = [e for test in tests for e in test.probe.errors]
    return atom_auroc(errors, [r for own in risks if own is not None for r in own], tolerance)


def _flags(judged: Sequence[_Judged], beyond: BoolArray, k: int) -> FlagRow | None:
    """What the states say: how many frames beyond tolerance are set aside, and how many within it for nothing."""
    if not all(one.flagged for one in judged):
        return None
    flagged = np.concatenate([one.flagged[k] for one in judged])
    return FlagRow(
        caught=float(flagged[beyond].mean()) if beyond.any() else None,
        false_alarms=float(flagged[~beyond].mean()) if not beyond.all() else None,
        n_beyond=int(beyond.sum()),
    )
