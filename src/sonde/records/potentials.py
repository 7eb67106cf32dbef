"""What a frozen potential is and what it says of frames."""

from collections.abc import Mapping
from dataclasses import dataclass

from sonde.records.arrays import FloatArray


@dataclass(frozen=True)
class PotentialIdentity:
    """The fingerprint that probes and stored embeddings are bound to."""

    adapter: str
    checkpoint_sha256: str
    head: str | None
    dtype: str
    elements: tuple[int, ...]
    cutoff_A: float
    receptive_field_A: float
    embedding: str
    """Which layer's invariants the embedding is, with its width: "products, scalars, 32"."""


@dataclass(frozen=True, eq=False)
class FrameEvaluation:
    """One frame's result, all of it from one forward pass.

    energy_eV is the total; forces (n_atoms, 3); stress (3, 3), positive under tension, None without a periodic cell;
    atomic_energies_eV (n_atoms,) or None, with the isolated-atom part; embeddings (n_atoms, width), invariant under
    rotation, translation and permutation.
    """

    energy_eV: float
    forces_eV_per_A: FloatArray
    stress_eV_per_A3: FloatArray | None
    atomic_energies_eV: FloatArray | None
    embeddings: FloatArray


@dataclass(frozen=True)
class ForceResiduals:
    """How far predictions are from the labels of a set of frames."""

    n_frames: int
    n_atoms: int
    force_rmse_eV_per_A: float | None
    """Root mean square over components."""
    force_mae_eV_per_A: float | None
    """Mean absolute over components."""
    energy_rmse_meV_per_atom: float | None
    energy_offset_meV_per_atom: float | None


@dataclass(frozen=True)
class RegisteredPotential:
    """A potential as the project knows it."""

    name: str
    identity: PotentialIdentity
    checkpoint: str
    trained_on: str | None
    trained_at: str | None
    """ISO-8601 date or full commit id, as given."""
    residuals: ForceResiduals | None
    """On the training dataset, measured when the potential was registered."""
    reference_energies_eV: Mapping[int, float | None]
    trust_pickle: bool
    energy_label: str = "REF_energy"
