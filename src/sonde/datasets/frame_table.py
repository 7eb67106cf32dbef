"""What an audit keeps of every frame: some numbers, made for thousands of frames at a time; the frames themselves go.

Eight numbers and seven flags, 71 bytes per frame: exact copies can stand anywhere, so that a hash of every geometry has
to be kept. Beyond that only a sample of the frames is held.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from ase.data import chemical_symbols

from sonde.datasets.comparable_energies import is_alone
from sonde.datasets.contradictions import MOMENTS, formula_of
from sonde.datasets.identity import GRID_A
from sonde.datasets.label_statistics import zero_forces_by_symmetry, zeros_by_symmetry
from sonde.datasets.missing_values import without_missing_values
from sonde.datasets.tag_kinds import KindCounter, TagKinds
from sonde.records.arrays import AnyArray, BoolArray, FloatArray, IntArray
from sonde.records.frames import Frame

BATCH = 4096
LARGEST_Z = 119
MOST_SYMMETRY_TESTS = 2000
"""Frames with zero forces whose symmetry is looked at; a test takes about a millisecond."""
LEAST_FORCE_EV_PER_A = 0.05
"""Beside weaker forces others may round to zero."""
MIX = tuple(np.uint64(odd) for odd in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5))
COMPOSITION_HASH = np.random.default_rng(1).integers(1, 2**63, LARGEST_Z, dtype=np.uint64) | np.uint64(1)


@dataclass(frozen=True, eq=False)
class FrameTable:
    """Columns of shape (n_frames,). Labels that a frame has not are NaN or False.

    geometry : hash of species, periodicity, cell and positions on a grid of 1e-4 Å, in file order, unwrapped.
    force_digest : a fixed random projection of the forces: equal for equal forces.
    not_finite : a label held NaN or inf; that label counts as missing.
    net_force : |ΣF| per atom, eV/Å. zero_forces : all exactly zero, which symmetry does not ask for.
    some_zero_forces : exactly zero on some atoms or along one axis, which symmetry does not ask for.
    alone : one atom without neighbours.
    moment : magnetic moment of the cell, absolute where it is stated, μB, NaN where none is.
    formula : number of the formula.
    """

    n_atoms: IntArray
    geometry: AnyArray
    energy_eV: FloatArray
    force_digest: FloatArray
    net_force: FloatArray
    has_forces: BoolArray
    has_stress: BoolArray
    zero_forces: BoolArray
    some_zero_forces: BoolArray
    zero_stress: BoolArray
    not_finite: BoolArray
    alone: BoolArray
    moment: FloatArray
    formula: IntArray
    kinds: TagKinds
    formulas: tuple[str, ...]
    elements: dict[str, int]
    n_untested_zeros: int

    def __len__(self) -> int:
        return len(self.n_atoms)

    @property
    def has_energy(self) -> BoolArray:
        return np.isfinite(self.energy_eV)


class TableMaker:
    """Takes frames in, batch by batch."""

    def __init__(self) -> None:
        self._columns: list[dict[str, AnyArray]] = []
        self._kinds = KindCounter()
        self._formulas: dict[int, int] = {}
        self._formula_texts: list[str] = []
        self._elements = np.zeros(LARGEST_Z, np.int64)
        self._n_tests = 0
        self._n_untested = 0

    def add(self, frames: list[Frame], not_finite: BoolArray) -> None:
        """Take a batch, free of labels that are no numbers, and which frames had such."""
        sizes = np.array([len(frame.numbers) for frame in frames])
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        numbers = np.concatenate([frame.numbers for frame in frames])
        self._elements += np.bincount(numbers, minlength=LARGEST_Z)
        frame_of = np.repeat(np.arange(len(frames)), sizes)
        order = np.arange(len(numbers)) - starts[frame_of]
        digest, net, has_forces, all_zero, some_zero = _force_columns(frames, sizes, starts, order)
        self._columns.append(
            {
                "n_atoms": sizes,
                "geometry": _geometry_hashes(frames, numbers, order, frame_of),
                "energy_eV": np.array([np.nan if f.energy_eV is None else f.energy_eV for f in frames], float),
                "force_digest": digest,
                "net_force": net,
                "has_forces": has_forces,
                "has_stress": np.array([f.stress_eV_per_A3 is not None for f in frames]),
                "zero_forces": self._unasked_zeros(frames, all_zero, zero_forces_by_symmetry),
                "some_zero_forces": self._unasked_zeros(frames, some_zero, zeros_by_symmetry),
                "zero_stress": np.array([_is_zero(f.stress_eV_per_A3) for f in frames]),
                "not_finite": not_finite,
                "alone": np.array([is_alone(f) for f in frames]),
                "moment": np.array([_moment(f) for f in frames]),
                "formula": self._formula_numbers(frames, numbers, frame_of),
                "kind": np.array([self._kinds.number(f) for f in frames], np.int64),
            }
        )

    def table(self) -> FrameTable:
        """Join the batches, each of which is given up column by column: nothing is held twice."""
        column = {name: np.concatenate([batch.pop(name) for batch in self._columns]) for name in list(self._columns[0])}
        present = np.flatnonzero(self._elements).tolist()
        return FrameTable(
            n_atoms=column["n_atoms"],
            geometry=column["geometry"],
            energy_eV=column["energy_eV"],
            force_digest=column["force_digest"],
            net_force=column["net_force"],
            has_forces=column["has_forces"],
            has_stress=column["has_stress"],
            zero_forces=column["zero_forces"],
            some_zero_forces=column["some_zero_forces"],
            zero_stress=column["zero_stress"],
            not_finite=column["not_finite"],
            alone=column["alone"],
            moment=column["moment"],
            formula=column["formula"],
            kinds=TagKinds(tuple(self._kinds.examples), column["kind"]),
            formulas=tuple(self._formula_texts),
            elements={chemical_symbols[z]: int(self._elements[z]) for z in present},
            n_untested_zeros=self._n_untested,
        )

    def _unasked_zeros(
        self, frames: list[Frame], with_zeros: BoolArray, by_symmetry: Callable[[Frame], bool]
    ) -> BoolArray:
        """Mark zero forces that no symmetry explains; after 2,000 tests the others count as explained."""
        zero = np.zeros(len(frames), bool)
        for place in np.flatnonzero(with_zeros).tolist():
            if self._n_tests == MOST_SYMMETRY_TESTS:
                self._n_untested += 1
                continue
            self._n_tests += 1
            zero[place] = not by_symmetry(frames[place])
        return zero

    def _formula_numbers(self, frames: list[Frame], numbers: IntArray, frame_of: IntArray) -> IntArray:
        hashes = np.zeros(len(frames), np.uint64)
        np.add.at(hashes, frame_of, COMPOSITION_HASH[numbers])
        unique, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
        own = np.empty(len(unique), np.int64)
        for place, (key, example) in enumerate(zip(unique.tolist(), first.tolist(), strict=True)):
            if key not in self._formulas:
                self._formulas[key] = len(self._formula_texts)
                self._formula_texts.append(formula_of(frames[example]))
            own[place] = self._formulas[key]
        return own[inverse.ravel()]


def _is_zero(stress: FloatArray | None) -> bool:
    return stress is not None and not stress.any()


def _moment(frame: Frame) -> float:
    """Absolute moment, else the total one: two spin states differ in one of them; NaN where neither is stated."""
    for name in MOMENTS:
        value = frame.tags.get(name)
        if isinstance(value, int | float):
            return abs(float(value))
    return float("nan")


def _mixed(values: AnyArray) -> AnyArray:
    """Scramble 64-bit numbers (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def _on_grid(lengths: FloatArray) -> AnyArray:
    return np.rint(lengths / GRID_A).astype(np.int64).view(np.uint64)


def _geometry_hashes(frames: list[Frame], numbers: IntArray, order: IntArray, frame_of: IntArray) -> AnyArray:
    x, y, z = _on_grid(np.concatenate([frame.positions for frame in frames])).T
    species = numbers.astype(np.uint64)
    atoms = _mixed(x * MIX[0] + _mixed(y * MIX[1] + _mixed(z * MIX[2] + species * MIX[3] + order.astype(np.uint64))))
    hashes = np.zeros(len(frames), np.uint64)
    np.add.at(hashes, frame_of, atoms)
    cells = _on_grid(np.stack([frame.cell for frame in frames]).reshape(-1, 9))
    for column in cells.T:
        hashes = _mixed(hashes * MIX[0] + column)
    pbc = np.stack([frame.pbc for frame in frames]).astype(np.uint64) @ np.array([1, 2, 4], np.uint64)
    return _mixed(hashes + pbc * MIX[1])


def _force_columns(
    frames: list[Frame], sizes: IntArray, starts: IntArray, order: IntArray
) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, BoolArray]:
    """Digest, net force per atom, whether there are forces, and whether all or some atoms' are exactly zero."""
    has = np.array([frame.forces_eV_per_A is not None for frame in frames])
    forces = np.concatenate(
        [np.zeros((len(f.numbers), 3)) if f.forces_eV_per_A is None else f.forces_eV_per_A for f in frames]
    )
    signs = np.cos(np.array([1.0, 2.0, 3.0]) + order[:, None] * np.array([0.7, 1.3, 2.1]))
    digest = np.add.reduceat((forces * signs).sum(axis=1), starts)
    net = np.linalg.norm(np.add.reduceat(forces, starts), axis=1) / sizes
    size = np.abs(forces)
    largest = np.maximum.reduceat(size.max(axis=1), starts)
    of_atom, of_axis = np.minimum.reduceat(size.max(axis=1), starts), np.maximum.reduceat(size, starts).min(axis=1)
    some_zero = has & (np.minimum(of_atom, of_axis) == 0) & (largest > LEAST_FORCE_EV_PER_A)
    return np.where(has, digest, np.nan), np.where(has, net, 0.0), has, has & (largest == 0), some_zero


@dataclass(frozen=True, eq=False)
class Passed:
    """A dataset after one pass: the table of all frames, and the frames still held with their places.

    `whole` : all frames are held.
    """

    table: FrameTable
    held: list[Frame]
    places: IntArray
    whole: bool


def pass_over(frames: Iterable[Frame], most_held: int, sample: int, seed: int = 0) -> Passed | None:
    """Go once over frames: hold all where they are few enough, else a random sample; None where there are none."""
    maker, reservoir = TableMaker(), _Reservoir(most_held, sample, seed)
    for batch in _batches(frames):
        sound, not_finite = without_missing_values(batch)
        maker.add(sound, not_finite)
        reservoir.add(sound)
    if not reservoir.n:
        return None
    held, places = reservoir.content()
    return Passed(maker.table(), held, places, reservoir.n <= most_held)


def _batches(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    source = iter(frames)
    while batch := list(islice(source, BATCH)):
        yield batch


class _Reservoir:
    """The first frames as long as they are all; then those with the smallest of random numbers drawn for each."""

    def __init__(self, most_held: int, sample: int, seed: int) -> None:
        self.most_held, self.sample = most_held, sample
        self.n = 0
        self._rng = np.random.default_rng(seed)
        self._held: list[tuple[float, int, Frame]] = []
        self._limit = 1.0

    def add(self, frames: list[Frame]) -> None:
        draws = self._rng.random(len(frames))
        for place in np.flatnonzero(draws <= self._limit).tolist():
            self._held.append((float(draws[place]), self.n + place, frames[place]))
        self.n += len(frames)
        if self.n > self.most_held and len(self._held) > self.sample:
            self._held.sort(key=lambda one: one[0])
            del self._held[self.sample :]
            self._limit = self._held[-1][0]

    def content(self) -> tuple[list[Frame], IntArray]:
        held = sorted(self._held, key=lambda one: one[1])
        return [frame for *_, frame in held], np.array([place for _, place, _ in held], np.int64)


def counted(words: Iterable[str], counts: Iterable[int]) -> dict[str, int]:
    """Add counts up per word, the most frequent first."""
    found: Counter[str] = Counter()
    for word, count in zip(words, counts, strict=True):
        found[word] += int(count)
    return dict(found.most_common())
