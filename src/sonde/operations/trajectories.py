"""Trajectories from files: any format that structures are read from, and LAMMPS dumps with a map of their types."""

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sonde.errors import BadInput
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation
from sonde.records.reliability import LogParity

POLL_S = 0.5


def read_trajectory(path: Path, elements: Sequence[str] = ()) -> list[Frame]:
    """Read structures; `elements` are those of the types 1, 2, … of a LAMMPS dump."""
    from sonde.operations.diagnose import read_structures
    from sonde.simulation.lammps_dump import is_dump, read_dump

    if path.is_file() and is_dump(path):
        frames = list(read_dump(path, elements))
        if not frames:
            raise BadInput(path, None, "it holds no structures", "Give a dump with at least one frame.")
        return frames
    if elements:
        mend = "Leave --elements out: other formats name their elements."
        raise BadInput(path, None, "it is no LAMMPS dump, so that it has no types", mend)
    return read_structures(path)


def follow(path: Path, elements: Sequence[str] = (), *, idle_s: float = 0.0) -> Iterator[Frame]:
    """Yield the frames of a trajectory, then those that are still being written until none came for a while.

    A frame that is only half written is waited for. With `idle_s` 0 the file is read as it is, and must be whole.
    """
    if idle_s <= 0:
        yield from read_trajectory(path, elements)
        return
    seen, size, quiet = 0, -1, 0.0
    while quiet < idle_s:
        now = path.stat().st_size if path.is_file() else -1
        if now != size:
            frames = _whole_frames(path, elements)
            yield from frames[seen:]
            quiet = quiet if len(frames) <= seen else 0.0
            seen, size = max(seen, len(frames)), now
        time.sleep(min(POLL_S, idle_s))
        quiet += min(POLL_S, idle_s)
    if not seen:
        yield from read_trajectory(path, elements)  # says what is wrong with it


def _whole_frames(path: Path, elements: Sequence[str]) -> list[Frame]:
    """The frames of a growing file that are there in full; none while a line is still being written."""
    if path.stat().st_size == 0 or not _ends_a_line(path):
        return []
    frames: list[Frame] = []
    try:
        frames.extend(_lazily(path, elements))
    except BadInput as broken:
        # the last frame is half written, or the file is none of ours: `follow` says so in the end
        logging.getLogger(__name__).debug("read %d frames: %s", len(frames), broken)
    return frames


def _lazily(path: Path, elements: Sequence[str]) -> Iterator[Frame]:
    from sonde.datasets.readers import read_frames
    from sonde.simulation.lammps_dump import is_dump, read_dump

    return read_dump(path, elements) if is_dump(path) else iter(read_frames(path))


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(-1, 2)
        return stream.read() == b"\n"


def log_parity(log: Path, frames: Sequence[Frame], evaluations: Sequence[FrameEvaluation]) -> LogParity:
    """Compare the energies that a LAMMPS run printed with those of the potential, step by step.

    Raises
    ------
    BadInput : the log has no potential energies in known units, or none of a step that was dumped.
    """
    from sonde.simulation.lammps_log import read_log

    printed = read_log(log).potential_energies_eV()
    own = {frame.tags.get("step"): (e.energy_eV, frame.n_atoms) for frame, e in zip(frames, evaluations, strict=True)}
    shared = [step for step in printed if step in own]
    if not shared:
        mend = "Print pe (thermo_style custom step temp pe) at the steps of the dump, in units metal or real."
        raise BadInput(log, None, "it holds no potential energy, in known units, of a step that was dumped.", mend)
    sizes = np.array([own[step][1] for step in shared], float)
    energies = np.array([own[step][0] for step in shared]) / sizes * 1000
    differences = np.array([printed[step] for step in shared]) / sizes * 1000 - energies
    offset = float(np.median(differences))
    return LogParity(len(shared), offset, float(np.abs(differences - offset).max()), float(np.std(energies)))
