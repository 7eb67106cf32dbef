"""Frames sorted by what their tags say of where labels come from: a million frames have a handful of such kinds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sonde.datasets.comparable_energies import CHARGES
from sonde.datasets.copy_alarms import SPLIT_TAGS
from sonde.datasets.offsets import GROUP_TAGS
from sonde.datasets.places import Places, Tally, joined
from sonde.datasets.surfaces import KEYS
from sonde.records.arrays import BoolArray, IntArray
from sonde.records.frames import Frame

RUN_TAGS = ("scf_converged", "run_complete", "ml_md", "relaxation_converged", "defects", "left_out")
OTHERS = ("config_type", "hubbard_u_rounded", "energy_kind", "energy_note", *CHARGES)
TELLING = frozenset([name for names in KEYS.values() for name in names]) | {
    *GROUP_TAGS,
    *SPLIT_TAGS,
    *RUN_TAGS,
    *OTHERS,
}
"""Tags, in lower case, that surfaces, groups, splits and the course of runs are told by."""


@dataclass(frozen=True, eq=False)
class TagKinds:
    """Frames alike in elements, source file and telling tags.

    examples : the first frame of each kind. members : the places of each kind. n_with_energy : of them with an energy.
    """

    examples: tuple[Frame, ...]
    members: tuple[Places, ...]
    n_with_energy: tuple[int, ...]

    @property
    def n_frames(self) -> int:
        return sum(self.counts)

    @property
    def counts(self) -> list[int]:
        """Frames of each kind."""
        return [len(some) for some in self.members]

    def places(self, kinds: Iterable[int]) -> Places:
        """Return the frames of some kinds."""
        return joined([self.members[kind] for kind in set(kinds)])

    def count(self, kinds: Iterable[int]) -> int:
        """Count the frames of some kinds."""
        return sum(len(self.members[kind]) for kind in kinds)

    def labelled(self, kinds: Iterable[int]) -> int:
        """Count the frames of some kinds that have an energy."""
        return sum(self.n_with_energy[kind] for kind in kinds)


class KindCounter:
    """Numbers kinds as frames pass."""

    def __init__(self) -> None:
        self._examples: list[Frame] = []
        self._tallies: list[Tally] = []
        self._n_with_energy: list[int] = []
        self._n_frames = 0
        self._number: dict[object, int] = {}
        self._telling: dict[tuple[str, ...], tuple[str, ...]] = {}

    def add(self, frames: Sequence[Frame], has_energy: BoolArray) -> IntArray:
        """Return the number of each frame's kind, a new one where it is the first of it; and count them."""
        kinds = np.array([self._kind(frame) for frame in frames], np.int64)
        n_with_energy = np.bincount(kinds, has_energy, len(self._examples))
        for kind in np.unique(kinds).tolist():
            self._tallies[kind].add(kinds == kind, self._n_frames)
            self._n_with_energy[kind] += int(n_with_energy[kind])
        self._n_frames += len(frames)
        return kinds

    def kinds(self) -> TagKinds:
        """Return the kinds of the frames so far."""
        members = tuple(tally.places for tally in self._tallies)
        return TagKinds(tuple(self._examples), members, tuple(self._n_with_energy))

    def _kind(self, frame: Frame) -> int:
        names = tuple(frame.tags)
        telling = self._telling.get(names)
        if telling is None:
            telling = tuple(name for name in names if name.lower().removesuffix("_text") in TELLING)
            self._telling[names] = telling
        tags = frame.tags
        key = (telling, tuple([tags[name] for name in telling]), frame.source_file, frozenset(frame.numbers.tolist()))
        number = self._number.get(key)
        if number is None:
            number = self._number[key] = len(self._examples)
            self._examples.append(frame)
            self._tallies.append(Tally())
            self._n_with_energy.append(0)
        return number


def tag_kinds(frames: Sequence[Frame]) -> TagKinds:
    """Sort frames that are held."""
    counter = KindCounter()
    counter.add(frames, np.array([frame.energy_eV is not None for frame in frames], bool))
    return counter.kinds()
