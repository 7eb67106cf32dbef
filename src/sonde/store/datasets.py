"""Datasets: immutable named sequences of frames, imported so that a killed import goes on where it stopped."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import sonde
from sonde.errors import BadInput, NotFound, WrongUse
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.store.atomic_files import sha256_of
from sonde.store.folder_content import folder_content
from sonde.store.lake import Lake
from sonde.store.ledger import Ledger, Row
from sonde.store.times import now, time_of, time_text


@dataclass(frozen=True)
class SourceFile:
    """A file that frames were read from, or a folder of them (`folder_content`)."""

    path: str
    size: int
    """Bytes."""
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "SourceFile":
        """Measure a file or folder."""
        if path.is_dir():
            return cls(str(path), *folder_content(path))
        return cls(str(path), path.stat().st_size, sha256_of(path))

    @property
    def content(self) -> tuple[int, str]:
        return self.size, self.sha256


@dataclass(frozen=True)
class DatasetRow:
    """What the ledger says of a complete dataset."""

    name: str
    child_of: str | None
    n_frames: int
    created: datetime
    sources: tuple[SourceFile, ...]


class DatasetStore:
    """Datasets of a project. One is visible only when it is complete."""

    def __init__(self, ledger: Ledger, lake: Lake) -> None:
        self._ledger = ledger
        self._lake = lake

    def names(self) -> list[str]:
        """Names of the complete datasets, in the order of their import."""
        return [
            row["name"] for row in self._ledger.rows("SELECT name FROM datasets WHERE state = 'complete' ORDER BY id")
        ]

    def row(self, name: str) -> DatasetRow:
        """Describe a dataset. Raises NotFound."""
        return _dataset_row(self._complete(name))

    def frames(self, name: str) -> Iterator[Frame]:
        """Stream the frames in order, numbered from 0, in memory that does not grow with the dataset."""
        query = (
            "SELECT shards.* FROM shards JOIN datasets ON id = dataset_id WHERE name = ? AND state = 'complete' "
            "ORDER BY number"
        )
        shards = self._ledger.rows(query, name)
        if not shards:
            raise NotFound("dataset", name, self.names())
        return self._stream(shards)

    def add(
        self,
        name: str,
        frames: Iterable[Frame],
        *,
        child_of: str | None = None,
        sources: Sequence[SourceFile] = (),
        progress: Progress = SILENT,
    ) -> DatasetRow:
        """Import frames under a name; they are numbered anew from 0.

        An import that was killed goes on after its last complete shard when called again with sources of the same
        content: `frames` must then yield the same frames from the start, and those already stored are skipped. Where
        `frames` raises, the project is left as it was. A complete dataset of the same sources is returned as it is.

        Raises
        ------
        WrongUse
            The name is taken by a dataset of other sources.
        NotFound
            The parent does not exist.
        BadInput
            There are no frames.
        """
        with self._ledger.lock.held():
            if self._is_complete(name, child_of, sources):
                return self.row(name)
            if child_of is not None:
                self._complete(child_of)
            dataset_id = self._unfinished(name, sources)
            if dataset_id is None:
                dataset_id = self._begin(name, child_of, sources)
            try:
                self._import(dataset_id, progress.track(frames, f"importing {name}"), progress)
                self._finish(dataset_id, name, child_of)
            except Exception:
                self._drop(dataset_id)
                raise
            return self.row(name)

    def remove(self, name: str) -> None:
        """Remove a dataset and its frames, or what an interrupted import of that name has left.

        Raises NotFound, or WrongUse where another dataset is its child.
        """
        with self._ledger.lock.held():
            row = self._ledger.row("SELECT id FROM datasets WHERE name = ?", name) or self._complete(name)
            child = self._ledger.row("SELECT name FROM datasets WHERE child_of = ? AND state = 'complete'", name)
            if child is not None:
                raise WrongUse(f"The dataset {child['name']!r} is a child of {name!r}: remove {child['name']!r} first.")
            self._drop(row["id"])

    def unfinished_imports(self) -> dict[int, int]:
        """Committed shards of each import under way, by the dataset's id."""
        query = (
            "SELECT id, count(number) AS n_shards FROM datasets LEFT JOIN shards ON dataset_id = id "
            "WHERE state = 'importing' GROUP BY id"
        )
        return {row["id"]: row["n_shards"] for row in self._ledger.rows(query)}

    def complete_ids(self) -> set[int]:
        """Ids of the complete datasets, which name their folders in the lake."""
        return {row["id"] for row in self._ledger.rows("SELECT id FROM datasets WHERE state = 'complete'")}

    # ---- the steps of an import ------------------------------------------------------------------------------------

    def _is_complete(self, name: str, child_of: str | None, sources: Sequence[SourceFile]) -> bool:
        row = self._ledger.row("SELECT * FROM datasets WHERE name = ? AND state = 'complete'", name)
        if row is None:
            return False
        # Without source files nothing tells whether the frames are the same.
        if not sources or not _same_content(row, sources) or row["child_of"] != child_of:
            raise WrongUse(
                f"A dataset called {name!r} exists and is of other sources or of another parent: "
                f"take another name, or remove it first (sonde remove {name})."
            )
        return True

    def _unfinished(self, name: str, sources: Sequence[SourceFile]) -> int | None:
        """Id of an import under way that can be gone on with; one that cannot is removed."""
        row = self._ledger.row("SELECT * FROM datasets WHERE name = ? AND state = 'importing'", name)
        if row is None:
            return None
        if sources and _same_content(row, sources) and row["written_by"] == sonde.__version__:
            return int(row["id"])
        self._drop(row["id"])
        return None

    def _begin(self, name: str, child_of: str | None, sources: Sequence[SourceFile]) -> int:
        journal = json.dumps([asdict(source) for source in sources])
        with self._ledger.transaction("import_row") as connection:
            cursor = connection.execute(
                "INSERT INTO datasets (name, child_of, state, created, sources, written_by) "
                "VALUES (?, ?, 'importing', ?, ?, ?)",
                (name, child_of, time_text(now()), journal, sonde.__version__),
            )
        return int(cursor.lastrowid or 0)

    def _import(self, dataset_id: int, frames: Iterator[Frame], progress: Progress) -> None:
        n_shards, n_done = self._progress_of(dataset_id)
        self._lake.make_dataset_folder(dataset_id)
        if n_done:
            progress.say(f"going on after {n_done} frames that are stored already")
        self._skip(frames, n_done)
        for number, shard in enumerate(self._lake.shards_of(frames), start=n_shards):
            n_bytes = self._lake.write_shard(dataset_id, number, shard, n_done)
            with self._ledger.transaction("shard_row") as connection:
                row = (dataset_id, number, len(shard), n_bytes)
                connection.execute(
                    "INSERT INTO shards (dataset_id, number, n_frames, n_bytes) VALUES (?, ?, ?, ?)", row
                )
            n_done += len(shard)

    def _skip(self, frames: Iterator[Frame], n_done: int) -> None:
        for n_skipped in range(n_done):
            if next(frames, None) is None:
                raise WrongUse(
                    f"An interrupted import of the same files stored {n_done} frames, but only {n_skipped} came now. "
                    "It has been removed: run the import again."
                )

    def _finish(self, dataset_id: int, name: str, child_of: str | None) -> None:
        _, n_frames = self._progress_of(dataset_id)
        if n_frames == 0:
            raise BadInput(name, None, "there are no frames to import", "give files that hold at least one structure.")
        with self._ledger.transaction("dataset_row") as connection:
            connection.execute(
                "UPDATE datasets SET state = 'complete', child_of = ?, n_frames = ?, created = ? WHERE id = ?",
                (child_of, n_frames, time_text(now()), dataset_id),
            )

    def _drop(self, dataset_id: int) -> None:
        # The rows first: without them the folder is an orphan, which the next writer removes.
        with self._ledger.transaction("dataset_removal") as connection:
            connection.execute("DELETE FROM datasets WHERE id = ?", (dataset_id,))
        self._lake.remove_dataset_folder(dataset_id)

    def _progress_of(self, dataset_id: int) -> tuple[int, int]:
        query = "SELECT count(*), coalesce(sum(n_frames), 0) FROM shards WHERE dataset_id = ?"
        ((n_shards, n_frames),) = self._ledger.rows(query, dataset_id)
        return n_shards, n_frames

    def _complete(self, name: str) -> Row:
        row = self._ledger.row("SELECT * FROM datasets WHERE name = ? AND state = 'complete'", name)
        if row is None:
            raise NotFound("dataset", name, self.names())
        return row

    def _stream(self, shards: Sequence[Row]) -> Iterator[Frame]:
        for shard in shards:
            yield from self._lake.read_shard(shard["dataset_id"], shard["number"], shard["n_frames"])


def _sources_of(row: Row) -> tuple[SourceFile, ...]:
    return tuple(SourceFile(**source) for source in json.loads(row["sources"]))


def _same_content(row: Row, sources: Sequence[SourceFile]) -> bool:
    return [source.content for source in _sources_of(row)] == [source.content for source in sources]


def _dataset_row(row: Row) -> DatasetRow:
    return DatasetRow(row["name"], row["child_of"], row["n_frames"], time_of(row["created"]), _sources_of(row))
