"""What a reader of structure files is, and how it names the place of a defect."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sonde.errors import BadInput
from sonde.records.frames import Frame


class Reader(Protocol):
    """Reads one file format as a stream of frames.

    `name` is what `reader_names()` lists. `claims` decides by the path and the first bytes (uncompressed, up to 4 KiB;
    none of a folder). `read` gets what `claims` said yes to, or a path that the user gave to this reader by name.
    `read` yields the frames in file order, ordinals from 0, labels as None where the file has none, and raises
    `BadInput` with file, frame and line where the file cannot be taken. `sonde.testing.readers` holds the laws.
    """

    @property
    def name(self) -> str: ...

    def claims(self, path: Path, head: bytes) -> bool: ...

    def read(self, path: Path) -> Iterator[Frame]: ...


@dataclass(frozen=True)
class Place:
    """Where in a file something stands: frames count from 0, lines from 1; a record goes by the file's own name."""

    path: Path
    frame: int | None = None
    line: int | None = None
    record: str | None = None

    def bad(self, problem: str, mend: str) -> BadInput:
        """Return the error that names this place."""
        frame = f"frame {self.frame}" if self.frame is not None else ""
        parts = [frame, self.record or "", f"line {self.line}" if self.line else ""]
        return BadInput(self.path, ", ".join(part for part in parts if part) or None, problem, mend)
