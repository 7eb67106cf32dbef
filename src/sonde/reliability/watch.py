"""Watch structures go by: verdicts with hysteresis, a log, a few unlike structures kept for labels.

The same for a simulation in ASE (`monitor`), one in LAMMPS, and a trajectory that was written before.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from sonde.errors import WrongUse
from sonde.records.reliability import Policy, Reliability

POLICIES: tuple[Policy, ...] = ("off", "warn", "select", "stop", "raise")
Verdict = Literal["calm", "select", "stop"]
VERDICTS: tuple[Verdict, ...] = ("calm", "select", "stop")
"""From good to bad: an alarm begins where a verdict is worse than the one before."""


@dataclass(frozen=True)
class Limits:
    """When a structure is worth a label, and when a run should end.

    P is that of the error within tolerance; scope is the distance over its limit, which grows with the number of atoms
    so that the false-alarm rate holds per structure. An alarm ends only when P is above `calm` times its limit again,
    and scope below 1 / `calm`: a value that trembles about a limit is one alarm. A run ends after `stop_after`
    structures in a row that say so.
    """

    select_below: float = 0.5
    stop_below: float = 0.05
    select_beyond: float = 1.0
    stop_beyond: float = 2.0
    calm: float = 1.2
    stop_after: int = 1

    def __post_init__(self) -> None:
        if not (0 <= self.stop_below <= self.select_below <= 1 and 0 < self.select_beyond <= self.stop_beyond):
            raise WrongUse("Limits to stop must not be reached before those to select.")
        if not self.calm >= 1:
            raise WrongUse(f"calm is a factor of at least 1; found {self.calm:g}.")
        if self.stop_after < 1:
            raise WrongUse(f"stop_after counts structures in a row, from 1 on; found {self.stop_after}.")

    def verdict(self, found: Reliability, before: Verdict) -> Verdict:
        """Judge a structure; what was an alarm before goes on until it is clearly over."""
        if self._reached(found, self.stop_below, self.stop_beyond, before == "stop"):
            return "stop"
        if self._reached(found, self.select_below, self.select_beyond, before != "calm"):
            return "select"
        return "calm"

    def _reached(self, found: Reliability, below: float, beyond: float, was_reached: bool) -> bool:
        factor = self.calm if was_reached else 1.0
        return found.p_within < below * factor or found.out_of_scope_score > beyond / factor


@dataclass(frozen=True)
class Selection:
    """Structures to keep at the most, and how far apart they must be.

    apart_A: root mean square displacement per atom (minimum image, without the motion of all atoms together).
    """

    budget: int = 50
    apart_A: float = 0.2

    def __post_init__(self) -> None:
        if self.budget < 0 or not self.apart_A >= 0:
            raise WrongUse("budget and apart_A are counted from 0 on.")


@dataclass(frozen=True, eq=False)
class Selected:
    """A structure worth a label, with the call at which it was met and why."""

    atoms: Atoms
    call: int
    reliability: Reliability


@dataclass(frozen=True, eq=False)
class Look:
    """One structure judged: whether it begins an alarm, was kept, and whether the run should end now."""

    call: int
    state: Verdict
    reliability: Reliability
    begins: bool
    kept: bool
    ends: bool

    @property
    def words(self) -> str:
        """What was found, in one line."""
        found = self.reliability
        unknown = f", unknown elements {', '.join(found.unknown_elements)}" if found.unknown_elements else ""
        return (
            f"call {self.call}: P({found.claim}) = {found.p_within:.2f}, scope {found.out_of_scope_score:.2f} of its"
            f" limit, worst atoms {', '.join(map(str, found.worst_atoms))}{unknown}"
        )


class Watch:
    """State of a watched run. keeps: whether structures are kept; log: a JSON line per look is appended here."""

    def __init__(
        self,
        limits: Limits | None = None,
        selection: Selection | None = None,
        *,
        keeps: bool = True,
        log: Path | str | None = None,
    ) -> None:
        self.limits, self.selection, self.keeps = limits or Limits(), selection or Selection(), keeps
        self.log = None if log is None else Path(log)
        self.selected: list[Selected] = []
        self.n_calls, self.n_alarms, self.n_stops_in_a_row = 0, 0, 0
        self.state: Verdict = "calm"

    def look(self, atoms: Atoms, found: Reliability) -> Look:
        """Judge one structure; `atoms` are copied where they are kept."""
        before, self.state = self.state, self.limits.verdict(found, self.state)
        self.n_stops_in_a_row = self.n_stops_in_a_row + 1 if self.state == "stop" else 0
        begins = VERDICTS.index(self.state) > VERDICTS.index(before)
        self.n_alarms += begins
        kept = self.keeps and self.state != "calm" and self._keep(atoms, found)
        ends = self.n_stops_in_a_row >= self.limits.stop_after
        looked = Look(self.n_calls, self.state, found, begins, kept, ends)
        self._write(looked)
        self.n_calls += 1
        return looked

    def structures(self) -> Sequence[Atoms]:
        """Return the kept structures, the least reliable first, for labelling."""
        return [one.atoms for one in sorted(self.selected, key=lambda one: one.reliability.p_within)]

    def _keep(self, atoms: Atoms, found: Reliability) -> bool:
        """Keep the structure if it is far enough from all that were kept, and the budget allows."""
        if len(self.selected) >= self.selection.budget or any(self._near(one.atoms, atoms) for one in self.selected):
            return False
        kept = atoms.copy()
        kept.calc = None
        kept.info["reliability"] = found.p_within
        kept.info["scope_distance"] = found.out_of_scope_score
        kept.arrays["atomic_reliability"] = np.array(found.atomic_p_within)
        self.selected.append(Selected(kept, self.n_calls, found))
        return True

    def _near(self, other: Atoms, atoms: Atoms) -> bool:
        if len(other) != len(atoms) or np.any(other.numbers != atoms.numbers):
            return False
        moved, _ = find_mic(atoms.positions - other.positions, atoms.cell, atoms.pbc)
        moved = moved - moved.mean(axis=0)
        return bool(np.sqrt(np.mean(np.sum(moved**2, axis=1))) < self.selection.apart_A)

    def _write(self, looked: Look) -> None:
        if self.log is None:
            return
        line = {
            "call": looked.call,
            "state": looked.state,
            "reliability": looked.reliability.p_within,
            "scope_distance": looked.reliability.out_of_scope_score,
            "worst_atoms": looked.reliability.worst_atoms,
            "selected": looked.kept,
        }
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
