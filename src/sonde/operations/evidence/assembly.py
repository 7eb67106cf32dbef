"""From a project and an input to the material of a diagnosis."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sonde.errors import NotFound, SondeError
from sonde.operations.evaluations import batch_size_for, evaluations_of_dataset
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

OWN, ZERO_FORCE = 1e-3, 1e-2
"""Labels this close to the prediction, as a share of the largest force, are its own; forces (eV/Å) too small to say."""
UNLIKELY = 0.5
"""Without labels, atoms with less than this probability of an error within the tolerance carry the failure."""


def gather(
    project: "Project", frames: Sequence[Frame], name: str, settings: "DiagnoseSettings", progress: Progress
) -> tuple[Material, FailureEvidence, Trust]:
    """Load the potential, evaluate what is needed once, and say which atoms carry the failure."""
    registered, potential = load_registered(project, name, progress)
    frames, evaluations, anomaly = _before_anomaly(potential, frames, settings, progress)
    frames, own = without_own_labels(frames, evaluations)
    training_frames, pool_frames, pool_name = _datasets(project, registered)
    training_frames, pool_frames, left_out = _known_to(potential, training_frames, pool_frames)
    descriptor = _descriptor([*frames, *training_frames, *pool_frames])
    inputs = Labelled("input", frames, evaluations, descriptor.compute(frames))
    training = _labelled(project, potential, registered.trained_on, training_frames, descriptor, progress)
    pool = _labelled(project, potential, pool_name, pool_frames, descriptor, progress)
    lineage = _lineage(training, pool, progress)
    pool, lineage = without_copies(pool, lineage, inputs)
    outside = None if pool is None or lineage is None else pool.subset(_labelled_drops(pool, lineage.dropped))
    known = Known(potential.identity, outside, training)
    trust = trust_in(project, registered, inputs, known, settings.tolerance_eV_per_A, progress)
    failing = failing_atoms(inputs, trust, settings.tolerance_eV_per_A)
    material = Material(potential, registered, settings.tolerance_eV_per_A, inputs, failing, training, pool, lineage)
    return material, _failure(inputs, anomaly), replace(trust, notes=(*trust.notes, *own, *left_out))


def without_own_labels(
    frames: Sequence[Frame], evaluations: Sequence[FrameEvaluation]
) -> tuple[list[Frame], tuple[str, ...]]:
    """Take away labels that the potential itself wrote, as dynamics codes do: they would show no error at all."""
    own = [_is_own(frame, found) for frame, found in zip(frames, evaluations, strict=True)]
    kept = [
        replace(frame, energy_eV=None, forces_eV_per_A=None, stress_eV_per_A3=None) if mine else frame
        for frame, mine in zip(frames, own, strict=True)
    ]
    note = f"The forces of {sum(own)} input structures are the potential's own: they were not taken for labels."
    return kept, (note,) if any(own) else ()


def _is_own(frame: Frame, found: FrameEvaluation) -> bool:
    """Forces equal to the prediction within its rounding; all but zero they say nothing, by symmetry."""
    if frame.forces_eV_per_A is None:
        return False
    largest = float(np.abs(frame.forces_eV_per_A).max())
    return largest > ZERO_FORCE and np.allclose(frame.forces_eV_per_A, found.forces_eV_per_A, 0, OWN * largest)


def _known_to(
    potential: "FrozenPotential", training: list[Frame], pool: list[Frame]
) -> tuple[list[Frame], list[Frame], tuple[str, ...]]:
    """Leave out frames with elements that the potential cannot evaluate; the input holds none of them."""
    known = set(potential.identity.elements)
    kept = [[frame for frame in frames if known.issuperset(frame.numbers.tolist())] for frames in (training, pool)]
    n_left_out = (len(training) - len(kept[0]), len(pool) - len(kept[1]))
    notes = tuple(
        f"{n} frames of the {name} hold elements that the potential does not know: they were left out."
        for n, name in zip(n_left_out, ("training dataset", "raw pool"), strict=True)
        if n
    )
    return kept[0], kept[1], notes


def without_copies(
    pool: Labelled | None, lineage: Lineage | None, inputs: Labelled
) -> tuple[Labelled | None, Lineage | None]:
    """Take the input's own copies out of what was dropped: a structure is no neighbour of itself.

    Else every frame of a test split would be explained by its not having been trained on. Ordinals in the lineage are
    moved along; its rules stay those of the whole pool.
    """
    from sonde.datasets.identity import geometry_id

    if pool is None or lineage is None or lineage.dropped is None or lineage.dropped_by_rule is None:
        return pool, lineage
    own = {geometry_id(frame) for frame in inputs.frames}
    copies = {k for k in lineage.dropped.tolist() if geometry_id(pool.frames[k]) in own}
    kept = [k for k in range(len(pool.frames)) if k not in copies]
    moved = {k: place for place, k in enumerate(kept)}
    dropped, by_rule = (
        np.array([moved[k] for k in ordinals.tolist() if k in moved], dtype=np.int64)
        for ordinals in (lineage.dropped, lineage.dropped_by_rule)
    )
    return pool.subset(kept), replace(lineage, dropped=dropped, dropped_by_rule=by_rule)


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
    if not settings.trajectory:
        return frames, potential.evaluate(frames, batch_size=batch_size_for(frames), progress=progress), None
    from sonde.simulation.trajectories import first_anomaly, frames_before

    sound = next((k for k, frame in enumerate(frames) if not np.isfinite(frame.positions).all()), len(frames))
    evaluations = potential.evaluate(frames[:sound], batch_size=batch_size_for(frames), progress=progress)
    anomaly = first_anomaly(frames[:sound], evaluations)
    stop = len(frames_before(anomaly, sound)) if anomaly else sound
    reason = anomaly.reason if anomaly else f"frame {sound}: positions are not finite" if sound < len(frames) else None
    if stop == 0:
        raise SondeError(
            f"The first frame of the trajectory is already anomalous ({reason}). Give the run from its start, or, if "
            "this is its start, diagnose that structure without --trajectory."
        )
    return frames[:stop], evaluations[:stop], reason


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
