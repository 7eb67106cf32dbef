"""Recover the rule by which frames were dropped between two files, without a project.

    python examples/recover_a_filter.py [PARENT.xyz CHILD.xyz]

Without arguments it plants a filter in the Al-Li-Mg cells that come with sonde, and finds it again.
"""

import sys
from pathlib import Path

import numpy as np

from sonde.datasets.lineage import lineage
from sonde.datasets.readers import read_frames
from sonde.records.frames import Frame
from sonde.sample_lab.frames import sample_frames


def largest_force(frame: Frame) -> float:
    assert frame.forces_eV_per_A is not None
    return float(np.linalg.norm(frame.forces_eV_per_A, axis=1).max())


def planted() -> tuple[list[Frame], list[Frame]]:
    """All cells, and those with forces up to 4 eV/Å less a random fifth."""
    parent = list(sample_frames())
    kept = [frame for frame in parent if largest_force(frame) <= 4.0]
    lost = set(np.random.default_rng(0).choice(len(kept), len(kept) // 5, replace=False).tolist())
    return parent, [frame for k, frame in enumerate(kept) if k not in lost]


def main() -> None:
    if len(sys.argv) == 3:
        parent, child = (list(read_frames(Path(path))) for path in sys.argv[1:])
    else:
        parent, child = planted()
    found = lineage(parent, child)
    print(f"{found.n_parent} frames → {found.n_child}, {found.n_dropped} dropped")
    for rule in found.rules:
        print(f"dropped when {rule.rule}: any threshold from {rule.threshold_low} to {rule.threshold_high} {rule.unit}")
    if found.random_fraction is not None:
        print(f"lost at random: {found.random_fraction:.0%}")


if __name__ == "__main__":
    main()
