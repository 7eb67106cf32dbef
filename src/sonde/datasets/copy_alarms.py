"""Alarms on frames that stand twice: near-copies within a set, and copies across train, validation and test."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from sonde.datasets.contradictions import GeometryPair
from sonde.datasets.label_alarms import alarm
from sonde.datasets.near_copies import NEAR_A, NearPair
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
HELD_OUT_FIRST = ("test", "valid", "train")
"""Which of two frames in different splits is said to have leaked."""


def split_of(frame: Frame) -> str | None:
    """Return "train", "valid" or "test" as a tag or the name of the source file says; None where neither does."""
    for key, value in frame.tags.items():
        if key.lower() in SPLIT_TAGS and isinstance(value, str):
            return SPLITS.get(value.strip().lower())
    words = WORD.findall(PurePath(frame.source_file).name.lower()) if frame.source_file else []
    named = {SPLITS[word] for word in words if word in SPLITS}
    return named.pop() if len(named) == 1 else None


def crossing(pairs: Iterable[GeometryPair | NearPair], splits: Sequence[str | None]) -> list[int]:
    """List the frames that have a partner in another split; of each pair the one that is held out further."""
    leaked = set()
    for pair in pairs:
        first, second = splits[pair.first], splits[pair.second]
        if first is not None and second is not None and first != second:
            leaked.add(min((pair.first, pair.second), key=lambda place: HELD_OUT_FIRST.index(str(splits[place]))))
    return sorted(leaked)


def split_alarms(
    splits: Sequence[str | None], pairs: Sequence[GeometryPair], near: Sequence[NearPair]
) -> list[Alarm | None]:
    """Report frames of a validation or test set that stand in another split, exactly or nearly."""
    exact = crossing((pair for pair in pairs if pair.relation != "apart"), splits)
    close = sorted(set(crossing(near, splits)) - set(exact))
    held_out = sum(split in ("valid", "test") for split in splits)
    message = f"{len(exact)} frames of validation or test sets stand in another split, too ({held_out} are held out)."
    return [
        alarm("leakage", "high", exact, message, "Remove them from one of the two: errors on them measure memory."),
        _near_leakage(close, held_out, "in another split"),
    ]


def _near_leakage(close: Sequence[int], n: int, where: str) -> Alarm | None:
    message = (
        f"{len(close)} of {n} frames have a near-copy {where}: less than {NEAR_A:g} Å (root mean square) away, as "
        "neighbours of one trajectory are."
    )
    advice = "Split by trajectory (or group), not frame by frame: errors on such frames look better than they are."
    return alarm("near_leakage", "medium", close, message, advice)


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
