"""MACE potentials (arXiv:2206.07697) of mace-torch below 1.0."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sonde.errors import BadInput, WrongUse
from sonde.potentials.devices import require_device
from sonde.potentials.mace_checkpoint import default_dtype, read_model
from sonde.potentials.protocol import in_batches, is_periodic
from sonde.potentials.quiet_import import quiet_require
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, PotentialIdentity


class MacePotential:
    """A frozen MACE model.

    The embedding is made of the even scalars (0e) of every product layer, side by side: what the readouts see. Parts
    that turn with the structure are left out. Energies are summed over atoms in double precision.
    """

    def __init__(self, model: Any, identity: PotentialIdentity, *, device: str = "cpu") -> None:
        torch, neighborhood = quiet_require("torch", "mace.data.neighborhood")
        self.identity = identity
        self._neighbours = neighborhood.get_neighborhood
        self._dtype = getattr(torch, identity.dtype)
        self._device = device
        with default_dtype(self._dtype):
            self._model = model.to(device=device, dtype=self._dtype).eval()
        for parameter in self._model.parameters():
            parameter.requires_grad_(False)
        self._scalars = torch.as_tensor(scalar_columns(model), device=device)
        self._head = heads_of(model).index(identity.head) if identity.head else 0

    def evaluate(
        self, frames: Sequence[Frame], *, batch_size: int = 8, progress: Progress = SILENT
    ) -> list[FrameEvaluation]:
        """Evaluate frames; see `FrozenPotential`."""
        return in_batches(self.identity, self._evaluate_batch, frames, batch_size, progress)

    def reference_energy_eV(self, number: int) -> float | None:  # noqa: N802 - the unit
        """The tabulated energy per atom of an element (E0) of this head; None where the element is unknown."""
        if number not in self.identity.elements:
            return None
        table = np.atleast_2d(self._model.atomic_energies_fn.atomic_energies.cpu().numpy())
        return float(table[self._head, self._model.atomic_numbers.tolist().index(number)])

    def _evaluate_batch(self, frames: Sequence[Frame]) -> list[FrameEvaluation]:
        with default_dtype(self._dtype):
            out = self._model(self._graph(frames), training=False, compute_force=True, compute_stress=True)
        atomic = out["node_energy"].detach().double().cpu().numpy()
        forces = out["forces"].detach().double().cpu().numpy()
        stress = out["stress"].detach().double().cpu().numpy()
        embeddings = out["node_feats"].detach()[:, self._scalars].double().cpu().numpy()
        cuts = np.cumsum([frame.n_atoms for frame in frames])[:-1]
        parts = (np.split(array, cuts) for array in (atomic, forces, embeddings))
        return [
            FrameEvaluation(
                energy_eV=float(e.sum()),
                forces_eV_per_A=f.copy(),
                stress_eV_per_A3=0.5 * (s + s.T) if is_periodic(frame) else None,
                atomic_energies_eV=e.copy(),
                embeddings=x.copy(),
            )
            for frame, s, e, f, x in zip(frames, stress, *parts, strict=True)
        ]

    def _graph(self, frames: Sequence[Frame]) -> dict[str, Any]:
        """Frames as one disconnected graph, in the arrays that MACE's forward pass reads."""
        import torch

        r_max = self.identity.cutoff_A
        place = {number: index for index, number in enumerate(self._model.atomic_numbers.tolist())}
        edges, shifts, unit_shifts, cells = [], [], [], []
        offset = 0
        for frame in frames:
            # copies, because mace writes into the cell of open directions
            edge, shift, unit, cell = self._neighbours(
                np.array(frame.positions), r_max, tuple(bool(p) for p in frame.pbc), np.array(frame.cell, float)
            )
            edges.append(edge + offset)
            shifts.append(shift)
            unit_shifts.append(unit)
            cells.append(cell)
            offset += frame.n_atoms
        species = [place[number] for frame in frames for number in frame.numbers.tolist()]
        sizes = [frame.n_atoms for frame in frames]

        def floats(arrays: list[Any]) -> Any:
            return torch.as_tensor(np.concatenate(arrays), dtype=self._dtype, device=self._device)

        def integers(array: Any) -> Any:
            return torch.as_tensor(np.asarray(array, dtype=np.int64), device=self._device)

        return {
            "positions": floats([frame.positions for frame in frames]),
            "cell": floats(cells),
            "edge_index": integers(np.concatenate(edges, axis=1)),
            "shifts": floats(shifts),
            "unit_shifts": floats(unit_shifts),
            "node_attrs": torch.nn.functional.one_hot(integers(species), len(place)).to(self._dtype),
            "batch": integers(np.repeat(np.arange(len(frames)), sizes)),
            "ptr": integers(np.concatenate([[0], np.cumsum(sizes)])),
            "head": integers(np.full(len(frames), self._head)),
        }


def heads_of(model: Any) -> list[str]:
    """Names of a model's heads; a model from before heads has one, "Default"."""
    return list(getattr(model, "heads", None) or ["Default"])


def scalar_columns(model: Any) -> list[int]:
    """Columns of `node_feats` that hold even scalars, over all product layers.

    Taken from each layer's own irreps: the layers differ in width, and most of `node_feats` may turn with the frame.
    """
    columns: list[int] = []
    offset = 0
    for product in model.products:
        irreps = product.linear.irreps_out
        for (_, irrep), part in zip(irreps, irreps.slices(), strict=True):
            if irrep.l == 0 and irrep.p == 1:
                columns.extend(range(offset + part.start, offset + part.stop))
        offset += irreps.dim
    return columns


def load(
    checkpoint: Path | None,
    *,
    head: str | None = None,
    dtype: str = "float64",
    device: str = "cpu",
    trust_pickle: bool = False,
) -> MacePotential:
    """Load a MACE potential from a checkpoint of ours, or a trainer's pickled .model where it is trusted.

    Raises
    ------
    WrongUse : no checkpoint, an unknown precision or device, or several heads and none chosen. BadInput : not a MACE
    checkpoint. Untrusted : a pickle without `trust_pickle`.
    """
    if checkpoint is None:
        raise WrongUse("The mace adapter needs a checkpoint: --checkpoint FILE")
    if dtype not in ("float64", "float32"):
        raise WrongUse(f"MACE runs in float64 or float32, not in {dtype!r}.")
    require_device(device)
    model = read_model(checkpoint, trust_pickle=trust_pickle)
    columns = scalar_columns(model)
    r_max = float(model.r_max)
    identity = PotentialIdentity(
        adapter="mace",
        checkpoint_sha256=hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        head=_chosen_head(checkpoint, heads_of(model), head),
        dtype=dtype,
        elements=tuple(sorted(model.atomic_numbers.tolist())),
        cutoff_A=r_max,
        receptive_field_A=r_max * int(model.num_interactions),
        embedding=f"products, scalars, {len(columns)}",
    )
    return MacePotential(model, identity, device=device)


def _chosen_head(checkpoint: Path, heads: list[str], head: str | None) -> str:
    """The head asked for; mace itself would silently take the last one for a name it does not know."""
    if head is None:
        # the pretraining head of a fine-tuned model is kept for replay, and a real choice like any other
        if len(heads) > 1:
            raise WrongUse(f"{checkpoint} has several heads: choose one with --head ({', '.join(heads)}).")
        return heads[0]
    if head not in heads:
        raise BadInput(checkpoint, f"head {head!r}", "is not in the model", f"It has: {', '.join(heads)}.")
    return head
