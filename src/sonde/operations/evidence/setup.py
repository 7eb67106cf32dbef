"""Does the registered checkpoint do what it did, and is the input physical?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sonde.operations.evaluations import batch_size_for
from sonde.operations.evidence.material import Material
from sonde.progress import Progress
from sonde.records.diagnosis import Contact, SetupEvidence
from sonde.records.frames import Frame
from sonde.records.potentials import ForceResiduals, PotentialIdentity

if TYPE_CHECKING:
    from sonde.simulation.stability import TimeStepCheck


def setup_evidence(
    material: Material, sample: Sequence[Frame], dynamics: "tuple[float, float] | None", progress: Progress
) -> SetupEvidence:
    """Repeat the residuals of registration, compare fingerprints and contacts, try the time step.

    dynamics: time step in fs and temperature in K of the failing run, where it was one.
    """
    check = _time_step(material, dynamics) if dynamics else None
    return SetupEvidence(
        residuals_registered=material.registered.residuals,
        residuals_now=_residuals(material, sample, progress),
        training_force_scale_eV_per_A=_force_scale(sample),
        identity_differs=_differences(material.registered.identity, material.potential.identity),
        contacts=contacts_of_input(material),
        first_frame_labelled=material.inputs.frames[0].forces_eV_per_A is not None,
        timestep_fs=dynamics[0] if dynamics else None,
        stable_at_timestep=check.stable_at_timestep if check else None,
        stable_at_half=check.stable_at_half if check else None,
    )


def _residuals(material: Material, sample: Sequence[Frame], progress: Progress) -> ForceResiduals | None:
    from sonde.potentials.residuals import force_residuals

    known = set(material.potential.identity.elements)
    sample = [frame for frame in sample if known.issuperset(frame.numbers.tolist())]
    if not sample:
        return None
    progress.say(f"repeating the training residuals on {len(sample)} frames")
    evaluations = material.potential.evaluate(sample, batch_size=batch_size_for(sample), progress=progress)
    return force_residuals(material.potential, sample, evaluations)


def _force_scale(sample: Sequence[Frame]) -> float | None:
    forces = [frame.forces_eV_per_A for frame in sample if frame.forces_eV_per_A is not None]
    return float(np.sqrt(np.mean(np.concatenate(forces) ** 2))) if forces else None


def _differences(then: PotentialIdentity, now: PotentialIdentity) -> tuple[str, ...]:
    fields = ("adapter", "checkpoint_sha256", "head", "dtype", "elements")
    return tuple(field for field in fields if getattr(then, field) != getattr(now, field))


def contacts_of_input(material: Material) -> tuple[Contact, ...]:
    """Closest distance per element pair of the first input frame, beside those of training dataset and raw pool."""
    from sonde.local_environments.contacts import closest_contacts

    found = closest_contacts(material.inputs.frames[0])
    training = _minima(material.training.frames if material.training else ())
    pool = _minima(material.pool.frames if material.pool else ())
    return tuple(Contact(pair, distance, training.get(pair), pool.get(pair)) for pair, distance in found.items())


def _minima(frames: Sequence[Frame]) -> dict[tuple[str, str], float]:
    from sonde.local_environments.contacts import contact_minima

    return contact_minima(frames)


def _time_step(material: Material, dynamics: tuple[float, float]) -> "TimeStepCheck":
    from sonde.simulation.stability import time_step_check

    timestep_fs, temperature_K = dynamics
    return time_step_check(
        material.potential, material.inputs.frames[0], timestep_fs=timestep_fs, temperature_K=temperature_K, seed=0
    )
