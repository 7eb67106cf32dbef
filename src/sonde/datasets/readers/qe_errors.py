"""Why a run of Quantum ESPRESSO stopped: the box that it prints around an error, and the file CRASH beside."""

import re
from pathlib import Path

from sonde.datasets.readers.run_text import text_of

BOX = re.compile(rb"%{20,}[^\n]*\s+(Error in routine +\S+ +\(-?\d+\):\s*\n[^\n]*)")
LARGEST_CRASH_BYTES = 4096
LONGEST_REASON = 200


def error_in(text: bytes) -> str | None:
    """Return the first error that a text holds, on one line."""
    reason = text_of(BOX.search(text))
    return reason[:LONGEST_REASON] if reason else None


def crash_beside(path: Path) -> str | None:
    """Return what the file CRASH in the folder of an output says; None where there is none."""
    crash = path.parent / "CRASH"
    if path == crash or not crash.is_file():
        return None
    with crash.open("rb") as handle:
        text = handle.read(LARGEST_CRASH_BYTES)
    words = " ".join(text.decode(errors="replace").replace("%", " ").split())
    return error_in(text) or words[:LONGEST_REASON] or None
