"""Frames that share a geometry, exactly or nearly, within a dataset and across to another one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sonde.datasets.comparable_energies import same_charge
from sonde.datasets.contradictions import MOMENT_TOLERANCE_UB, GeometryPair, Relation, geometry_pairs
from sonde.datasets.frame_table import FrameTable, Passed
from sonde.datasets.geometry_records import RECORD, GeometryRecords
from sonde.datasets.identity import ENERGY_TOLERANCE_EV_PER_ATOM, FORCE_TOLERANCE_EV_PER_A
from sonde.datasets.moved_copies import moved_copies
from sonde.datasets.near_copies import NearPair, near_pairs
from sonde.records.arrays import AnyArray
from sonde.records.frames import Frame

MOST_PAIRS = 100_000


class KindView(Sequence[Frame]):
    """Stands for the frames of a table that have a copy, whose records these are: only what their tags say is known."""

    def __init__(self, table: FrameTable, copies: AnyArray) -> None:
        self._table = table
        self._record_of = {place: number for number, place in enumerate(copies["place"].tolist())}
        self._copies = copies

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, place):  # type: ignore[no-untyped-def]  # Sequence asks for slices, too
        return self._table.kinds.examples[self._copies["kind"][self._record_of[place]]]

    def formula(self, place: int) -> str:
        """Return the formula of a frame, which is not that of its example."""
        return self._table.formulas[self._copies["formula"][self._record_of[place]]]


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
    copies = _Copies(held_pairs, passed.held, 0) if passed.whole else _copies(passed.table)
    exact = {pair.first for pair in across if pair.relation != "apart"}
    if other is not None and not (passed.whole and compared):
        exact = set(_places_in(passed.table.geometries, other.table.geometries))
    known = {(pair.first, pair.second) for pair in pairs} | {(pair.first, pair.second) for pair in near}
    moved = [pair for pair in moved_copies(together) if pair not in known]
    elsewhere = {int(passed.places[first]) for first, second in moved if first < n <= second}
    close = {int(passed.places[pair.first]) for pair in near if pair.first < n <= pair.second}
    return SharedGeometries(
        frames=copies.frames,
        own=copies.pairs,
        held_pairs=held_pairs,
        near=[pair for pair in near if pair.second < n],
        across=across,
        exact_in_other=sorted(exact),
        near_in_other=sorted(close - exact),
        moved=[pair for pair in moved if pair[1] < n],
        moved_in_other=sorted(elsewhere - exact - close),
        n_left_out=copies.n_left_out,
    )


@dataclass(frozen=True, eq=False)
class _Copies:
    """Pairs within the dataset, what their frames are to be looked up in, and how many more pairs there are."""

    pairs: list[GeometryPair]
    frames: Sequence[Frame]
    n_left_out: int


def _copies(table: FrameTable) -> _Copies:
    """Pair every frame with the first of the same geometry hash, up to 100,000 pairs."""
    firsts, seconds, n = [np.zeros(0, RECORD)], [np.zeros(0, RECORD)], 0
    for records in table.geometries.ranges():
        begins = np.concatenate([[True], records["geometry"][1:] != records["geometry"][:-1]])[: len(records)]
        first = np.maximum.accumulate(np.where(begins, np.arange(len(records)), 0))
        repeats = np.flatnonzero(~begins)
        chosen = repeats[: max(0, MOST_PAIRS - n)]
        firsts.append(records[first[chosen]])
        seconds.append(records[chosen])
        n += len(repeats)
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    frames = KindView(table, np.concatenate([first, second]))
    return _Copies(list(_pairs(table, first, second)), frames, n - len(first))


def _places_in(mine: GeometryRecords, theirs: GeometryRecords) -> Iterator[int]:
    """Yield the places of the geometries that others hold, too."""
    for own, other in zip(mine.ranges(), theirs.ranges(), strict=True):
        yield from own["place"][np.isin(own["geometry"], other["geometry"])].tolist()


def _pairs(table: FrameTable, first: AnyArray, second: AnyArray) -> Iterator[GeometryPair]:
    energy = first["energy_eV"] - second["energy_eV"]
    digest = np.abs(first["force_digest"] - second["force_digest"])
    n_atoms = first["n_atoms"]
    energies_differ = np.nan_to_num(np.abs(energy)) > ENERGY_TOLERANCE_EV_PER_ATOM * n_atoms
    # A projection of 3n rounding errors is as wide as √(3n) of them.
    forces_differ = np.nan_to_num(digest) > FORCE_TOLERANCE_EV_PER_A * np.sqrt(3 * n_atoms)
    other_spin = np.nan_to_num(np.abs(first["moment"] - second["moment"])) > MOMENT_TOLERANCE_UB
    unlabelled = np.isnan(energy) & np.isnan(digest)
    for i in range(len(first)):
        differ = energies_differ[i] or forces_differ[i]
        relation: Relation = "duplicate"
        if unlabelled[i]:
            relation = "unlabelled"
        elif differ:
            kinds = int(first["kind"][i]), int(second["kind"][i])
            relation = "spin_states" if other_spin[i] and kinds[0] == kinds[1] else "contradiction"
            if not same_charge(*(table.kinds.examples[kind] for kind in kinds)):
                relation = "apart"
        difference = None if np.isnan(energy[i]) else float(energy[i])
        places = int(first["place"][i]), int(second["place"][i])
        yield GeometryPair(*places, relation, difference, None, int(n_atoms[i]))
