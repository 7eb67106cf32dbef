"""Defects planted on real sets, in full: how often the audit names them, and what it says of the sets as they are.

Run: python speed/planted_defects.py [words of defects]     (data: $SONDE_SHARED_DATA, else ../shared/data)
"""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded
HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE))

import numpy as np  # noqa: E402
from tests.datasets import planted_defects as planting  # noqa: E402 - found only by the path above

from sonde.datasets import yardstick  # noqa: E402
from sonde.datasets.yardstick_basis import Rows, rows_of  # noqa: E402
from sonde.datasets.yardstick_layouts import Layout  # noqa: E402
from sonde.records.arrays import FloatArray  # noqa: E402
from sonde.records.frames import Frame  # noqa: E402

Result = tuple[str, bool, float]


def main(only: Sequence[str]) -> None:
    """Print per type of defect the audits that name it, and the share of spoilt frames that the alarms count."""
    own = planting.bases(Path(os.environ.get("SONDE_SHARED_DATA", HERE.parent / "shared" / "data")))
    _share_rows()
    sound = planting.alarms_on_sound_frames(own)
    for base, report in sound.items():
        print(base, len(own[base]), [(one.severity, one.kind, one.n) for one in report.alarms], flush=True)
    start = time.perf_counter()
    table: dict[str, list[Result]] = defaultdict(list)
    too_few: dict[str, dict[str, str]] = defaultdict(dict)
    for name, base, planted in chain(planting.trials(own, only=only), planting.few_trials(own, only=only)):
        if isinstance(planted, int):
            too_few[name][base] = f"{base} ({planted} of {len(own[base])} frames carry it)"
            continue
        table[name].append((base, *planting.found(planted, sound[base])))
        print(f"{time.perf_counter() - start:6.1f} s", name, *table[name][-1], file=sys.stderr, flush=True)
    for name in {**table, **too_few}:
        held_out = [one for one in table[name] if one[0] in planting.HELD_OUT]
        seen = [one for one in table[name] if one[0] not in planting.HELD_OUT]
        left_out = "".join(f"; not possible in {words}" for words in too_few[name].values())
        print(f"{name:28} {_words('seen', seen)}   {_words('held out', held_out)}{left_out}")


def _share_rows() -> None:
    """Let audits of one base share what the model needs of its geometries: spoilt labels do not change them."""
    kept: dict[tuple[int, Layout], tuple[FloatArray, Rows]] = {}

    def shared(frames: Sequence[Frame], layout: Layout) -> Iterator[Rows]:
        new = [frame for frame in frames if (id(frame.positions), layout) not in kept]
        for frame, rows in zip(new, rows_of(new, layout), strict=True):
            kept[id(frame.positions), layout] = frame.positions, rows
        return (kept[id(frame.positions), layout][1] for frame in frames)

    yardstick.rows_of = shared  # type: ignore[attr-defined]


def _words(which: str, results: Sequence[Result]) -> str:
    if not results:
        return f"{which}: none"
    recall, frames = np.mean([hit for _, hit, _ in results]), np.mean([share for *_, share in results])
    missed = sorted({base for base, hit, _ in results if not hit})
    return f"{which}: {recall:5.3f} of {len(results):2}, frames {frames:5.3f}, missed in {missed or 'none'}"


if __name__ == "__main__":
    main(sys.argv[1:])
