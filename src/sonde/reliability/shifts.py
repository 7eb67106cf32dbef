"""Which frames are held out together: groups at random, or everything of one kind, to see what a shift does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase.data import chemical_symbols

from sonde.errors import WrongUse
from sonde.local_environments.grouping import group_folds
from sonde.records.arrays import IntArray
from sonde.records.frames import Frame

ShiftName = Literal["random", "composition", "element", "config_type", "size"]
SHIFTS: tuple[ShiftName, ...] = ("random", "composition", "element", "config_type", "size")
N_FOLDS = 4
FEWEST_TEST, FEWEST_TRAIN = 20, 40
LARGE_SHARE = 0.25
MOST_PARTS = 8
"""Parts held out in turn: the largest."""


@dataclass(frozen=True, eq=False)
class Division:
    """Places of the frames a score learns from, and of those it is tested on; `held_out` names the latter."""

    held_out: str
    train: IntArray
    test: IntArray


def divisions(shift: str, frames: Sequence[Frame], groups: Sequence[object], seed: int) -> list[Division]:
    """Divide frames for one shift; whole groups stay together, and groups on both sides of a shift are left out.

    composition: every set of elements in turn. element: every frame with it. config_type: each in turn. size: the
    largest quarter. Divisions with too few frames to learn from or to test on are left out.

    Raises
    ------
    WrongUse : a shift of no known name.
    """
    if shift == "random":
        fold = group_folds(groups, N_FOLDS, seed)
        return [
            Division(f"fold {k + 1}", np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in np.unique(fold)
        ]
    if shift not in SHIFTS:
        raise WrongUse(f"A shift is one of {', '.join(SHIFTS)}; found {shift!r}.")
    found = [_apart(name, np.array(members), groups) for name, members in _kinds(shift, frames).items()]
    enough = [one for one in found if len(one.test) >= FEWEST_TEST and len(one.train) >= FEWEST_TRAIN]
    return sorted(enough, key=lambda one: -len(one.test))[:MOST_PARTS]


def _kinds(shift: str, frames: Sequence[Frame]) -> dict[str, list[int]]:
    """Places of the frames of each kind that is held out in turn."""
    found: dict[str, list[int]] = {}
    if shift == "size":
        sizes = np.array([frame.n_atoms for frame in frames])
        limit = float(np.quantile(sizes, 1 - LARGE_SHARE))
        large = np.flatnonzero(sizes > limit).tolist()
        return {f"more than {limit:.0f} atoms": large} if large else {}
    for place, frame in enumerate(frames):
        symbols = [chemical_symbols[z] for z in np.unique(frame.numbers).tolist()]
        if shift == "element":
            for symbol in symbols:
                found.setdefault(f"with {symbol}", []).append(place)
        elif shift == "composition":
            found.setdefault("-".join(symbols), []).append(place)
        else:
            found.setdefault(str(frame.tags.get("config_type") or "not stated"), []).append(place)
    return found if len(found) > 1 else {}


def _apart(name: str, members: IntArray, groups: Sequence[object]) -> Division:
    """Hold members out; frames of their groups that are no members are on neither side."""
    held = {groups[k] for k in members.tolist()}
    rest = [k for k in range(len(groups)) if groups[k] not in held]
    return Division(name, np.array(rest, np.int64), members)
