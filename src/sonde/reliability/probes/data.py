"""What probes learn from: embeddings, forces and true force errors of labelled frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sonde.errors import BadInput, WrongUse
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, PotentialIdentity


@dataclass(frozen=True, eq=False)
class ProbeData:
    """Labelled frames as one potential sees them; the lists run over frames.

    embeddings (n_atoms, width); numbers (n_atoms,); force_norms (n_atoms,) predicted, eV/Å; errors (n_atoms,) length
    of the force error, eV/Å; groups: frames of one group are never parted; positions_in_input: which of the frames
    given these are (those without forces were left out).
    """

    identity: PotentialIdentity
    embeddings: tuple[FloatArray, ...]
    numbers: tuple[IntArray, ...]
    force_norms: tuple[FloatArray, ...]
    errors: tuple[FloatArray, ...]
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
    ) -> "ProbeData":
        """Take the frames that carry forces.

        Raises
        ------
        WrongUse
            Frames, evaluations and groups do not fit each other.
        BadInput
            A frame's forces, or what the potential says of it, are not finite numbers.
        """
        if not len(frames) == len(evaluations) == len(groups):
            raise WrongUse(f"{len(frames)} frames, {len(evaluations)} evaluations and {len(groups)} groups do not fit.")
        kept = [n for n, frame in enumerate(frames) if frame.forces_eV_per_A is not None]
        pairs = [(frames[n], evaluations[n]) for n in kept]
        if any(e.forces_eV_per_A.shape != f.positions.shape or len(e.embeddings) != f.n_atoms for f, e in pairs):
            raise WrongUse("An evaluation has another number of atoms than its frame.")
        for n in kept:
            require_finite(evaluations[n], f"frame {n}")
            if not np.isfinite(_forces(frames[n])).all():
                problem = "its forces are not all finite numbers."
                raise BadInput(
                    frames[n].source_file or "frames", f"frame {n}", problem, "Leave it out or mend the file."
                )
        return cls(
            identity=identity,
            embeddings=tuple(np.asarray(e.embeddings, float) for _, e in pairs),
            numbers=tuple(np.asarray(f.numbers, np.int64) for f, _ in pairs),
            force_norms=tuple(force_norms(e) for _, e in pairs),
            errors=tuple(np.linalg.norm(e.forces_eV_per_A - _forces(f), axis=1) for f, e in pairs),
            groups=tuple(groups[n] for n in kept),
            positions_in_input=tuple(kept),
        )

    @property
    def n_frames(self) -> int:
        return len(self.errors)

    @property
    def largest_errors(self) -> FloatArray:
        """Largest force error of every frame (n_frames,), eV/Å."""
        return np.array([errors.max() for errors in self.errors])

    @property
    def largest_forces(self) -> FloatArray:
        """Largest predicted force of every frame (n_frames,), eV/Å."""
        return np.array([norms.max() for norms in self.force_norms])

    def taking(self, frames: IntArray) -> "ProbeData":
        """The same data for some of the frames."""
        chosen = frames.tolist()
        return ProbeData(
            self.identity,
            tuple(self.embeddings[n] for n in chosen),
            tuple(self.numbers[n] for n in chosen),
            tuple(self.force_norms[n] for n in chosen),
            tuple(self.errors[n] for n in chosen),
            tuple(self.groups[n] for n in chosen),
            tuple(self.positions_in_input[n] for n in chosen),
        )


def require_finite(evaluation: FrameEvaluation, place: str) -> None:
    """Refuse what a broken pass gave: a model would turn it into a confident number.

    Raises
    ------
    BadInput
        No atoms, or embeddings, forces or energy that are not finite.
    """
    if not len(evaluation.embeddings):
        raise BadInput("probe", place, "it holds no atoms, so that there is nothing to judge.", "Leave it out.")
    parts = (evaluation.embeddings, evaluation.forces_eV_per_A, evaluation.energy_eV)
    if not all(np.isfinite(part).all() for part in parts):
        problem = "the potential gives embeddings, forces or an energy that are not finite."
        raise BadInput("probe", place, problem, "Leave the structure out: atoms may lie on top of each other.")


def force_norms(evaluation: FrameEvaluation) -> FloatArray:
    """Length of every atom's predicted force (n_atoms,), eV/Å."""
    return np.linalg.norm(np.asarray(evaluation.forces_eV_per_A, float), axis=1)


def _forces(frame: Frame) -> FloatArray:
    if frame.forces_eV_per_A is None:
        raise WrongUse(f"Frame {frame.ordinal} carries no forces.")
    return frame.forces_eV_per_A
