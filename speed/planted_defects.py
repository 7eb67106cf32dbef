"""Defects planted on real sets, in full: how often the audit names them, and what it says of the sets as they are.

Run: python speed/planted_defects.py [words of defects]     (data: $SONDE_SHARED_DATA, else ../shared/data)
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded
HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE))

import numpy as np  # noqa: E402
from tests.datasets import planted_defects as planting  # noqa: E402 - found only by the path above

Result = tuple[str, bool, float]


def main(only: Sequence[str]) -> None:
    """Print per type of defect the audits that name it, and the share of spoilt frames that the alarms count."""
    own = planting.bases(Path(os.environ.get("SONDE_SHARED_DATA", HERE.parent / "shared" / "data")))
    for base, report in planting.alarms_on_sound_frames(own).items():
        print(base, len(own[base]), [(one.severity, one.kind, one.n) for one in report.alarms], flush=True)
    start = time.perf_counter()
    table: dict[str, list[Result]] = {}
    for name, base, planted in planting.trials(own, only=only):
        table.setdefault(name, []).append((base, *planting.found(planted)))
        print(f"{time.perf_counter() - start:6.1f} s", name, *table[name][-1], file=sys.stderr, flush=True)
    for name, results in table.items():
        held_out = [one for one in results if one[0] in planting.HELD_OUT]
        seen = [one for one in results if one[0] not in planting.HELD_OUT]
        print(f"{name:28} {_words('seen', seen)}   {_words('held out', held_out)}")


def _words(which: str, results: Sequence[Result]) -> str:
    if not results:
        return f"{which}: not possible"
    recall, frames = np.mean([hit for _, hit, _ in results]), np.mean([share for *_, share in results])
    missed = sorted({base for base, hit, _ in results if not hit})
    return f"{which}: {recall:5.3f} of {len(results):2}, frames {frames:5.3f}, missed in {missed or 'none'}"


if __name__ == "__main__":
    main(sys.argv[1:])
