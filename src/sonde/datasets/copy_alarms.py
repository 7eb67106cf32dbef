"""Alarms on frames that stand twice: near-copies within a set, and copies across train, validation and test."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

from sonde.datasets.comparable_energies import same_charge
from sonde.datasets.contradictions import GeometryPair
from sonde.datasets.label_alarms import alarm
from sonde.datasets.near_copies import NEAR_A, NearPair
from sonde.datasets.surfaces import disagreements, surface_of
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame

SPLIT_TAGS = ("split", "subset", "partition", "data_split", "dataset_split", "fold")
SPLITS = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
    "tst": "test",
    "holdout": "test",
}
WORD = re.compile(r"[a-z]+")
SAME_ENERGY_EV_PER_ATOM = 0.05
"""Copies in another cell may differ by their k-points; by more, their labels contradict each other."""
HELD_OUT_FIRST = ("test", "valid", "train")
"""Which of two frames in different splits is said to have leaked."""


class MovedPair(NamedTuple):
    """Two frames that hold one geometry but for its place, order of atoms and cell."""

    first: int
    second: int


def held_out(split: str | None) -> bool:
    """Tell whether frames of a split are not trained on."""
    return split in ("valid", "test")


def split_of(frame: Frame) -> str | None:
    """Return "train", "valid" or "test" as a tag or the name of the source file says; None where neither does."""
    for key, value in frame.tags.items():
        if key.lower() in SPLIT_TAGS and isinstance(value, str):
            return SPLITS.get(value.strip().lower())
    words = WORD.findall(PurePath(frame.source_file).name.lower()) if frame.source_file else []
    named = {SPLITS[word] for word in words if word in SPLITS}
    return named.pop() if len(named) == 1 else None


Pair = GeometryPair | NearPair | MovedPair


def splits_of(frames: Sequence[Frame], pairs: Iterable[Pair]) -> dict[int, str | None]:
    """Return the splits of the frames of pairs, by place."""
    return {place: split_of(frames[place]) for place in {end for pair in pairs for end in (pair.first, pair.second)}}


def crossing(pairs: Iterable[Pair], splits: Mapping[int, str | None]) -> list[int]:
    """List the frames that have a partner in another split; of each pair the one that is held out further."""
    leaked = set()
    for pair in pairs:
        first, second = splits[pair.first], splits[pair.second]
        if first is not None and second is not None and first != second:
            leaked.add(min((pair.first, pair.second), key=lambda place: HELD_OUT_FIRST.index(str(splits[place]))))
    return sorted(leaked)


def split_alarms(
    frames: Sequence[Frame], pairs: Sequence[GeometryPair], near: Sequence[NearPair], n_held_out: int
) -> list[Alarm | None]:
    """Report frames of a validation or test set, `n_held_out` in all, that stand in another one, or nearly."""
    splits = splits_of(frames, [*pairs, *near])
    exact = crossing((pair for pair in pairs if pair.relation != "apart"), splits)
    close = sorted(set(crossing(near, splits)) - set(exact))
    message = f"{len(exact)} frames of validation or test sets stand in another split, too ({n_held_out} are held out)."
    return [
        alarm("leakage", "high", exact, message, "Remove them from one of the two: errors on them measure memory."),
        _near_leakage(close, n_held_out, "in another split"),
    ]


def _near_leakage(close: Sequence[int], n: int, where: str) -> Alarm | None:
    message = (
        f"{len(close)} of {n} frames have a near-copy {where}: less than {NEAR_A:g} Å (root mean square) away, as "
        "neighbours of one trajectory are."
    )
    advice = "Split by trajectory (or group), not frame by frame: errors on such frames look better than they are."
    return alarm("near_leakage", "medium", close, message, advice)


def moved_copy_alarms(frames: Sequence[Frame], moved: Sequence[tuple[int, int]]) -> list[Alarm | None]:
    """Report copies that were turned, shifted or cut into another cell, and those of them whose energies disagree."""
    later = sorted({second for _, second in moved})
    message = (
        f"{len(later)} frames repeat an earlier one in another place, orientation, order of atoms or cell, as far as "
        "distances up to 5 Å tell."
    )
    apart = [(pair, difference) for pair in moved if (difference := _apart(frames, *pair)) > SAME_ENERGY_EV_PER_ATOM]
    found = [alarm("moved_copies", "low", later, message, "They add nothing to training; keep them in one split.")]
    most = max((difference for _, difference in apart), default=0.0)
    message = (
        f"{len(apart)} pairs of frames hold one geometry, turned, shifted or in another cell, with energies up to "
        f"{most:.3g} eV/atom apart."
    )
    ordinals = sorted({end for pair, _ in apart for end in pair})
    advice = "One of the two is wrong, or they lie on different surfaces: compare units, references and settings."
    return [*found, alarm("contradictory_labels", "high", ordinals, message, advice)]


def _apart(frames: Sequence[Frame], first: int, second: int) -> float:
    a, b = frames[first], frames[second]
    if a.energy_eV is None or b.energy_eV is None or not same_charge(a, b):
        return 0.0
    if disagreements(surface_of(a), surface_of(b)):
        return 0.0
    return abs(a.energy_eV / a.n_atoms - b.energy_eV / b.n_atoms)


def moved_leak_alarm(leaked: Sequence[int], where: str) -> Alarm | None:
    """Report frames of which another split or dataset holds a copy in another place, orientation, order or cell."""
    message = (
        f"{len(leaked)} frames stand {where} in another place, orientation, order of atoms or cell, as distances up to "
        "5 Å tell."
    )
    advice = "Remove them from one of the two: a potential that knows the symmetries of space has seen them."
    return alarm("leakage", "medium", leaked, message, advice)


def against_alarms(exact: Sequence[int], close: Sequence[int], n_frames: int, other: str) -> list[Alarm | None]:
    """Report frames that stand in another dataset, exactly or nearly."""
    message = f"{len(exact)} of {n_frames} frames stand in {other}, too."
    advice = f"Leave them out where one of the two is to test what was trained on the other ({other})."
    return [alarm("leakage", "high", exact, message, advice), _near_leakage(close, n_frames, f"in {other}")]


def near_copy_alarm(near: Sequence[NearPair], n_frames: int, duplicates: Iterable[int]) -> Alarm | None:
    """Report frames that are a near-copy of an earlier one."""
    found = sorted({pair.second for pair in near} - set(duplicates))
    message = (
        f"{len(found)} of {n_frames} frames lie within {NEAR_A:g} Å (root mean square) of an earlier one in the same "
        "cell."
    )
    advice = "Split by trajectory (or group), not frame by frame; they add little to training."
    return alarm("near_duplicates", "low", found, message, advice)
