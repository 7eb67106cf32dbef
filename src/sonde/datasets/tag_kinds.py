"""Frames sorted by what their tags say of where labels come from: a million frames have a handful of such kinds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sonde.datasets.comparable_energies import CHARGES
from sonde.datasets.copy_alarms import SPLIT_TAGS
from sonde.datasets.offsets import GROUP_TAGS
from sonde.datasets.surfaces import KEYS
from sonde.records.arrays import IntArray
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
    """Frames alike in elements, source file and telling tags: the first of each kind, and the kind of every frame."""

    examples: tuple[Frame, ...]
    kind_of: IntArray

    @property
    def counts(self) -> IntArray:
        """Frames of each kind."""
        return np.bincount(self.kind_of, minlength=len(self.examples))

    def places(self, kinds: Iterable[int]) -> list[int]:
        """List the frames of some kinds, in order."""
        chosen = np.zeros(len(self.examples), bool)
        chosen[list(kinds)] = True
        return np.flatnonzero(chosen[self.kind_of]).tolist()

    def count(self, kinds: Iterable[int]) -> int:
        """Count the frames of some kinds."""
        return int(self.counts[list(kinds)].sum())


class KindCounter:
    """Numbers kinds as frames pass."""

    def __init__(self) -> None:
        self.examples: list[Frame] = []
        self._number: dict[object, int] = {}
        self._telling: dict[tuple[str, ...], tuple[str, ...]] = {}

    def number(self, frame: Frame) -> int:
        """Return the number of the frame's kind, a new one where it is the first of it."""
        names = tuple(frame.tags)
        telling = self._telling.get(names)
        if telling is None:
            telling = tuple(name for name in names if name.lower().removesuffix("_text") in TELLING)
            self._telling[names] = telling
        tags = frame.tags
        key = (telling, tuple([tags[name] for name in telling]), frame.source_file, frozenset(frame.numbers.tolist()))
        number = self._number.get(key)
        if number is None:
            number = self._number[key] = len(self.examples)
            self.examples.append(frame)
        return number


def tag_kinds(frames: Sequence[Frame]) -> TagKinds:
    """Sort frames that are held."""
    counter = KindCounter()
    kind_of = np.array([counter.number(frame) for frame in frames], np.int64)
    return TagKinds(tuple(counter.examples), kind_of)
