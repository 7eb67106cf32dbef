"""`--confirm`: test a filter finding by experiment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from sonde.errors import SondeError
from sonde.operations.evidence.coverage import nearest_frames
from sonde.operations.evidence.material import Labelled, Material
from sonde.operations.retraining import Trainer, trainer_like
from sonde.progress import SILENT, Progress
from sonde.records.diagnosis import Confirmation

if TYPE_CHECKING:
    from sonde.potentials.protocol import FrozenPotential
    from sonde.store import Project

SEEDS = (0, 1, 2)
NEAR_DUPLICATE = 0.1
"""A test structure with every atom this close (in held-out limits) to a restored frame's is not held out."""


@dataclass(frozen=True)
class Design:
    """What is restored, and what is tested on: ordinals in the raw pool and of the inputs."""

    neighbours: tuple[int, ...]
    elsewhere: tuple[int, ...]
    test: tuple[int, ...]
    n_excluded: int


def confirm(
    project: "Project", material: Material, *, train: Trainer | None = None, progress: Progress = SILENT
) -> Confirmation:
    """Retrain with the dropped neighbours restored, against equally many dropped frames from elsewhere and none.

    Three seeds each, scored on the labelled failing structures without near-duplicates of what was restored.
    """
    train = train or trainer_like(material.registered)
    design = design_of(material)
    assert material.pool is not None
    assert material.training is not None
    base = list(material.training.frames)
    sets = {
        "as_trained": base,
        "neighbours": [*base, *(material.pool.frames[k] for k in design.neighbours)],
        "elsewhere": [*base, *(material.pool.frames[k] for k in design.elsewhere)],
    }
    run = _start_run(project, material, design)
    errors: dict[str, list[float]] = {name: [] for name in sets}
    jobs = [(name, seed) for seed in SEEDS for name in sets]
    try:
        for name, seed in progress.track(jobs, "retraining", len(jobs)):
            errors[name].append(_error(train(sets[name], seed), material.inputs, design.test))
    except BaseException as ended:
        outcome: Literal["stopped", "failed"] = "stopped" if isinstance(ended, KeyboardInterrupt) else "failed"
        with project.writing():
            project.runs.close(run, outcome, {"error": str(ended)})
        raise
    found = _confirmation(design, errors)
    with project.writing():
        project.runs.close(run, "done", {"caused_by": found.caused_by, **errors})
    return found


def _start_run(project: "Project", material: Material, design: Design) -> int:
    settings = {"potential": material.registered.name, "restored": list(design.neighbours), "seeds": list(SEEDS)}
    with project.writing():
        return project.runs.start("confirm", settings)


def design_of(material: Material) -> Design:
    """Choose what to restore near the failing structures, as many frames elsewhere, and what to test on."""
    if material.pool is None or material.training is None or material.lineage is None:
        raise SondeError("--confirm needs the raw pool: register it and the training dataset as its child.")
    labelled = {k for k in material.dropped if material.pool.errors[k] is not None}
    near = [int(k) for k in nearest_frames(material.pool, material, len(material.pool.frames)) if int(k) in labelled]
    others = sorted(labelled - set(near))
    n = min(len(near), len(others)) if others else 0
    if n == 0:
        raise SondeError(
            f"--confirm needs labelled dropped frames near the failing structures and elsewhere: "
            f"{len(near)} are near, {len(others)} elsewhere."
        )
    neighbours = tuple(near[:n])
    elsewhere = tuple(int(k) for k in np.random.default_rng(0).choice(others, n, replace=False))
    return _with_test(material, neighbours, elsewhere)


def _with_test(material: Material, neighbours: tuple[int, ...], elsewhere: tuple[int, ...]) -> Design:
    inputs = [k for k, errors in enumerate(material.inputs.errors) if errors is not None]
    duplicates = _near_duplicates(material, neighbours, inputs)
    test = tuple(k for k in inputs if k not in duplicates)
    if not test:
        raise SondeError("--confirm needs failing structures with labels that are no near-duplicates of dropped ones.")
    return Design(neighbours, elsewhere, test, len(duplicates))


def _near_duplicates(material: Material, restored: Sequence[int], inputs: Sequence[int]) -> set[int]:
    from sonde.local_environments.distances import EnvironmentIndex
    from sonde.operations.evidence.coverage import limits_of

    assert material.pool is not None
    pool = material.pool.subset(restored)
    index = EnvironmentIndex.fit(pool.descriptors, pool.numbers)
    tested = material.inputs.subset(inputs)
    found = index.nearest(tested.descriptors, tested.numbers)
    limits = [limits_of(material.pool, "descriptor", numbers) for numbers in tested.numbers]
    return {
        k
        for k, nearest, limit in zip(inputs, found, limits, strict=True)
        if np.all(nearest.distance < NEAR_DUPLICATE * limit)
    }


def _error(potential: "FrozenPotential", inputs: Labelled, test: Sequence[int]) -> float:
    """Mean per-atom force error over the test structures, eV/Å."""
    from sonde.potentials.residuals import force_errors

    frames = [inputs.frames[k] for k in test]
    errors = [force_errors(f, e) for f, e in zip(frames, potential.evaluate(frames), strict=True)]
    return float(np.mean(np.concatenate([e for e in errors if e is not None])))


def _confirmation(design: Design, errors: dict[str, list[float]]) -> Confirmation:
    restored, elsewhere, base = (np.array(errors[n]) for n in ("neighbours", "elsewhere", "as_trained"))
    wins = bool(np.all(restored < elsewhere) and np.all(restored < base))
    return Confirmation(
        n_restored=len(design.neighbours),
        seeds=SEEDS,
        as_trained_eV_per_A=tuple(base.tolist()),
        restored_neighbours_eV_per_A=tuple(restored.tolist()),
        restored_elsewhere_eV_per_A=tuple(elsewhere.tolist()),
        n_test_frames=len(design.test),
        n_near_duplicates_excluded=design.n_excluded,
        caused_by=wins,
        note="Caused by the drops: restoring these wins in every seed." if wins else "Restoring these does not win.",
    )
