"""Checks that every frame passes, whatever file it came from."""

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers

from sonde.datasets.readers.labels import LabelDefect
from sonde.records.arrays import AnyArray, BoolArray, FloatArray, IntArray

SMALLEST_VOLUME_A3 = 1e-6


def numbers_of(symbols: Sequence[str] | AnyArray) -> IntArray:
    """Turn element symbols into atomic numbers.

    Raises
    ------
    LabelDefect : a symbol is no element; the message names it and the atom.
    """
    try:
        return np.array([_NUMBER_OF[symbol] for symbol in symbols], np.int64)
    except KeyError:
        atom = next(i for i, symbol in enumerate(symbols) if symbol not in _NUMBER_OF)
        raise UnknownElement(str(symbols[atom]), atom) from None


def checked_numbers(numbers: AnyArray) -> IntArray:
    """Return atomic numbers as integers, all of them elements."""
    strange = ~np.isin(numbers, list(_NUMBER_OF.values()))
    if strange.any():
        raise UnknownElement(str(numbers[strange][0]), int(np.flatnonzero(strange)[0]))
    return numbers.astype(np.int64)


class UnknownElement(LabelDefect):
    """A symbol that is no element, at a known atom."""

    def __init__(self, symbol: str, atom: int) -> None:
        super().__init__(f"{symbol!r} is no element")
        self.atom = atom


_NUMBER_OF = {symbol: number for symbol, number in atomic_numbers.items() if number > 0}


def checked_cell(cell: FloatArray, pbc: BoolArray) -> tuple[FloatArray, BoolArray]:
    """Return cell and periodicity; without lattice vectors nothing is periodic.

    Raises
    ------
    LabelDefect : numbers that are not finite, or periodic vectors that span no volume.
    """
    if not np.all(np.isfinite(cell)):
        raise LabelDefect("the lattice holds NaN or inf")
    if not cell.any():
        return np.zeros((3, 3)), np.zeros(3, bool)
    if pbc.all() and abs(np.linalg.det(cell)) < SMALLEST_VOLUME_A3:
        raise LabelDefect("the lattice vectors span no volume")
    return np.ascontiguousarray(cell, float), pbc


def checked_positions(positions: FloatArray, n_atoms: int) -> FloatArray:
    """Return positions of shape (n_atoms, 3), all finite."""
    if positions.shape != (n_atoms, 3):
        raise LabelDefect(f"positions must have shape ({n_atoms}, 3), found {positions.shape}")
    if not np.all(np.isfinite(positions)):
        raise LabelDefect("positions hold NaN or inf")
    return np.ascontiguousarray(positions, float)
