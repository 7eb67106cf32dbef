"""A linear potential, fitted in seconds: for tests, demonstrations and as a second opinion on a dataset."""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sonde.errors import BadInput, WrongUse
from sonde.potentials.linear_basis import (
    FeatureLayout,
    Graph,
    LinearSettings,
    PairBasis,
    features,
    graph_of,
    moments,
    pair_basis,
    product_moments,
)
from sonde.potentials.linear_design import solve
from sonde.potentials.protocol import in_batches, is_periodic
from sonde.progress import SILENT, Progress
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, PotentialIdentity
from sonde.reference_energies.fitted import fit_reference_energies

__all__ = ["LinearPotential", "LinearSettings", "fit_linear", "load"]

_FORMAT = "sonde.linear/1"


@dataclass(frozen=True, eq=False)
class LinearParameters:
    """Everything that the file holds.

    `constants` (n_elements,) energies, eV, of atoms without neighbours; `weights` (n_elements, width) per element of
    the centre; `mean`, `components` (width,), (embedding width, width) project scaled features onto the embedding.
    """

    settings: LinearSettings
    elements: tuple[int, ...]
    seed: int
    constants: FloatArray
    weights: FloatArray
    mean: FloatArray
    components: FloatArray


class LinearPotential:
    """Energy linear in invariant features of each atom's neighbourhood; see `linear_basis` for the features.

    payload: the file it was read from, byte for byte: versions of Python write the same arrays in other bytes, and the
    hash of the file is the identity.
    """

    def __init__(self, parameters: LinearParameters, payload: bytes | None = None) -> None:
        self.parameters = parameters
        self._layout = FeatureLayout.of(parameters.settings, len(parameters.elements))
        self._quadratic = _quadratic_weights(parameters.weights, self._layout)
        self._payload = payload or _to_bytes(parameters)
        self.identity = PotentialIdentity(
            adapter="linear",
            checkpoint_sha256=hashlib.sha256(self._payload).hexdigest(),
            head=None,
            dtype="float64",
            elements=parameters.elements,
            cutoff_A=parameters.settings.cutoff_A,
            receptive_field_A=parameters.settings.cutoff_A,
            embedding=f"features, principal components, {len(parameters.components)}",
        )

    def evaluate(
        self, frames: Sequence[Frame], *, batch_size: int = 8, progress: Progress = SILENT
    ) -> list[FrameEvaluation]:
        """Evaluate frames; see `FrozenPotential`."""
        return in_batches(self.identity, self._evaluate_batch, frames, batch_size, progress)

    def reference_energy_eV(self, number: int) -> float | None:  # noqa: N802 - the unit
        """The fitted constant of an element; None where the element is unknown."""
        elements = self.parameters.elements
        return float(self.parameters.constants[elements.index(number)]) if number in elements else None

    def save(self, path: Path) -> Path:
        """Write one .npz file without pickles; its hash is `identity.checkpoint_sha256`."""
        path.write_bytes(self._payload)
        return path

    def _evaluate_batch(self, frames: Sequence[Frame]) -> list[FrameEvaluation]:
        p = self.parameters
        graph = graph_of(frames, p.elements, p.settings.cutoff_A)
        basis = pair_basis(graph.vectors, p.settings)
        A = moments(graph, basis, len(p.elements))
        D = features(A, self._layout)
        atomic = p.constants[graph.species] + np.einsum("ad,ad->a", D, p.weights[graph.species])
        pulls = self._pair_gradients(graph, basis, A)
        forces = np.zeros((graph.n_atoms, 3))
        np.add.at(forces, graph.i, pulls)
        np.add.at(forces, graph.j, -pulls)
        embeddings = (D - p.mean) @ p.components.T
        own = [(graph.frame_of == index, graph.frame_of[graph.i] == index) for index in range(len(frames))]
        return [
            FrameEvaluation(
                energy_eV=float(atomic[atoms].sum()),
                forces_eV_per_A=forces[atoms],
                stress_eV_per_A3=_stress(frame, graph.vectors[pairs], pulls[pairs]),
                atomic_energies_eV=atomic[atoms],
                embeddings=embeddings[atoms],
            )
            for frame, (atoms, pairs) in zip(frames, own, strict=True)
        ]

    def _pair_gradients(self, graph: Graph, basis: PairBasis, A: FloatArray) -> FloatArray:
        """∂E/∂r of every pair vector: (n_pairs, 3)."""
        layout = self._layout
        slopes = np.zeros((graph.n_atoms, layout.n_elements, layout.n_radial, 10))
        linear = self.parameters.weights[:, : layout.n_linear].reshape(-1, layout.n_elements, layout.n_radial)
        slopes[..., 0] = linear[graph.species]
        a = product_moments(A, layout)
        for rank, block in enumerate(layout.ranks):
            pull = self._quadratic[rank][graph.species] @ a[..., block]
            slopes[:, :, : layout.n_product, block] += pull.reshape(
                graph.n_atoms, layout.n_elements, layout.n_product, -1
            )
        own = slopes[graph.i, graph.species[graph.j]]
        along = np.einsum("pk,pkm,pm->p", basis.slope, own, basis.angular, optimize=True)
        across = np.einsum("pk,pkm->pm", basis.radial, own)
        return along[:, None] * basis.unit + np.einsum("pm,pmc->pc", across, basis.turning)


def _quadratic_weights(weights: FloatArray, layout: FeatureLayout) -> list[FloatArray]:
    """Per rank, W with ∂E/∂A_a = Σ_b W_ab A_b: (n_elements, n_moments, n_moments)."""
    matrices = []
    for rank in range(len(layout.ranks)):
        W = weights[:, layout.product_columns(rank)].copy()
        W[:, np.arange(layout.n_moments), np.arange(layout.n_moments)] *= 2
        matrices.append(W)
    return matrices


def _stress(frame: Frame, vectors: FloatArray, gradients: FloatArray) -> FloatArray | None:
    if not is_periodic(frame):
        return None
    virial = vectors.T @ gradients
    return 0.5 * (virial + virial.T) / abs(float(np.linalg.det(frame.cell)))


def fit_linear(frames: Sequence[Frame], *, settings: LinearSettings | None = None, seed: int = 0) -> LinearPotential:
    """Fit a linear potential to the energies and forces of frames by ridge regression.

    The fit has no random part; the seed is only recorded, so that repeated fits on resampled data can be told apart.

    Raises
    ------
    WrongUse : no frame carries an energy or there are no frames.
    """
    if not frames:
        raise WrongUse("A linear potential needs at least one labelled frame; none was given.")
    settings = settings or LinearSettings()
    elements = tuple(sorted({int(number) for frame in frames for number in np.unique(frame.numbers)}))
    fitted = fit_reference_energies(frames).energies_eV
    reference = np.array([fitted.get(number, 0.0) for number in elements])
    solution = solve(frames, elements, reference, settings)
    n = len(elements)
    mean, components = _projection(solution.atoms, settings.embedding_width)
    return LinearPotential(
        LinearParameters(
            settings=settings,
            elements=elements,
            seed=seed,
            constants=reference + solution.weights[:n],
            weights=solution.weights[n:].reshape(n, -1),
            mean=mean,
            components=components,
        )
    )


def _projection(D: FloatArray, width: int) -> tuple[FloatArray, FloatArray]:
    """Principal components of the features scaled to unit variance, themselves scaled to unit variance."""
    mean, scale = D.mean(axis=0), D.std(axis=0)
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 1e-10 * (1 + np.abs(mean)))
    covariance = np.cov((D - mean) * inverse, rowvar=False, bias=True).reshape(D.shape[1], -1)
    values, vectors = np.linalg.eigh(covariance)
    kept = np.flatnonzero(values > 1e-8 * max(float(values[-1]), 1e-300))[::-1][:width]
    # the largest entry of each component is made positive: eigenvectors have no sign of their own
    leading = vectors[:, kept]
    signs = np.sign(leading[np.argmax(np.abs(leading), axis=0), np.arange(len(kept))])
    return mean, (leading * signs / np.sqrt(values[kept])).T * inverse


def _to_bytes(parameters: LinearParameters) -> bytes:
    header = {
        "format": _FORMAT,
        "settings": asdict(parameters.settings),
        "elements": list(parameters.elements),
        "seed": parameters.seed,
    }
    buffer = io.BytesIO()
    np.savez(
        buffer,
        header=np.frombuffer(json.dumps(header, sort_keys=True).encode(), dtype=np.uint8),
        constants=parameters.constants,
        weights=parameters.weights,
        mean=parameters.mean,
        components=parameters.components,
    )
    return buffer.getvalue()


def load(
    checkpoint: Path | None,
    *,
    head: str | None = None,
    dtype: str = "float64",
    device: str = "cpu",
    trust_pickle: bool = False,  # noqa: ARG001 - all adapters take it; this format holds no pickle
) -> LinearPotential:
    """Load a linear potential from its .npz file."""
    if checkpoint is None:
        raise WrongUse("The linear adapter needs a checkpoint: --checkpoint FILE.npz")
    if head is not None or dtype != "float64" or device != "cpu":
        raise WrongUse("A linear potential has no heads and runs in float64 on the CPU: leave those options out.")
    try:
        payload = checkpoint.read_bytes()
        with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
            return LinearPotential(_from_arrays(dict(arrays)), payload)
    except (ValueError, KeyError, OSError, TypeError) as broken:
        raise BadInput(
            checkpoint, None, f"is not a linear potential of sonde ({broken})", "Give the .npz that `save` wrote."
        ) from broken


def _from_arrays(arrays: dict[str, FloatArray]) -> LinearParameters:
    header = json.loads(arrays["header"].tobytes().decode())
    if header.get("format") != _FORMAT:
        raise ValueError(f"format {header.get('format')!r}, expected {_FORMAT!r}")
    return LinearParameters(
        settings=LinearSettings(**header["settings"]),
        elements=tuple(header["elements"]),
        seed=int(header["seed"]),
        constants=arrays["constants"],
        weights=arrays["weights"],
        mean=arrays["mean"],
        components=arrays["components"],
    )
