"""Folders that hold files of frames and no runs, read recursively: each file by the reader that claims it."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sonde.datasets.readers.compression import first_bytes
from sonde.datasets.readers.protocol import Place, Reader
from sonde.datasets.readers.run_outputs import told_what_is_left_out
from sonde.datasets.readers.shards import natural_order
from sonde.errors import BadInput
from sonde.records.frames import Frame

SUFFIXES = (".xyz", ".extxyz", ".json", ".db", ".aselmdb", ".h5", ".hdf5", ".parquet", ".cfg", ".data")


@dataclass(frozen=True)
class FrameFolderReader:
    """A folder of files of frames, numbers in their names by value; `readers` are asked in their order."""

    readers: Sequence[Reader]
    name: str = "frame_folder"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - a folder has none
        """Tell by the first bytes of the files below."""
        return path.is_dir() and any(self._is_known(file) for file in frame_files(path))

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield the frames of each file; one that holds none is named in the tag `left_out`."""
        left_out: list[str] = []
        found = told_what_is_left_out(self._frames(path, left_out), left_out)
        first = next(found, None)
        if first is None:
            raise Place(path).bad(
                f"no file in this folder holds a frame: {'; '.join(left_out)}", "name a folder that holds datasets."
            )
        yield first
        yield from found

    def _frames(self, root: Path, left_out: list[str]) -> Iterator[Frame]:
        for file in frame_files(root):
            frames = self._opened(file)
            try:
                first = next(frames)
            except (BadInput, StopIteration) as nothing:
                name = file.relative_to(root).as_posix()
                left_out.append(f"{name}: {nothing.problem if isinstance(nothing, BadInput) else 'no frame in it'}")
                continue
            # A defect further on is an error, as where the file is named alone: half a file is no dataset.
            yield first
            yield from frames

    def _opened(self, file: Path) -> Iterator[Frame]:
        reader = self._reader_of(file)
        if reader is None:
            raise Place(file).bad("no reader knows its format", "convert it with ase.")
        yield from reader.read(file)

    def _is_known(self, file: Path) -> bool:
        try:
            return self._reader_of(file) is not None
        except BadInput:  # a damaged archive: told when it is read
            return False

    def _reader_of(self, file: Path) -> Reader | None:
        head = first_bytes(file)
        return next((reader for reader in self.readers if reader.claims(file, head)), None)


def frame_files(root: Path, suffixes: tuple[str, ...] = SUFFIXES) -> Iterator[Path]:
    """List the files below a folder whose names are those of datasets, packed or not; hidden ones are not."""
    for where, inside, names in os.walk(root):
        inside[:] = sorted((name for name in inside if not name.startswith(".")), key=natural_order)
        for name in sorted(names, key=natural_order):
            plain = name.removesuffix(".gz").removesuffix(".bz2")
            if plain.endswith(suffixes) and not name.startswith("."):
                yield Path(where) / name
