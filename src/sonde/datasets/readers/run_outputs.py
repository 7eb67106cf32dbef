"""Several outputs of one run: one gives the frames, the others confirm them, add to them or contradict them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from sonde.datasets.readers.protocol import Place
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame, Tag

SAME_POSITION_A = 2e-5
"""OUTCAR prints positions with five decimals."""
SAME_ENERGY_EV = 1e-6
SAME_FORCE_EV_PER_A = 2e-6
SAME_STRESS_EV_PER_A3 = 6e-7
"""pw.x prints eight decimals of Ry/bohr³: half of the last is 4.6e-7 eV/Å³."""
SETTINGS = ("xc", "pseudopotential", "cutoff_eV", "spin_polarized", "spin_orbit", "smearing", "aspherical", "charge")
"""What all outputs of one run agree on."""
OWN = frozenset(["defects", "energy_note", "source_format", "run", "runs", "implied_defaults", "hubbard_u_rounded"])
"""Tags that are about an output itself."""


@dataclass(frozen=True, eq=False)
class RunOutput:
    """An output that was opened: its first frame and the stream of all; `rank` is 0 for the best format."""

    path: Path
    first: Frame
    frames: Iterator[Frame]
    rank: int

    @property
    def started(self) -> str | None:
        began = self.first.tags.get("started")
        return None if began is None else str(began)

    @property
    def n_runs(self) -> int:
        return int(self.first.tags.get("runs") or 1)

    @property
    def quality(self) -> tuple[bool, bool, int, str]:
        """Sorts the best first: all runs, finished, format."""
        return self.n_runs == 1, self.first.tags.get("run_complete") is False, self.rank, self.path.name


def opened_output(path: Path, frames: Iterator[Frame], rank: int) -> RunOutput:
    """Read the first frame of an output."""
    first = next(frames, None)
    if first is None:
        raise Place(path).bad("the run holds no frame", "leave it out.")
    return RunOutput(path, first, chain([first], frames), rank)


def confirmed(outputs: Sequence[RunOutput]) -> Iterator[Frame]:
    """Yield the frames of the first output, each compared with the frame of the same number in the others."""
    best, others = outputs[0], [output for output in outputs[1:] if output.n_runs == outputs[0].n_runs]
    held: Frame | None = None
    for frame in best.frames:
        if held is not None:
            yield held
        held = frame
        for other in others:
            held = _compared(held, next(other.frames, None), other.path.name)
    if held is not None:
        longer = [other.path.name for other in others if next(other.frames, None) is not None]
        yield _with_defects(held, [f"{name} holds further steps" for name in longer])


def _compared(frame: Frame, other: Frame | None, name: str) -> Frame:
    """Add what only the other output says of the same step, and the words for what it contradicts."""
    if other is None:
        return _with_defects(frame, [f"{name} ends before this step"])
    differences = list(_differences(frame, other))
    if differences:
        return _with_defects(frame, [f"{name} disagrees: {', '.join(differences)}"])
    stated = {key: value for key, value in other.tags.items() if key not in OWN and key not in frame.tags}
    earlier = frame.tags.get("confirmed_by")
    by = f"{earlier}, {name}" if earlier else name
    return replace(frame, tags={**frame.tags, **stated, "confirmed_by": by})


def _differences(a: Frame, b: Frame) -> Iterator[str]:
    if a.numbers.tolist() != b.numbers.tolist() or not _close(a.cell, b.cell, SAME_POSITION_A) or _apart(a, b):
        yield "another geometry"
        return
    if a.energy_eV is not None and b.energy_eV is not None and a.tags.get("energy_kind") == b.tags.get("energy_kind"):
        difference = b.energy_eV - a.energy_eV
        if abs(difference) > SAME_ENERGY_EV:
            yield f"energy {difference:+.3g} eV"
    if not _close(a.forces_eV_per_A, b.forces_eV_per_A, SAME_FORCE_EV_PER_A):
        yield "other forces"
    if not _close(a.stress_eV_per_A3, b.stress_eV_per_A3, SAME_STRESS_EV_PER_A3):
        yield "another stress"
    for key in SETTINGS:
        mine, theirs = a.tags.get(key), b.tags.get(key)
        if mine is not None and theirs is not None and mine != theirs:
            yield f"{key} {theirs} there, {mine} here"
    if _u_differs(a, b):
        yield f"hubbard_u {b.tags['hubbard_u']} there, {a.tags['hubbard_u']} here"


def _apart(a: Frame, b: Frame) -> bool:
    """Tell whether atoms stand apart, lattice vectors left aside."""
    if a.positions.shape != b.positions.shape:
        return True
    steps = (a.positions - b.positions) @ np.linalg.inv(a.cell) if a.cell.any() else a.positions - b.positions
    steps -= np.round(steps) if a.cell.any() else 0
    return bool(np.abs(steps @ a.cell if a.cell.any() else steps).max(initial=0.0) > SAME_POSITION_A)


def _close(a: FloatArray | None, b: FloatArray | None, tolerance: float) -> bool:
    return a is None or b is None or bool(np.abs(a - b).max(initial=0.0) <= tolerance)


def _u_differs(a: Frame, b: Frame) -> bool:
    """Tell whether U differs, unless one of the outputs rounds it."""
    mine, theirs = a.tags.get("hubbard_u"), b.tags.get("hubbard_u")
    if mine is None or theirs is None or mine == theirs:
        return False
    rounded = a.tags.get("hubbard_u_rounded") is True or b.tags.get("hubbard_u_rounded") is True
    return not rounded or "none" in (mine, theirs)


def _with_defects(frame: Frame, more: Sequence[str]) -> Frame:
    if not more:
        return frame
    words = [str(text) for text in (frame.tags.get("defects"), *more) if text]
    tags: dict[str, Tag] = {**frame.tags, "defects": "; ".join(words)}
    return replace(frame, tags=tags)


def told_what_is_left_out(frames: Iterable[Frame], left_out: list[str]) -> Iterator[Frame]:
    """Number frames through and tell on each, in the tag `left_out`, what gave no frame up to the next one.

    left_out: filled by whoever yields the frames, emptied here.
    """
    held: Frame | None = None
    for ordinal, frame in enumerate(frames):
        if held is not None:
            yield held
        held = _with_left_out(frame.numbered(ordinal), left_out)
    if held is not None:
        yield _with_left_out(held, left_out)


def _with_left_out(frame: Frame, left_out: list[str]) -> Frame:
    if not left_out:
        return frame
    earlier = frame.tags.get("left_out")
    words = "; ".join([*([str(earlier)] if earlier else []), *left_out])
    left_out.clear()
    return replace(frame, tags={**frame.tags, "left_out": words})
