"""Evaluate a potential on a dataset of the project once; the result is kept beside it."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sonde.errors import Locked
from sonde.progress import Progress
from sonde.records.arrays import AnyArray, FloatArray
from sonde.records.frames import Frame
from sonde.records.jsonable import to_json
from sonde.records.potentials import FrameEvaluation, PotentialIdentity

if TYPE_CHECKING:
    from sonde.potentials.protocol import FrozenPotential
    from sonde.store import Project
    from sonde.store.datasets import DatasetRow

LARGEST_FLOAT16 = 6e4
ATOMS_PER_BATCH = 256
"""Enough to keep two cores busy, few enough for the neighbour lists to fit into any laptop's memory."""


def evaluations_of_dataset(
    project: "Project", potential: "FrozenPotential", dataset: str, frames: Sequence[Frame], progress: Progress
) -> list[FrameEvaluation]:
    """Energies, forces and embeddings of every frame of a dataset, from the lake where they are there already.

    Kept are embeddings in float16 (float32 where they do not fit) and the rest in float64; stress is not kept.
    """
    key = embedding_key(potential.identity, project.datasets.row(dataset))
    kept = project.embeddings.get(key)
    if kept is not None:
        return _unpack(kept, frames)
    progress.say(f"evaluating {potential.identity.adapter} on {dataset}: {len(frames)} frames")
    evaluations = potential.evaluate(frames, batch_size=batch_size_for(frames), progress=progress)
    packed = _pack(evaluations)
    _keep(project, key, packed, progress)
    return _unpack(packed, frames)


def _keep(project: "Project", key: str, packed: dict[str, AnyArray], progress: Progress) -> None:
    """Store evaluations for the next time, unless another process is writing just now."""
    try:
        with project.writing():
            project.embeddings.put(key, packed)
    except Locked as locked:
        progress.say(f"evaluations are not kept for the next time: {locked}")


def batch_size_for(frames: Sequence[Frame]) -> int:
    """Frames per forward pass, by the size of the largest."""
    return max(1, ATOMS_PER_BATCH // max((frame.n_atoms for frame in frames), default=1))


def embedding_key(identity: PotentialIdentity, dataset: "DatasetRow") -> str:
    """Name of a dataset's evaluations under one fingerprint of a potential.

    A dataset that was removed may come again under its name with other frames: the time of its import tells them apart.
    """
    text = f"{to_json(identity)}\n{dataset.name}\n{dataset.created.isoformat()}"
    return hashlib.sha256(text.encode()).hexdigest()


def _pack(evaluations: Sequence[FrameEvaluation]) -> dict[str, AnyArray]:
    embeddings = np.concatenate([e.embeddings for e in evaluations])
    narrow = np.float16 if np.abs(embeddings).max(initial=0.0) < LARGEST_FLOAT16 else np.float32
    atomic = [e.atomic_energies_eV for e in evaluations]
    packed: dict[str, AnyArray] = {
        "n_atoms": np.array([len(e.embeddings) for e in evaluations]),
        "energy_eV": np.array([e.energy_eV for e in evaluations]),
        "forces_eV_per_A": np.concatenate([e.forces_eV_per_A for e in evaluations]),
        "embeddings" if narrow is np.float16 else "wide": embeddings.astype(narrow),
    }
    known = [a for a in atomic if a is not None]
    if len(known) == len(atomic):
        packed["atomic_energies_eV"] = np.concatenate(known)
    return packed


def _unpack(packed: dict[str, AnyArray], frames: Sequence[Frame]) -> list[FrameEvaluation]:
    ends = np.cumsum([frame.n_atoms for frame in frames])[:-1]
    embeddings = packed["embeddings"] if "embeddings" in packed else packed["wide"]
    atomic = packed.get("atomic_energies_eV")
    n = len(frames)
    energies = packed["energy_eV"]
    forces = np.split(packed["forces_eV_per_A"], ends)
    features = np.split(embeddings.astype(np.float64), ends)
    atomic_energies: list[FloatArray | None] = [None] * n if atomic is None else list(np.split(atomic, ends))
    return [FrameEvaluation(float(energies[k]), forces[k], None, atomic_energies[k], features[k]) for k in range(n)]
