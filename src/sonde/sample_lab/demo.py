"""`sonde demo`: build the sample laboratory, register it, diagnose its failing alloy, write the report."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from sonde.errors import BadInput
from sonde.progress import Progress
from sonde.records.diagnosis import Diagnosis
from sonde.sample_lab.laboratory import Laboratory

if TYPE_CHECKING:
    from sonde.store import Project

TOLERANCE = 0.3
"""eV/Å."""
MARKER = ".sonde-demo"


def run_demo(folder: Path, console: Console, progress: Progress) -> Diagnosis:
    """Build it, diagnose it, show it: everything a user would type is printed before it is done."""
    from sonde.sample_lab.registration import POTENTIAL
    from sonde.views.diagnosis import show_diagnosis
    from sonde.views.diagnosis_page import diagnosis_page

    _clear(folder)
    laboratory, project = build_sample(folder, progress)
    (folder / MARKER).write_text("Built by `sonde demo`, which may build it anew.\n", encoding="utf-8")
    command = f"sonde diagnose {laboratory.failing.name} --potential {POTENTIAL} --tolerance {TOLERANCE}"
    console.print(f"\n[dim]$ cd {folder} && {command} --report report.html[/dim]\n")
    record = diagnose_sample(laboratory, project, progress)
    show_diagnosis(record, console)
    report = folder / "report.html"
    report.write_text(diagnosis_page(record), encoding="utf-8")
    console.print(f"\nreport: {report}\n[dim]ask more: cd {folder} && sonde why --key max_force[/dim]")
    return record


def build_sample(folder: Path, progress: Progress) -> "tuple[Laboratory, Project]":
    """Write the sample laboratory and register it, with the potential that comes with the package."""
    from sonde.sample_lab.build import build_laboratory
    from sonde.sample_lab.frames import DATA, sample_frames
    from sonde.sample_lab.plan import sample_plan
    from sonde.sample_lab.registration import Checkpoint, register_laboratory
    from sonde.sample_lab.train_sample import CHECKPOINT, RECORD

    progress.say(f"building the sample laboratory in {folder}")
    laboratory, _ = build_laboratory(sample_plan(), folder, sample_frames())
    potential = folder / "potential.pt"
    shutil.copy(DATA / CHECKPOINT, potential)
    shutil.copy(DATA / RECORD, potential.with_suffix(".json"))
    return laboratory, register_laboratory(laboratory, Checkpoint(potential, "mace"), progress=progress)


def diagnose_sample(laboratory: Laboratory, project: "Project", progress: Progress) -> Diagnosis:
    """Diagnose the failing structures; the nine trainings of --confirm were run beforehand, and are said to be so."""
    from sonde.operations.diagnose import DiagnoseSettings, diagnose
    from sonde.sample_lab.confirmation import FILE, shipped_confirmation
    from sonde.sample_lab.registration import POTENTIAL

    settings = DiagnoseSettings(tolerance_eV_per_A=TOLERANCE)
    record = diagnose(project, laboratory.failing, POTENTIAL, settings=settings, progress=progress)
    if not FILE.is_file():
        return record
    confirmation = shipped_confirmation()
    note = f"{confirmation.note} Run beforehand (python -m sonde.sample_lab.train_sample --confirm)."
    return replace(record, confirmation=replace(confirmation, note=note))


def _clear(folder: Path) -> None:
    """Remove an earlier demo; anything else in the folder is not ours to remove."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MARKER).is_file():
        raise BadInput(folder, None, "the folder holds something else", "Name another folder: sonde demo FOLDER")
    shutil.rmtree(folder)
