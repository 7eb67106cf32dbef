"""Neighbour lists of frames, periodic or not, by matscipy."""

import threading
from dataclasses import dataclass

import numpy as np
from ase.geometry import complete_cell
from matscipy.neighbours import neighbour_list as matscipy_neighbour_list

from sonde.errors import BadInput, WrongUse
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame

MOST_REMEMBERED = 2000
"""Atoms of a frame whose list is remembered: some ten megabytes."""
MARGIN_A = 1.0
"""Empty space around the atoms along directions without periodicity."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Pairs of atoms closer than a cutoff, each pair from both sides, sorted by `i`.

    Attributes
    ----------
    i, j : (n_pairs,) indices of the centre and of its neighbour; i = j for an atom's own periodic images.
    distances : (n_pairs,) Å.
    vectors : (n_pairs, 3) from i to j, Å.
    """

    i: IntArray
    j: IntArray
    distances: FloatArray
    vectors: FloatArray


def neighbour_list(frame: Frame, cutoff_A: float) -> Neighbours:
    """Find all pairs of atoms, periodic images included, that are closer than the cutoff; asked again, the same list.

    The arrays are for reading only.

    Raises
    ------
    WrongUse
        The cutoff is not positive.
    BadInput
        The frame is periodic along a direction without a lattice vector, or a position is not finite.
    """
    if not cutoff_A > 0:
        raise WrongUse(f"A neighbour list needs a positive cutoff, not {cutoff_A} Å.")
    if frame.n_atoms == 0:
        return Neighbours(np.zeros(0, int), np.zeros(0, int), np.zeros(0), np.zeros((0, 3)))
    if frame.n_atoms > MOST_REMEMBERED:
        return _found(frame, cutoff_A)
    geometry = (np.asarray(frame.positions, float), np.asarray(frame.cell, float), np.asarray(frame.pbc, bool))
    key = (float(cutoff_A), *(part.tobytes() for part in geometry))
    if _LAST.key != key:
        found = _found(frame, cutoff_A)
        for array in (found.i, found.j, found.distances, found.vectors):
            array.setflags(write=False)
        _LAST.key, _LAST.found = key, found
    return _LAST.found


class _Last(threading.local):
    """The list that was asked for last in this thread: a potential and its probe look at the same neighbours."""

    key: tuple[object, ...] | None = None
    found: Neighbours


_LAST = _Last()


def _found(frame: Frame, cutoff_A: float) -> Neighbours:
    _require_sound_geometry(frame)
    cell, origin = _enclosing_cell(frame)
    i, j, distances, vectors = matscipy_neighbour_list(
        "ijdD",
        positions=frame.positions - origin,
        cell=cell,
        pbc=np.asarray(frame.pbc, bool),
        numbers=np.asarray(frame.numbers, np.int32),
        cutoff=float(cutoff_A),
    )
    return Neighbours(i.astype(np.int64), j.astype(np.int64), distances, vectors.reshape(-1, 3))


def _require_sound_geometry(frame: Frame) -> None:
    place = f"frame {frame.ordinal}"
    source = frame.source_file or "frame given"
    if not np.isfinite(frame.positions).all():
        raise BadInput(source, place, "a position is not a finite number.", "Leave the frame out or mend the file.")
    periodic = np.asarray(frame.cell)[np.asarray(frame.pbc, bool)]
    if len(periodic) and np.linalg.matrix_rank(periodic) < len(periodic):
        problem = "it is periodic along a direction without an independent lattice vector."
        raise BadInput(source, place, problem, 'Give the cell, or set pbc="F F F" for a molecule.')


def _enclosing_cell(frame: Frame) -> tuple[FloatArray, FloatArray]:
    """Cell (3, 3) and origin (3,) with the periodic vectors kept and the others orthogonal around all atoms.

    matscipy needs a non-singular cell; along directions without periodicity its length means nothing.
    """
    pbc = np.asarray(frame.pbc, bool)
    if pbc.all():
        return np.asarray(frame.cell, float), np.zeros(3)
    directions = np.asarray(complete_cell(np.where(pbc[:, None], frame.cell, 0.0)), float)
    cell, origin = directions.copy(), np.zeros(3)
    for axis in np.flatnonzero(~pbc):
        unit = directions[axis] / np.linalg.norm(directions[axis])
        along = frame.positions @ unit
        cell[axis] = unit * (np.ptp(along) + 2 * MARGIN_A)
        origin += unit * (along.min() - MARGIN_A)
    return cell, origin
