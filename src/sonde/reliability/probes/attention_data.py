"""What the attention probe learns from: whole structures, each with one error and none of its reference energy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sonde.errors import BadInput, WrongUse
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, PotentialIdentity
from sonde.records.reliability import Target
from sonde.reliability.probes.data import require_finite

UNITS: dict[Target, str] = {"force": "eV/Å", "energy_per_atom": "eV/atom", "total_energy": "eV"}


@dataclass(frozen=True, eq=False)
class ElementEnergies:
    """Energies, eV, per atom of each element: what a composition has whatever its structure. values (n_elements,)."""

    elements: IntArray
    values: FloatArray

    @classmethod
    def fit(cls, numbers: Sequence[IntArray], energies: FloatArray) -> "ElementEnergies":
        """Least squares over compositions, in double precision; the smallest solution where they do not decide it."""
        elements = np.unique(np.concatenate(numbers))
        solution = np.linalg.lstsq(_composition(elements, numbers), np.asarray(energies, float), rcond=None)[0]
        return cls(elements, solution)

    def of(self, numbers: Sequence[IntArray]) -> FloatArray:
        """Energy of each composition (n,), eV; elements that are not known count nothing."""
        return _composition(self.elements, numbers) @ self.values


def _composition(elements: IntArray, numbers: Sequence[IntArray]) -> FloatArray:
    return np.array([[np.sum(own == element) for element in elements] for own in numbers], float)


@dataclass(frozen=True, eq=False)
class StructureData:
    """Structures with their errors; the tuples run over structures.

    energies_eV (n,) total, predicted; errors (n,) in the target's unit; groups: structures of one group are never
    parted; positions_in_input: which of the frames given these are (those without the label were left out).

    Energy errors are those of E − Σ ε_Z, with ε fitted per element to the difference of label and prediction, so that
    another reference of the labels is no error of the potential.
    """

    identity: PotentialIdentity
    target: Target
    embeddings: tuple[FloatArray, ...]
    numbers: tuple[IntArray, ...]
    energies_eV: FloatArray
    errors: FloatArray
    groups: tuple[object, ...]
    positions_in_input: tuple[int, ...]

    @classmethod
    def from_evaluations(
        cls,
        frames: Sequence[Frame],
        evaluations: Sequence[FrameEvaluation],
        groups: Sequence[object],
        *,
        identity: PotentialIdentity,
        target: Target,
    ) -> "StructureData":
        """Take the frames that carry the label.

        Raises
        ------
        WrongUse : frames, evaluations and groups do not fit each other. BadInput : an embedding or energy of the
        potential is not finite, or no frame carries the label.
        """
        if not len(frames) == len(evaluations) == len(groups):
            raise WrongUse(f"{len(frames)} frames, {len(evaluations)} evaluations and {len(groups)} groups do not fit.")
        kept = [n for n, frame in enumerate(frames) if _has_label(frame, target)]
        if not kept:
            what = "forces" if target == "force" else "energies"
            raise BadInput("probe", None, f"no frame carries {what}.", f"Give frames with {what}, or another target.")
        for n in kept:
            require_finite(evaluations[n], f"frame {n}")
        pairs = [(frames[n], evaluations[n]) for n in kept]
        return cls(
            identity,
            target,
            tuple(np.asarray(e.embeddings, float) for _, e in pairs),
            tuple(np.asarray(f.numbers, np.int64) for f, _ in pairs),
            np.array([e.energy_eV for _, e in pairs]),
            _errors(pairs, target),
            tuple(groups[n] for n in kept),
            tuple(kept),
        )

    @property
    def n_frames(self) -> int:
        return len(self.errors)

    def taking(self, rows: IntArray) -> "StructureData":
        """The same data for some of the structures."""
        chosen = rows.tolist()
        return replace(
            self,
            embeddings=tuple(self.embeddings[n] for n in chosen),
            numbers=tuple(self.numbers[n] for n in chosen),
            energies_eV=self.energies_eV[rows],
            errors=self.errors[rows],
            groups=tuple(self.groups[n] for n in chosen),
            positions_in_input=tuple(self.positions_in_input[n] for n in chosen),
        )


def _has_label(frame: Frame, target: Target) -> bool:
    return (frame.forces_eV_per_A if target == "force" else frame.energy_eV) is not None


def _errors(pairs: Sequence[tuple[Frame, FrameEvaluation]], target: Target) -> FloatArray:
    if target == "force":
        return np.array([np.linalg.norm(e.forces_eV_per_A - _forces(f), axis=1).max() for f, e in pairs])
    numbers = [f.numbers for f, _ in pairs]
    differences = np.array([_energy(f) - e.energy_eV for f, e in pairs])
    left = np.abs(differences - ElementEnergies.fit(numbers, differences).of(numbers))
    return left if target == "total_energy" else left / np.array([len(own) for own in numbers])


def _forces(frame: Frame) -> FloatArray:
    if frame.forces_eV_per_A is None:
        raise WrongUse(f"Frame {frame.ordinal} carries no forces.")
    return frame.forces_eV_per_A


def _energy(frame: Frame) -> float:
    if frame.energy_eV is None:
        raise WrongUse(f"Frame {frame.ordinal} carries no energy.")
    return frame.energy_eV
