"""Reliability of the input structures, by a probe fitted before or on labelled frames that were not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sonde.operations.evidence.material import Labelled, trajectory_of
from sonde.progress import Progress
from sonde.records.potentials import RegisteredPotential
from sonde.records.reliability import Reliability

if TYPE_CHECKING:
    from sonde.reliability.probes.local import LocalProbe
    from sonde.store import Project

FEWEST_FRAMES = 40


@dataclass(frozen=True)
class Trust:
    """What the probe says of each input structure; None where there was nothing to fit one on."""

    reliabilities: tuple[Reliability | None, ...]
    notes: tuple[str, ...] = ()


def trust_in(
    project: "Project",
    registered: RegisteredPotential,
    inputs: Labelled,
    labelled: Labelled | None,
    tolerance_eV_per_A: float,
    progress: Progress,
) -> Trust:
    """Score the inputs with the stored probe, or with one fitted here on labelled frames outside the training set."""
    probe, notes = _probe(project, registered, labelled, tolerance_eV_per_A, progress)
    if probe is None:
        return Trust((None,) * len(inputs.frames), notes)
    scored = [
        probe.score(evaluation, frame.numbers, tolerance_eV_per_A)
        for evaluation, frame in zip(inputs.evaluations, inputs.frames, strict=True)
    ]
    return Trust(tuple(scored), notes)


def _probe(
    project: "Project",
    registered: RegisteredPotential,
    labelled: Labelled | None,
    tolerance_eV_per_A: float,
    progress: Progress,
) -> "tuple[LocalProbe | None, tuple[str, ...]]":
    from sonde.reliability.probes.local import LocalProbe

    stored = project.artifacts.get("probe", registered.name)
    if stored is not None:
        return LocalProbe.from_bytes(stored[0]), ()
    if labelled is None or len(labelled.frames) < FEWEST_FRAMES:
        n = 0 if labelled is None else len(labelled.frames)
        return None, (
            f"No reliability: a probe needs at least {FEWEST_FRAMES} labelled frames outside the training dataset "
            f"({n} at hand). With other labels: sonde trust fit {registered.name} --on DATASET.",
        )
    progress.say(f"fitting a reliability probe on {len(labelled.frames)} frames outside the training dataset")
    probe = fit_probe(registered, labelled, None, tolerance_eV_per_A)
    return probe, (
        f"The reliability probe was fitted on {len(labelled.frames)} frames of the raw pool that the potential was not "
        "trained on.",
    )


def fit_probe(
    registered: RegisteredPotential, labelled: Labelled, scope: Labelled | None, tolerance_eV_per_A: float
) -> "LocalProbe":
    """Fit a probe on labelled frames, bound to the potential's fingerprint."""
    from sonde.reliability.trust import fit_trust

    groups: Sequence[str] = [trajectory_of(frame) for frame in labelled.frames]
    probe, _ = fit_trust(
        registered.identity,
        labelled.frames,
        labelled.evaluations,
        groups,
        tolerance=tolerance_eV_per_A,
        seed=0,
        scope_reference=scope,
    )
    return probe
