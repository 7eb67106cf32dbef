"""`make eval-diagnosis`: generated laboratories with known truth, diagnosed, as a confusion matrix.

Every laboratory is real DFT data with a planted history. The truth is kept in a folder apart from the project. A small
linear potential, trained in seconds, makes hundreds of them affordable.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from sonde.records.diagnosis import Diagnosis, Intent, Verdict
from sonde.sample_lab.laboratory import Laboratory, Truth
from sonde.sample_lab.situations import Situation

if TYPE_CHECKING:
    from sonde.operations.diagnose import DiagnoseSettings
    from sonde.records.frames import Frame

TOLERANCE = 0.5
"""eV/Å; about three times what the linear potential reaches on frames like its training frames."""


MOST_WITH_MACE = 3


class Twist(StrEnum):
    """What is done to a laboratory beside its data."""

    NONE = "none"
    UNDERFIT = "underfit"
    CHECKPOINT_REPLACED = "checkpoint_replaced"
    OVERLAPPING_INPUT = "overlapping_input"
    TIME_STEP_TOO_LONG = "time_step_too_long"
    NO_RAW_POOL = "no_raw_pool"


@dataclass(frozen=True)
class Case:
    """One class of laboratories with its right verdict.

    right: the verdicts that are true of it. intent: None where any will do. decidable: does the evidence suffice for a
    definite verdict? Where it does not, cannot_tell is right, too.
    """

    name: str
    situation: Situation
    right: tuple[Verdict, ...]
    intent: Intent | None = None
    twist: Twist = Twist.NONE
    decidable: bool = True
    adapter: Literal["linear", "mace"] = "linear"


CASES: tuple[Case, ...] = (
    Case("filtered on purpose", Situation.FILTERED_ON_PURPOSE, ("filtered",), "on_purpose"),
    Case("filtered, collateral", Situation.FILTERED_COLLATERAL, ("filtered",), "collateral"),
    Case("reason about other frames", Situation.REASON_ABOUT_OTHER_FRAMES, ("filtered",), "collateral"),
    Case("collateral, with MACE", Situation.FILTERED_COLLATERAL, ("filtered",), "collateral", adapter="mace"),
    Case("never computed, with MACE", Situation.NEVER_COMPUTED, ("never_computed",), adapter="mace"),
    Case("filtered, reason absent", Situation.FILTERED_WITHOUT_REASON, ("filtered",), "reason_unknown"),
    Case("filter dated after training", Situation.FILTER_AFTER_TRAINING, ("lost_otherwise",)),
    Case(
        "same drops at random",
        Situation.DROPPED_AT_RANDOM,
        ("lost_otherwise", "look_elsewhere", "failure_not_shown", "thin", "covered_not_learnt"),
        decidable=False,
    ),
    Case("never computed", Situation.NEVER_COMPUTED, ("never_computed",), "intent_not_recorded"),
    Case("never computed, on purpose", Situation.NEVER_COMPUTED_ON_PURPOSE, ("never_computed",), "on_purpose"),
    Case("element pair never computed", Situation.NEVER_COMPUTED_PAIR, ("never_computed",), "intent_not_recorded"),
    Case("contradictory labels", Situation.CONTRADICTORY_LABELS, ("contradictory_labels",)),
    Case("lost near the failure", Situation.LOST_NEARBY, ("lost_otherwise",)),
    Case("thin", Situation.THIN, ("thin",)),
    Case("underfit", Situation.UNDERFIT, ("covered_not_learnt",), twist=Twist.UNDERFIT),
    Case("checkpoint replaced", Situation.HEALTHY, ("setup",), twist=Twist.CHECKPOINT_REPLACED),
    Case("overlapping input", Situation.HEALTHY, ("setup",), twist=Twist.OVERLAPPING_INPUT),
    Case("time step too long", Situation.TIME_STEP_TOO_LONG, ("setup",), twist=Twist.TIME_STEP_TOO_LONG),
    Case("healthy", Situation.HEALTHY, ("failure_not_shown", "look_elsewhere"), decidable=False),
    Case("no raw pool", Situation.FILTERED_COLLATERAL, ("cannot_tell",), twist=Twist.NO_RAW_POOL, decidable=False),
)


@dataclass(frozen=True)
class Outcome:
    """What became of one laboratory."""

    case: str
    seed: int
    verdict: Verdict
    intent: Intent | None
    right: bool
    rule_right: bool | None
    commit_right: bool | None
    reason_right: bool | None
    silent_about_unexplained: bool | None
    note: str = ""


def run_case(case: Case, seed: int, folder: Path) -> Outcome:
    """Build one laboratory, train its potential, diagnose, compare with the truth."""
    from sonde.operations.diagnose import diagnose
    from sonde.sample_lab.build import build_laboratory
    from sonde.sample_lab.frames import sample_frames
    from sonde.sample_lab.plan import random_plan
    from sonde.sample_lab.registration import POTENTIAL, Checkpoint, register_laboratory

    plan = random_plan(seed, case.situation)
    laboratory, truth = build_laboratory(plan, folder / "laboratory", sample_frames())
    train = _train_mace if case.adapter == "mace" else _train_linear
    checkpoint = Checkpoint(train(case.twist, laboratory, folder), case.adapter)
    with_raw_pool = case.twist is not Twist.NO_RAW_POOL
    project = register_laboratory(laboratory, checkpoint, with_raw_pool=with_raw_pool)
    inputs, settings = _twisted_inputs(case.twist, laboratory, folder)
    record = diagnose(project, inputs, POTENTIAL, settings=settings)
    outcome = judge(case, truth, record)
    return replace(outcome, silent_about_unexplained=_silent(project, truth))


def _train_mace(twist: Twist, laboratory: Laboratory, folder: Path) -> Path:  # noqa: ARG001 - as the other trainer
    from sonde.datasets.readers import read_frames
    from sonde.sample_lab.train_sample import split
    from sonde.training.scratch import ScratchSettings, train_scratch

    train, valid = split(list(read_frames(laboratory.training)))
    return train_scratch(train, valid, folder / "mace", settings=ScratchSettings(n_epochs=25)).checkpoint


def _train_linear(twist: Twist, laboratory: Laboratory, folder: Path) -> Path:
    from sonde.datasets.readers import read_frames
    from sonde.potentials.linear import LinearSettings, fit_linear

    frames = list(read_frames(laboratory.training))
    weak = LinearSettings(n_radial=2, ridge=1.0) if twist is Twist.UNDERFIT else LinearSettings()
    path = folder / "potential.npz"
    fit_linear(frames, settings=weak).save(path)
    return path


def _twisted_inputs(twist: Twist, laboratory: Laboratory, folder: Path) -> "tuple[Path, DiagnoseSettings]":
    """Make the failing input that goes with a twist; elsewhere the labelled failing structures as they are."""
    from sonde.operations.diagnose import DiagnoseSettings

    settings = DiagnoseSettings(tolerance_eV_per_A=TOLERANCE)
    makers: dict[Twist, Callable[[Laboratory, Path], Path]] = {
        Twist.OVERLAPPING_INPUT: _overlapping,
        Twist.CHECKPOINT_REPLACED: _replace_checkpoint,
    }
    if twist in makers:
        return makers[twist](laboratory, folder), settings
    if twist is Twist.TIME_STEP_TOO_LONG:
        path, timestep_fs = _exploding_run(laboratory, folder)
        return path, replace(settings, trajectory=True, timestep_fs=timestep_fs, temperature_K=600.0)
    return laboratory.failing, settings


def _overlapping(laboratory: Laboratory, folder: Path) -> Path:
    """Move two atoms of the first failing structure to within 1 Å, without labels."""
    from sonde.datasets.readers import read_frames, write_extxyz

    frame = next(iter(read_frames(laboratory.failing)))
    positions = frame.positions.copy()
    positions[1] = positions[0] + np.array([0.9, 0.0, 0.0])
    path = folder / "overlap.xyz"
    write_extxyz(
        path, [replace(frame, positions=positions, energy_eV=None, forces_eV_per_A=None, stress_eV_per_A3=None)]
    )
    return path


def _replace_checkpoint(laboratory: Laboratory, folder: Path) -> Path:
    """Train another potential into the registered file, as an overwritten checkpoint would be."""
    from sonde.datasets.readers import read_frames
    from sonde.potentials.linear import LinearSettings, fit_linear

    frames = list(read_frames(laboratory.training))[:40]
    fit_linear(frames, settings=LinearSettings(n_radial=3)).save(folder / "potential.npz")
    return laboratory.failing


def _exploding_run(laboratory: Laboratory, folder: Path) -> tuple[Path, float]:
    """Find a time step at which dynamics explode while half of it is stable, and write that run."""
    from sonde.datasets.readers import read_frames, write_extxyz
    from sonde.potentials.registry import load_potential
    from sonde.simulation.dynamics import run_dynamics
    from sonde.simulation.stability import time_step_check

    potential = load_potential("linear", folder / "potential.npz")
    start = _calm_frame(read_frames(laboratory.training))
    for timestep_fs in (12.0, 16.0, 20.0, 26.0, 34.0):
        check = time_step_check(potential, start, timestep_fs=timestep_fs, temperature_K=600.0, seed=0)
        if check.stable_at_timestep is False and check.stable_at_half:
            break
    run = run_dynamics(
        potential, start, timestep_fs=timestep_fs, temperature_K=600.0, n_steps=60, seed=0, thermostat="nve"
    )
    path = folder / "run.xyz"
    write_extxyz(path, run)
    return path, timestep_fs


def _calm_frame(frames: "Iterable[Frame]") -> "Frame":
    """Choose the training frame with the smallest largest force."""

    def largest(frame: "Frame") -> float:
        forces = frame.forces_eV_per_A
        return np.inf if forces is None else float(np.linalg.norm(forces, axis=1).max())

    return min((f for f in frames if f.tags.get("config_type") == "rattled"), key=largest)


def judge(case: Case, truth: Truth, record: Diagnosis) -> Outcome:
    """Compare a diagnosis with the truth."""
    name, intent = record.verdict, record.verdict_intent
    right = name in case.right and (case.intent is None or intent == case.intent)
    filtered = case.right == ("filtered",) and name == "filtered"
    return Outcome(
        case=case.name,
        seed=truth.seed,
        verdict=name,
        intent=intent,
        right=right,
        rule_right=_rule_right(truth, record) if filtered else None,
        commit_right=_commit_right(truth, record) if filtered else None,
        reason_right=_reason_right(truth, record) if filtered else None,
        silent_about_unexplained=None,
    )


def _rule_right(truth: Truth, record: Diagnosis) -> bool:
    rules = [same for rule in record.rules[:1] for same in (rule, *rule.equivalent)]
    return any(
        rule.feature == truth.feature
        and rule.threshold_low is not None
        and rule.threshold_high is not None
        and rule.threshold_low <= truth.threshold <= rule.threshold_high
        for rule in rules
    )


def _commit_right(truth: Truth, record: Diagnosis) -> bool:
    commits = [change.commit for change in record.changes]
    return commits == [truth.change.commit] if truth.change else commits == []


def _reason_right(truth: Truth, record: Diagnosis) -> bool:
    """The first quote gives the reason, none is from a decoy or a superseded decision; no quote where there is none."""
    quotes = [quote for quote in record.quotes if quote.role == "reason"]
    if not quotes or not truth.reasons:
        return not quotes and not truth.reasons
    misleading = (*truth.decoys, *truth.superseded)
    first = any(line.is_quoted_by(quotes[0].text, quotes[0].anchor) for line in truth.reasons)
    return first and not any(line.is_quoted_by(q.text, q.anchor) for line in misleading for q in quotes)


def _silent(project: "object", truth: Truth) -> bool:
    """Does `why` say that no reason is recorded for the change that has none?"""
    from sonde.operations.why import Asked, why

    return not why(project, Asked(commit=truth.unexplained.commit)).answered  # type: ignore[arg-type]


# ---- the whole evaluation --------------------------------------------------------------------------------------------


def evaluate(cases: Sequence[Case], n_each: int, first_seed: int, n_processes: int) -> list[Outcome]:
    """Run n_each laboratories of every class."""
    jobs = [(case, first_seed + 1000 * k + n) for k, case in enumerate(cases) for n in range(_how_many(case, n_each))]
    if n_processes == 1:
        return [_report(_one(job)) for job in jobs]
    with ProcessPoolExecutor(n_processes) as pool:
        return [_report(outcome) for outcome in pool.map(_one, jobs)]


def _how_many(case: Case, n_each: int) -> int:
    """Laboratories with MACE take a minute each: a few of them show that nothing rests on the linear potential."""
    return min(n_each, MOST_WITH_MACE) if case.adapter == "mace" else n_each


def _one(job: tuple[Case, int]) -> Outcome:
    case, seed = job
    with tempfile.TemporaryDirectory() as folder:
        return run_case(case, seed, Path(folder))


def _report(outcome: Outcome) -> Outcome:
    mark = "right" if outcome.right else "cannot tell" if outcome.verdict == "cannot_tell" else "WRONG"
    line = f"{outcome.case:<30} seed {outcome.seed:<12} {outcome.verdict} {outcome.intent or ''} {mark}"
    sys.stderr.write(line + "\n")
    return outcome


def table(cases: Sequence[Case], outcomes: Sequence[Outcome]) -> str:
    """Write the confusion matrix: one row per class, one column per verdict, then the counts that matter."""
    verdicts = sorted({outcome.verdict for outcome in outcomes})
    lines = [" " * 30 + " ".join(f"{v.replace('_', ' '):>21}" for v in verdicts) + "   right"]
    for case in cases:
        own = [outcome for outcome in outcomes if outcome.case == case.name]
        counts = Counter(outcome.verdict for outcome in own)
        row = " ".join(f"{counts[v] or '·':>21}" for v in verdicts)
        lines.append(f"{case.name:<30}{row}   {sum(o.right for o in own)}/{len(own)}")
    return "\n".join([*lines, "", *_summary(cases, outcomes)])


def _summary(cases: Sequence[Case], outcomes: Sequence[Outcome]) -> list[str]:
    decidable = {case.name for case in cases if case.decidable}
    judged = [outcome for outcome in outcomes if outcome.case in decidable]
    right = sum(outcome.right for outcome in judged)
    wrong = sum(not o.right and o.verdict != "cannot_tell" for o in outcomes)
    silent = sum(o.verdict == "cannot_tell" for o in outcomes)
    lines = [
        f"right where the evidence suffices: {_share(right, len(judged))}",
        f"wrong definite verdicts overall:   {_share(wrong, len(outcomes))}",
        f"cannot tell:                       {_share(silent, len(outcomes))}",
    ]
    for name in ("rule_right", "commit_right", "reason_right", "silent_about_unexplained"):
        known = [getattr(o, name) for o in outcomes if getattr(o, name) is not None]
        lines.append(f"{name.replace('_', ' '):<35}{_share(sum(known), len(known))}")
    return lines


def _share(k: int, n: int) -> str:
    low, high = wilson(k, n)
    return f"{k}/{n} ({k / max(n, 1):.0%}; Wilson 95 % {low:.0%}–{high:.0%})"


def wilson(k: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Interval of a proportion (Wilson 1927, doi 10.1080/01621459.1927.10502953)."""
    if n == 0:
        return 0.0, 1.0
    p, d = k / n, 1 + z**2 / n
    centre, half = (p + z**2 / (2 * n)) / d, z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / d
    return max(0.0, centre - half), min(1.0, centre + half)


def seed_of_commit() -> int:
    """Derive seeds from the commit, so that nobody tunes to a fixed set of laboratories."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    return int(hashlib.sha256(head.encode()).hexdigest()[:8], 16)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Confusion matrix of diagnoses over generated laboratories.")
    parser.add_argument("--each", type=int, default=10, help="laboratories per class")
    parser.add_argument("--seed", type=int, help="first seed; derived from the commit by default")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", help="classes whose name contains this")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else seed_of_commit()
    cases = [case for case in CASES if not given.only or given.only in case.name]
    outcomes = evaluate(cases, given.each, seed, given.processes)
    sys.stdout.write(f"first seed {seed}\n{table(cases, outcomes)}\n")


if __name__ == "__main__":
    main()
