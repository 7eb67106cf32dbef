"""Which frames are held out together: groups at random, or everything of one kind, to see what a shift does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from ase.data import chemical_symbols

from sonde.errors import WrongUse
from sonde.local_environments.grouping import group_folds
from sonde.records.arrays import IntArray
from sonde.records.frames import Frame

ShiftName = Literal["random", "composition", "element", "formula", "config_type", "temperature", "size", "surface"]
SHIFTS: tuple[ShiftName, ...] = get_args(ShiftName)
N_FOLDS = 4
FEWEST_TEST, FEWEST_TRAIN = 20, 40
LARGE_SHARE = 0.25
MOST_PARTS = 6
"""Parts held out in turn: the largest."""


@dataclass(frozen=True, eq=False)
class Division:
    """Places of the frames a score learns from, and of those it is tested on; `held_out` names the latter."""

    held_out: str
    train: IntArray
    test: IntArray


def divisions(shift: str, frames: Sequence[Frame], groups: Sequence[object], seed: int) -> list[Division]:
    """Divide frames for one shift; whole groups stay together, and groups on both sides of a shift are left out.

    composition: every set of elements in turn. element: every frame with it. formula, config_type: each in turn.
    temperature: frames whose tag temperature_K is above the median of these tags. size: the largest quarter. surface:
    frames whose config_type speaks of a surface or slab. Divisions with too few frames to learn from or to test on are
    left out.

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
    if shift == "size":
        return _largest(frames)
    if shift == "temperature":
        return _hottest(frames)
    found: dict[str, list[int]] = {}
    for place, frame in enumerate(frames):
        for name in _names(shift, frame):
            found.setdefault(name, []).append(place)
    return found if len(found) > 1 or shift == "surface" else {}


def _names(shift: str, frame: Frame) -> list[str]:
    """What a frame counts as under a shift."""
    numbers, counts = np.unique(frame.numbers, return_counts=True)
    symbols = [chemical_symbols[z] for z in numbers.tolist()]
    kind = str(frame.tags.get("config_type") or "not stated")
    if shift == "element":
        return [f"with {symbol}" for symbol in symbols]
    if shift == "composition":
        return ["-".join(symbols)]
    if shift == "formula":
        return ["".join(f"{symbol}{n}" for symbol, n in zip(symbols, counts.tolist(), strict=True))]
    if shift == "surface":
        return ["surfaces"] if any(word in kind.lower() for word in ("surface", "slab")) else []
    return [kind]


def _largest(frames: Sequence[Frame]) -> dict[str, list[int]]:
    sizes = np.array([frame.n_atoms for frame in frames])
    limit = float(np.quantile(sizes, 1 - LARGE_SHARE))
    large = np.flatnonzero(sizes > limit).tolist()
    return {f"more than {limit:.0f} atoms": large} if large else {}


def _hottest(frames: Sequence[Frame]) -> dict[str, list[int]]:
    kelvin = np.array([_temperature(frame) for frame in frames])
    if np.isnan(kelvin).all():
        return {}
    limit = float(np.nanmedian(kelvin))
    hot = np.flatnonzero(kelvin > limit).tolist()
    return {f"above {limit:.0f} K": hot} if hot else {}


def _temperature(frame: Frame) -> float:
    value = frame.tags.get("temperature_K")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else np.nan


def _apart(name: str, members: IntArray, groups: Sequence[object]) -> Division:
    """Hold members out; frames of their groups that are no members are on neither side."""
    held = {groups[k] for k in members.tolist()}
    rest = [k for k in range(len(groups)) if groups[k] not in held]
    return Division(name, np.array(rest, np.int64), members)
