"""`sonde trust fit` and `sonde trust score`."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from sonde.errors import SondeError, WrongUse
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.records.reliability import (
    DEFAULT_TOLERANCE_EV_PER_A,
    LogParity,
    ProbeKind,
    Reliability,
    Tolerance,
    TrustSummary,
)

if TYPE_CHECKING:
    from sonde.potentials.protocol import FrozenPotential
    from sonde.reliability.probes.attention import AttentionSettings
    from sonde.reliability.probes.protocol import Probe
    from sonde.store import Project

ARTIFACTS: dict[ProbeKind, str] = {"local": "probe", "attention": "attention probe"}
"""Under which kind of artifact a probe is kept."""


@dataclass(frozen=True)
class LammpsRun:
    """What a dump does not say itself: the elements of its types 1, 2, …, and the log of its run."""

    elements: tuple[str, ...] = ()
    log: Path | None = None


@dataclass(frozen=True)
class Scores:
    """Reliability of each structure of a file."""

    SCHEMA: ClassVar[str] = "sonde.trust-score/1"
    potential: str
    structures: tuple[Reliability, ...]
    parity: LogParity | None = None
    """Of the energies in a LAMMPS log with those of the potential, where a log was given."""


def trust_fit(
    project: "Project",
    potential: str,
    dataset: str,
    *,
    tolerance: float = DEFAULT_TOLERANCE_EV_PER_A,
    attention: "AttentionSettings | None" = None,
    progress: Progress = SILENT,
) -> TrustSummary:
    """Fit the reliability probe of a potential on the true errors of a labelled dataset.

    A local probe of force errors; with `attention`, an attention probe of what it asks for, at its own tolerance. The
    dataset should be one that the potential was not trained on; where it is, the summary says so.
    """
    from sonde.datasets.label_noise import noise_of_repeated_forces
    from sonde.operations.evaluations import evaluations_of_dataset
    from sonde.operations.evidence.assembly import load_registered
    from sonde.operations.evidence.trust import groups_of
    from sonde.reliability.attention_trust import fit_attention
    from sonde.reliability.trust import TrustSettings, fit_trust

    project.datasets.row(dataset)
    registered, loaded = load_registered(project, potential, progress)
    frames = list(project.datasets.frames(dataset))
    evaluations = evaluations_of_dataset(project, loaded, dataset, frames, progress)
    given = (loaded.identity, frames, evaluations, groups_of(frames, dataset))
    seen = seen_in_training(project, registered.trained_on, frames)
    noise = noise_of_repeated_forces(frames)
    settings = TrustSettings(potential, seen_in_training=seen, label_noise_eV_per_A=noise)
    probe: Probe
    if attention is None:
        probe, summary = fit_trust(*given, tolerance=tolerance, settings=settings)
    else:
        progress.say("training attention networks: one for the probe, four for its test")
        probe, summary = fit_attention(*given, attention=attention, settings=settings)
    with project.writing():
        kind: ProbeKind = "local" if attention is None else "attention"
        project.artifacts.put(ARTIFACTS[kind], potential, probe.to_bytes(), {"dataset": dataset})
    return summary


def seen_in_training(project: "Project", trained_on: str | None, frames: list[Frame]) -> tuple[bool, ...] | None:
    """Per frame, whether its geometry stands in the training dataset; None where that dataset is not registered."""
    from sonde.datasets.identity import geometry_id

    if trained_on is None:
        return None
    known = {geometry_id(frame) for frame in project.datasets.frames(trained_on)}
    return tuple(geometry_id(frame) in known for frame in frames)


def trust_score(
    project: "Project",
    potential: str,
    file: Path,
    *,
    tolerance: float | Tolerance | None = None,
    kind: ProbeKind = "local",
    lammps: "LammpsRun | None" = None,
    progress: Progress = SILENT,
) -> Scores:
    """Score structures with the stored probe: P(error ≤ tolerance), and whether in scope.

    tolerance: largest per-atom force error, eV/Å, or a `Tolerance`; an attention probe has its own. lammps: elements of
    a dump's types and the log of its run, whose energies are then compared with those of the potential.
    """
    from sonde.operations.trajectories import log_parity, read_trajectory
    from sonde.reliability.probes.protocol import tolerance_for

    run = lammps or LammpsRun()
    loaded, probe = probe_of(project, potential, kind, progress)
    frames = read_trajectory(file, run.elements)
    evaluations = loaded.evaluate(frames, progress=progress)
    asked = tolerance_for(probe, tolerance)
    parity = None if run.log is None else log_parity(run.log, frames, evaluations)
    return Scores(potential, tuple(probe.score_frames(loaded.identity, frames, evaluations, asked)), parity)


def probe_of(
    project: "Project", potential: str, kind: ProbeKind, progress: Progress
) -> "tuple[FrozenPotential, Probe]":
    """Load a registered potential with the probe that was fitted to it.

    Raises
    ------
    SondeError : no such probe was fitted.
    """
    from sonde.operations.evidence.assembly import load_registered
    from sonde.reliability.probes.protocol import probe_from_bytes

    if kind not in ARTIFACTS:
        raise WrongUse(f"A probe is one of {', '.join(ARTIFACTS)}; found {kind!r}.")
    project.potentials.get(potential)
    stored = project.artifacts.get(ARTIFACTS[kind], potential)
    if stored is None:
        way = "" if kind == "local" else f" --probe {kind}"
        raise SondeError(
            f"No {kind} probe is fitted for {potential}: run sonde trust fit {potential} --on DATASET{way} first."
        )
    probe = probe_from_bytes(stored[0])
    _, loaded = load_registered(project, potential, progress)
    return loaded, probe


def write_scored(scores: Scores, file: Path, out: Path, elements: Sequence[str] = ()) -> Path:
    """Write the scored structures as extended xyz, which OVITO and chemiscope read; it appears whole or not at all.

    Per atom: atomic_reliability, scope_distance (over its limit), atomic_importance of attention probes. Per structure:
    reliability, scope_distance, state and the tolerance.
    """
    from ase.io import write

    from sonde.operations.trajectories import read_trajectory
    from sonde.potentials.calculator import atoms_of

    written = []
    for frame, found in zip(read_trajectory(file, elements), scores.structures, strict=True):
        atoms = atoms_of(frame)
        atoms.arrays["atomic_reliability"] = found.atomic_p_within
        atoms.arrays["scope_distance"] = np.max([found.distance_ratio, found.q_ratio, found.t2_ratio], axis=0)
        atoms.info |= {"reliability": found.p_within, "scope_distance": found.out_of_scope_score}
        atoms.info |= {"state": found.state} | _tolerances(found)
        if found.atomic_importance is not None:
            atoms.arrays["atomic_importance"] = found.atomic_importance
        written.append(atoms)
    fresh = out.with_name(f"{out.name}.{os.getpid()}.tmp")
    try:
        write(fresh, written, format="extxyz")
        fresh.replace(out)
    finally:
        fresh.unlink(missing_ok=True)
    return out


def _tolerances(found: Reliability) -> dict[str, float]:
    names = ["tolerance_eV_per_A", "tolerance_eV_per_atom", "energy_tolerance_eV_per_atom", "p_energy_within"]
    names += ["relative_tolerance"] if found.relative_tolerance else []
    return {name: getattr(found, name) for name in names if getattr(found, name) is not None}
