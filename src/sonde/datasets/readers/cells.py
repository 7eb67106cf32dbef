"""Checks that every frame passes, whatever file it came from."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from sonde.datasets.readers.labels import LabelDefect, finite_rows
from sonde.records.arrays import AnyArray, BoolArray, FloatArray, IntArray

SMALLEST_VOLUME_A3 = 1e-6
MOST_REMEMBERED_BYTES = 1 << 14


def numbers_of(symbols: Sequence[str] | AnyArray) -> IntArray:
    """Turn element symbols into atomic numbers.

    Raises
    ------
    LabelDefect : a symbol is no element; the message names it and the atom.
    """
    if isinstance(symbols, np.ndarray) and symbols.nbytes < MOST_REMEMBERED_BYTES and symbols.dtype.kind == "U":
        return _remembered_numbers(symbols.tobytes(), symbols.dtype).copy()
    return _numbers_of(_plain(symbols))


@lru_cache(maxsize=256)
def _remembered_numbers(symbols: bytes, dtype: Any) -> IntArray:
    """Look symbols up; in most sets the same ones come again in the same order."""
    return _numbers_of(np.frombuffer(symbols, dtype).tolist())


def _numbers_of(symbols: Sequence[str]) -> IntArray:
    try:
        return np.array([_NUMBER_OF[symbol] for symbol in symbols], np.int64)
    except KeyError:
        atom = next(i for i, symbol in enumerate(symbols) if symbol not in _NUMBER_OF)
        raise LabelDefect(f"{str(symbols[atom])!r} is no element", atom) from None


def _plain(symbols: Sequence[str] | AnyArray) -> Sequence[str]:
    """Turn an array's symbols into Python's own, which are looked up several times as fast."""
    return symbols.tolist() if isinstance(symbols, np.ndarray) else symbols


def checked_numbers(numbers: AnyArray) -> IntArray:
    """Return atomic numbers as integers, all of them elements."""
    if numbers.dtype.kind not in "iuf":
        raise LabelDefect(f"{numbers.ravel()[0]!r} is no element's number", 0)
    strange = (numbers < 1) | (numbers > HEAVIEST) | (numbers != np.rint(numbers))
    if strange.any():
        raise LabelDefect(f"{numbers[strange][0]} is no element's number", int(np.argmax(strange)))
    return numbers.astype(np.int64)


_NUMBER_OF = {symbol: number for symbol, number in atomic_numbers.items() if number > 0}
HEAVIEST = max(_NUMBER_OF.values())


def checked_cell(cell: FloatArray, pbc: BoolArray) -> tuple[FloatArray, BoolArray]:
    """Return cell and periodicity; without lattice vectors nothing is periodic.

    Raises
    ------
    LabelDefect : numbers that are not finite, or periodic vectors that span no volume.
    """
    if SMALLEST_VOLUME_A3 < volume_of(cell) < math.inf:  # what is not finite has no such volume
        return np.ascontiguousarray(cell, float), pbc
    if not np.isfinite(cell).all():
        raise LabelDefect("the lattice holds NaN or inf")
    if not cell.any():
        return np.zeros((3, 3)), np.zeros(3, bool)
    if pbc.all() and volume_of(cell) < SMALLEST_VOLUME_A3:
        raise LabelDefect("the lattice vectors span no volume")
    return np.ascontiguousarray(cell, float), pbc


def volume_of(cell: FloatArray) -> float:
    """Volume of a cell, Å³; written out, as numpy's determinant costs ten times as much on 3 × 3."""
    (a, b, c), (d, e, f), (g, h, i) = cell.tolist()
    return abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))


def volumes_of(cells: FloatArray) -> FloatArray:
    """Volumes of many cells (n, 3, 3), Å³, to the last bit those of each."""
    (a, b, c), (d, e, f), (g, h, i) = cells.transpose(1, 2, 0)
    volumes: FloatArray = np.abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
    return volumes


def checked_positions(positions: FloatArray, n_atoms: int) -> FloatArray:
    """Return positions of shape (n_atoms, 3), all finite."""
    if positions.shape != (n_atoms, 3):
        raise LabelDefect(f"positions must have shape ({n_atoms}, 3), found {positions.shape}")
    return finite_rows(np.ascontiguousarray(positions, float), "positions")
