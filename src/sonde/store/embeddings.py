"""Embeddings and what goes with them: named arrays of any shape under a key, as one Parquet file."""

import logging
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sonde.errors import WrongUse
from sonde.records.arrays import AnyArray
from sonde.store.atomic_files import publish
from sonde.store.lake import Lake
from sonde.store.writer_lock import WriterLock

logger = logging.getLogger(__name__)

PIECE_BYTES = 16 * 2**20
_KEY = re.compile(r"[0-9A-Za-z_-]{1,200}")


class EmbeddingStore:
    """Arrays that cost a pass of a potential over a dataset, kept under a key that names both."""

    def __init__(self, lock: WriterLock, lake: Lake) -> None:
        self._lock = lock
        self._lake = lake

    def put(self, key: str, arrays: Mapping[str, AnyArray]) -> None:
        """Keep arrays under a key, in the place of any that are there.

        Arrays whose name begins with `embeddings` are kept in float16 (a relative error of 5e-4), all others as they
        are.
        """
        path = self._path(key)
        kept = {name: _as_kept(name, np.asarray(array)) for name, array in arrays.items()}
        with self._lock.held():
            publish(path, lambda temporary: write_arrays(temporary, kept), "embeddings")

    def get(self, key: str) -> dict[str, AnyArray] | None:
        """Return the arrays, or None where there are none. What was kept in float16 comes back as float64."""
        path = self._path(key)
        return read_arrays(path) if path.exists() else None

    def remove(self, key: str) -> None:
        """Remove the arrays under a key, where there are any."""
        with self._lock.held():
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise WrongUse(f"A key of embeddings is made of letters, digits, - and _, not {key!r}: use a hash.")
        return self._lake.embeddings_folder / f"{key}.parquet"


def _as_kept(name: str, array: AnyArray) -> AnyArray:
    if not name.startswith("embeddings"):
        return array
    if np.abs(array[np.isfinite(array)]).max(initial=0) > np.finfo(np.float16).max:
        logger.warning("%s reach beyond what float16 holds: kept in float32", name)
        return array.astype(np.float32)
    return array.astype(np.float16)


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            ("array", pa.string()),
            ("dtype", pa.string()),
            ("shape", pa.list_(pa.int64())),
            ("start", pa.int64()),
            ("values", pa.binary()),
        ]
    )


def write_arrays(path: Path, arrays: Mapping[str, AnyArray]) -> None:
    """Write one row per piece of an array: its values from element `start` on, row-major."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, _schema(), compression="zstd", compression_level=1, use_dictionary=False) as writer:
        for name, array in arrays.items():
            for start, piece in _pieces(array):
                row = {"array": name, "dtype": array.dtype.str, "shape": array.shape, "start": start}
                writer.write_table(pa.Table.from_pylist([row | {"values": piece.tobytes()}], _schema()))


def _pieces(array: AnyArray) -> Iterator[tuple[int, AnyArray]]:
    flat = np.ascontiguousarray(array).ravel()
    step = max(1, PIECE_BYTES // max(1, array.itemsize))
    for start in range(0, max(1, flat.size), step):
        yield start, flat[start : start + step]


def read_arrays(path: Path) -> dict[str, AnyArray]:
    """Undo `write_arrays`, a piece at a time; arrays called embeddings become float64."""
    import pyarrow.parquet as pq

    flat: dict[str, AnyArray] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            (row,) = file.read_row_group(group, use_threads=False).to_pylist()
            name, shapes[row["array"]] = row["array"], tuple(row["shape"])
            values = np.frombuffer(row["values"], np.dtype(row["dtype"]))
            flat.setdefault(name, np.empty(math.prod(row["shape"]), _dtype_read(name, values.dtype)))
            flat[name][row["start"] : row["start"] + len(values)] = values
    return {name: values.reshape(shapes[name]) for name, values in flat.items()}


def _dtype_read(name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    # Arithmetic on float16 overflows where nobody expects it.
    return np.dtype(np.float64) if name.startswith("embeddings") else dtype
