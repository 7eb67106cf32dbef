"""`sonde trust monitor`: watch a trajectory, finished or still being written, as a simulation would be watched."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from sonde.errors import WrongUse
from sonde.operations.trust import probe_of
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation
from sonde.records.reliability import Policy, ProbeKind, Reliability, Tolerance, TrustWatch, WatchedFrame

if TYPE_CHECKING:
    from sonde.reliability.watch import Limits, Look, Selection, Watch
    from sonde.store import Project


@dataclass(frozen=True)
class MonitorPlan:
    """How to watch. interval: every so many frames; idle_s: wait for more frames until none came for so long.

    elements: of the types of a LAMMPS dump; log: a JSON line per look; out: kept structures, as extended xyz.
    """

    policy: Policy = "select"
    limits: "Limits | None" = None
    selection: "Selection | None" = None
    interval: int = 1
    idle_s: float = 0.0
    elements: Sequence[str] = ()
    log: Path | None = None
    out: Path | None = None
    on_alarm: "Callable[[Look], None] | None" = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.interval < 1 or not self.idle_s >= 0:
            raise WrongUse("The interval counts frames, from 1 on; the time to wait is not below zero.")


def trust_monitor(
    project: "Project",
    potential: str,
    trajectory: Path,
    *,
    plan: MonitorPlan | None = None,
    tolerance: float | Tolerance | None = None,
    kind: ProbeKind = "local",
    progress: Progress = SILENT,
) -> TrustWatch:
    """Judge a trajectory frame by frame, with two thresholds, and say where it should have been stopped.

    Beside it, from the potential's own energies and forces: the first frame that is not physical, and how many frames
    before it the first alarm came. Frames behind a stop (policy stop or raise) are not looked at.

    Raises
    ------
    Untrustworthy : a stop was reached and the policy is raise.
    """
    from sonde.operations.trajectories import follow
    from sonde.reliability.monitor import Untrustworthy
    from sonde.reliability.probes.protocol import tolerance_for
    from sonde.reliability.watch import POLICIES, Watch

    plan = plan or MonitorPlan()
    if plan.policy not in POLICIES:
        raise WrongUse(f"policy is one of {', '.join(POLICIES)}; found {plan.policy!r}.")
    loaded, probe = probe_of(project, potential, kind, progress)
    asked = tolerance_for(probe, tolerance)
    watch = Watch(plan.limits, plan.selection, keeps=plan.policy not in ("warn", "off"), log=plan.log)
    run = _Watched(watch, plan)
    coming = follow(trajectory, plan.elements, idle_s=plan.idle_s)
    for frame in islice(coming, 0, None, plan.interval):
        evaluation = loaded.evaluate([frame])[0]
        if plan.policy == "off":
            run.pass_by(frame, evaluation)
            continue
        found = probe.score_frames(loaded.identity, [frame], [evaluation], asked)[0]
        run.look(frame, evaluation, found)
        if run.ended:
            break
    record = run.record(potential, trajectory)
    _write(watch, plan.out)
    if run.ended and plan.policy == "raise":
        raise Untrustworthy(f"{trajectory}: {run.looks[-1].words}")
    return record


class _Watched:
    """What was seen so far."""

    def __init__(self, watch: "Watch", plan: MonitorPlan) -> None:
        self.watch, self.plan = watch, plan
        self.looks: list[Look] = []
        self.frames: list[Frame] = []
        self.evaluations: list[FrameEvaluation] = []
        self.ended = False

    def pass_by(self, frame: Frame, evaluation: FrameEvaluation) -> None:
        self.frames.append(frame)
        self.evaluations.append(evaluation)

    def look(self, frame: Frame, evaluation: FrameEvaluation, found: Reliability) -> None:
        from sonde.potentials.calculator import atoms_of

        self.pass_by(frame, evaluation)
        looked = self.watch.look(atoms_of(frame), found)
        self.looks.append(looked)
        if looked.begins and self.plan.on_alarm is not None:
            self.plan.on_alarm(looked)
        self.ended = looked.ends and self.plan.policy in ("stop", "raise")

    def record(self, potential: str, trajectory: Path) -> TrustWatch:
        from sonde.simulation.trajectories import first_anomaly

        step = self.plan.interval
        anomaly = first_anomaly(self.frames, self.evaluations) if self.frames else None
        first = next((looked.call for looked in self.looks if looked.state != "calm"), None)
        found = self.looks[0].reliability if self.looks else None
        return TrustWatch(
            potential=potential,
            trajectory=str(trajectory),
            claim="" if found is None else found.claim,
            policy=self.plan.policy,
            interval=step,
            n_looks=len(self.looks),
            n_alarms=self.watch.n_alarms,
            first_alarm=None if first is None else first * step,
            stopped_at=self.looks[-1].call * step if self.ended else None,
            selected=tuple(one.call * step for one in self.watch.selected),
            false_alarm_rate=None if found is None else found.false_alarm_rate,
            anomaly=None if anomaly is None else anomaly.reason.partition(": ")[2],
            anomaly_at=None if anomaly is None else anomaly.index * step,
            frames=tuple(_watched_frame(looked, step) for looked in self.looks),
        )


def _watched_frame(looked: "Look", interval: int) -> WatchedFrame:
    found = looked.reliability
    return WatchedFrame(
        looked.call * interval, looked.state, found.p_within, found.out_of_scope_score, looked.begins, looked.kept
    )


def _write(watch: "Watch", out: Path | None) -> None:
    """Write the kept structures, the least reliable first."""
    from ase.io import write

    if out is not None and watch.selected:
        write(out, list(watch.structures()), format="extxyz")
