"""`python eval/lead_time.py`: do scores of trust lead unphysical events in dynamics, and at what price of false alarms?

A potential fitted to calm Al-Li-Mg cells drives cells at many temperatures. Runs in which something unphysical happens
(`first_anomaly`: contacts, spikes of force, temperature or energy, evaporation) have failed; all others are sound. Each
score is followed through every run; its alarm is the first frame in which it passes a limit. The limit is set on
half of the sound runs so that 5 % of them raise an alarm, and judged on the other half. Printed per score: the share of
failing runs with an alarm at least one frame before the event, the median lead time, and the false alarms on the sound
runs that set no limit. Failure and scores rest on the same potential: an explosion is only one kind of being wrong.

Data: $SONDE_SHARED_DATA, else ../shared/data.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded: small matrices

import numpy as np

from sonde.datasets.readers import read_frames
from sonde.potentials.linear import LinearSettings, fit_linear
from sonde.potentials.protocol import FrozenPotential
from sonde.potentials.registry import load_potential
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation
from sonde.records.reliability import Reliability
from sonde.reliability.probes.local import LocalProbe
from sonde.reliability.trust import fit_probe
from sonde.simulation.dynamics import run_dynamics
from sonde.simulation.trajectories import first_anomaly

CALM = 1.5
"""eV/Å: cells below are those that the potential and its probe know."""
N_TRAINING = 25
"""Few enough that the potential fails in dynamics at all."""
TIMESTEP_FS, EVERY = 1.0, 4
FALSE_ALARMS = 0.05
TOLERANCE = 0.3
Score = Callable[[Reliability, FrameEvaluation], float]
SCORES: dict[str, Score] = {
    "largest force": lambda _, e: float(np.linalg.norm(e.forces_eV_per_A, axis=1).max()),
    "distance": lambda r, _: float(r.distance_ratio.max()),
    "Q": lambda r, _: float(r.q_ratio.max()),
    "T²": lambda r, _: float(r.t2_ratio.max()),
    "gate (all)": lambda r, _: r.out_of_scope_score,
    "probe, 1 − P": lambda r, _: 1.0 - r.p_within,
}
"""Higher is worse."""


@dataclass(frozen=True, eq=False)
class Run:
    """One run: scores (n_frames,) by name up to its event, which is None where nothing happened."""

    temperature_K: float
    event: int | None
    kind: str
    scores: dict[str, FloatArray]


def followed(
    potential: FrozenPotential, probe: LocalProbe, start: Frame, temperature_K: float, seed: int, n: int
) -> Run:
    """Drive one cell and follow every score up to the event, if there is one."""
    frames = run_dynamics(
        potential,
        start,
        timestep_fs=TIMESTEP_FS,
        temperature_K=temperature_K,
        n_steps=n,
        seed=seed,
        thermostat="langevin",
        every=EVERY,
    )
    evaluations = potential.evaluate(frames)
    anomaly = first_anomaly(frames, evaluations)
    stop = len(frames) if anomaly is None else anomaly.index + 1
    judged = probe.score_frames(potential.identity, frames[:stop], evaluations[:stop], TOLERANCE)
    scores = {
        name: np.array([score(r, e) for r, e in zip(judged, evaluations[:stop], strict=True)])
        for name, score in SCORES.items()
    }
    return Run(temperature_K, None if anomaly is None else anomaly.index, anomaly.kind if anomaly else "", scores)


def row(name: str, sound: Sequence[Run], failing: Sequence[Run], seed: int) -> str:
    """One line of the table for a score, its limit set on a random half of the sound runs."""
    order = np.random.default_rng(seed).permutation(len(sound))
    half = len(order) // 2
    setting, judging = [sound[k] for k in order[:half]], [sound[k] for k in order[half:]]
    limit = float(np.quantile([run.scores[name].max() for run in setting], 1 - FALSE_ALARMS))
    false = float(np.mean([run.scores[name].max() > limit for run in judging]))
    leads = [lead_fs(run, name, limit) for run in failing]
    warned = [lead for lead in leads if lead is not None and lead > 0]
    quartiles = "–".join(f"{value:.0f}" for value in np.percentile(warned, [25, 75])) if warned else "—"
    middle = f"{np.median(warned):.0f}" if warned else "—"
    return f"{name:15s} {len(warned) / len(failing):8.0%} {middle:>10s} {quartiles:>12s} {false:14.0%}"


def lead_fs(run: Run, name: str, limit: float) -> float | None:
    """Time from the first alarm to the event; None where none came."""
    beyond = np.flatnonzero(run.scores[name] > limit)
    if not len(beyond) or run.event is None:
        return None
    return float((run.event - int(beyond[0])) * EVERY * TIMESTEP_FS)


def material(data: Path, checkpoint: Path | None) -> tuple[FrozenPotential, LocalProbe, list[Frame]]:
    """A potential of 25 calm cells (or a given one), its probe on the others, and cells to start from."""
    frames = list(read_frames(data / "al_li_mg" / "al_li_mg.xyz"))
    calm = [frame for frame in frames if _largest(frame) < CALM]
    order = np.random.default_rng(0).permutation(len(calm))
    own, other = ([calm[k] for k in part] for part in (order[:N_TRAINING], order[N_TRAINING:]))
    potential: FrozenPotential = (
        fit_linear(own, settings=LinearSettings()) if checkpoint is None else load_potential("mace", checkpoint)
    )
    probe = fit_probe(potential.identity, other, potential.evaluate(other), list(range(len(other))))
    starts = [frame for frame in other if frame.n_atoms == 4 and _largest(frame) < 1.0]
    return potential, probe, starts


def _largest(frame: Frame) -> float:
    if frame.forces_eV_per_A is None:
        return float("inf")
    return float(np.linalg.norm(frame.forces_eV_per_A, axis=1).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--checkpoint", type=Path, help="A MACE checkpoint of sonde; a linear potential is fitted without."
    )
    parser.add_argument("--runs", type=int, default=20, help="Runs per temperature.")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--temperatures", type=float, nargs="+", default=[300.0, 1500.0, 4000.0, 6000.0])
    asked = parser.parse_args()
    data = Path(os.environ.get("SONDE_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    potential, probe, starts = material(data, asked.checkpoint)
    runs = []
    for temperature in asked.temperatures:
        own = [
            followed(potential, probe, starts[k % len(starts)], temperature, k, asked.steps) for k in range(asked.runs)
        ]
        failed = [run for run in own if run.event is not None]
        say(f"{temperature:6.0f} K: {len(failed)} of {len(own)} runs fail {_kinds(failed)}")
        runs += own
    sound, failing = [run for run in runs if run.event is None], [run for run in runs if run.event is not None]
    if not failing or len(sound) < 2:
        sys.exit("Nothing to compare: runs must fail, and others must not. Give other temperatures or more steps.")
    length, apart = asked.steps * TIMESTEP_FS, EVERY * TIMESTEP_FS
    say(f"\n{len(failing)} failing and {len(sound)} sound runs of {length:.0f} fs, frames every {apart:.0f} fs")
    say(f"{'score':15s} {'warned':>8s} {'lead, fs':>10s} {'quartiles':>12s} {'false alarms':>14s}")
    for name in SCORES:
        say(row(name, sound, failing, seed=0))


def say(line: str) -> None:
    """Write a line at once: runs take minutes."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _kinds(runs: Sequence[Run]) -> str:
    kinds = sorted({run.kind for run in runs})
    return ", ".join(f"{kind} {sum(run.kind == kind for run in runs)}" for kind in kinds)


if __name__ == "__main__":
    main()
