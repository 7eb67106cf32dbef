"""What to spend on next: labels, repaired or restored data, or a larger model.

Data come before capacity: while labels of several energy surfaces contradict each other, a larger model learns the
contradiction better, and a kink in the curve may be the mixture's. Restoring labelled frames that were dropped costs no
computation and is compared with new labels first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from sonde.errors import WrongUse
from sonde.records.arrays import FloatArray
from sonde.records.scaling import Gain, GroupValue, LabelsFor, Option, Prediction, ScalingFit, ScalingPlan
from sonde.scaling_laws.averaging import Averaged, averaged_predictions
from sonde.scaling_laws.law import Settings, fit_law
from sonde.scaling_laws.noise import seed_noise
from sonde.scaling_laws.points import Points, points

FARTHEST = 1000.0
"""Targets are looked for up to this multiple of the largest size."""
STEPS = 61
NEXT_FRAMES = 1000
EXACT = 0.01
"""Relative residual below which the overall loss counts as composed of the groups'."""
NOT_WORTH = -0.02

Average = Callable[[FloatArray], Averaged]
"""The averaged prediction of one curve, at any sizes."""


@dataclass(frozen=True, eq=False)
class GroupCurve:
    """The loss on one group's held-out frames against the training frames of that group; (n,) each."""

    group: str
    n_frames: FloatArray
    loss: FloatArray
    overall: FloatArray
    """The loss on all held-out frames, of the same trained models."""


@dataclass(frozen=True)
class DataState:
    """What is known of the dataset behind a curve."""

    dataset: str
    open_alarms: tuple[str, ...]
    n_contradictory: int
    """Frames whose labels contradict others of the same geometry, or lie on a minority surface."""
    n_dropped: int | None
    """Labelled frames of the parent that the dataset lacks; None: no parent is known."""
    parent: str | None = None


def plan(
    fit: ScalingFit,
    data: Points,
    *,
    targets: Sequence[float] = (),
    budgets: Sequence[float] = (),
    now: float | None = None,
    state: DataState | None = None,
    groups: Sequence[GroupCurve] = (),
    gains: Sequence[Gain] = (),
) -> ScalingPlan:
    """Compare ways to spend, from the averaged prediction of a fitted curve.

    Parameters
    ----------
    targets : losses to reach, in the unit of the curve. budgets : training frames.
    now : training frames there are; the largest of the curve where None.
    state : audit and lineage of the dataset. gains : of doubling data and model, from a law in two variables.

    Raises
    ------
    WrongUse : a target or a budget that is not positive.
    """
    _check(targets, budgets, now)
    start = float(data.sizes[-1]) if now is None else float(now)
    average = average_of(fit, data)
    worth = [group_value(one, group_weights(groups).get(one.group)) for one in groups]
    options = _options(fit, average, start, state, gains)
    return ScalingPlan(
        variable=fit.variable,
        loss=fit.loss,
        now=start,
        predictable=fit.predictable,
        why=fit.why,
        at_budget=() if fit.predictable is False else _at(average, budgets),
        labels_for=() if fit.predictable is False else tuple(labels_for(data, average, one) for one in targets),
        groups=tuple(sorted(worth, key=_by_value)),
        options=tuple(sorted(options, key=lambda option: not option.advised)),
        advice=_advice(fit, options, state),
        open_alarms=() if state is None else state.open_alarms,
        dataset=None if state is None else state.dataset,
        notes=_notes(fit, groups),
    )


def _check(targets: Sequence[float], budgets: Sequence[float], now: float | None) -> None:
    for what, numbers in (
        ("target", targets),
        ("budget", budgets),
        ("number of frames", () if now is None else (now,)),
    ):
        for number in numbers:
            if not (np.isfinite(number) and number > 0):
                raise WrongUse(f"A {what} must be a positive number; found {number:g}.")


def _by_value(one: GroupValue) -> float:
    change = one.own_change if one.overall_change is None else one.overall_change
    return 1.0 if change is None else change


def average_of(fit: ScalingFit, data: Points) -> Average:
    """Predict along a fitted curve as its fit does."""
    noise = seed_noise(data)
    return lambda x: averaged_predictions(data, noise, x, flattens=fit.flattens)


def _at(average: Average, sizes: Sequence[float]) -> tuple[Prediction, ...]:
    if not sizes:
        return ()
    found = average(np.asarray(sizes, float))
    rows = zip(found.x.tolist(), found.value.tolist(), found.low.tolist(), found.high.tolist(), strict=True)
    return tuple(Prediction(*row) for row in rows)


def labels_for(data: Points, average: Average, target: float) -> LabelsFor:
    """Find the size at which the averaged prediction, and its limits, fall to a target (log-linear interpolation)."""
    farthest = FARTHEST * float(data.sizes[-1])
    x = np.geomspace(data.sizes[0], farthest, STEPS)
    found = average(x)
    value, low, high = (_crossing(x, curve, target) for curve in (found.value, found.low, found.high))
    return LabelsFor(target, value, low, high, farthest)


def _crossing(x: FloatArray, curve: FloatArray, target: float) -> float | None:
    """Return the first x at which a curve is at or below the target; None where it never is."""
    reached = np.flatnonzero(curve <= target)
    if not len(reached):
        return None
    k = int(reached[0])
    if k == 0:
        return float(x[0])
    share = np.log(curve[k - 1] / target) / np.log(curve[k - 1] / curve[k])
    return float(np.exp(np.log(x[k - 1]) + share * np.log(x[k] / x[k - 1])))


def group_weights(groups: Sequence[GroupCurve]) -> dict[str, float]:
    """Return each group's weight in the overall squared loss; empty where the losses do not add up so.

    A root mean square over all held-out frames is √(Σ w_g L_g²) with the same weights at every point, so they follow
    from the points; where they do not fit to 1 %, or do not tell groups apart, nothing is claimed.
    """
    if not groups or len({len(one.loss) for one in groups}) > 1:
        return {}
    squares = np.stack([one.loss for one in groups], axis=1) ** 2
    overall = groups[0].overall ** 2
    if len(overall) < len(groups) or np.linalg.matrix_rank(squares / overall[:, None], tol=1e-3) < len(groups):
        return {}
    weights, _ = nnls(squares / overall[:, None], np.ones_like(overall))
    if np.abs(squares @ weights / overall - 1.0).max() > EXACT:
        return {}
    return {one.group: float(weight) for one, weight in zip(groups, weights, strict=True)}


def group_value(curve: GroupCurve, weight: float | None, n_next: int = NEXT_FRAMES) -> GroupValue:
    """Estimate what the next frames of a group change, from the law of its own loss in its own frames."""
    now = float(curve.n_frames.max())
    if len(np.unique(curve.n_frames)) < 3:
        return GroupValue(
            curve.group, now, n_next, None, None, None, None, None, "fewer than three sizes of this group"
        )
    data = points(curve.n_frames, curve.loss)
    fit = fit_law(curve.n_frames, curve.loss, predict=(now + n_next,), settings=Settings(draws=0))
    if fit.predictable is False:
        return GroupValue(curve.group, now, n_next, None, None, None, None, False, fit.why)
    change, low, high = _change(average_of(fit, data), now, now + n_next)
    overall = None
    if weight is not None:
        share = weight * float(
            np.mean(curve.loss[curve.n_frames == now] ** 2 / curve.overall[curve.n_frames == now] ** 2)
        )
        overall = float(np.sqrt(max(1.0 + share * ((1.0 + change) ** 2 - 1.0), 0.0)) - 1.0)
    return GroupValue(curve.group, now, n_next, change, low, high, overall, fit.predictable, fit.why)


def _change(average: Average, start: float, end: float) -> tuple[float, float, float]:
    """Relative change of the loss from start to end frames, by the average; limits are about the value at start."""
    found = average(np.array([start, end]))
    changes = np.array([found.value[1], found.low[1], found.high[1]]) / found.value[0] - 1.0
    return float(changes[0]), float(changes[1]), float(changes[2])


def _options(
    fit: ScalingFit, average: Average, now: float, state: DataState | None, gains: Sequence[Gain]
) -> list[Option]:
    """All ways to spend; at most one of them is advised per kind, data before capacity."""
    blocked = state is not None and bool(state.open_alarms)
    options = [_repair(fit, state)] if state is not None and blocked else []
    if state is not None and state.n_dropped:
        options.append(_restore(_known_change(fit, average, now, now + state.n_dropped), state, not blocked))
    free = not any(option.advised for option in options)
    of = {gain.of: gain for gain in gains if fit.predictable is not False}
    larger = "parameters" in of and of["parameters"].value < min(NOT_WORTH, of["data"].value if "data" in of else 0.0)
    options.append(_new_labels(fit, _known_change(fit, average, now, 2.0 * now), now, free and not larger))
    if "parameters" in of:
        options.append(_larger_model(of["parameters"], blocked, free and larger))
    return options


Change = tuple[float | None, float | None, float | None]


def _known_change(fit: ScalingFit, average: Average, start: float, end: float) -> Change:
    """The change that the curve predicts; unknown where it may not be extrapolated."""
    return (None, None, None) if fit.predictable is False else _change(average, start, end)


def _repair(fit: ScalingFit, state: DataState) -> Option:
    floor = fit.parameters.get("floor")
    ceiling = "how much it buys cannot be read off the curve"
    if floor is not None:
        ceiling = f"the law's floor, {floor.value:.3g}, may be the contradiction and not the limit of learning"
    return Option(
        kind="repair_labels",
        statement=f"bring the labels of {state.dataset} onto one surface (correct, relabel or leave out); {ceiling}",
        n_frames=state.n_contradictory,
        new_labels=None,
        change=None,
        low=None,
        high=None,
        advised=True,
        why=f"{len(state.open_alarms)} surface alarm(s) open: {state.open_alarms[0]}",
    )


def _restore(change: Change, state: DataState, advised: bool) -> Option:
    return Option(
        kind="restore_dropped",
        statement=f"restore {state.n_dropped:,} labelled frames of {state.parent} that {state.dataset} lacks",
        n_frames=state.n_dropped,
        new_labels=0,
        change=change[0],
        low=change[1],
        high=change[2],
        advised=advised,
        why="they carry labels already. The change is that of as many frames of the usual kind; dropped ones are often "
        "of another kind: more where tests lie there, less elsewhere (sonde lineage says which)",
    )


def _new_labels(fit: ScalingFit, change: Change, now: float, free: bool) -> Option:
    worth = change[0] is not None and change[0] < NOT_WORTH
    too_little = change[0] is not None and not worth
    return Option(
        kind="new_labels",
        statement=f"compute {now:,.0f} more labels of the same kind",
        n_frames=round(now),
        new_labels=round(now),
        change=change[0],
        low=change[1],
        high=change[2],
        advised=free and worth,
        why=f"doubling changes the loss by {change[0]:+.1%} only" if too_little else fit.why,
    )


def _larger_model(gain: Gain, blocked: bool, advised: bool) -> Option:
    return Option(
        kind="larger_model",
        statement="train a model with twice the parameters",
        n_frames=None,
        new_labels=0,
        change=gain.value,
        low=gain.low,
        high=gain.high,
        advised=advised,
        why="no capacity while labels contradict each other" if blocked else "the law in N and D",
    )


def _advice(fit: ScalingFit, options: Sequence[Option], state: DataState | None) -> str:
    advised = [option for option in options if option.advised]
    best = min(advised, key=lambda option: 0.0 if option.change is None else option.change, default=None)
    if state is not None and state.open_alarms:
        return f"First: {advised[0].statement}. Until then neither a larger model nor the curve's kinks mean much."
    if fit.predictable is False:
        extra = f". What costs no computation: {best.statement}." if best is not None else ""
        return fit.why + extra
    if best is None:
        return f"Nothing that these points show is worth its cost: {options[-1].why}."
    return f"First: {best.statement}."


def _notes(fit: ScalingFit, groups: Sequence[GroupCurve]) -> tuple[str, ...]:
    notes = ["Ask what kind of environments enter when D grows: the law holds for more of the same."]
    if groups:
        notes.append(
            "Per group: as if a group learnt from its own frames only. Along a stratified curve all groups grow "
            "together; only trainings with one group enriched (sonde scaling measure) can tell them apart."
        )
    if fit.predictable is None:
        notes.append(fit.why)
    return tuple(notes)
