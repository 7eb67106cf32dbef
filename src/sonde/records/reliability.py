"""Records of the room `reliability`."""

from dataclasses import dataclass, field
from math import isfinite
from typing import ClassVar, Literal

from sonde.errors import WrongUse
from sonde.records.arrays import FloatArray

DEFAULT_TOLERANCE_EV_PER_A = 0.3
"""Acceptable error of the force of an atom, where nobody said another."""
State = Literal["reliable", "unreliable", "out_of_scope"]
Target = Literal["force", "energy_per_atom", "total_energy"]
"""Which error of a structure: the largest force error (eV/Å), that of the energy per atom (eV/atom) or in all (eV)."""


@dataclass(frozen=True)
class Tolerance:
    """Errors that are acceptable: |ΔF| ≤ force_eV_per_A + relative·|F| of every atom, F its predicted force.

    energy_eV_per_atom: where given, the error of the energy per atom is asked about, too. It is counted less a constant
    per element, so that the zeros of the two levels of theory do not matter.
    """

    force_eV_per_A: float = DEFAULT_TOLERANCE_EV_PER_A
    relative: float = 0.0
    energy_eV_per_atom: float | None = None

    def __post_init__(self) -> None:
        """WrongUse where nothing could meet it."""
        if not (isfinite(self.force_eV_per_A) and self.force_eV_per_A > 0):
            raise WrongUse(
                f"A tolerance on the force error must be above zero, in eV/Å; {self.force_eV_per_A} was given."
            )
        if not (isfinite(self.relative) and self.relative >= 0):
            raise WrongUse(f"The share of a force that its error may have is zero or more; {self.relative} was given.")
        energy = self.energy_eV_per_atom
        if energy is not None and not (isfinite(energy) and energy > 0):
            raise WrongUse(f"A tolerance on the energy error must be above zero, in eV/atom; {energy} was given.")

    @classmethod
    def of(cls, value: "float | Tolerance") -> "Tolerance":
        """A plain number is one on the force error, eV/Å."""
        return value if isinstance(value, Tolerance) else cls(float(value))

    def of_atoms(self, force_norms: FloatArray) -> FloatArray:
        """The largest acceptable force error (n_atoms,), eV/Å, of atoms with these predicted forces."""
        return self.force_eV_per_A + self.relative * force_norms


ProbeKind = Literal["local", "attention"]
"""A potential may have one probe of each kind; diagnoses use the local one."""
Policy = Literal["off", "warn", "select", "stop", "raise"]
"""What an alarm of a monitor does."""


@dataclass(frozen=True)
class Reliability:
    """Whether one structure's predicted forces can be trusted.

    p_within is the calibrated probability of `claim`: that the largest per-atom force error is at most
    tolerance_eV_per_A or, of probes of the energy, that its error is at most tolerance_eV_per_atom. It is shown beside
    the state also where the structure is out of scope, where the calibration does not carry.
    Arrays are per atom: atomic_p_within (n_atoms,), not a number from probes that have none; distance, q and t2 as
    ratios to the held-out limit (1 = limit); atomic_importance, summing to 1, of probes that have one.
    """

    state: State
    p_within: float
    tolerance_eV_per_A: float | None
    out_of_scope_score: float
    """Largest ratio of a scope measure to its limit over the atoms; above 1 is out of scope."""
    false_alarm_rate: float
    worst_atoms: tuple[int, ...]
    atomic_p_within: FloatArray = field(metadata={"json": False})
    distance_ratio: FloatArray = field(metadata={"json": False})
    q_ratio: FloatArray = field(metadata={"json": False})
    t2_ratio: FloatArray = field(metadata={"json": False})
    tolerance_eV_per_atom: float | None = None
    atomic_importance: FloatArray | None = field(default=None, metadata={"json": False})
    unknown_elements: tuple[str, ...] = ()
    """Elements in the structure that the probe's reference lacks: they alone put it out of scope."""
    relative_tolerance: float = 0.0
    """Share of its predicted force that an atom's force error may have beyond tolerance_eV_per_A."""
    energy_tolerance_eV_per_atom: float | None = None
    """Where the error of the energy was asked about beside that of the forces; the state is of the forces."""
    p_energy_within: float | None = None
    """P(error of the energy per atom ≤ energy_tolerance_eV_per_atom); None where not asked for, or not known."""

    @property
    def claim(self) -> str:
        """What the probability is of."""
        said = claim(self.tolerance_eV_per_A, self.tolerance_eV_per_atom)
        return f"{said} + {self.relative_tolerance:.3g} |F|" if self.relative_tolerance else said


def claim(per_A: float | None, per_atom: float | None = None, total: float | None = None) -> str:
    """Name the one tolerance that is given: eV/Å, eV per atom or eV."""
    if per_A is not None:
        return f"largest force error ≤ {per_A:g} eV/Å"
    if per_atom is not None:
        return f"energy error ≤ {per_atom:.3g} eV/atom"
    return f"energy error ≤ {total:.3g} eV"


@dataclass(frozen=True)
class TrustSummary:
    """How a fitted probe did on frames it was neither trained nor calibrated on."""

    SCHEMA: ClassVar[str] = "sonde.trust-fit/1"
    potential: str
    n_train_frames: int
    n_calibration_frames: int
    n_test_frames: int
    tolerance_eV_per_A: float | None
    """None where the probe is one of the energy; one of the other two is then given."""
    prevalence_within: float | None
    auroc: float | None
    auroc_low: float | None
    auroc_high: float | None
    auroc_force_norm: float | None
    """The baseline: largest predicted force alone."""
    brier: float | None
    ece: float | None
    n_out_of_scope: int
    grouped_by: str
    notes: tuple[str, ...] = ()
    probe: str = "local"
    tolerance_eV_per_atom: float | None = None
    tolerance_eV: float | None = None
    ece_by_chance: float | None = None
    """What true probabilities would show with so few frames."""

    @property
    def claim(self) -> str:
        """What the probabilities are of."""
        return claim(self.tolerance_eV_per_A, self.tolerance_eV_per_atom, self.tolerance_eV)


@dataclass(frozen=True)
class WatchedFrame:
    """One frame that was looked at: its place in the trajectory and its verdict (calm, select or stop)."""

    frame: int
    state: str
    p_within: float
    out_of_scope_score: float
    begins_alarm: bool
    selected: bool


@dataclass(frozen=True)
class TrustWatch:
    """A trajectory watched from its start; places are counted in its frames. None is "did not happen"."""

    SCHEMA: ClassVar[str] = "sonde.trust-monitor/1"
    potential: str
    trajectory: str
    claim: str
    policy: str
    interval: int
    n_looks: int
    n_alarms: int
    first_alarm: int | None
    stopped_at: int | None
    selected: tuple[int, ...]
    false_alarm_rate: float | None
    """Per structure of the known kind, of the scope's limits."""
    anomaly: str | None
    """Why the first frame that is not physical is none, of those looked at."""
    anomaly_at: int | None
    frames: tuple[WatchedFrame, ...]

    @property
    def frames_ahead(self) -> int | None:
        """How many frames before the anomaly the first alarm came; below zero: it came too late."""
        if self.first_alarm is None or self.anomaly_at is None:
            return None
        return self.anomaly_at - self.first_alarm


@dataclass(frozen=True)
class LogParity:
    """Potential energies of a LAMMPS run beside those of the potential on the dumped structures.

    Differences in meV per atom, after a constant per structure is taken out (`offset`): energies may have another zero.
    """

    n_frames: int
    offset_meV_per_atom: float
    largest_meV_per_atom: float
    spread_meV_per_atom: float
    """Standard deviation of the potential's energies: differences mean something where they are far below it."""
