"""`sonde add dataset`: take frames from files into the project."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sonde.errors import BadInput
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame

if TYPE_CHECKING:
    from sonde.store import Project


@dataclass(frozen=True)
class AddedDataset:
    """What was taken in, or would be with `--dry-run`."""

    SCHEMA: ClassVar[str] = "sonde.add-dataset/1"
    name: str
    child_of: str | None
    n_frames: int
    n_atoms: int
    files: tuple[str, ...]
    stored: bool


def add_dataset(
    project: "Project",
    name: str,
    files: Sequence[Path],
    *,
    child_of: str | None = None,
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> AddedDataset:
    """Read frames with their labels from files into an immutable named dataset; `--child-of` names where it came from.

    A run that was killed goes on where it stopped when the same command is given again. A file that cannot be read as
    it stands leaves the project as it was.
    """
    from sonde.store import SourceFile

    _require_files(files)
    counter = _Counter(files)
    sources = [SourceFile.of(path) for path in files]
    if dry_run:
        for _ in progress.track(counter.frames(), f"reading {name}"):
            pass
        return counter.summary(name, child_of, stored=False)
    with project.writing():
        project.datasets.add(name, counter.frames(), child_of=child_of, sources=sources, progress=progress)
    return counter.summary(name, child_of, stored=True)


def _require_files(files: Sequence[Path]) -> None:
    for path in files:
        if not path.is_file():
            raise BadInput(path, None, "there is no such file", "Check the path; folders are given file by file.")


class _Counter:
    """Frames of several files in one sequence, counted as they pass."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        self.n_frames = 0
        self.n_atoms = 0

    def frames(self) -> Iterator[Frame]:
        from sonde.datasets.readers import read_frames

        for path in self.files:
            for frame in read_frames(path):
                yield replace(frame, ordinal=self.n_frames, source_file=frame.source_file or path.name)
                self.n_frames += 1
                self.n_atoms += frame.n_atoms

    def summary(self, name: str, child_of: str | None, *, stored: bool) -> AddedDataset:
        files = tuple(str(path) for path in self.files)
        return AddedDataset(name, child_of, self.n_frames, self.n_atoms, files, stored)
