"""Watch a simulation: log reliability, select structures worth a label, and stop before nonsense is sampled.

monitor = ReliabilityMonitor(atoms, log="trust.jsonl")
dynamics.attach(monitor, interval=10)
"""

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from sonde.errors import SondeError, WrongUse
from sonde.records.reliability import Reliability
from sonde.reliability.calculator import ReliableCalculator

Policy = Literal["off", "warn", "select", "stop", "raise"]
POLICIES: tuple[Policy, ...] = ("off", "warn", "select", "stop", "raise")
Verdict = Literal["calm", "select", "stop"]


class Untrustworthy(SondeError):  # noqa: N818 - reads as it is said
    """The simulation has left what the potential can be trusted with."""


class ReliabilityStop(Exception):  # noqa: N818 - not an error: the run ends here as it was asked to
    """Raised inside a run by the policy `stop`; `run_watched` turns it into an end of the run."""


@dataclass(frozen=True)
class Limits:
    """When a structure is worth a label, and when a run should end.

    P is that of the largest per-atom force error within tolerance; scope is the distance over its limit, which grows
    with the number of atoms so that the false-alarm rate holds per structure. An alarm ends only when P is above `calm`
    times its limit again, and scope below 1 / `calm`: a value that trembles about a limit is one alarm.
    """

    select_below: float = 0.5
    stop_below: float = 0.05
    select_beyond: float = 1.0
    stop_beyond: float = 2.0
    calm: float = 1.2

    def __post_init__(self) -> None:
        if not (0 <= self.stop_below <= self.select_below <= 1 and 0 < self.select_beyond <= self.stop_beyond):
            raise WrongUse("Limits to stop must not be reached before those to select.")
        if self.calm < 1:
            raise WrongUse(f"calm is a factor of at least 1; found {self.calm:g}.")

    def verdict(self, found: Reliability, before: Verdict) -> Verdict:
        """Judge a structure; what was an alarm before goes on until it is clearly over."""
        for name, below, beyond in (
            ("stop", self.stop_below, self.stop_beyond),
            ("select", self.select_below, self.select_beyond),
        ):
            factor = self.calm if before == name or (before == "stop" and name == "select") else 1.0
            if found.p_within < below * factor or found.out_of_scope_score > beyond / factor:
                return name  # type: ignore[return-value]
        return "calm"


@dataclass(frozen=True, eq=False)
class Selected:
    """A structure worth a label, with the call at which it was met and why."""

    atoms: Atoms
    call: int
    reliability: Reliability


class ReliabilityMonitor:
    """Called every so many steps (`dynamics.attach(monitor, interval=10)`).

    Parameters
    ----------
    policy : off: nothing; warn: a Python warning at each new alarm; select: keep structures; stop: keep, then end the
        run (ReliabilityStop); raise: keep, then raise Untrustworthy.
    budget : structures to keep at the most. apart_A : root mean square displacement per atom (minimum image) that a
        structure must have from all kept ones.
    log : a JSON line per call is appended here. on_alarm : called with the reliability at each new alarm.

    Raises
    ------
    WrongUse : the atoms carry no ReliableCalculator, or an option that cannot be.
    """

    def __init__(
        self,
        atoms: Atoms,
        *,
        limits: Limits | None = None,
        policy: Policy = "select",
        budget: int = 50,
        apart_A: float = 0.2,
        log: Path | str | None = None,
        on_alarm: Callable[[Reliability], None] | None = None,
    ) -> None:
        if not isinstance(atoms.calc, ReliableCalculator):
            raise WrongUse("The atoms need a ReliableCalculator: atoms.calc = ReliableCalculator(base, probe).")
        if policy not in POLICIES or budget < 0 or apart_A < 0:
            raise WrongUse(f"policy is one of {', '.join(POLICIES)}, budget and apart_A from 0 on.")
        self.atoms, self.limits, self.policy = atoms, limits or Limits(), policy
        self.budget, self.apart_A = budget, apart_A
        self.log = None if log is None else Path(log)
        self.on_alarm = on_alarm
        self.selected: list[Selected] = []
        self.n_calls, self.n_alarms = 0, 0
        self.state: Verdict = "calm"

    def __call__(self) -> None:
        """Look at the structure as it is now."""
        if self.policy == "off":
            return
        found = self._reliability()
        before, self.state = self.state, self.limits.verdict(found, self.state)
        kept = self.state != "calm" and self.policy != "warn" and self._keep(found)
        self._write(found, kept)
        self.n_calls += 1
        if self.state != "calm" and before != self.state:
            self._alarm(found)
        if self.state == "stop" and self.policy in ("stop", "raise"):
            message = self._told(found)
            raise Untrustworthy(message) if self.policy == "raise" else ReliabilityStop(message)

    def _reliability(self) -> Reliability:
        calculator = self.atoms.calc
        calculator.get_property("reliability", self.atoms)
        found: Reliability = calculator.reliability()
        return found

    def _alarm(self, found: Reliability) -> None:
        self.n_alarms += 1
        if self.on_alarm is not None:
            self.on_alarm(found)
        if self.policy == "warn":
            warnings.warn(self._told(found), stacklevel=3)

    def _told(self, found: Reliability) -> str:
        return (
            f"call {self.n_calls}: P({found.claim}) = {found.p_within:.2f}, "
            f"scope {found.out_of_scope_score:.2f} of its limit, worst atoms {', '.join(map(str, found.worst_atoms))}"
        )

    def _keep(self, found: Reliability) -> bool:
        """Keep the structure if it is far enough from all that were kept, and the budget allows."""
        if len(self.selected) >= self.budget or any(self._near(one.atoms) for one in self.selected):
            return False
        kept = self.atoms.copy()
        kept.info["reliability"] = found.p_within
        kept.info["scope_distance"] = found.out_of_scope_score
        kept.arrays["atomic_reliability"] = np.array(found.atomic_p_within)
        self.selected.append(Selected(kept, self.n_calls, found))
        return True

    def _near(self, other: Atoms) -> bool:
        if len(other) != len(self.atoms) or np.any(other.numbers != self.atoms.numbers):
            return False
        moved, _ = find_mic(self.atoms.positions - other.positions, self.atoms.cell, self.atoms.pbc)
        return bool(np.sqrt(np.mean(np.sum(moved**2, axis=1))) < self.apart_A)

    def _write(self, found: Reliability, kept: bool) -> None:
        if self.log is None:
            return
        line = {
            "call": self.n_calls,
            "state": self.state,
            "reliability": found.p_within,
            "scope_distance": found.out_of_scope_score,
            "worst_atoms": found.worst_atoms,
            "selected": kept,
        }
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")

    def structures(self) -> Sequence[Atoms]:
        """Return the kept structures, the least reliable first, for labelling."""
        return [one.atoms for one in sorted(self.selected, key=lambda one: one.reliability.p_within)]


def run_watched(dynamics: object, steps: int) -> bool:
    """Run ASE dynamics; return False where a monitor of policy `stop` ended it early."""
    try:
        dynamics.run(steps)  # type: ignore[attr-defined]
    except ReliabilityStop:
        return False
    return True
