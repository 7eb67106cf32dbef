"""Where a trajectory leaves the physical: the first frame, and why, in words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols, covalent_radii

from sonde.errors import WrongUse
from sonde.local_environments.contacts import closest_contacts
from sonde.local_environments.neighbours import neighbour_list
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation

Pair = tuple[str, str]

_MEMORY = 20
"""Frames before the present one against which jumps are measured."""
_FEWEST = 3
"""Jumps are judged once this many frames came before."""
_FORCE_FACTOR, _FORCE_FLOOR = 5.0, 15.0
"""A force spike: largest force beyond 5 times the usual largest one and beyond 15 eV/Å."""
_HEAT_FACTOR, _HEAT_FLOOR = 4.0, 1000.0
"""A temperature spike: beyond 4 times the usual one and 1000 K above it."""
_ENERGY_FACTOR, _ENERGY_FLOOR = 10.0, 0.5
"""An energy jump: beyond 10 times the usual change and beyond 0.5 eV per atom."""
_TOO_CLOSE = 0.5
"""Without known minima: contacts closer than half the sum of covalent radii."""
_REACH_A = 6.0
"""An atom without neighbours within this distance, that had some at the start, has evaporated."""


@dataclass(frozen=True)
class Anomaly:
    """The first frame that is not physical: its place in the trajectory, what kind, and why in words."""

    index: int
    kind: str
    reason: str


@dataclass(frozen=True, eq=False)
class _Run:
    """A trajectory with what the checks need: largest force, energy per atom and temperature of every frame."""

    frames: Sequence[Frame]
    evaluations: Sequence[FrameEvaluation]
    minima: Mapping[Pair, float]
    largest_force: FloatArray
    energy: FloatArray
    temperature: FloatArray


def first_anomaly(
    frames: Sequence[Frame],
    evaluations: Sequence[FrameEvaluation],
    contacts_minimum: Mapping[Pair, float] | None = None,
) -> Anomaly | None:
    """Find the first frame that is not physical; None where all look sound.

    Looked for, in this order within a frame: numbers that are not finite; contacts closer than `contacts_minimum` (of
    the raw pool, per pair of symbols in alphabetical order; for pairs without one, half the sum of covalent radii); a
    spike of the largest force, of the temperature (tag temperature_K) or of the energy per atom against the 20 frames
    before; an atom that has lost all neighbours within 6 Å. Composition and order of atoms must not change.
    """
    if len(frames) != len(evaluations):
        raise WrongUse(f"{len(frames)} frames but {len(evaluations)} evaluations: evaluate the same trajectory.")
    run = _Run(
        frames,
        evaluations,
        contacts_minimum or {},
        np.array([float(np.max(np.linalg.norm(e.forces_eV_per_A, axis=1))) for e in evaluations]),
        np.array([e.energy_eV / f.n_atoms for f, e in zip(frames, evaluations, strict=True)]),
        np.array([_temperature(frame) for frame in frames]),
    )
    return next((found for index in range(len(frames)) for found in _of_frame(run, index)), None)


def frames_before(anomaly: Anomaly, n_frames: int, *, last: int | None = None) -> list[int]:
    """Indices of the frames before the anomaly, the last `last` of them, never the anomalous one or any after it."""
    stop = min(anomaly.index, n_frames)
    start = 0 if last is None else max(0, stop - last)
    return list(range(start, stop))


def _of_frame(run: _Run, index: int) -> Iterator[Anomaly]:
    for kind, check in _CHECKS.items():
        reason = check(run, index)
        if reason:
            yield Anomaly(index, kind, f"frame {index}: {reason}")


def _temperature(frame: Frame) -> float:
    value = frame.tags.get("temperature_K")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


def _not_finite(run: _Run, index: int) -> str | None:
    frame, evaluation = run.frames[index], run.evaluations[index]
    if not np.all(np.isfinite(frame.positions)):
        return "positions are not finite"
    if not (np.isfinite(evaluation.energy_eV) and np.all(np.isfinite(evaluation.forces_eV_per_A))):
        return "the potential gives numbers that are not finite"
    return None


def _contact(run: _Run, index: int) -> str | None:
    for pair, distance in closest_contacts(run.frames[index], 4.0).items():
        radii = sum(covalent_radii[chemical_symbols.index(symbol)] for symbol in pair)
        limit = run.minima.get(pair, _TOO_CLOSE * radii)
        if distance < limit:
            known = "the closest known contact" if pair in run.minima else "half the sum of covalent radii"
            return f"{pair[0]}-{pair[1]} are {distance:.2f} Å apart, closer than {known} ({limit:.2f} Å)"
    return None


def _force(run: _Run, index: int) -> str | None:
    usual = _usual(run.largest_force, index)
    limit = max(_FORCE_FACTOR * usual, _FORCE_FLOOR) if usual is not None else None
    if limit is None or run.largest_force[index] <= limit:
        return None
    return f"a force of {run.largest_force[index]:.1f} eV/Å, where {usual:.1f} eV/Å was usual"


def _heat(run: _Run, index: int) -> str | None:
    usual = _usual(run.temperature, index)
    if usual is None or not np.isfinite(usual):
        return None
    limit = max(_HEAT_FACTOR * usual, usual + _HEAT_FLOOR)
    if not run.temperature[index] > limit:
        return None
    return f"a temperature of {run.temperature[index]:.0f} K, where {usual:.0f} K was usual"


def _energy(run: _Run, index: int) -> str | None:
    if index == 0:
        return None
    changes = np.abs(np.diff(run.energy[: index + 1]))
    usual = _usual(changes, index - 1)
    if usual is None or changes[-1] <= max(_ENERGY_FACTOR * usual, _ENERGY_FLOOR):
        return None
    change = run.energy[index] - run.energy[index - 1]
    return f"the energy jumps by {change:+.2f} eV/atom, where changes of {usual:.3f} eV/atom were usual"


def _evaporation(run: _Run, index: int) -> str | None:
    if index == 0:
        return None
    lonely = np.setdiff1d(np.arange(run.frames[index].n_atoms), neighbour_list(run.frames[index], _REACH_A).i)
    if not len(lonely):
        return None
    left = np.intersect1d(lonely, neighbour_list(run.frames[0], _REACH_A).i)
    if not len(left):
        return None
    symbol = chemical_symbols[int(run.frames[index].numbers[left[0]])]
    return f"{symbol} (atom {left[0]}) has no neighbour within {_REACH_A:.0f} Å any more"


def _usual(values: FloatArray, index: int) -> float | None:
    """Median of the values before; None where too few came before."""
    before = values[max(0, index - _MEMORY) : index]
    return float(np.median(before)) if len(before) >= _FEWEST else None


_CHECKS: dict[str, Callable[[_Run, int], str | None]] = {
    "not finite": _not_finite,
    "contact": _contact,
    "force": _force,
    "temperature": _heat,
    "energy": _energy,
    "evaporation": _evaporation,
}
