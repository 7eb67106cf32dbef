"""Force errors drawn from a distribution known on paper, for the tests of probes."""

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, PotentialIdentity

IDENTITY = PotentialIdentity("linear", "0" * 64, None, "float64", (3, 13), 6.0, 6.0, "synthetic, 6")
OTHER_IDENTITY = PotentialIdentity("linear", "1" * 64, None, "float64", (3, 13), 6.0, 6.0, "synthetic, 6")
FIXED_SIZE = (8, 9)


class KnownErrors:
    """|ΔF| of an atom is log-normal: location and scale are known functions of embedding, element and |F|.

    Within a frame the atoms' errors are independent, so that the probability of the largest is a product.
    """

    def __init__(self, n_frames: int, seed: int, sizes: tuple[int, int] = FIXED_SIZE) -> None:
        rng = np.random.default_rng(seed)
        self.frames: list[Frame] = []
        self.evaluations: list[FrameEvaluation] = []
        self.location: list[FloatArray] = []
        self.scale: list[FloatArray] = []
        for ordinal in range(n_frames):
            self._add(ordinal, int(rng.integers(*sizes)), rng)

    def _add(self, ordinal: int, n: int, rng: np.random.Generator) -> None:
        numbers = rng.choice([3, 13], size=n)
        embeddings = rng.normal(size=(n, 6)) + 0.5 * rng.normal(size=6)
        forces = rng.normal(size=(n, 3)) * np.exp(0.5 * rng.normal())
        location = _location(embeddings, numbers, forces)
        scale = 0.25 + 0.5 * expit(2 * embeddings[:, 1])
        directions = rng.normal(size=(n, 3))
        directions /= np.linalg.norm(directions, axis=1)[:, None]
        errors = directions * np.exp(location + scale * rng.normal(size=n))[:, None]
        lattice = np.eye(3) * (20.0 * n) ** (1 / 3)
        positions = rng.random((n, 3)) @ lattice
        self.frames.append(Frame(numbers, positions, lattice, np.ones(3, bool), 0.0, forces + errors, ordinal=ordinal))
        self.evaluations.append(FrameEvaluation(0.0, forces, None, None, embeddings))
        self.location.append(location)
        self.scale.append(scale)

    def atomic_p_within(self, frame: int, tolerance: float) -> FloatArray:
        """The true probabilities (n_atoms,)."""
        return norm.cdf((np.log(tolerance) - self.location[frame]) / self.scale[frame])

    def p_within(self, frame: int, tolerance: float) -> float:
        """The true probability that the largest error is within the tolerance."""
        return float(np.prod(self.atomic_p_within(frame, tolerance)))


def _location(embeddings: FloatArray, numbers: IntArray, forces: FloatArray) -> FloatArray:
    force = np.linalg.norm(forces, axis=1)
    return -2.0 + 0.8 * np.abs(embeddings[:, 0]) + 0.5 * np.log(force) + 0.4 * (numbers == 13)
