"""Watch a simulation in ASE: log reliability, select structures worth a label, stop before nonsense is sampled.

monitor = ReliabilityMonitor(atoms, log="trust.jsonl")
dynamics.attach(monitor, interval=10)
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from ase import Atoms

from sonde.errors import SondeError, WrongUse
from sonde.records.reliability import Policy, Reliability
from sonde.reliability.calculator import ReliableCalculator
from sonde.reliability.watch import POLICIES, Limits, Selected, Selection, Verdict, Watch

__all__ = ["Limits", "Policy", "ReliabilityMonitor", "ReliabilityStop", "Untrustworthy", "Verdict", "run_watched"]


class Untrustworthy(SondeError):  # noqa: N818 - reads as it is said
    """The simulation has left what the potential can be trusted with."""


class ReliabilityStop(Exception):  # noqa: N818 - not an error: the run ends here as it was asked to
    """Raised inside a run by the policy `stop`; `run_watched` turns it into an end of the run."""


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
        if policy not in POLICIES:
            raise WrongUse(f"policy is one of {', '.join(POLICIES)}.")
        self.atoms, self.policy, self.on_alarm = atoms, policy, on_alarm
        self.watch = Watch(limits, Selection(budget, apart_A), keeps=policy != "warn", log=log)

    def __call__(self) -> None:
        """Look at the structure as it is now."""
        if self.policy == "off":
            return
        calculator = self.atoms.calc
        calculator.get_property("reliability", self.atoms)
        looked = self.watch.look(self.atoms, calculator.reliability())
        if looked.begins and self.on_alarm is not None:
            self.on_alarm(looked.reliability)
        if looked.begins and self.policy == "warn":
            warnings.warn(looked.words, stacklevel=2)
        if looked.ends and self.policy in ("stop", "raise"):
            raise Untrustworthy(looked.words) if self.policy == "raise" else ReliabilityStop(looked.words)

    @property
    def state(self) -> Verdict:
        """The verdict on the structure that was looked at last."""
        return self.watch.state

    @property
    def n_calls(self) -> int:
        """How many structures were looked at."""
        return self.watch.n_calls

    @property
    def n_alarms(self) -> int:
        """How often a verdict became worse."""
        return self.watch.n_alarms

    @property
    def selected(self) -> list[Selected]:
        """The kept structures in the order in which they were met."""
        return self.watch.selected

    def structures(self) -> Sequence[Atoms]:
        """Return the kept structures, the least reliable first, for labelling."""
        return self.watch.structures()


def run_watched(dynamics: object, steps: int) -> bool:
    """Run ASE dynamics; return False where a monitor of policy `stop` ended it early."""
    try:
        dynamics.run(steps)  # type: ignore[attr-defined]
    except ReliabilityStop:
        return False
    return True
