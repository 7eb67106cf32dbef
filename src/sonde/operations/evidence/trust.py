"""Reliability of the input structures, by a probe fitted before or on labelled frames that were not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sonde.errors import BadInput
from sonde.operations.evidence.material import Labelled, trajectory_of
from sonde.progress import Progress
from sonde.records.frames import Frame
from sonde.records.potentials import PotentialIdentity, RegisteredPotential
from sonde.records.reliability import Reliability

if TYPE_CHECKING:
    from sonde.reliability.probes.local import LocalProbe
    from sonde.store import Project

FEWEST_FRAMES = 40


@dataclass(frozen=True, eq=False)
class Known:
    """What a probe can be fitted on: labelled frames outside the training dataset, and the training dataset as scope.

    identity is that of the loaded potential, which made the evaluations.
    """

    identity: PotentialIdentity
    labelled: Labelled | None
    training: Labelled | None


@dataclass(frozen=True)
class Trust:
    """What the probe says of each input structure; None where there was nothing to fit one on."""

    reliabilities: tuple[Reliability | None, ...]
    notes: tuple[str, ...] = ()


def trust_in(
    project: "Project",
    registered: RegisteredPotential,
    inputs: Labelled,
    known: Known,
    tolerance_eV_per_A: float,
    progress: Progress,
) -> Trust:
    """Score the inputs with the stored probe, or with one fitted here on labelled frames outside the training set."""
    probe, notes = _probe(project, registered, known, progress)
    if probe is None:
        return Trust((None,) * len(inputs.frames), notes)
    if tolerance_eV_per_A < probe.least_tolerance_eV_per_A:
        noise = (
            "No reliability: the labels that the probe learnt from are uncertain by "
            f"{probe.least_tolerance_eV_per_A:.2g} eV/Å, more than the tolerance of {tolerance_eV_per_A:g} eV/Å."
        )
        return Trust((None,) * len(inputs.frames), (*notes, noise))
    scored = probe.score_frames(known.identity, inputs.frames, inputs.evaluations, tolerance_eV_per_A)
    return Trust(tuple(scored), notes)


def _probe(
    project: "Project",
    registered: RegisteredPotential,
    known: Known,
    progress: Progress,
) -> "tuple[LocalProbe | None, tuple[str, ...]]":
    from sonde.reliability.probes.local import LocalProbe

    stored = project.artifacts.get("probe", registered.name)
    probe = None if stored is None else LocalProbe.from_bytes(stored[0])
    if probe is not None and probe.identity == known.identity:
        return probe, ()
    outdated = (
        () if probe is None else ("The stored reliability probe belongs to another checkpoint: it was not used.",)
    )
    fitted, notes = _new_probe(registered, known, progress)
    return fitted, (*outdated, *notes)


def _new_probe(
    registered: RegisteredPotential, known: Known, progress: Progress
) -> "tuple[LocalProbe | None, tuple[str, ...]]":
    labelled = known.labelled
    if labelled is None or len(labelled.frames) < FEWEST_FRAMES:
        n = 0 if labelled is None else len(labelled.frames)
        return None, (
            f"No reliability: a probe needs at least {FEWEST_FRAMES} labelled frames outside the training dataset "
            f"({n} at hand). With other labels: sonde trust fit {registered.name} --on DATASET.",
        )
    progress.say(f"fitting a reliability probe on {len(labelled.frames)} frames outside the training dataset")
    try:
        probe = _fit(known, labelled)
    except BadInput as too_few:
        return None, (f"No reliability: {too_few.problem}",)
    return probe, (
        f"The reliability probe was fitted on {len(labelled.frames)} frames of the raw pool that the potential was not "
        "trained on.",
    )


def _fit(known: Known, labelled: Labelled) -> "LocalProbe":
    """Fit a probe on labelled frames, bound to the potential's fingerprint; the training dataset is in scope, too."""
    from sonde.reliability.trust import ScopeReference, fit_probe

    training = known.training
    scope = None
    if training is not None:
        scope = ScopeReference(training.frames, training.evaluations, groups_of(training.frames, "training"))
    groups = groups_of(labelled.frames, "pool")
    return fit_probe(known.identity, labelled.frames, labelled.evaluations, groups, scope_reference=scope)


def groups_of(frames: Sequence[Frame], dataset: str) -> list[str]:
    """Name the group of each frame: frames of one trajectory stay together."""
    return [f"{dataset}: {trajectory_of(frame)}" for frame in frames]
