"""Makes the MACE potential that comes with the sample laboratory, and the result of `--confirm` on it.

    python -m sonde.sample_lab.train_sample [--confirm]

writes data/sample_potential.pt and data/sample_potential.json; with --confirm also data/confirmation.json. Minutes on
two cores; the nine trainings of --confirm take about half an hour.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sonde.progress import Progress
from sonde.records.frames import Frame
from sonde.sample_lab.frames import DATA, sample_frames
from sonde.sample_lab.plan import sample_plan

if TYPE_CHECKING:
    from sonde.training.scratch import ScratchSettings

CHECKPOINT, RECORD, CONFIRMATION = "sample_potential.pt", "sample_potential.json", "confirmation.json"


def sample_settings(seed: int = 0) -> "ScratchSettings":
    """Settings of the sample potential: small, and good to about 0.1 eV/Å on frames like its training frames."""
    from sonde.training.scratch import ScratchSettings

    return ScratchSettings(n_epochs=60, seed=seed)


def split(frames: Sequence[Frame]) -> tuple[list[Frame], list[Frame]]:
    """Set every tenth frame aside to watch the training."""
    train = [frame for k, frame in enumerate(frames) if k % 10]
    return train, [frame for k, frame in enumerate(frames) if k % 10 == 0]


def train_sample(progress: Progress) -> None:
    """Train on the sample laboratory's filtered dataset, and put the checkpoint into the package."""
    from sonde.datasets.readers import read_frames
    from sonde.sample_lab.build import build_laboratory
    from sonde.training.scratch import train_scratch

    with tempfile.TemporaryDirectory() as folder:
        laboratory, _ = build_laboratory(sample_plan(), Path(folder) / "laboratory", sample_frames())
        train, valid = split(list(read_frames(laboratory.training)))
        run = train_scratch(train, valid, Path(folder) / "run", settings=sample_settings(), progress=progress)
        shutil.copy(run.checkpoint, DATA / CHECKPOINT)
        # Paths of the machine that trained it say nothing to anybody else.
        record = run.record.read_text(encoding="utf-8").replace(f"{folder}/", "")
        (DATA / RECORD).write_text(record, encoding="utf-8")


def main() -> None:
    """Run from the command line."""
    from sonde.sample_lab.confirmation import confirm_sample

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--confirm", action="store_true", help="run the nine trainings of --confirm instead")
    given = parser.parse_args()
    progress = _Lines()
    confirm_sample(progress) if given.confirm else train_sample(progress)


class _Lines:
    """Progress as lines on stderr."""

    def track(self, items, label, total=None):  # type: ignore[no-untyped-def]
        for n, item in enumerate(items, start=1):
            self.say(f"{label} {n}/{total}")
            yield item

    def say(self, line: str) -> None:
        sys.stderr.write(line + "\n")


if __name__ == "__main__":
    main()
