"""One table for the probe and everything it has to beat: same splits, same targets, grouped intervals.

Every score learns on the same training part and is judged on frames whose groups it never saw. Scores without a
probability of their own get one by isotonic regression on a held-out third of the training part.
"""

import time
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression

from sonde.progress import SILENT, Progress
from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.frames import Frame
from sonde.records.trust_evaluation import Better, FlagRow, ReliabilityBin, ScoreRow, ShiftTable, TrustEvaluation
from sonde.reliability.baselines.distances import LastLayer, Mahalanobis, Measure, Mixture, SharedMeasures, scope_of
from sonde.reliability.baselines.heads import ErrorHeads
from sonde.reliability.baselines.plain import BoostedTrees, Committee, LargestForce, MajorityClass, SizeAndComposition
from sonde.reliability.baselines.probes import Local
from sonde.reliability.baselines.protocol import Calibrating, FittedScore, RiskData, Risks, Score
from sonde.reliability.gate import ScopeGate
from sonde.reliability.metrics import auroc, brier, expected_calibration_error, reliability_bins
from sonde.reliability.resampling import Draws, percentiles
from sonde.reliability.selective import (
    WORST,
    atom_auroc,
    augrc,
    auprc,
    aurc,
    excess_aurc,
    force_bins,
    kept_losses,
    recall_of_worst,
    spearman,
)
from sonde.reliability.shifts import Division, divisions

OURS = "local probe"
N_TIMED = 20
N_HEADS = 16


def all_scores(*, committee: bool = False) -> tuple[Score, ...]:
    """The probe, and every baseline; a committee where there is one."""
    shared = SharedMeasures()
    return (
        Local(),
        LargestForce(),
        *((Committee(),) if committee else ()),
        BoostedTrees(with_force=True),
        BoostedTrees(with_force=False),
        ErrorHeads(),
        ErrorHeads(N_HEADS),
        SizeAndComposition(),
        *(Measure(column, shared) for column in range(4)),
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
    seconds: dict[str, float]
    peak_MB: dict[str, float]
    labels: dict[str, bool]
    tolerances: Sequence[float]
    flagged: list[BoolArray]
    distance: FloatArray
    """Of each frame over the gate's limit."""


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
    """Judge all scores under one shift, once per tolerance on the largest error among a frame's items.

    Items are atoms, with errors of forces, eV/Å, or whole frames, with errors of energies, eV per atom. frames : those
    of `data`, in its order. Where a shift has no division (too few frames of a kind) the list is empty.
    """
    parts = divisions(shift, frames, data.probe.groups, seed)
    if not parts:
        return []
    scores = scores or all_scores(committee=data.spreads is not None)
    judged = [
        _judge(part, data, scores, tolerances, seed) for part in progress.track(parts, f"shift {shift}", len(parts))
    ]
    held = tuple(part.held_out for part in parts)
    return [_table(shift, held, data, judged, tolerance, k, seed) for k, tolerance in enumerate(tolerances)]


def _judge(part: Division, data: RiskData, scores: Sequence[Score], tolerances: Sequence[float], seed: int) -> _Judged:
    train, test = data.taking(part.train), data.taking(part.test)
    inner, distance = Calibrating.of(train, seed), _scope_distance(train, test, seed)
    labels = {score.name: score.labels for score in scores}
    found = _Judged(part.test, {}, {}, {}, {}, {}, labels, tolerances, [], distance)
    for score in scores:
        fitted = score.fit(train, seed=seed)
        risks = fitted.risks(test, tolerances)
        found.seconds[score.name] = _seconds_per_atom(fitted, test, tolerances[:1])
        found.peak_MB[score.name] = _peak_memory(fitted, test, tolerances[:1])
        found.risk[score.name] = risks.frames
        found.atoms[score.name] = None if risks.atoms is None else list(risks.atoms)
        found.p_within[score.name] = _probabilities(score, inner, risks, tolerances, seed)
        if score.name == OURS:
            found.flagged.extend(_set_aside(risks, distance > 1))
    return found


def _seconds_per_atom(fitted: FittedScore, test: RiskData, tolerances: Sequence[float]) -> float:
    """Processor time of scoring one frame at a time, as in use."""
    some = [test.taking(np.array([n])) for n in np.linspace(0, test.probe.n_frames - 1, N_TIMED).astype(int)]
    begin = time.process_time()
    for frame in some:
        fitted.risks(frame, tolerances)
    return (time.process_time() - begin) / sum(len(z) for frame in some for z in frame.numbers)


def _peak_memory(fitted: FittedScore, test: RiskData, tolerances: Sequence[float]) -> float:
    """Most memory taken while the largest frame is scored, MB."""
    largest = test.taking(np.array([np.argmax([len(z) for z in test.numbers])]))
    tracemalloc.start()
    try:
        fitted.risks(largest, tolerances)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def _probabilities(
    score: Score, inner: Calibrating, risks: Risks, tolerances: Sequence[float], seed: int
) -> list[FloatArray]:
    """P(within) per tolerance: the score's own, or isotonic in its risk."""
    if risks.p_within is not None:
        return list(risks.p_within)
    known = score.fit(inner.known, seed=seed).risks(inner.held, tolerances).frames
    found = []
    for tolerance in tolerances:
        within = inner.held.probe.largest_errors <= tolerance
        curve = IsotonicRegression(y_min=0.0, y_max=1.0, increasing=False, out_of_bounds="clip")
        found.append(np.asarray(curve.fit(known, within).predict(risks.frames), float))
    return found


def _set_aside(risks: Risks, out_of_scope: BoolArray) -> Iterator[BoolArray]:
    """Frames that are not reliable, per tolerance: probability too small, or out of scope."""
    for p, least in zip(risks.p_within or (), risks.reliable_from or (), strict=True):
        yield np.asarray((p < least) | out_of_scope)


def _scope_distance(train: RiskData, test: RiskData, seed: int) -> FloatArray:
    """Largest measure of each frame over its limit, by the gate fitted on the training part: above 1 out of scope."""
    known = train.probe.largest_errors
    gate = ScopeGate.fit(scope_of(train), false_alarm_rate=0.05, seed=seed, largest_errors=known)
    ratios = gate.ratios(test.probe.embeddings, test.environments, test.probe.numbers)
    return np.array([own.max() for own in ratios])


# ---- the table ----


@dataclass(frozen=True, eq=False)
class _Tested:
    """The test frames of all divisions, laid one after another, at one tolerance."""

    data: tuple[RiskData, ...]
    losses: FloatArray
    beyond: BoolArray
    bins: list[IntArray]
    """Of frames of about the same predicted force."""
    own_bins: list[IntArray]
    """The same within each division."""
    groups: list[tuple[int, object]]
    draws: Draws
    ends: IntArray

    @classmethod
    def of(cls, data: Sequence[RiskData], tolerance: float, seed: int) -> "_Tested":
        losses = np.concatenate([test.probe.largest_errors for test in data])
        groups = [(d, group) for d, test in enumerate(data) for group in test.probe.groups]
        bins = force_bins(np.concatenate([test.probe.largest_forces for test in data]))
        division = np.array([d for d, _ in groups])
        return cls(
            data=tuple(data),
            losses=losses,
            beyond=losses > tolerance,
            bins=bins,
            own_bins=[one[division[one] == d] for one in bins for d in range(len(data))],
            groups=groups,
            draws=Draws.of(groups, seed=seed),
            ends=np.cumsum([test.probe.n_frames for test in data])[:-1],
        )


OVERALL, WITHIN, POOLED = range(3)
"""Ways to rank: all frames; within force bins and divisions; within force bins of all divisions together."""


@dataclass(frozen=True, eq=False)
class _Ranking:
    """How a score's risks rank the frames, in each way: found, and drawn (n_draws,)."""

    found: tuple[float | None, ...]
    drawn: tuple[FloatArray, ...]

    @classmethod
    def of(cls, risk: FloatArray, tested: _Tested) -> "_Ranking":
        once = Draws(np.ones((1, len(risk))))
        found = [float(own[0]) if np.isfinite(own[0]) else None for own in cls._ways(once, risk, tested)]
        return cls(tuple(found), cls._ways(tested.draws, risk, tested))

    @staticmethod
    def _ways(draws: Draws, risk: FloatArray, tested: _Tested) -> tuple[FloatArray, ...]:
        within = [draws.auroc_within(tested.beyond, risk, bins) for bins in (tested.own_bins, tested.bins)]
        return draws.auroc(tested.beyond, risk), *within

    def better_than(self, other: "_Ranking", way: int) -> Better | None:
        """By how much this one ranks better."""
        mine, theirs = self.found[way], other.found[way]
        interval = percentiles(self.drawn[way] - other.drawn[way])
        return None if mine is None or theirs is None or interval is None else Better(mine - theirs, *interval)

    def interval(self, way: int) -> tuple[float, float] | tuple[None, None]:
        """Return the 95 % interval over the draws."""
        return percentiles(self.drawn[way]) or (None, None)


def _table(
    shift: str,
    held_out: tuple[str, ...],
    data: RiskData,
    judged: Sequence[_Judged],
    tolerance: float,
    k: int,
    seed: int,
) -> ShiftTable:
    tested = _Tested.of([data.taking(one.places) for one in judged], tolerance, seed)
    risks = {name: _joined([one.risk[name] for one in judged]) for name in judged[0].risk}
    rankings = {name: _Ranking.of(risk, tested) for name, risk in risks.items()}
    ours, of_energies = judged[0].p_within.get(OURS), data.compositions is not None
    return ShiftTable(
        shift=shift,
        held_out=held_out,
        tolerance_eV_per_A=None if of_energies else float(tolerance),
        tolerance_eV_per_atom=float(tolerance) if of_energies else None,
        n_test=len(tested.losses),
        n_groups=len(set(tested.groups)),
        prevalence_beyond=float(tested.beyond.mean()),
        rows=tuple(_row(name, risks[name], rankings, tested, judged, k) for name in risks),
        flags=_flags(judged, tested.beyond, k),
        bins=() if ours is None else _bins(judged, tested.beyond, k),
        seed=seed,
    )


def _row(
    name: str,
    risk: FloatArray,
    rankings: Mapping[str, _Ranking],
    tested: _Tested,
    judged: Sequence[_Judged],
    k: int,
) -> ScoreRow:
    beyond, losses, own = tested.beyond, tested.losses, rankings[name]
    p = np.concatenate([one.p_within[name][k] for one in judged])
    ours = None if name == OURS else rankings.get(OURS)
    better = [None if ours is None else ours.better_than(own, way) for way in (OVERALL, WITHIN, POOLED)]
    low, high = own.interval(OVERALL)
    within_low, within_high = own.interval(WITHIN)
    parts = zip(np.split(beyond, tested.ends), np.split(risk, tested.ends), strict=True)
    return ScoreRow(
        name=name,
        auroc=own.found[OVERALL],
        auroc_low=low,
        auroc_high=high,
        auroc_by_part=tuple(auroc(*part) for part in parts),
        probe_better=better[OVERALL],
        auroc_within_force_bins=own.found[WITHIN],
        within_low=within_low,
        within_high=within_high,
        probe_better_within=better[WITHIN],
        auroc_within_pooled=own.found[POOLED],
        probe_better_pooled=better[POOLED],
        auprc=auprc(beyond, risk),
        aurc=aurc(losses, risk),
        excess_aurc=excess_aurc(losses, risk),
        augrc=augrc(losses, risk),
        brier=brier(~beyond, p),
        ece=expected_calibration_error(~beyond, p),
        recall_of_worst=tuple(recall_of_worst(losses, risk, share) for share in WORST),
        spearman=spearman(losses, risk),
        atom_auroc=_atoms(judged, tested, name, k),
        us_per_atom=1e6 * float(np.median([one.seconds[name] for one in judged])),
        peak_MB=max(one.peak_MB[name] for one in judged),
        labels=judged[0].labels[name],
        kept_loss=kept_losses(losses, risk, TrustEvaluation.COVERAGES),
    )


def _joined(risks: Sequence[FloatArray]) -> FloatArray:
    """Risks of all divisions as one list; finite, so that what is infinitely far ranks last."""
    return np.nan_to_num(np.concatenate(list(risks)), posinf=1e30, neginf=-1e30)


def _atoms(judged: Sequence[_Judged], tested: _Tested, name: str, k: int) -> float | None:
    risks = [one.atoms[name] for one in judged]
    if any(own is None for own in risks):
        return None
    errors = [e for test in tested.data for e in test.probe.errors]
    return atom_auroc(errors, [r for own in risks if own is not None for r in own], judged[0].tolerances[k])


def _bins(judged: Sequence[_Judged], beyond: BoolArray, k: int) -> tuple[ReliabilityBin, ...]:
    p = np.concatenate([one.p_within[OURS][k] for one in judged])
    return tuple(ReliabilityBin(*found) for found in reliability_bins(~beyond, p))


def _flags(judged: Sequence[_Judged], beyond: BoolArray, k: int) -> FlagRow | None:
    """What the states say: how many frames beyond tolerance are set aside, and how many within it for nothing."""
    if not all(one.flagged for one in judged):
        return None
    flagged = np.concatenate([one.flagged[k] for one in judged])
    distance = _joined([one.distance for one in judged])
    caught, false_alarms = _shares(flagged, beyond)
    return FlagRow(caught, false_alarms, int(beyond.sum()), auroc(beyond, distance), *_shares(distance > 1, beyond))


def _shares(flagged: BoolArray, beyond: BoolArray) -> tuple[float | None, float | None]:
    """Share of the frames beyond tolerance that are flagged, and of the others."""
    among = [flagged[which] for which in (beyond, ~beyond)]
    first, second = (float(own.mean()) if len(own) else None for own in among)
    return first, second
