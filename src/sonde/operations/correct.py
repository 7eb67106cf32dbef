"""`sonde correct`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.errors import BadInput, SondeError
from sonde.operations.names import require_name
from sonde.progress import SILENT, Progress
from sonde.records.correction import Correction, Written

if TYPE_CHECKING:
    from sonde.datasets.correction.correct import Plan, Wish
    from sonde.datasets.correction.places import Place
    from sonde.store import Project
    from sonde.store.runs import RunEnd, RunRow

RUN_KIND = "correct"


@dataclass(frozen=True)
class Destination:
    """Where corrected frames go: a dataset (by default DATASET-shifted), and a file that must not exist yet."""

    name: str | None = None
    file: Path | None = None
    dry_run: bool = False


def correct(
    project: "Project",
    dataset: str,
    wish: "Wish",
    *,
    pairs: Sequence[str] = (),
    destination: Destination = Destination(),
    progress: Progress = SILENT,
) -> Correction:
    """Shift the energies of frames on one surface towards another by a constant per atom of each corrected element.

    E_corr = E − Σ n_M d_M, with d_M fitted to structures that carry an energy on both surfaces (in DATASET or in
    those of `--pairs`). The result is a new dataset, child of the first, named "shifted PBE+U": forces and stresses
    stay as they were. Nothing is written where pairs do not determine the shifts or one number per element is not
    good enough; the record says why.

    Raises
    ------
    NotFound : a dataset does not exist.
    WrongUse : a surface or a condition cannot be read.
    SondeError, BadInput : the name is taken, or the file exists.
    """
    from sonde.datasets.correction.correct import plan_correction

    name = destination.name or f"{dataset}-shifted"
    for one in (dataset, *pairs):
        project.datasets.row(one)
    _require_free(project, name, destination.file)
    own, further = (_Places(project, names, progress) for names in ((dataset,), pairs))
    plan = plan_correction(own, further, dataset, wish, progress)
    plan = replace(plan, record=replace(plan.record, pairs_from=tuple(pairs)))
    if plan.record.refused or destination.dry_run:
        return plan.record
    return _write(project, plan, name, destination.file, progress)


def _require_free(project: "Project", name: str, file: Path | None) -> None:
    require_name(project, "dataset", name)
    if name in project.datasets.names():
        raise SondeError(
            f"A dataset called {name!r} is there already, and none is written over: choose another --name."
        )
    if file is not None and file.exists():
        raise BadInput(file, None, "the file exists, and none is written over", "Choose another --out.")
    if file is not None and not file.parent.is_dir():
        raise BadInput(file, None, "nothing can be written here", "Name a file in a folder that exists.")


@dataclass(frozen=True, eq=False)
class _Places:
    """The frames of datasets, streamed anew each time they are gone through."""

    project: "Project"
    datasets: Sequence[str]
    progress: Progress

    def __iter__(self) -> "Iterator[Place]":
        from sonde.datasets.correction.places import Place

        for name in self.datasets:
            n_frames = self.project.datasets.row(name).n_frames
            frames = self.project.datasets.frames(name)
            for frame in self.progress.track(frames, f"reading {name}", n_frames):
                yield Place(name, frame)


def _write(project: "Project", plan: "Plan", name: str, file: Path | None, progress: Progress) -> Correction:
    """Store the corrected frames under a run that says how they came about; on failure nothing stays."""
    record = plan.record
    with project.writing():
        run = project.runs.start(RUN_KIND, _settings(record, name))
        try:
            n_frames = _store(project, plan, name, file, progress)
        except BaseException as ended:
            state: RunEnd = "stopped" if isinstance(ended, KeyboardInterrupt) else "failed"
            project.runs.close(run, state, {"error": str(ended)})
            raise
        written = Written(name, run, n_frames, None if file is None else str(file))
        project.runs.close(run, "done", {"n_frames": n_frames, "frames": record.frames})
    return replace(record, written=written)


def _store(project: "Project", plan: "Plan", name: str, file: Path | None, progress: Progress) -> int:
    from sonde.datasets.readers import write_extxyz

    moved = (plan.successor(frame) for frame in project.datasets.frames(plan.record.dataset))
    kept = (frame for frame in moved if frame is not None)
    row = project.datasets.add(name, kept, child_of=plan.record.dataset, progress=progress)
    if file is not None:
        try:
            write_extxyz(file, project.datasets.frames(name))
        except BaseException:
            project.datasets.remove(name)
            raise
    return row.n_frames


def _settings(record: Correction, name: str) -> dict[str, Any]:
    """What the run keeps: enough to do it again by hand."""
    return {
        "dataset": record.dataset,
        "name": name,
        "pairs_from": record.pairs_from,
        "from_surface": record.from_surface,
        "to_surface": record.to_surface,
        "surface": record.surface,
        "where": record.where,
        "shifts": record.shifts,
        "n_pairs": record.n_pairs,
        "correction_id": record.correction_id,
        "overridden": [refusal for refusal in record.refusals if refusal.overridden],
    }


# ---- what lineage tells of it ----------------------------------------------------------------------------------------


def correction_note(project: "Project", parent: str, child: str) -> str | None:
    """Say that a dataset was made from its parent by `sonde correct`, and how; None where it was not."""
    run = _run_that_made(project, parent, child)
    if run is None or run.result is None:
        return None
    shifts = {one["element"]: one["shift_eV"] for one in run.settings["shifts"] if one["shift_eV"] is not None}
    words = ", ".join(f"{element} {shift:.4g}" for element, shift in shifts.items())
    return (
        f"Made by sonde correct (run {run.id}): energies of {run.result['frames']['n_corrected']:,} frames moved from "
        f"{run.settings['from_surface']} towards {run.settings['to_surface']} by minus {words} eV per atom; they lie "
        f"on {run.settings['surface']!r}, forces and stresses as before."
    )


def _run_that_made(project: "Project", parent: str, child: str) -> "RunRow | None":
    """Return the run within which the dataset of this name was completed; a removed namesake had another."""
    created = project.datasets.row(child).created
    for run in reversed(project.runs.all(RUN_KIND)):
        same = (run.settings["dataset"], run.settings["name"]) == (parent, child)
        if same and run.state == "done" and run.ended is not None and run.started <= created <= run.ended:
            return run
    return None
