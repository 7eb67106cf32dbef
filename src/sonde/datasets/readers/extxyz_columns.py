"""Atom lines of extended xyz as columns: the C parser of libAtoms on files and on text in memory.

The parser takes one frame at a time. Lines of many frames under one count are one frame to it, which costs half as
much as so many calls.
"""

import ctypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from extxyz import cextxyz

from sonde.datasets.readers.cells import checked_numbers, numbers_of
from sonde.datasets.readers.labels import LabelDefect
from sonde.datasets.readers.text_blocks import NEWLINE
from sonde.records.arrays import FloatArray, IntArray

SPECIES_COLUMNS = ("species", "element", "elements", "symbols")
POSITION_COLUMNS = ("pos", "positions")
NUMBER_COLUMNS = ("Z", "numbers", "atomic_numbers")
REFUSALS = (cextxyz.ExtXYZError, UnicodeDecodeError)
"""What the parser raises; the second where its words quote bytes that are no UTF-8."""
PARSER_BUFFER = 1024
"""Bytes; the parser reads a line in such pieces, and refuses one that with its end fills the last piece."""


@contextmanager
def c_file(path: Path) -> Iterator[Any]:
    """Open a plain file for the parser."""
    handle = cextxyz.cfopen(str(path), "r")
    try:
        yield handle
    finally:
        cextxyz.cfclose(handle)


@contextmanager
def _c_text(text: bytes) -> Iterator[Any]:
    """Open text for the parser as a file; the text must live as long."""
    handle = _open_memory()(text, len(text), b"r")
    try:
        yield handle
    finally:
        cextxyz.cfclose(handle)


@cache
def _open_memory() -> Any:
    """Return `fmemopen` of POSIX."""
    opening = ctypes.CDLL(None).fmemopen
    opening.restype = cextxyz.FILE_ptr
    opening.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p]
    return opening


def columns_of(atom_lines: bytes, n_atoms: int, properties: str) -> Mapping[str, Any]:
    """Parse so many whole lines of atoms, of one frame or of several.

    Raises
    ------
    REFUSALS : a line does not fit `Properties=…`.
    """
    with _c_text(b"%d\n-\n%b" % (n_atoms, atom_lines)) as handle:
        columns: Mapping[str, Any] = cextxyz.read_frame_dicts(handle, use_cleri=False, comment=properties)[2]
    return columns


def fits_parser(atom_lines: bytes) -> bool:
    """Tell whether the parser takes each line alike whatever stands above it: none fills its buffer or holds NUL."""
    ends = np.flatnonzero(np.frombuffer(atom_lines, np.uint8) == NEWLINE)
    return b"\0" not in atom_lines and int(np.diff(ends, prepend=-1).max()) < PARSER_BUFFER - 1


def positions_in(columns: Mapping[str, Any]) -> FloatArray:
    """Return the column of the positions."""
    for name in POSITION_COLUMNS:
        if name in columns:
            return np.asarray(columns[name], float)
    raise LabelDefect("Properties=… names no column for the positions: add pos:R:3")


def numbers_in(columns: Mapping[str, Any]) -> IntArray:
    """Return the atomic numbers that the columns give."""
    for name in SPECIES_COLUMNS:
        if name in columns:
            return numbers_of(columns[name])
    for name in NUMBER_COLUMNS:
        if name in columns:
            return checked_numbers(np.asarray(columns[name]))
    raise LabelDefect("Properties=… names no column for the elements: add species:S:1")
