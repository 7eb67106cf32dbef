"""A project: the folder `.sonde` with the ledger, the lake, and the number of their format."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sonde.errors import SondeError, WrongUse
from sonde.store.artifacts import ArtifactStore
from sonde.store.atomic_files import make_folder, publish, remove_orphans
from sonde.store.changes import ChangeStore, LinkStore
from sonde.store.datasets import DatasetStore
from sonde.store.filesystems import JournalMode
from sonde.store.identities import IdentityStore
from sonde.store.lake import Lake
from sonde.store.ledger import Ledger
from sonde.store.mentions import MentionStore
from sonde.store.migrations import FORMAT
from sonde.store.passages import PassageStore
from sonde.store.potentials import PotentialStore
from sonde.store.runs import RunStore
from sonde.store.sources import SourceStore
from sonde.store.text_vectors import TextVectorStore
from sonde.store.writer_lock import WriterLock

if TYPE_CHECKING:
    from sonde.store.embeddings import EmbeddingStore

FOLDER = ".sonde"
Made = TypeVar("Made")


class Project:
    """An open project. It belongs to the thread that opened it; open another for another thread.

    Attributes
    ----------
    root : the folder that holds `.sonde`.
    ledger, lake : where rows and large files are kept.
    datasets, passages, text_vectors, mentions, changes, links, sources, identities, potentials, embeddings, runs,
        artifacts : what it holds.
    """

    def __init__(self, root: Path, ledger: Ledger, lake: Lake) -> None:
        self.root = root
        self.ledger = ledger
        self.lake = lake
        self.datasets = DatasetStore(ledger, lake)
        self.passages = PassageStore(ledger)
        self.text_vectors = TextVectorStore(ledger)
        self.mentions = MentionStore(ledger)
        self.changes = ChangeStore(ledger)
        self.links = LinkStore(ledger)
        self.sources = SourceStore(ledger)
        self.identities = IdentityStore(ledger)
        self.potentials = PotentialStore(ledger)
        self.runs = RunStore(ledger)
        self.artifacts = ArtifactStore(ledger, lake)
        self._made: dict[str, tuple[tuple[int, int], Any]] = {}

    @cached_property
    def embeddings(self) -> "EmbeddingStore":
        """Made when asked for: it needs numpy, which takes longer to load than most questions to answer."""
        from sonde.store.embeddings import EmbeddingStore

        return EmbeddingStore(self.ledger.lock, self.lake)

    @classmethod
    def create(cls, path: Path, *, journal_mode: JournalMode | None = None) -> "Project":
        """Make a project in a folder; one that is there already is opened as it is."""
        folder = Path(path).resolve() / FOLDER
        if (folder / "format").exists():
            return cls.open(path, journal_mode=journal_mode)
        make_folder(folder)
        project = _connected(folder, journal_mode, create=True)
        with project.ledger.lock.held():
            project.lake.make_folders()
            project.ledger.migrate()
            # The format comes last: with it the project counts as made.
            _write_format(folder)
        project.ledger.lock.after_taking = _sweep(project)
        return project

    @classmethod
    def open(cls, path: Path = Path(), *, journal_mode: JournalMode | None = None) -> "Project":
        """Open the project that holds a folder, looking upwards.

        Raises SondeError where there is none, or where its format is newer or older than this sonde's.
        """
        folder = _find(Path(path).resolve())
        _require_format(folder, _read_format(folder))
        project = _connected(folder, journal_mode)
        _require_format(folder, project.ledger.format)
        project.ledger.lock.after_taking = _sweep(project)
        return project

    @classmethod
    def upgrade(cls, path: Path = Path(), *, journal_mode: JournalMode | None = None) -> Path | None:
        """Bring an older project to this sonde's format; return the ledger's backup, None where nothing was to do."""
        folder = _find(Path(path).resolve())
        before = _read_format(folder)
        if before == FORMAT:
            return None
        if before > FORMAT:
            _require_format(folder, before)
        project = _connected(folder, journal_mode)
        backup = folder / f"ledger.format-{before}.db"
        with project.writing():
            # An upgrade that was interrupted has made the backup already, and may have begun to migrate.
            if project.ledger.format == before:
                publish(backup, project.ledger.copy_to, "backup")
            project.ledger.migrate()
            _write_format(folder)
        project.close()
        return backup

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the writer lock over several writes (each write takes it by itself). Raises Locked."""
        with self.ledger.lock.held():
            yield

    def remembered(self, name: str, make: Callable[[], Made]) -> Made:
        """Return what was made under a name before, made anew where anybody has written to the ledger since."""
        version = self.ledger.version
        if name not in self._made or self._made[name][0] != version:
            self._made[name] = (version, make())
        made: Made = self._made[name][1]
        return made

    def close(self) -> None:
        """Close the ledger; the project cannot be used after that."""
        self.ledger.close()


def _connected(folder: Path, journal_mode: JournalMode | None, *, create: bool = False) -> Project:
    lock = WriterLock(folder / "writer.lock")
    ledger = Ledger(folder / "ledger.db", lock, journal_mode=journal_mode, create=create)
    return Project(folder.parent, ledger, Lake(folder / "lake"))


def _sweep(project: Project) -> Callable[[], None]:
    """What each writer does first: remove the orphans of one that died."""

    def sweep() -> None:
        remove_orphans(project.root / FOLDER)
        datasets = project.datasets
        project.lake.sweep(datasets.unfinished_imports(), datasets.complete_ids(), project.artifacts.contents())

    return sweep


def _find(start: Path) -> Path:
    for folder in (start, *start.parents):
        if (folder / FOLDER / "format").exists():
            return folder / FOLDER
        if (folder / FOLDER).is_dir():
            raise SondeError(f"The project in {folder} was not made to the end: run `sonde init` there again.")
    raise SondeError(f"There is no sonde project in {start} or above it: run `sonde init` where it shall be.")


def _read_format(folder: Path) -> int:
    text = (folder / "format").read_text(encoding="utf-8").strip()
    if not text.isdecimal():
        raise SondeError(f"{folder / 'format'} must hold one whole number, not {text!r}: restore it from a backup.")
    return int(text)


def _write_format(folder: Path) -> None:
    publish(folder / "format", lambda temporary: temporary.write_text(f"{FORMAT}\n", encoding="utf-8"), "format")


def _require_format(folder: Path, found: int) -> None:
    if found > FORMAT:
        raise SondeError(
            f"The project in {folder.parent} has format {found}, this sonde knows up to {FORMAT}: "
            "pip install --upgrade sonde-mlip"
        )
    if found < FORMAT:
        raise WrongUse(
            f"The project in {folder.parent} has format {found}, this sonde needs {FORMAT}: run `sonde upgrade`."
        )
