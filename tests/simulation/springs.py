"""A harmonic dimer: the dynamics are known on paper."""

from collections.abc import Sequence

import numpy as np

from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, PotentialIdentity

STIFFNESS_EV_PER_A2 = 10.0
LENGTH_A = 2.0


class Spring:
    """E = ½ k (r − r₀)² between two atoms: a vibration of ω = √(k/μ)."""

    identity = PotentialIdentity("spring", "0" * 64, None, "float64", (18,), 5.0, 5.0, "distance, 1")

    def reference_energy_eV(self, number: int) -> float | None:  # noqa: N802, ARG002 - the unit
        return 0.0

    def evaluate(
        self,
        frames: Sequence[Frame],
        *,
        batch_size: int = 8,  # noqa: ARG002
        progress: Progress = SILENT,  # noqa: ARG002
    ) -> list[FrameEvaluation]:
        return [self._one(frame) for frame in frames]

    def _one(self, frame: Frame) -> FrameEvaluation:
        bond = frame.positions[1] - frame.positions[0]
        r = float(np.linalg.norm(bond))
        pull = STIFFNESS_EV_PER_A2 * (r - LENGTH_A) * bond / r
        energy = 0.5 * STIFFNESS_EV_PER_A2 * (r - LENGTH_A) ** 2
        return FrameEvaluation(energy, np.array([pull, -pull]), None, np.full(2, energy / 2), np.full((2, 1), r))


def dimer(r: float = LENGTH_A) -> Frame:
    return Frame(np.array([18, 18]), np.array([[0.0, 0, 0], [0, 0, r]]), np.zeros((3, 3)), np.zeros(3, bool))


def period_fs() -> float:
    """2π √(μ/k) for argon."""
    from ase import units
    from ase.data import atomic_masses

    return float(2 * np.pi * np.sqrt(atomic_masses[18] / 2 / STIFFNESS_EV_PER_A2) / units.fs)
