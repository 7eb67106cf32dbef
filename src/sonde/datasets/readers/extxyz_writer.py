"""Writes frames as extended xyz with a chosen number of decimals; `read_frames` gives back the same frames."""

import gzip
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import numpy as np
from ase.data import chemical_symbols
from extxyz.grammar import escape

from sonde.datasets.readers.labels import ENERGY_RANKS, LABEL_KEYS
from sonde.errors import WrongUse
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame, Tag

C_BUFFER = 1024
"""The C parser of libAtoms reads lines in pieces, and refuses one that with its end fills the last piece exactly."""
PLAIN_TEXT = re.compile(r"[^\W\d][\w:;/@.+-]*")
"""Text that every parser takes as text, quoted or not."""
NOT_TEXT = frozenset(["t", "f", "true", "false", "none", "null", "nan", "inf", "infinity"])
RESERVED = frozenset(["Lattice", "Properties", "pbc"])


def write_extxyz(path: Path | str, frames: Iterable[Frame], decimals: int = 8) -> int:
    """Write frames to an extended xyz file (gzipped where the name ends in .gz) and return how many.

    Positions, lattice, energy and forces get `decimals` decimals; stress and tags keep all digits. Labels are called
    REF_energy, REF_forces, REF_stress; a label that is None is not written. The file appears whole or not at all.

    Raises
    ------
    WrongUse : a tag's name would be read back as a label or a lattice.
    """
    count = 0
    with _replacing(Path(path)) as handle:
        for frame in frames:
            handle.write(frame_text(frame, decimals).encode())
            count += 1
    return count


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as raw:
            if path.suffix == ".gz":
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed:
                    yield cast(IO[bytes], packed)
            else:
                yield raw
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def frame_text(frame: Frame, decimals: int) -> str:
    """Return one frame as the lines of an extended xyz file."""
    number = f"%.{decimals}f"
    columns = frame.positions if frame.forces_eV_per_A is None else np.hstack([frame.positions, frame.forces_eV_per_A])
    line = "%-3s" + f" {number}" * columns.shape[1]
    symbols = [chemical_symbols[z] for z in frame.numbers.tolist()]
    rows = "\n".join(line % (symbol, *row) for symbol, row in zip(symbols, columns.tolist(), strict=True))
    return f"{frame.n_atoms}\n{_comment(frame, number)}\n{rows}\n"


def _comment(frame: Frame, number: str) -> str:
    forces = ":REF_forces:R:3" if frame.forces_eV_per_A is not None else ""
    parts = [f'Lattice="{_numbers(frame.cell, number)}"'] if frame.cell.any() else []
    parts.append(f"Properties=species:S:1:pos:R:3{forces}")
    parts += [f"{_key(key, frame)}={_value(value)}" for key, value in frame.tags.items()]
    if frame.energy_eV is not None:
        parts.append(f"REF_energy={number % frame.energy_eV}")
    if frame.stress_eV_per_A3 is not None:
        parts.append(f'REF_stress="{_numbers(frame.stress_eV_per_A3, "%.16g")}"')
    periodic = " ".join("T" if along else "F" for along in frame.pbc)
    comment = " ".join([*parts, f'pbc="{periodic}"'])
    return comment + " " if len(comment.encode()) % C_BUFFER == C_BUFFER - 2 else comment


def _numbers(matrix: FloatArray, number: str) -> str:
    return " ".join(number % value for value in matrix.ravel().tolist())


def _key(key: str, frame: Frame) -> str:
    loser = key.lower() in ENERGY_RANKS and frame.energy_eV is not None and key != "REF_energy"
    if key in RESERVED or (key.lower() in LABEL_KEYS and not loser):
        raise WrongUse(f"The tag {key!r} would be read back as a label or a lattice: rename it.")
    return escape(key) if key else '""'


def _value(value: Tag) -> str:
    if value is None:
        return "None"
    if isinstance(value, bool | np.bool_):
        return "T" if value else "F"
    if isinstance(value, int | float):
        return repr(value)
    if value.lower() not in NOT_TEXT and PLAIN_TEXT.fullmatch(value):
        return value
    return f"[{json.dumps(value, ensure_ascii=False)}]"  # a list of one text: never taken for a number or an array
