"""Frames as Parquet: one row per frame, arrays as lists of float64 in row-major order, tags as JSON text."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sonde.errors import SondeError
from sonde.records.arrays import AnyArray
from sonde.records.frames import Frame

ATOMS_PER_GROUP = 50_000
"""A row group, the unit of reading, holds about so many atoms, whatever the size of the frames."""

_SHAPES: dict[str, tuple[int, ...]] = {"numbers": (-1,), "positions": (-1, 3), "cell": (3, 3), "pbc": (3,)}
_LABEL_SHAPES: dict[str, tuple[int, ...]] = {"forces_eV_per_A": (-1, 3), "stress_eV_per_A3": (3, 3)}
_DTYPES = {"numbers": np.dtype(np.int64), "pbc": np.dtype(np.bool_)}
_FLOAT = np.dtype(np.float64)
_DICTIONARY_COLUMNS = ["numbers.list.element", "tags", "source_file"]


def write_frames(path: Path, frames: Sequence[Frame], first_ordinal: int) -> None:
    """Write frames, numbered from `first_ordinal` on, as one Parquet file."""
    import pyarrow.parquet as pq

    n_atoms = max(1, sum(frame.n_atoms for frame in frames))
    pq.write_table(
        _table(frames, first_ordinal),
        path,
        compression="zstd",
        compression_level=1,
        use_dictionary=_DICTIONARY_COLUMNS,
        row_group_size=max(1, len(frames) * ATOMS_PER_GROUP // n_atoms),
    )


def read_frames(path: Path, n_frames: int) -> Iterator[Frame]:
    """Read the frames of one file in order, a row group at a time. The file must hold `n_frames`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows != n_frames:
                raise _damaged(path, f"{file.metadata.num_rows} frames instead of {n_frames}")
            for group in range(file.num_row_groups):
                yield from _frames(file.read_row_group(group, use_threads=False).combine_chunks())
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, problem: str) -> SondeError:
    return SondeError(
        f"The shard {path} is not as it was written ({problem}): the dataset was removed meanwhile, or the file is "
        "damaged; restore it from a backup, or remove the dataset and add it again."
    )


def _table(frames: Sequence[Frame], first_ordinal: int) -> Any:
    import pyarrow as pa

    arrays = {name: _lists([getattr(frame, name) for frame in frames], name) for name in (*_SHAPES, *_LABEL_SHAPES)}
    return pa.table(
        {
            "ordinal": pa.array(range(first_ordinal, first_ordinal + len(frames)), pa.int64()),
            **arrays,
            "energy_eV": pa.array([frame.energy_eV for frame in frames], pa.float64()),
            "tags": pa.array([_tags_text(frame) for frame in frames], pa.string()),
            "source_file": pa.array([_json_or_none(frame.source_file) for frame in frames], pa.string()),
        }
    )


def _lists(arrays: Sequence[AnyArray | None], name: str) -> Any:
    """Arrays of any length as a list column; None is null."""
    import pyarrow as pa

    dtype = _DTYPES.get(name, _FLOAT)
    flat = [np.zeros(0, dtype) if array is None else np.asarray(array).astype(dtype).ravel() for array in arrays]
    offsets = np.concatenate([[0], np.cumsum([len(values) for values in flat])]).astype(np.int32)
    absent = pa.array([array is None for array in arrays])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(flat)), mask=absent)


def _tags_text(frame: Frame) -> str:
    return json.dumps(dict(frame.tags), default=_plain_scalar)


def _plain_scalar(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a tag must be text, a number, true, false or null, not {type(value).__name__}")


def _json_or_none(text: str | None) -> str | None:
    # As JSON, since file names may hold bytes that are no text, which Parquet strings refuse.
    return None if text is None else json.dumps(text)


def _frames(table: Any) -> Iterator[Frame]:
    names = (*_SHAPES, *_LABEL_SHAPES)
    columns: dict[str, list[Any]] = {name: list(_arrays(table.column(name).combine_chunks(), name)) for name in names}
    plain = {name: table.column(name).to_pylist() for name in ("ordinal", "energy_eV", "tags", "source_file")}
    for i in range(table.num_rows):
        source = plain["source_file"][i]
        yield Frame(
            **{name: values[i] for name, values in columns.items()},
            energy_eV=plain["energy_eV"][i],
            tags=json.loads(plain["tags"][i]),
            source_file=None if source is None else json.loads(source),
            ordinal=plain["ordinal"][i],
        )


def _arrays(column: Any, name: str) -> Iterator[AnyArray | None]:
    """Undo `_lists`; each array owns its memory, so that one kept frame does not keep its whole group."""
    shape = _SHAPES.get(name) or _LABEL_SHAPES[name]
    offsets = column.offsets.to_numpy()
    values = column.values.to_numpy(zero_copy_only=False)
    present = column.is_valid().to_numpy(zero_copy_only=False)
    for here, start, end in zip(present, offsets[:-1], offsets[1:], strict=True):
        yield values[start:end].reshape(_shape(shape, end - start)).copy() if here else None


def _shape(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    # reshape(-1, 3) cannot tell the length of an empty array.
    return (0, *shape[1:]) if size == 0 else shape
