"""`sonde add dataset`: take frames from files into the project."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sonde.errors import BadInput, SondeError
from sonde.operations.names import require_name
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame

if TYPE_CHECKING:
    from sonde.store import Project
    from sonde.store.datasets import SourceFile


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
    left_out: tuple[str, ...] = ()
    """Files in folders that gave no frame, each with its reason."""


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
    _require_place(project, name, child_of, sources)
    if dry_run:
        for _ in progress.track(counter.frames(), f"reading {name}"):
            pass
        return counter.summary(name, child_of, stored=False)
    with project.writing():
        project.datasets.add(name, counter.frames(), child_of=child_of, sources=sources, progress=progress)
    if counter.n_frames == 0:
        # It was complete already: nothing was read.
        counter.count(project.datasets.frames(name))
    return counter.summary(name, child_of, stored=True)


def _require_files(files: Sequence[Path]) -> None:
    from sonde.datasets.readers import reader_for

    for path in files:
        if not path.exists():
            raise BadInput(path, None, "there is no such file or folder", "Check the path.")
        if path.is_dir():
            reader_for(path)  # says so of one that no reader knows, before it is measured


def _require_place(project: "Project", name: str, child_of: str | None, sources: "Sequence[SourceFile]") -> None:
    """Refuse a name that is taken and a parent that is not there, before anything is read."""
    require_name(project, "dataset", name)
    if child_of is not None:
        project.datasets.row(child_of)
    if name not in project.datasets.names():
        return
    row = project.datasets.row(name)
    if row.child_of != child_of or [s.content for s in row.sources] != [s.content for s in sources]:
        raise SondeError(
            f"A dataset called {name!r} is there already, with other files or another parent: take another name, or "
            f"remove it first (sonde remove {name})."
        )


class _Counter:
    """Frames of several files in one sequence, counted as they pass."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        self.n_frames = 0
        self.n_atoms = 0
        self.left_out: list[str] = []

    def frames(self) -> Iterator[Frame]:
        from sonde.datasets.readers import read_frames

        for path in self.files:
            for frame in read_frames(path):
                yield replace(frame, ordinal=self.n_frames, source_file=frame.source_file or path.name)
                self.count([frame])

    def count(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            self.n_frames += 1
            self.n_atoms += frame.n_atoms
            self.left_out += filter(None, str(frame.tags.get("left_out") or "").split("; "))

    def summary(self, name: str, child_of: str | None, *, stored: bool) -> AddedDataset:
        files = tuple(str(path) for path in self.files)
        return AddedDataset(name, child_of, self.n_frames, self.n_atoms, files, stored, tuple(self.left_out))
