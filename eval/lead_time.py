"""`python -m eval.lead_time`: do scores of trust lead unphysical events in dynamics, and at what price of false alarms?

A potential drives structures at several temperatures. Runs in which something unphysical happens (`first_anomaly`:
contacts, spikes of force, temperature or energy, evaporation; in molecules also a bond that tears) have failed; all
others are sound. Each score is followed through every run; its alarm is the first frame in which it passes a limit. The
limit is set on half of the sound runs so that 5 % of them raise an alarm, and judged on the other half. Printed per
score: the share of failing runs with an alarm at least one frame before the event, the median lead time, the false
alarms on the sound runs that set no limit, and how well the score's peak before the event tells failing from sound runs
(AUROC; of all pairs of runs, and of pairs at one temperature, since heat alone tells them apart). A committee's spread
stands beside the probe's scores. Failure and scores rest on the same potential: an explosion is only one kind of being
wrong.

Without options: a linear potential fitted to 25 calm Al-Li-Mg cells, and refits on cells drawn from them. With
--committee SET:SIZE: small MACE potentials (`eval.trust.committees`), the first of which drives.
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
from ase.data import covalent_radii

from eval.trust import committees, molecules
from eval.trust.sets import SETS
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
N_REFITS = 4
BONDED, TORN = 1.25, 2.0
"""A bond: at the start closer than 1.25 covalent radii; torn: beyond twice them."""
SPREAD = "committee spread"
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
class Material:
    """A potential that drives, others of its committee, its probe, and structures to start from."""

    potential: FrozenPotential
    committee: Sequence[FrozenPotential]
    probe: LocalProbe
    starts: Sequence[Frame]


@dataclass(frozen=True, eq=False)
class Run:
    """One run: scores (n_frames,) by name up to its event, which is None where nothing happened."""

    temperature_K: float
    event: int | None
    kind: str
    scores: dict[str, FloatArray]

    def peak(self, name: str) -> float:
        """Largest value of a score, before the event if there is one."""
        values = self.scores[name][: self.event]
        return float(values.max()) if len(values) else -np.inf


def followed(case: Material, start: Frame, temperature_K: float, seed: int, n: int) -> Run:
    """Drive one structure and follow every score up to the event, if there is one."""
    frames = run_dynamics(
        case.potential,
        start,
        timestep_fs=TIMESTEP_FS,
        temperature_K=temperature_K,
        n_steps=n,
        seed=seed,
        thermostat="langevin",
        every=EVERY,
    )
    evaluations = case.potential.evaluate(frames)
    event, kind = event_of(frames, evaluations)
    stop = len(frames) if event is None else event + 1
    judged = case.probe.score_frames(case.potential.identity, frames[:stop], evaluations[:stop], TOLERANCE)
    scores = {
        name: np.array([score(r, e) for r, e in zip(judged, evaluations[:stop], strict=True)])
        for name, score in SCORES.items()
    }
    if case.committee:
        scores[SPREAD] = spreads(case, frames[:stop], evaluations[:stop])
    return Run(temperature_K, event, kind, scores)


def spreads(case: Material, frames: Sequence[Frame], own: Sequence[FrameEvaluation]) -> FloatArray:
    """Largest spread of the committee's forces over the atoms of every frame (n_frames,), eV/Å."""
    said = [own, *(other.evaluate(frames) for other in case.committee)]
    of_frames = zip(*said, strict=True)
    return np.array([committees.spread(one.forces_eV_per_A for one in members).max() for members in of_frames])


def event_of(frames: Sequence[Frame], evaluations: Sequence[FrameEvaluation]) -> tuple[int | None, str]:
    """Frame and kind of the first unphysical event; in molecules a bond of the start that tears is one."""
    anomaly = first_anomaly(frames, evaluations)
    torn = None if frames[0].pbc.any() else torn_bond(frames)
    if torn is not None and (anomaly is None or torn < anomaly.index):
        return torn, "torn bond"
    return (None, "") if anomaly is None else (anomaly.index, anomaly.kind)


def torn_bond(frames: Sequence[Frame]) -> int | None:
    """The first frame in which a bond of the first frame is torn."""
    radii = covalent_radii[frames[0].numbers]
    reach = radii[:, None] + radii
    bonded = np.triu(_distances(frames[0]) < BONDED * reach, 1)
    return next((k for k, f in enumerate(frames) if (_distances(f)[bonded] > TORN * reach[bonded]).any()), None)


def _distances(frame: Frame) -> FloatArray:
    return np.asarray(np.linalg.norm(frame.positions[:, None] - frame.positions, axis=2))


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
    ranks = [ranking(sound, failing, name, same_temperature=same) for same in (False, True)]
    shown = " ".join("    —" if rank is None else f"{rank:5.2f}" for rank in ranks)
    return f"{name:16s} {len(warned) / len(failing):7.0%} {middle:>9s} {quartiles:>10s} {false:13.0%}   {shown}"


def ranking(sound: Sequence[Run], failing: Sequence[Run], name: str, *, same_temperature: bool) -> float | None:
    """Share of pairs of runs in which the failing one has the higher peak before its event (AUROC); None without pairs.

    Runs that fail are shorter, so that their peaks are taken over fewer frames: the figure is on the low side.
    """
    pairs = [
        (bad.peak(name), good.peak(name))
        for bad in failing
        for good in sound
        if not same_temperature or bad.temperature_K == good.temperature_K
    ]
    if not pairs:
        return None
    return float(np.mean([1.0 if bad > good else 0.5 * (bad == good) for bad, good in pairs]))


def lead_fs(run: Run, name: str, limit: float) -> float | None:
    """Time from the first alarm to the event; None where none came."""
    beyond = np.flatnonzero(run.scores[name] > limit)
    if not len(beyond) or run.event is None:
        return None
    return float((run.event - int(beyond[0])) * EVERY * TIMESTEP_FS)


def linear_material(data: Path) -> Material:
    """A potential of 25 calm cells, refits on cells drawn from them with replacement, and its probe on the others."""
    rng = np.random.default_rng(0)
    calm = [frame for frame in read_frames(data / "al_li_mg" / "al_li_mg.xyz") if _largest(frame) < CALM]
    order = rng.permutation(len(calm))
    own, other = ([calm[k] for k in part] for part in (order[:N_TRAINING], order[N_TRAINING:]))
    potential = fit_linear(own, settings=LinearSettings())
    draws = [[own[k] for k in rng.integers(len(own), size=len(own))] for _ in range(N_REFITS)]
    refits = [fit_linear(draw, settings=LinearSettings()) for draw in draws]
    probe = fit_probe(potential.identity, other, potential.evaluate(other), list(range(len(other))))
    starts = [frame for frame in other if frame.n_atoms == 4 and _largest(frame) < 1.0]
    return Material(potential, refits, probe, starts)


def committee_material(dataset: str, size: str, folder: Path, data: Path, seeds: Sequence[int]) -> Material:
    """The first of these members with a probe on frames new to it, and starts that are new to the probe as well.

    Al-Li-Mg: from calm cells of every third formula; molecules: from every third molecule, as found at 300 K.
    """
    frames = SETS[dataset](data)
    new = [frames[place] for place in committees.unseen(dataset, frames)]
    members = [member_of(dataset, size, seed, frames, folder) for seed in seeds]
    names = sorted({str(frame.tags["trajectory"]) for frame in new})
    fresh = set(names[2::3])
    known = [frame for frame in new if frame.tags["trajectory"] not in fresh]
    groups = [str(frame.tags["trajectory"]) for frame in known]
    probe = fit_probe(members[0].identity, known, members[0].evaluate(known, batch_size=32), groups)
    starts = [frame for frame in new if frame.tags["trajectory"] in fresh]
    if dataset == "molecules":
        starts = [frame for frame in starts if frame.tags["temperature_K"] == molecules.TEMPERATURES_K[0]]
    else:
        starts = [frame for frame in starts if _largest(frame) < 1.0]
    return Material(members[0], members[1:], probe, starts)


def member_of(dataset: str, size: str, seed: int, frames: Sequence[Frame], folder: Path) -> FrozenPotential:
    """Load a member of a committee."""
    return load_potential("mace", committees.member(dataset, size, seed, frames, folder))


def _largest(frame: Frame) -> float:
    if frame.forces_eV_per_A is None:
        return float("inf")
    return float(np.linalg.norm(frame.forces_eV_per_A, axis=1).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--committee", help="SET:SIZE of small MACE potentials, as molecules:small.")
    parser.add_argument("--alone", action="store_true", help="Only the first member, without a committee's spread.")
    parser.add_argument("--folder", type=Path, default=committees.HERE / ".sonde" / "committees")
    parser.add_argument("--runs", type=int, default=20, help="Runs per temperature.")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--temperatures", type=float, nargs="+", default=[300.0, 1500.0, 4000.0, 6000.0])
    asked = parser.parse_args()
    data = Path(os.environ.get("SONDE_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if asked.committee:
        dataset, _, size = asked.committee.partition(":")
        seeds = committees.SEEDS[:1] if asked.alone else committees.SEEDS
        case = committee_material(dataset, size, asked.folder, data, seeds)
    else:
        case = linear_material(data)
    table([run for temperature in asked.temperatures for run in runs_at(case, temperature, asked.runs, asked.steps)])


def runs_at(case: Material, temperature_K: float, n_runs: int, n_steps: int) -> list[Run]:
    """Runs at one temperature, from one start after the other."""
    apart = max(1, len(case.starts) // n_runs)
    chosen = [case.starts[(k * apart) % len(case.starts)] for k in range(n_runs)]
    own = [followed(case, start, temperature_K, k, n_steps) for k, start in enumerate(chosen)]
    failed = [run for run in own if run.event is not None]
    say(f"{temperature_K:6.0f} K: {len(failed)} of {len(own)} runs fail {_kinds(failed)}")
    return own


def table(runs: Sequence[Run]) -> None:
    """Print what each score is worth."""
    sound, failing = [run for run in runs if run.event is None], [run for run in runs if run.event is not None]
    if not failing or len(sound) < 2:
        sys.exit("Nothing to compare: runs must fail, and others must not. Give other temperatures or more steps.")
    say(f"\n{len(failing)} failing and {len(sound)} sound runs, frames every {EVERY * TIMESTEP_FS:.0f} fs")
    say(f"{'score':16s} {'warned':>7s} {'lead, fs':>9s} {'quartiles':>10s} {'false alarms':>13s}   AUROC  one T")
    for name in runs[0].scores:
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
