"""The shipped result of `--confirm` on the sample laboratory: made by train_sample.py, read by the demo."""

import json
import tempfile
from pathlib import Path
from typing import Any

from sonde.progress import Progress
from sonde.records.diagnosis import Confirmation
from sonde.sample_lab.frames import DATA

FILE = DATA / "confirmation.json"


def confirm_sample(progress: Progress) -> None:
    """Run the nine trainings and write their result into the package."""
    from sonde.operations.diagnose import DiagnoseSettings, diagnose
    from sonde.records.jsonable import to_json
    from sonde.sample_lab.demo import TOLERANCE, build_sample
    from sonde.sample_lab.registration import POTENTIAL

    with tempfile.TemporaryDirectory() as folder:
        laboratory, project = build_sample(Path(folder) / "laboratory", progress)
        settings = DiagnoseSettings(tolerance_eV_per_A=TOLERANCE, confirm=True)
        record = diagnose(project, laboratory.failing, POTENTIAL, settings=settings, progress=progress)
    FILE.write_text(to_json(record.confirmation) + "\n", encoding="utf-8")


def shipped_confirmation() -> Confirmation:
    """Read the result that comes with the package."""
    found = json.loads(FILE.read_text(encoding="utf-8"))
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in found.items()}
    return Confirmation(**values)
