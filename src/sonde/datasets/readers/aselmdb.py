"""fairchem's and MACE's LMDB databases of ASE rows, readable without either.

A file holds rows as zlib-compressed JSON under the keys "1", "2", …; beside them stand `nextid`, `deleted_ids` and
`metadata`. A folder of such files is read file by file, by name. Other LMDB files of the field (OC20's) hold pickles:
they are refused, never loaded.
"""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sonde.datasets.readers.ase_rows import placed_frame
from sonde.datasets.readers.lmdb_pages import MAGIC, MAGIC_OFFSET, LmdbFile, opened_lmdb
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.shards import shards
from sonde.records.frames import Frame

SUFFIXES = (".aselmdb", ".lmdb")
INSIDE = "data.mdb"
LARGEST_ROW = 1 << 28
"""Bytes of one row, unpacked; more is taken for a bomb."""
NOT_ROWS = (b"nextid", b"deleted_ids", b"metadata")


class AselmdbReader:
    """LMDB files of ASE rows (*.aselmdb, *.lmdb), or a folder of them."""

    name = "aselmdb"

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell by LMDB's magic number; a folder by the names of the files in it."""
        return bool(_files(path)) if path.is_dir() else head[MAGIC_OFFSET:].startswith(MAGIC)

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per row, by id, file by file."""
        files = _files(path) if path.is_dir() else [path]
        if not files:
            raise Place(path).bad("the folder holds no LMDB file", f"names end in {' or '.join(SUFFIXES)}.")
        ordinal = 0
        for file in files:
            for frame in _frames(file, ordinal):
                yield frame
                ordinal += 1


READER = AselmdbReader()


def _files(folder: Path) -> list[Path]:
    return shards(folder, SUFFIXES) or [file for file in (folder / INSIDE,) if file.is_file()]


def _frames(path: Path, ordinal: int) -> Iterator[Frame]:
    with opened_lmdb(path) as database:
        for count, row_id in enumerate(_ids(database, path)):
            place = Place(path, ordinal + count, record=f"row {row_id}")
            row = _unpacked(database.get(b"%d" % row_id), place)
            if not isinstance(row, dict):
                raise place.bad(f"a row must be an object, found {type(row).__name__}", "is this an ASE database?")
            yield placed_frame({**row, "id": row_id}, place)


def _ids(database: LmdbFile, path: Path) -> Iterator[int]:
    """Yield the row ids: 1 up to nextid without the deleted ones; there must be as many as the file has rows."""
    place = Place(path)
    next_id = database.get(b"nextid")
    if next_id is None:
        raise place.bad("the LMDB file has no key 'nextid'", "only LMDB files of ASE rows are read, not pickles.")
    last, deleted = _unpacked(next_id, place), _unpacked(database.get(b"deleted_ids"), place) or []
    if not isinstance(last, int) or not isinstance(deleted, list):
        raise place.bad("nextid must be a number and deleted_ids a list", "is this an ASE database?")
    gone = {int(number) for number in deleted if isinstance(number, int) and 0 < number < last}
    announced, found = last - 1 - len(gone), database.meta.entries
    found -= sum(database.get(key) is not None for key in NOT_ROWS)
    if announced != found:
        raise place.bad(f"nextid and deleted_ids make {announced} rows, the file holds {found}", "copy the file again.")
    if not found:
        raise place.bad("the database is empty: it holds no row", "was it written completely?")
    return (number for number in range(1, last) if number not in gone)


def _unpacked(packed: bytes | None, place: Place) -> Any:
    if packed is None:
        if place.record is None:
            return None
        raise place.bad("the row is missing", "copy the file again.")
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(packed, LARGEST_ROW)
        if unpacking.unconsumed_tail:
            raise place.bad(f"the value swells to more than {LARGEST_ROW} bytes", "do not trust this file.")
        return json.loads(text)
    except (zlib.error, ValueError, RecursionError) as wrong:
        problem = f"the value is not zlib-compressed JSON ({wrong})"
        raise place.bad(problem, "pickled records are never loaded; write an ASE database (.aselmdb).") from wrong
