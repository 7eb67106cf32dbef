"""The lake: Parquet shards and other large files of a project, each appearing whole or not at all."""

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from sonde.records.frames import Frame
from sonde.store.atomic_files import make_folder, publish, remove_orphans
from sonde.store.failpoints import failpoint

_SHA256 = re.compile("[0-9a-f]{64}")


class Lake:
    """Where the large files of a project lie.

    shard_atoms and shard_frames bound a shard, and with it the memory that an import takes.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.shard_atoms = 200_000
        self.shard_frames = 5_000

    @property
    def frames_folder(self) -> Path:
        return self.root / "frames"

    @property
    def embeddings_folder(self) -> Path:
        return self.root / "embeddings"

    @property
    def artifacts_folder(self) -> Path:
        return self.root / "artifacts"

    def make_folders(self) -> None:
        for folder in (self.frames_folder, self.embeddings_folder, self.artifacts_folder):
            make_folder(folder)

    def shard_path(self, dataset_id: int, number: int) -> Path:
        """Place of one shard of a dataset."""
        return self._dataset_folder(dataset_id) / f"{number:06d}.parquet"

    def shards_of(self, frames: Iterable[Frame]) -> Iterator[list[Frame]]:
        """Cut a stream of frames into what one shard holds."""
        shard: list[Frame] = []
        n_atoms = 0
        for frame in frames:
            shard.append(frame)
            n_atoms += frame.n_atoms
            if n_atoms >= self.shard_atoms or len(shard) >= self.shard_frames:
                yield shard
                shard, n_atoms = [], 0
        if shard:
            yield shard

    def write_shard(self, dataset_id: int, number: int, frames: Sequence[Frame], first_ordinal: int) -> int:
        """Write a shard and return its size in bytes."""
        from sonde.store import frame_shards

        path = self.shard_path(dataset_id, number)
        publish(path, lambda temporary: frame_shards.write_frames(temporary, frames, first_ordinal), "shard")
        return path.stat().st_size

    def read_shard(self, dataset_id: int, number: int, n_frames: int) -> Iterator[Frame]:
        """Stream the frames of a shard in order."""
        from sonde.store import frame_shards

        return frame_shards.read_frames(self.shard_path(dataset_id, number), n_frames)

    def make_dataset_folder(self, dataset_id: int) -> None:
        make_folder(self._dataset_folder(dataset_id))
        failpoint("dataset_folder.made")

    def remove_dataset_folder(self, dataset_id: int) -> None:
        # What a reader elsewhere still holds open may stay (NFS): the next sweep tries again.
        shutil.rmtree(self._dataset_folder(dataset_id), ignore_errors=True)
        failpoint("dataset_folder.removed")

    def sweep(self, unfinished: Mapping[int, int], complete: set[int], artifacts: set[str]) -> None:
        """Remove what a writer that died left behind.

        unfinished: committed shards of each import under way; complete: ids of datasets; artifacts: known contents.
        """
        for folder in (self.frames_folder, self.embeddings_folder, self.artifacts_folder):
            remove_orphans(folder)
        for path in self.frames_folder.glob("[0-9]*"):
            if int(path.name) in unfinished:
                _sweep_unfinished(path, unfinished[int(path.name)])
            elif int(path.name) not in complete:
                self.remove_dataset_folder(int(path.name))
        for path in self.artifacts_folder.iterdir():
            if _SHA256.fullmatch(path.name) and path.name not in artifacts:
                path.unlink()

    def _dataset_folder(self, dataset_id: int) -> Path:
        return self.frames_folder / f"{dataset_id:06d}"


def _sweep_unfinished(folder: Path, n_committed: int) -> None:
    remove_orphans(folder)
    for path in folder.glob("*.parquet"):
        if int(path.stem) >= n_committed:
            path.unlink()
