"""What an audit keeps of every frame: some numbers, made for thousands of frames at a time; the frames themselves go.

Of what single frames show, counts and the first places are kept; of all frames what tells exact copies, on disk where
there are many. Beyond that only a sample of the frames is held: memory does not grow with the set.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
from ase.data import chemical_symbols

from sonde.datasets.comparable_energies import is_alone
from sonde.datasets.contradictions import MOMENTS, formula_of
from sonde.datasets.geometry_records import RECORD, GeometryRecords, geometry_hashes
from sonde.datasets.label_alarms import NET_FORCE_LIMIT_EV_PER_A
from sonde.datasets.label_statistics import zero_forces_by_symmetry, zeros_by_symmetry
from sonde.datasets.missing_values import without_missing_values
from sonde.datasets.places import LargestTally, Places, Tally
from sonde.datasets.tag_kinds import KindCounter, TagKinds
from sonde.records.arrays import AnyArray, BoolArray, FloatArray, IntArray
from sonde.records.frames import Frame

Label = Literal["energy", "forces", "stress"]
LABELS: tuple[Label, ...] = ("energy", "forces", "stress")
FINDINGS = ("not_finite", "zero_energy", "zero_forces", "some_zero_forces", "zero_stress")
BATCH = 4096
LARGEST_Z = 119
MOST_SYMMETRY_TESTS = 2000
"""Frames with zero forces whose symmetry is looked at; a test takes about a millisecond."""
LEAST_FORCE_EV_PER_A = 0.05
"""Beside weaker forces others may round to zero."""
COMPOSITION_HASH = np.random.default_rng(1).integers(1, 2**63, LARGEST_Z, dtype=np.uint64) | np.uint64(1)


@dataclass(frozen=True, eq=False)
class FrameTable:
    """What was found in the frames of a dataset, by places.

    not_finite : a label held NaN or inf; that label counts as missing.
    zero_forces : all exactly zero, which symmetry does not ask for.
    some_zero_forces : exactly zero on some atoms or along one axis, which symmetry does not ask for.
    zero_energy : of frames that are no lone atoms.
    net_force : |ΣF| per atom beyond the limit, the largest first; largest_net_force_eV_per_A : of all frames.
    formula_counts : frames of each formula.
    """

    n_frames: int
    n_atoms: int
    lacking: Mapping[Label, Places]
    not_finite: Places
    zero_energy: Places
    zero_forces: Places
    some_zero_forces: Places
    zero_stress: Places
    net_force: Places
    largest_net_force_eV_per_A: float
    kinds: TagKinds
    formulas: tuple[str, ...]
    formula_counts: tuple[int, ...]
    elements: dict[str, int]
    n_untested_zeros: int
    geometries: GeometryRecords

    def __len__(self) -> int:
        return self.n_frames


class TableMaker:
    """Takes frames in, batch by batch."""

    def __init__(self) -> None:
        self._n_frames = 0
        self._tallies: dict[str, Tally] = defaultdict(Tally)
        self._net_force = LargestTally(NET_FORCE_LIMIT_EV_PER_A)
        self._geometries = GeometryRecords()
        self._kinds = KindCounter()
        self._formulas: dict[int, int] = {}
        self._formula_texts: list[str] = []
        self._formula_counts: list[int] = []
        self._elements = np.zeros(LARGEST_Z, np.int64)
        self._n_tests = 0
        self._n_untested = 0

    def add(self, frames: list[Frame], not_finite: BoolArray) -> None:
        """Take a batch, free of labels that are no numbers, and which frames had such."""
        atoms = _Atoms.of(frames)
        energy = np.array([np.nan if f.energy_eV is None else f.energy_eV for f in frames], float)
        forces = _force_columns(frames, atoms)
        self._elements += np.bincount(atoms.numbers, minlength=LARGEST_Z)
        self._net_force.add(forces.net, self._n_frames)
        marked = {
            "energy": np.isnan(energy),
            "forces": ~forces.given,
            "stress": np.array([f.stress_eV_per_A3 is None for f in frames]),
            "not_finite": not_finite,
            "zero_energy": np.array([not e and not is_alone(f) for e, f in zip(energy.tolist(), frames, strict=True)]),
            "zero_forces": self._unasked_zeros(frames, forces.all_zero, zero_forces_by_symmetry),
            "some_zero_forces": self._unasked_zeros(frames, forces.some_zero, zeros_by_symmetry),
            "zero_stress": np.array([_is_zero(f.stress_eV_per_A3) for f in frames]),
        }
        for name, some in marked.items():
            self._tallies[name].add(some, self._n_frames)
        self._geometries.add(self._records(frames, atoms, energy, forces.digest))
        self._n_frames += len(frames)

    def _records(self, frames: list[Frame], atoms: "_Atoms", energy: FloatArray, digest: FloatArray) -> AnyArray:
        records = np.empty(len(frames), RECORD)
        records["geometry"] = geometry_hashes(frames, atoms.numbers, atoms.order, atoms.frame_of)
        records["place"] = self._n_frames + np.arange(len(frames))
        records["energy_eV"], records["force_digest"] = energy, digest
        records["moment"] = [_moment(f) for f in frames]
        records["n_atoms"] = atoms.sizes
        records["kind"] = self._kinds.add(frames, np.isfinite(energy))
        records["formula"] = self._formula_numbers(frames, atoms)
        return records

    def table(self) -> FrameTable:
        """Return what was found."""
        found = {name: self._tallies[name].places for name in (*LABELS, *FINDINGS)}
        present = np.flatnonzero(self._elements).tolist()
        return FrameTable(
            n_frames=self._n_frames,
            n_atoms=int(self._elements.sum()),
            lacking={name: found[name] for name in LABELS},
            **{name: found[name] for name in FINDINGS},
            net_force=self._net_force.places,
            largest_net_force_eV_per_A=self._net_force.largest,
            kinds=self._kinds.kinds(),
            formulas=tuple(self._formula_texts),
            formula_counts=tuple(self._formula_counts),
            elements={chemical_symbols[z]: int(self._elements[z]) for z in present},
            n_untested_zeros=self._n_untested,
            geometries=self._geometries,
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

    def _formula_numbers(self, frames: list[Frame], atoms: "_Atoms") -> IntArray:
        hashes = np.zeros(len(frames), np.uint64)
        np.add.at(hashes, atoms.frame_of, COMPOSITION_HASH[atoms.numbers])
        unique, first, inverse, counts = np.unique(hashes, return_index=True, return_inverse=True, return_counts=True)
        own = np.empty(len(unique), np.int64)
        for place, (key, example, n) in enumerate(zip(unique.tolist(), first.tolist(), counts.tolist(), strict=True)):
            if key not in self._formulas:
                self._formulas[key] = len(self._formula_texts)
                self._formula_texts.append(formula_of(frames[example]))
                self._formula_counts.append(0)
            own[place] = self._formulas[key]
            self._formula_counts[own[place]] += n
        return own[inverse.ravel()]


@dataclass(frozen=True, eq=False)
class _Atoms:
    """The atoms of a batch of frames, one after another: their element, place in their frame, and frame.

    sizes, starts : (n_frames,) atoms of each frame, and where they begin.
    """

    numbers: IntArray
    order: IntArray
    frame_of: IntArray
    sizes: IntArray
    starts: IntArray

    @classmethod
    def of(cls, frames: Sequence[Frame]) -> "_Atoms":
        sizes = np.array([len(frame.numbers) for frame in frames])
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        numbers = np.concatenate([frame.numbers for frame in frames])
        frame_of = np.repeat(np.arange(len(frames)), sizes)
        return cls(numbers, np.arange(len(numbers)) - starts[frame_of], frame_of, sizes, starts)


def _is_zero(stress: FloatArray | None) -> bool:
    return stress is not None and not stress.any()


def _moment(frame: Frame) -> float:
    """Absolute moment, else the total one: two spin states differ in one of them; NaN where neither is stated."""
    for name in MOMENTS:
        value = frame.tags.get(name)
        if isinstance(value, int | float):
            return abs(float(value))
    return float("nan")


@dataclass(frozen=True, eq=False)
class _Forces:
    """Of the forces of each frame: a digest, net force per atom, and whether they are given, and all or some zero."""

    digest: FloatArray
    net: FloatArray
    given: BoolArray
    all_zero: BoolArray
    some_zero: BoolArray


def _force_columns(frames: Sequence[Frame], atoms: _Atoms) -> _Forces:
    has = np.array([frame.forces_eV_per_A is not None for frame in frames])
    forces = np.concatenate(
        [np.zeros((len(f.numbers), 3)) if f.forces_eV_per_A is None else f.forces_eV_per_A for f in frames]
    )
    signs = np.cos(np.array([1.0, 2.0, 3.0]) + atoms.order[:, None] * np.array([0.7, 1.3, 2.1]))
    digest = np.add.reduceat((forces * signs).sum(axis=1), atoms.starts)
    net = np.linalg.norm(np.add.reduceat(forces, atoms.starts), axis=1) / atoms.sizes
    size = np.abs(forces)
    of_atoms = size.max(axis=1)
    largest = np.maximum.reduceat(of_atoms, atoms.starts)
    of_axis = np.maximum.reduceat(size, atoms.starts).min(axis=1)
    smallest = np.minimum(np.minimum.reduceat(of_atoms, atoms.starts), of_axis)
    return _Forces(
        digest=np.where(has, digest, np.nan),
        net=np.where(has, net, 0.0),
        given=has,
        all_zero=has & (largest == 0),
        some_zero=has & (smallest == 0) & (largest > LEAST_FORCE_EV_PER_A),
    )


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
