"""Parquet files of ColabFit and LeMaterial, batch by batch: memory does not grow with the file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sonde.datasets.readers.ase_rows import LONGEST_TAG
from sonde.datasets.readers.cells import checked_cell, checked_numbers, checked_positions, numbers_of, volume_of
from sonde.datasets.readers.compression import first_bytes
from sonde.datasets.readers.functional_names import functional_name
from sonde.datasets.readers.labels import LabelDefect, finite_rows, full_tensor
from sonde.datasets.readers.parquet_columns import Ragged, is_flat, ragged
from sonde.datasets.readers.parquet_layouts import DERIVED, LAYOUTS, METADATA, Layout, layout_of
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.pymatgen_structures import checked_energy
from sonde.datasets.readers.record_tags import record_tags
from sonde.datasets.readers.shards import shards
from sonde.datasets.readers.tags import column_tags, tag_of
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame, Tag

MAGIC = b"PAR1"
BATCH_ROWS = 256
LARGEST_COLUMN_CHUNK = 1 << 32
"""Bytes of one column in one row group, unpacked."""
LONGEST_METADATA = 1 << 20
SMALLEST_VOLUME_A3 = 1e-6


class ParquetReader:
    """Parquet files with the columns of ColabFit or LeMaterial, or a folder of them."""

    name = "parquet"

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell by Parquet's magic bytes; a folder by the names of the files in it."""
        return bool(shards(path, [".parquet"])) if path.is_dir() else head.startswith(MAGIC)

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per row, in file order."""
        files = shards(path, [".parquet"]) if path.is_dir() else [path]
        ordinal = 0
        for file in files:
            for frame in _frames(file, ordinal):
                yield frame
                ordinal += 1
        if not ordinal:
            raise Place(path).bad("there is no row in it", "was it written completely?")


READER = ParquetReader()


def _frames(path: Path, ordinal: int) -> Iterator[Frame]:
    if not first_bytes(path).startswith(MAGIC):
        raise Place(path).bad("this is no Parquet file", "was it written completely?")
    row = 0
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
            layout, tag_columns = _layout(file, path)
            for batch in _batches(file, (*layout.geometry, *layout.labels, *tag_columns)):
                rows = _Rows.of(batch, layout, tag_columns)
                for index in range(batch.num_rows):
                    place = Place(path, ordinal + row, record=f"row {row}" if ordinal else None)
                    yield _placed_frame(rows, index, place)
                    row += 1
    except TypeError as wrong:
        raise Place(path).bad(str(wrong), "write it anew with lists of numbers.") from wrong
    except (pa.ArrowException, OSError) as damage:
        raise Place(path, ordinal + row).bad(f"Parquet cannot be read on: {damage}", "copy the file again.") from damage


def _batches(file: Any, columns: Sequence[str]) -> Iterator[Any]:
    """Read row group after row group: a batch that spans several would hold all of them, threads more."""
    wanted = [name for name in dict.fromkeys(columns) if name in file.schema_arrow.names]
    for group in range(file.metadata.num_row_groups):
        yield from file.iter_batches(BATCH_ROWS, row_groups=[group], columns=wanted, use_threads=False)


def _layout(file: Any, path: Path) -> tuple[Layout, tuple[str, ...]]:
    """Choose the layout by the column names, and the columns that become tags."""
    names = file.schema_arrow.names
    layout = layout_of(dict.fromkeys(names))
    if layout is None:
        known = "; ".join(f"{each.name}: {', '.join(each.geometry)}" for each in LAYOUTS)
        raise Place(path).bad(f"no known set of columns; found {', '.join(names)[:600]}", f"known are {known}.")
    for group in range(file.metadata.num_row_groups):
        chunks = (file.metadata.row_group(group).column(i) for i in range(file.metadata.num_columns))
        if any(chunk.total_uncompressed_size > LARGEST_COLUMN_CHUNK for chunk in chunks):
            raise Place(path).bad("a row group is larger than 4 GiB", "write the file with smaller row groups.")
    taken = {*layout.geometry, *layout.labels, *DERIVED}
    return layout, tuple(field.name for field in file.schema_arrow if field.name not in taken and is_flat(field.type))


@dataclass(frozen=True, eq=False)
class _Rows:
    """The columns of one batch."""

    layout: Layout
    numbers: Mapping[str, Ragged]
    values: Mapping[str, list[Any]]
    tags: tuple[str, ...]

    @classmethod
    def of(cls, batch: Any, layout: Layout, tag_columns: tuple[str, ...]) -> "_Rows":
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        widths = dict.fromkeys((layout.positions, layout.cell, layout.forces, layout.stress), 3)
        asked = (*widths, layout.elements, layout.pbc, layout.moments)
        lists = [name for name in asked if name is not None and name in columns]
        if layout.by_symbols:
            lists.remove(layout.elements)
        numbers = {name: ragged(name, columns[name], widths.get(name)) for name in lists}
        return cls(layout, numbers, {n: c.to_pylist() for n, c in columns.items() if n not in numbers}, tag_columns)

    def row(self, name: str | None, index: int) -> Any:
        """Return the numbers of a column of lists in one row; None where it is null or not there."""
        column = self.numbers.get(name or "")
        return None if column is None else column.row(index)

    def value(self, name: str | None, index: int) -> Any:
        column = self.values.get(name or "")
        return None if column is None else column[index]


def _placed_frame(rows: _Rows, index: int, place: Place) -> Frame:
    try:
        return _frame(rows, index, place)
    except LabelDefect as defect:
        raise place.bad(str(defect), "mend or remove the row.") from defect


def _frame(rows: _Rows, index: int, place: Place) -> Frame:
    layout = rows.layout
    numbers = _numbers(rows, index)
    periodic = rows.row(layout.pbc, index)
    cell, pbc = checked_cell(
        _matrix(rows.row(layout.cell, index), layout.cell, (3, 3), absent=np.zeros((3, 3))),
        np.ones(3, bool) if periodic is None else _matrix(periodic, layout.pbc, (3,)).astype(bool),
    )
    stress = _stress(rows, index, cell)
    energy = checked_energy(rows.value(layout.energy, index))
    return Frame(
        numbers=numbers,
        positions=checked_positions(_vectors(rows, layout.positions, index, len(numbers)), len(numbers)),
        cell=cell,
        pbc=pbc,
        energy_eV=energy,
        forces_eV_per_A=_forces(rows, index, len(numbers)),
        stress_eV_per_A3=stress,
        tags={**_tags(rows, index), **_conventions(layout, energy, stress)},
        source_file=str(place.path),
        ordinal=place.frame or 0,
    )


def _numbers(rows: _Rows, index: int) -> IntArray:
    name = rows.layout.elements
    given = rows.value(name, index) if rows.layout.by_symbols else rows.row(name, index)
    if given is None or len(given) == 0:
        raise LabelDefect(f"{name} is empty: the row holds no atoms")
    return numbers_of(given) if rows.layout.by_symbols else checked_numbers(given)


def _matrix(flat: Any, name: str, shape: tuple[int, ...], absent: Any = None) -> FloatArray:
    if flat is None and absent is not None:
        return absent
    if flat is None or flat.size != np.prod(shape):
        raise LabelDefect(f"{name} must have shape {shape}, found {0 if flat is None else flat.size} numbers")
    return flat.astype(float).reshape(shape)


def _vectors(rows: _Rows, name: str, index: int, n_atoms: int) -> FloatArray:
    flat = rows.row(name, index)
    if flat is None or flat.size != 3 * n_atoms:
        found = 0 if flat is None else flat.size / 3
        raise LabelDefect(f"{name} must have shape ({n_atoms}, 3), found ({found:g}, 3)")
    return flat.astype(float).reshape(n_atoms, 3)


def _forces(rows: _Rows, index: int, n_atoms: int) -> FloatArray | None:
    flat = rows.row(rows.layout.forces, index)
    if flat is None or flat.size == 0:
        return None
    return finite_rows(_vectors(rows, rows.layout.forces, index, n_atoms), rows.layout.forces)


def _stress(rows: _Rows, index: int, cell: FloatArray) -> FloatArray | None:
    layout = rows.layout
    flat = rows.row(layout.stress, index)
    if flat is None or flat.size == 0:
        return None
    stress = _matrix(flat, layout.stress, (3, 3))
    if not np.isfinite(stress).all():
        raise LabelDefect(f"{layout.stress} holds NaN or inf")
    if rows.value(layout.times_volume, index):
        if volume_of(cell) < SMALLEST_VOLUME_A3:
            raise LabelDefect(f"{layout.stress} was multiplied by a volume, but the cell has none")
        stress = stress / volume_of(cell)
    return full_tensor(stress, layout.stress) * layout.stress_unit


def _conventions(layout: Layout, energy: float | None, stress: FloatArray | None) -> dict[str, Tag]:
    notes: dict[str, Tag] = {} if energy is None else {"energy_convention": layout.energy_convention}
    return notes if stress is None else {**notes, "stress_convention": layout.stress_convention}


def _tags(rows: _Rows, index: int) -> dict[str, Tag]:
    values = {name: rows.value(name, index) for name in rows.tags}
    tags = _functional_tags(values.get(rows.layout.functional))
    for name, value in values.items():
        if name in METADATA:
            tags = {**_metadata_tags(value), **tags}
        elif value is not None and not (isinstance(value, list) and len(value) > LONGEST_TAG):
            tags[name] = tag_of(value if isinstance(value, str | bool | int | float | list) else str(value))
    moments = rows.row(rows.layout.moments, index)
    if moments is not None and len(moments) and np.isfinite(moments).all():
        tags.update(column_tags({"magmoms": moments}, tags))
    return tags


def _functional_tags(method: Any) -> dict[str, Tag]:
    """Name the functional: ColabFit's "DFT-PBE+U" is PBE with a U that is not given."""
    if not isinstance(method, str) or not method.strip():
        return {}
    name, with_u, _ = method.strip().removeprefix("DFT-").partition("+U")
    return {"xc": functional_name(name), **({"is_hubbard": True} if with_u else {})}


def _metadata_tags(text: Any) -> dict[str, Tag]:
    """Read ColabFit's metadata; what is no JSON object is kept as text."""
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_METADATA:
        return {}
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return {"metadata_text": text[:1000]}
    return record_tags(record, {}) if isinstance(record, Mapping) else {}
