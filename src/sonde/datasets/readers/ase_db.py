"""ASE's SQLite database, row by row, read only and without ASE: nothing in it is executed or unpickled."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from sonde.datasets.readers.ase_rows import NUMERIC_KINDS, placed_frame
from sonde.datasets.readers.compression import first_bytes
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.structures_json import MISBUILT, misbuilt
from sonde.records.frames import Frame

MAGIC = b"SQLite format 3\x00"
REQUIRED = ("id", "numbers", "positions", "cell", "pbc")
REALS = ("positions", "cell", "forces", "stress", "magmoms")
TEXTS = ("calculator", "unique_id", "energy", "free_energy")
JSONS = ("calculator_parameters", "key_value_pairs", "data")
LARGEST_CELL_BYTES = 1 << 28
ROWS = {"positions": (-1, 3), "forces": (-1, 3), "cell": (3, 3)}


class AseDbReader:
    """ASE databases in SQLite files (`ase.db`, *.db)."""

    name = "ase_db"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content decides
        """Tell by SQLite's first bytes."""
        return head.startswith(MAGIC)

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per row, by id."""
        _require_sqlite(path)
        count = 0
        try:
            with closing(_connection(path)) as database:
                for row in _rows(database, path):
                    place = Place(path, count, record=f"row {row['id']}")
                    yield placed_frame(_decoded(row, place), place)
                    count += 1
        except sqlite3.Error as damage:
            raise Place(path, count).bad(f"SQLite cannot read on: {damage}", "copy the file again.") from damage
        if not count:
            raise Place(path).bad("the database is empty: it holds no row", "was it written completely?")


READER = AseDbReader()


def _require_sqlite(path: Path) -> None:
    if not first_bytes(path).startswith(MAGIC):
        raise Place(path).bad("this is no SQLite file", "unpack it, or was it written completely?")


def _connection(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_CELL_BYTES)
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA trusted_schema = OFF")
    return database


def _rows(database: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Row]:
    # A view of that name could hold any query.
    is_table = database.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'systems'").fetchone()
    columns = [row["name"] for row in database.execute("PRAGMA table_info(systems)")] if is_table else []
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        problem = f"the table 'systems' of an ASE database must have {', '.join(missing)}"
        raise Place(path).bad(problem, "is it an ASE database? Old ones: python -m ase.db.convert FILE.")
    wanted = [name for name in dict.fromkeys((*REQUIRED, *REALS, *TEXTS, *JSONS)) if name in columns]
    yield from database.execute(f"SELECT {', '.join(wanted)} FROM systems ORDER BY id")


def _decoded(row: sqlite3.Row, place: Place) -> dict[str, Any]:
    """Turn blobs into arrays and text into dicts; numbers are little-endian, as ASE writes them."""
    decoded = {name: row[name] for name in row.keys() if row[name] is not None}  # noqa: SIM118 - a Row iterates over values
    try:
        for name in REALS:
            if name in decoded:
                array = np.frombuffer(decoded[name], "<f8").astype(float)
                decoded[name] = array.reshape(ROWS[name]) if name in ROWS else array
        decoded["numbers"] = np.frombuffer(decoded.get("numbers", b""), "<i4")
        decoded["pbc"] = [bool(int(decoded.get("pbc", 0)) & bit) for bit in (1, 2, 4)]
        for name in JSONS:
            decoded[name] = _object(decoded.get(name))
    except (*MISBUILT, RecursionError) as wrong:
        raise place.bad(misbuilt(wrong), "mend or delete the row.") from wrong
    return decoded


def _object(packed: str | bytes | None) -> Any:
    """Read what ASE packs: JSON text, or (since version 9) an offset, arrays, and JSON that points into them."""
    if packed is None or isinstance(packed, str):
        return json.loads(packed or "{}")
    start = int.from_bytes(packed[:8], "little")
    if not 8 <= start <= len(packed):
        raise ValueError(f"an offset of {start} in {len(packed)} bytes")
    return _with_arrays(json.loads(packed[start:]), packed)


def _with_arrays(value: Any, packed: bytes) -> Any:
    if isinstance(value, list):
        return [_with_arrays(item, packed) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "__ndarray__" not in value:
        return {key: _with_arrays(item, packed) for key, item in value.items()}
    shape, name, offset = value["__ndarray__"]
    dtype = np.dtype(str(name)).newbyteorder("<")
    if dtype.kind not in NUMERIC_KINDS:
        return None
    count = int(np.prod([int(length) for length in shape], dtype=object))
    return np.frombuffer(packed, dtype, count=count, offset=int(offset)).reshape(shape)
