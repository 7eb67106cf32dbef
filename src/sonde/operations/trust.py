"""`sonde trust fit` and `sonde trust score`."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from sonde.errors import SondeError
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.records.reliability import Reliability, TrustSummary

if TYPE_CHECKING:
    from sonde.store import Project


@dataclass(frozen=True)
class Scores:
    """Reliability of each structure of a file."""

    SCHEMA: ClassVar[str] = "sonde.trust-score/1"
    potential: str
    structures: tuple[Reliability, ...]


def trust_fit(
    project: "Project", potential: str, dataset: str, *, tolerance: float = 0.3, progress: Progress = SILENT
) -> TrustSummary:
    """Fit the reliability probe of a potential on the true force errors of a labelled dataset.

    The dataset should be one that the potential was not trained on; where it is, the summary says so.
    """
    from sonde.operations.evaluations import evaluations_of_dataset
    from sonde.operations.evidence.assembly import load_registered
    from sonde.operations.evidence.trust import groups_of
    from sonde.reliability.trust import TrustSettings, fit_trust

    project.datasets.row(dataset)
    registered, loaded = load_registered(project, potential, progress)
    frames = list(project.datasets.frames(dataset))
    evaluations = evaluations_of_dataset(project, loaded, dataset, frames, progress)
    probe, summary = fit_trust(
        loaded.identity,
        frames,
        evaluations,
        groups_of(frames, dataset),
        tolerance=tolerance,
        settings=TrustSettings(potential, seen_in_training=seen_in_training(project, registered.trained_on, frames)),
    )
    with project.writing():
        project.artifacts.put("probe", potential, probe.to_bytes(), {"dataset": dataset})
    return summary


def seen_in_training(project: "Project", trained_on: str | None, frames: list[Frame]) -> tuple[bool, ...] | None:
    """Per frame, whether its geometry stands in the training dataset; None where that dataset is not registered."""
    from sonde.datasets.identity import geometry_id

    if trained_on is None:
        return None
    known = {geometry_id(frame) for frame in project.datasets.frames(trained_on)}
    return tuple(geometry_id(frame) in known for frame in frames)


def trust_score(
    project: "Project", potential: str, file: Path, *, tolerance: float = 0.3, progress: Progress = SILENT
) -> Scores:
    """Score structures with the stored probe: P(largest per-atom force error ≤ tolerance), and whether in scope."""
    from sonde.operations.diagnose import read_structures
    from sonde.operations.evidence.assembly import load_registered
    from sonde.reliability.probes.local import LocalProbe

    project.potentials.get(potential)
    stored = project.artifacts.get("probe", potential)
    if stored is None:
        raise SondeError(f"No probe is fitted for {potential}: run sonde trust fit {potential} --on DATASET first.")
    probe = LocalProbe.from_bytes(stored[0])
    _, loaded = load_registered(project, potential, progress)
    frames = read_structures(file)
    evaluations = loaded.evaluate(frames, progress=progress)
    return Scores(potential, tuple(probe.score_frames(loaded.identity, frames, evaluations, tolerance)))


def write_scored(scores: Scores, file: Path, out: Path) -> Path:
    """Write the scored structures as extended xyz, which OVITO and chemiscope read; it appears whole or not at all.

    Per atom: atomic_reliability, scope_distance (over its limit). Per structure: reliability, scope_distance, state,
    tolerance_eV_per_A.
    """
    from ase.io import write

    from sonde.operations.diagnose import read_structures
    from sonde.potentials.calculator import atoms_of

    written = []
    for frame, found in zip(read_structures(file), scores.structures, strict=True):
        atoms = atoms_of(frame)
        atoms.arrays["atomic_reliability"] = found.atomic_p_within
        atoms.arrays["scope_distance"] = np.max([found.distance_ratio, found.q_ratio, found.t2_ratio], axis=0)
        atoms.info |= {"reliability": found.p_within, "scope_distance": found.out_of_scope_score}
        atoms.info |= {"state": found.state, "tolerance_eV_per_A": found.tolerance_eV_per_A}
        written.append(atoms)
    fresh = out.with_name(f"{out.name}.{os.getpid()}.tmp")
    try:
        write(fresh, written, format="extxyz")
        fresh.replace(out)
    finally:
        fresh.unlink(missing_ok=True)
    return out
