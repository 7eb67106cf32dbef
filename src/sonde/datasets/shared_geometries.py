"""Frames that share a geometry, exactly or nearly, within a dataset and across to another one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sonde.datasets.comparable_energies import same_charge
from sonde.datasets.contradictions import MOMENT_TOLERANCE_UB, GeometryPair, Relation, geometry_pairs
from sonde.datasets.frame_table import FrameTable, Passed
from sonde.datasets.identity import ENERGY_TOLERANCE_EV_PER_ATOM, FORCE_TOLERANCE_EV_PER_A
from sonde.datasets.moved_copies import moved_copies
from sonde.datasets.near_copies import NearPair, near_pairs
from sonde.records.arrays import IntArray
from sonde.records.frames import Frame

MOST_PAIRS = 100_000


class KindView(Sequence[Frame]):
    """Stands for the frames of a table where only what their tags say is asked for."""

    def __init__(self, table: FrameTable) -> None:
        self._kinds = table.kinds

    def __len__(self) -> int:
        return len(self._kinds.kind_of)

    def __getitem__(self, place):  # type: ignore[no-untyped-def]  # Sequence asks for slices, too
        return self._kinds.examples[self._kinds.kind_of[place]]


@dataclass(frozen=True, eq=False)
class SharedGeometries:
    """Pairs of frames with one geometry.

    frames : what `own` numbers: the frames, or for a dataset that is not held, what stands for them.
    held_pairs, near : numbered as the frames held. across : the frames held, those of the other dataset behind them.
    moved : pairs of frames held that are one geometry in another place, orientation, order or cell.
    exact_in_other, near_in_other, moved_in_other : frames, by place in the dataset, that stand in the other one.
    """

    frames: Sequence[Frame]
    own: list[GeometryPair]
    held_pairs: list[GeometryPair]
    near: list[NearPair]
    across: list[GeometryPair]
    exact_in_other: list[int]
    near_in_other: list[int]
    moved: list[tuple[int, int]]
    moved_in_other: list[int]
    n_left_out: int


def shared_geometries(passed: Passed, other: Passed | None) -> SharedGeometries:
    """Compare geometries: all with all where the frames are held, else by their hashes."""
    n = len(passed.held)
    together = [*passed.held, *(other.held if other is not None else [])]
    near = near_pairs(together)
    compared = other is None or other.whole
    pairs = list(geometry_pairs(together if passed.whole and compared else passed.held)) if passed.whole else []
    held_pairs = [pair for pair in pairs if pair.second < n]
    across = [pair for pair in pairs if pair.first < n <= pair.second]
    own, left_out = (held_pairs, 0) if passed.whole else table_pairs(passed.table)
    exact = {pair.first for pair in across if pair.relation != "apart"}
    if other is not None and not (passed.whole and compared):
        exact = set(np.flatnonzero(np.isin(passed.table.geometry, other.table.geometry)).tolist())
    known = {(pair.first, pair.second) for pair in pairs} | {(pair.first, pair.second) for pair in near}
    moved = [pair for pair in moved_copies(together) if pair not in known]
    elsewhere = {int(passed.places[first]) for first, second in moved if first < n <= second}
    close = {int(passed.places[pair.first]) for pair in near if pair.first < n <= pair.second}
    return SharedGeometries(
        frames=passed.held if passed.whole else KindView(passed.table),
        own=own,
        held_pairs=held_pairs,
        near=[pair for pair in near if pair.second < n],
        across=across,
        exact_in_other=sorted(exact),
        near_in_other=sorted(close - exact),
        moved=[pair for pair in moved if pair[1] < n],
        moved_in_other=sorted(elsewhere - exact - close),
        n_left_out=left_out,
    )


def table_pairs(table: FrameTable) -> tuple[list[GeometryPair], int]:
    """Pair every frame with the first of the same geometry hash; also return how many beyond 100,000 were left out."""
    order = np.argsort(table.geometry, kind="stable")
    sorted_hashes = table.geometry[order]
    begins = np.concatenate([[True], sorted_hashes[1:] != sorted_hashes[:-1]])
    first = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
    repeats = np.flatnonzero(~begins)
    chosen = repeats[:MOST_PAIRS]
    return list(_pairs(table, first[chosen], order[chosen])), len(repeats) - len(chosen)


def _pairs(table: FrameTable, first: IntArray, second: IntArray) -> Iterator[GeometryPair]:
    energy = table.energy_eV[first] - table.energy_eV[second]
    digest = np.abs(table.force_digest[first] - table.force_digest[second])
    n_atoms = table.n_atoms[first]
    energies_differ = np.nan_to_num(np.abs(energy)) > ENERGY_TOLERANCE_EV_PER_ATOM * n_atoms
    # A projection of 3n rounding errors is as wide as √(3n) of them.
    forces_differ = np.nan_to_num(digest) > FORCE_TOLERANCE_EV_PER_A * np.sqrt(3 * n_atoms)
    other_spin = np.nan_to_num(np.abs(table.moment[first] - table.moment[second])) > MOMENT_TOLERANCE_UB
    unlabelled = np.isnan(energy) & np.isnan(digest)
    for i in range(len(first)):
        differ = energies_differ[i] or forces_differ[i]
        relation: Relation = "duplicate"
        if unlabelled[i]:
            relation = "unlabelled"
        elif differ:
            kinds = table.kinds.kind_of[first[i]], table.kinds.kind_of[second[i]]
            relation = "spin_states" if other_spin[i] and kinds[0] == kinds[1] else "contradiction"
            if not same_charge(*(table.kinds.examples[kind] for kind in kinds)):
                relation = "apart"
        difference = None if np.isnan(energy[i]) else float(energy[i])
        yield GeometryPair(int(first[i]), int(second[i]), relation, difference, None, int(n_atoms[i]))
