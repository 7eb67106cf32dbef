"""LocalProbe: the probability that a potential's force error stays within a tolerance, per atom and per structure.

Per atom a distribution of the force error given embedding, predicted force and element (`log_error`), calibrated on
groups of frames that the model was not trained on (`calibration`); per structure the calibrated largest error; beside
both the out-of-scope gate. Cost per atom is constant: no attention, no neighbours beyond the independent descriptor.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from ase.data import chemical_symbols

from sonde.errors import BadInput, WrongUse
from sonde.local_environments.descriptors import DensityDescriptor
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, PotentialIdentity
from sonde.records.reliability import Reliability, State, Tolerance
from sonde.reliability.gate import ScopeData, ScopeGate
from sonde.reliability.probe_file import from_bytes, to_bytes
from sonde.reliability.probes.calibrated_errors import CalibratedErrors
from sonde.reliability.probes.data import ProbeData, force_norms, require_finite
from sonde.reliability.probes.energies import EnergyErrors

MOST_WORST_ATOMS = 5
OF_A_VECTOR = float(np.sqrt(3))
"""Standard deviations of one component in the length of a vector of three."""


@dataclass(frozen=True, eq=False)
class LocalProbe:
    """An error probe with its out-of-scope gate, bound to one potential."""

    identity: PotentialIdentity
    errors: CalibratedErrors
    gate: ScopeGate
    descriptor: DensityDescriptor
    energies: EnergyErrors | None = None
    """Of energies per atom; None where it learnt nothing of them."""
    label_noise_eV_per_A: float | None = None
    """Standard deviation of the force components of the labels it learnt from; None is not known."""

    @classmethod
    def fit(
        cls,
        data: ProbeData,
        *,
        seed: int,
        scope: ScopeData,
        descriptor: DensityDescriptor,
        false_alarm_rate: float = 0.05,
    ) -> "LocalProbe":
        """Fit errors on data and the gate on scope: the frames of data, then any others, with their environments."""
        errors, known = CalibratedErrors.fit(data, seed=seed), data.largest_errors
        gate = ScopeGate.fit(scope, false_alarm_rate=false_alarm_rate, seed=seed, largest_errors=known)
        return cls(data.identity, errors, gate, descriptor)

    def score_frames(
        self,
        identity: PotentialIdentity,
        frames: Sequence[Frame],
        evaluations: Sequence[FrameEvaluation],
        tolerance: float | Tolerance,
    ) -> list[Reliability]:
        """Score frames evaluated by the potential of this identity; see `score`."""
        environments = environments_of(self.descriptor, frames)
        triples = zip(frames, evaluations, environments, strict=True)
        return [
            self.score(e, f.numbers, tolerance, identity=identity, environments=environment)
            for f, e, environment in triples
        ]

    def score(
        self,
        evaluation: FrameEvaluation,
        numbers: IntArray,
        tolerance: float | Tolerance,
        *,
        identity: PotentialIdentity,
        environments: FloatArray,
    ) -> Reliability:
        """Say whether one evaluated structure's forces can be trusted to the tolerance; a plain number is in eV/Å.

        environments: (n_atoms, width) of `descriptor`; see `environments_of`.

        Raises
        ------
        WrongUse
            The tolerance is not above zero or below the noise of the labels, it asks of energies where the probe learnt
            nothing of them, or the evaluation is by another potential than the probe was fitted on.
        BadInput
            No atoms, or embeddings, forces or an energy that are not finite.
        """
        require_same_potential(self.identity, identity)
        require_finite(evaluation, "structure")
        embeddings, numbers = np.asarray(evaluation.embeddings, float), np.asarray(numbers, np.int64)
        asked, norms = Tolerance.of(tolerance), force_norms(evaluation)
        least, most = (float(end(asked.of_atoms(norms))) for end in (np.min, np.max))
        self._require_answerable(asked, least)
        p, atomic = self.errors.p_within(embeddings, numbers, norms, asked)
        ratios = self.gate.ratios([embeddings], [environments], [numbers])[0]
        score = float(ratios.max())
        return Reliability(
            state=_state(p, score, self.errors.reliable_from(least, most)),
            p_within=p,
            tolerance_eV_per_A=asked.force_eV_per_A,
            relative_tolerance=asked.relative,
            energy_tolerance_eV_per_atom=asked.energy_eV_per_atom,
            p_energy_within=self._p_energy(evaluation, asked),
            out_of_scope_score=score,
            false_alarm_rate=self.gate.false_alarm_rate,
            worst_atoms=_worst_atoms(atomic, ratios.max(axis=1)),
            atomic_p_within=atomic,
            distance_ratio=ratios[:, :2].max(axis=1),
            q_ratio=ratios[:, 2],
            t2_ratio=ratios[:, 3],
            unknown_elements=unknown_elements(self.gate, numbers),
        )

    @property
    def least_tolerance_eV_per_A(self) -> float:  # noqa: N802 - the unit
        """The noise of the labels: smaller force errors cannot be told; zero where it is not known."""
        return OF_A_VECTOR * (self.label_noise_eV_per_A or 0.0)

    def _require_answerable(self, asked: Tolerance, least: float) -> None:
        if least < self.least_tolerance_eV_per_A:
            raise WrongUse(
                f"A force error of {least:.3g} eV/Å cannot be told: the labels that the probe learnt from are "
                f"themselves uncertain by {self.least_tolerance_eV_per_A:.3g} eV/Å (geometries labelled more than "
                "once). Ask for a larger tolerance, or fit on labels that are converged more tightly."
            )
        if asked.energy_eV_per_atom is not None and self.energies is None:
            raise WrongUse(
                "This probe learnt nothing of energies: fit it (sonde trust fit) on frames that carry them, in as many "
                "groups as forces need."
            )

    def _p_energy(self, evaluation: FrameEvaluation, asked: Tolerance) -> float | None:
        if asked.energy_eV_per_atom is None or self.energies is None:
            return None
        return self.energies.p_within(evaluation, asked.energy_eV_per_atom)

    def to_bytes(self) -> bytes:
        """Write the probe: arrays and JSON, no pickle."""
        descriptor, identity = asdict(self.descriptor), asdict(self.identity)
        energies = None if self.energies is None else self.energies.state()
        parts = {"errors": self.errors.state(), "gate": self.gate.state(), "energies": energies}
        noise = {"label_noise_eV_per_A": self.label_noise_eV_per_A}
        return to_bytes({"probe": "local", "identity": identity, "descriptor": descriptor, **parts, **noise})

    @classmethod
    def from_bytes(cls, payload: bytes) -> "LocalProbe":
        """Read what `to_bytes` wrote."""
        state = from_bytes(payload)
        if state.get("probe") != "local":
            raise BadInput("probe", None, f"it is of kind {state.get('probe')!r}, not 'local'.", "Fit it again.")
        identity, descriptor = dict(state["identity"]), dict(state["descriptor"])
        for fields in (identity, descriptor):
            fields["elements"] = tuple(fields["elements"])
        return cls(
            PotentialIdentity(**identity),
            CalibratedErrors.from_state(state["errors"]),
            ScopeGate.from_state(state["gate"]),
            DensityDescriptor(**descriptor),
            EnergyErrors.from_state(state["energies"]) if state.get("energies") else None,
            state.get("label_noise_eV_per_A"),
        )


def require_same_potential(fitted: PotentialIdentity, given: PotentialIdentity) -> None:
    """Refuse evaluations by another potential than the probe's: its errors are other errors.

    Raises
    ------
    WrongUse
        Names the fields that differ.
    """
    if fitted == given:
        return
    mine, other = asdict(fitted), asdict(given)
    differing = [f"{name} {mine[name]!r} ≠ {other[name]!r}" for name in mine if mine[name] != other[name]]
    if differing:
        raise WrongUse(
            f"This probe was fitted on another potential: {'; '.join(differing)}."
            " Fit a probe for the potential at hand (sonde trust fit)."
        )


def environments_of(descriptor: DensityDescriptor, frames: Sequence[Frame]) -> list[FloatArray]:
    """Descriptors (n_atoms, width) per frame; not-a-number throughout frames with elements that it lacks."""
    known = [n for n, frame in enumerate(frames) if set(np.unique(frame.numbers).tolist()) <= set(descriptor.elements)]
    found = dict(zip(known, descriptor.compute([frames[n] for n in known]), strict=True))
    for n in set(range(len(frames))) - set(known):
        found[n] = np.full((frames[n].n_atoms, descriptor.width), np.nan)
    return [found[n] for n in range(len(frames))]


def unknown_elements(gate: ScopeGate, numbers: IntArray) -> tuple[str, ...]:
    """Symbols of the elements that the gate has no reference for."""
    return tuple(chemical_symbols[z] for z in np.unique(numbers).tolist() if z not in gate.measures.planes)


def _state(p: float, score: float, reliable_from: float) -> State:
    if score > 1:
        return "out_of_scope"
    return "reliable" if p >= reliable_from else "unreliable"


def _worst_atoms(atomic: FloatArray, ratios: FloatArray) -> tuple[int, ...]:
    """Atoms out of scope first, the farthest first, then the least likely to be within tolerance."""
    order = np.lexsort((atomic, -np.where(ratios > 1, ratios, 0.0)))
    return tuple(int(atom) for atom in order[:MOST_WORST_ATOMS])
