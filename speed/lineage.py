"""Planted filters and random splits on nbmotaw, in full: how often lineage is right, and how long it takes.

Run: python speed/lineage.py [n_filters]     (data: $SONDE_SHARED_DATA, else ../shared/data)
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE / "tests" / "datasets"))

import planted_filters as planted  # noqa: E402 - found only by the path above

from sonde.datasets.features import feature_table  # noqa: E402
from sonde.datasets.lineage import lineage  # noqa: E402
from sonde.datasets.readers import read_frames, write_extxyz  # noqa: E402
from sonde.records.datasets import FeatureTable  # noqa: E402
from sonde.records.frames import Frame  # noqa: E402

FILE_TRIPS = 5


def report(what: str, outcomes: Iterable[str | None]) -> None:
    """Print how many went wrong, each with its story, and the seconds per case."""
    start = time.perf_counter()
    told = list(outcomes)
    seconds = (time.perf_counter() - start) / max(len(told), 1)
    failures = [text for text in told if text is not None]
    print(f"{what}: {len(told) - len(failures)} of {len(told)} right, {seconds:.2f} s each")
    for text in failures:
        print(f"   {text}")


def through_a_file(frames: list[Frame], table: FeatureTable, filter_: planted.Planted, seed: int) -> str | None:
    """Filter, split, write with six decimals, read, and ask for the lineage."""
    dropped = planted.with_random_split(filter_.dropped, 0.2, seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "child.xyz"
        write_extxyz(path, [frame for frame, gone in zip(frames, dropped, strict=True) if not gone], decimals=6)
        found = lineage(frames, list(read_frames(path)), table=table)
    rules = [rule for first in found.rules[:1] for rule in (first, *first.equivalent)]
    right = any(planted.names_planted(rule, filter_) for rule in rules)
    whole = found.n_kept == int((~dropped).sum()) and found.n_added == found.n_relabelled == 0
    return None if right and whole and found.random_split else f"{filter_}: {[rule.rule for rule in rules[:3]]}"


def main(n_filters: int) -> None:
    """Measure."""
    frames = planted.nbmotaw(Path(os.environ.get("SONDE_SHARED_DATA", HERE.parent / "shared" / "data")))
    start = time.perf_counter()
    table = feature_table(frames)
    print(f"features of {len(frames)} frames: {time.perf_counter() - start:.2f} s")
    start = time.perf_counter()
    lineage(frames, [frame for frame in frames if frame.ordinal % 5])
    print(f"one lineage, features included: {time.perf_counter() - start:.2f} s")
    table = planted.with_flags(table, 0)
    filters = list(planted.planted_filters(table, n_filters, seed=0))
    report("filters alone", (planted.failure_of_filter(table, f) for f in filters))
    report(
        "filters with a random fifth lost",
        (planted.failure_of_filter_and_split(table, f, 0.2, i) for i, f in enumerate(filters)),
    )
    shares = np.linspace(0.05, 0.60, n_filters // 2)
    report("random splits", (planted.false_rule_of_split(table, s, i) for i, s in enumerate(shares)))
    groups = np.arange(len(frames)) // 10
    report(
        "splits by groups of ten",
        (planted.false_rule(table, planted.group_split(groups, s, i)) for i, s in enumerate(shares)),
    )
    trips = enumerate(filters[:: max(1, n_filters // FILE_TRIPS)])
    report("filter and split through a six-decimal file", (through_a_file(frames, table, f, i) for i, f in trips))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
