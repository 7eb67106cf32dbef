"""From a project and an input to the material of a diagnosis."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sonde.errors import NotFound, SondeError
from sonde.operations.evaluations import evaluations_of_dataset
from sonde.operations.evidence.material import Labelled, Material
from sonde.operations.evidence.trust import Known, Trust, trust_in
from sonde.progress import Progress
from sonde.records.arrays import BoolArray, IntArray
from sonde.records.datasets import Lineage
from sonde.records.diagnosis import FailureEvidence
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, RegisteredPotential

if TYPE_CHECKING:
    from sonde.local_environments.descriptors import DensityDescriptor
    from sonde.operations.diagnose import DiagnoseSettings
    from sonde.potentials.protocol import FrozenPotential
    from sonde.store import Project

UNLIKELY = 0.5
"""Without labels, atoms with less than this probability of an error within the tolerance carry the failure."""


def gather(
    project: "Project", frames: Sequence[Frame], name: str, settings: "DiagnoseSettings", progress: Progress
) -> tuple[Material, FailureEvidence, Trust]:
    """Load the potential, evaluate what is needed once, and say which atoms carry the failure."""
    registered, potential = load_registered(project, name, progress)
    frames, evaluations, anomaly = _before_anomaly(potential, frames, settings, progress)
    training_frames, pool_frames, pool_name = _datasets(project, registered)
    descriptor = _descriptor([*frames, *training_frames, *pool_frames])
    inputs = Labelled("input", frames, evaluations, descriptor.compute(frames))
    training = _labelled(project, potential, registered.trained_on, training_frames, descriptor, progress)
    pool = _labelled(project, potential, pool_name, pool_frames, descriptor, progress)
    lineage = _lineage(training, pool, progress)
    outside = None if pool is None or lineage is None else pool.subset(_labelled_drops(pool, lineage.dropped))
    known = Known(potential.identity, outside, training)
    trust = trust_in(project, registered, inputs, known, settings.tolerance_eV_per_A, progress)
    failing = failing_atoms(inputs, trust, settings.tolerance_eV_per_A)
    material = Material(potential, registered, settings.tolerance_eV_per_A, inputs, failing, training, pool, lineage)
    return material, _failure(inputs, anomaly), trust


def load_registered(project: "Project", name: str, progress: Progress) -> "tuple[RegisteredPotential, FrozenPotential]":
    """Load a registered potential by its name, as it was registered."""
    from pathlib import Path

    from sonde.potentials.registry import load_potential

    if name not in project.potentials.names():
        raise NotFound("potential", name, project.potentials.names())
    registered = project.potentials.get(name)
    identity = registered.identity
    progress.say(f"loading {name}")
    checkpoint = Path(registered.checkpoint) if registered.checkpoint else None
    return registered, load_potential(
        identity.adapter,
        checkpoint,
        head=identity.head,
        dtype=identity.dtype,
        trust_pickle=registered.trust_pickle,
    )


def _before_anomaly(
    potential: "FrozenPotential", frames: Sequence[Frame], settings: "DiagnoseSettings", progress: Progress
) -> tuple[Sequence[Frame], list[FrameEvaluation], str | None]:
    """Evaluate the input; of a trajectory only the frames before its first anomaly, never the exploded ones."""
    evaluations = potential.evaluate(frames, progress=progress)
    if not settings.trajectory:
        return frames, evaluations, None
    from sonde.simulation.trajectories import first_anomaly, frames_before

    anomaly = first_anomaly(frames, evaluations)
    if anomaly is None:
        return frames, evaluations, None
    kept = frames_before(anomaly, len(frames))
    if not kept:
        raise SondeError("The first frame of the trajectory is already anomalous: give the run from its start.")
    return [frames[k] for k in kept], [evaluations[k] for k in kept], anomaly.reason


def _datasets(project: "Project", registered: RegisteredPotential) -> tuple[list[Frame], list[Frame], str | None]:
    """Frames of the training dataset and of the raw pool at the root of its chain, where they are registered."""
    if registered.trained_on is None:
        return [], [], None
    training = list(project.datasets.frames(registered.trained_on))
    root = raw_pool_of(project, registered.trained_on)
    return training, list(project.datasets.frames(root)) if root else [], root


def raw_pool_of(project: "Project", dataset: str) -> str | None:
    """Follow `child_of` up to the dataset that came from no other; None where the dataset itself has no parent."""
    name: str | None = project.datasets.row(dataset).child_of
    root = None
    while name is not None:
        root, name = name, project.datasets.row(name).child_of
    return root


def _descriptor(frames: Sequence[Frame]) -> "DensityDescriptor":
    from sonde.local_environments.descriptors import DensityDescriptor

    elements = sorted({int(z) for frame in frames for z in np.unique(frame.numbers)})
    return DensityDescriptor(tuple(elements))


def _labelled(
    project: "Project",
    potential: "FrozenPotential",
    name: str | None,
    frames: list[Frame],
    descriptor: "DensityDescriptor",
    progress: Progress,
) -> Labelled | None:
    if name is None or not frames:
        return None
    evaluations = evaluations_of_dataset(project, potential, name, frames, progress)
    return Labelled(name, frames, evaluations, descriptor.compute(frames, progress=progress))


def _lineage(training: Labelled | None, pool: Labelled | None, progress: Progress) -> Lineage | None:
    from sonde.datasets.lineage import lineage

    if training is None or pool is None:
        return None
    progress.say("recovering what was dropped between the raw pool and the training dataset")
    return lineage(pool.frames, training.frames, parent_name=pool.name, child_name=training.name)


def _labelled_drops(pool: Labelled, dropped: IntArray | None) -> list[int]:
    return [] if dropped is None else [int(k) for k in dropped if pool.errors[int(k)] is not None]


def failing_atoms(inputs: Labelled, trust: Trust, tolerance: float) -> list[BoolArray]:
    """Per input frame, the atoms whose error exceeds the tolerance; without labels, those that the probe distrusts.

    Where neither marks any atom of any frame, all atoms count: the question is then about the whole structure.
    """
    masks: list[BoolArray] = []
    for errors, judged in zip(inputs.errors, trust.reliabilities, strict=True):
        if errors is not None:
            masks.append(errors > tolerance)
        elif judged is not None:
            masks.append((judged.atomic_p_within < UNLIKELY) | (judged.distance_ratio > 1.0))
        else:
            masks.append(np.zeros(0, dtype=bool))
    if not any(mask.any() for mask in masks):
        return [np.ones(frame.n_atoms, dtype=bool) for frame in inputs.frames]
    return [
        mask if len(mask) else np.ones(frame.n_atoms, dtype=bool)
        for mask, frame in zip(masks, inputs.frames, strict=True)
    ]


def _failure(inputs: Labelled, anomaly: str | None) -> FailureEvidence:
    errors = [float(e.max()) for e in inputs.errors if e is not None]
    return FailureEvidence(max(errors, default=None), len(errors), anomaly)
