"""CHGNet (doi:10.1038/s42256-023-00716-3), a universal potential whose weights come with its package."""

import contextlib
import hashlib
import io
import pickle
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from sonde.errors import BadInput, Untrusted, WrongUse
from sonde.potentials.devices import require_device
from sonde.potentials.protocol import in_batches, is_periodic
from sonde.potentials.quiet_import import quiet_require
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, PotentialIdentity

_EV_PER_A3_IN_GPA = 160.21766208
"""The factor that CHGNet itself multiplies stress with."""
_WEIGHTS = "pretrained/0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar"
_NOT_TRAINED = {84, 85, 86, 87, 88}
"""Po, At, Rn, Fr, Ra: CHGNet has rows for 94 elements, its training set (MPtrj) holds the other 89."""


class ChgnetPotential:
    """A frozen CHGNet model.

    The embedding is the atom features after the last convolution (and its norm), from which the energy is read; they
    are taken by a hook from the same pass. Magnetic moments are not asked for. The packaged converter works in single
    precision; for float64 the coordinates of its graphs are replaced by those of the frame.
    """

    def __init__(self, model: Any, identity: PotentialIdentity, *, device: str = "cpu") -> None:
        import torch

        self.identity = identity
        self._dtype = getattr(torch, identity.dtype)
        self._device = device
        self._model = model.to(device=device, dtype=self._dtype).eval()
        # the composition table counts atoms in single precision, whatever the rest does
        self._model.composition_model.float()
        self._model.graph_converter.on_isolated_atoms = "ignore"
        for parameter in self._model.parameters():
            parameter.requires_grad_(False)

    def evaluate(
        self, frames: Sequence[Frame], *, batch_size: int = 8, progress: Progress = SILENT
    ) -> list[FrameEvaluation]:
        """Evaluate frames; see `FrozenPotential`."""
        return in_batches(self.identity, self._evaluate_batch, frames, batch_size, progress)

    def reference_energy_eV(self, number: int) -> float | None:  # noqa: N802 - the unit
        """The entry of the composition table; None where the element was not trained on."""
        if number not in self.identity.elements:
            return None
        return float(self._model.composition_model.fc.weight[0, number - 1])

    def _evaluate_batch(self, frames: Sequence[Frame]) -> list[FrameEvaluation]:
        graphs = [self._graph(frame) for frame in frames]
        features: list[Any] = []
        last = self._model.readout_norm or self._model.atom_conv_layers[-1]
        hook = last.register_forward_hook(lambda _module, _inputs, output: features.append(output))
        try:
            with warnings.catch_warnings():
                # CHGNet turns volumes that carry gradients into numbers, once per batch
                warnings.filterwarnings("ignore", message="Converting a tensor with requires_grad")
                out = self._model(graphs, task="efs", return_site_energies=True)
        finally:
            hook.remove()
        cuts = np.cumsum([frame.n_atoms for frame in frames])[:-1]
        embeddings = np.split(_numbers(features[0]), cuts)
        results = []
        for index, frame in enumerate(frames):
            atomic = _numbers(out["site_energies"][index])
            stress = _numbers(out["s"][index]) / _EV_PER_A3_IN_GPA
            results.append(
                FrameEvaluation(
                    energy_eV=float(atomic.sum()),
                    forces_eV_per_A=_numbers(out["f"][index]),
                    stress_eV_per_A3=0.5 * (stress + stress.T) if is_periodic(frame) else None,
                    atomic_energies_eV=atomic,
                    embeddings=embeddings[index].copy(),
                )
            )
        return results

    def _graph(self, frame: Frame) -> Any:
        from pymatgen.core import Structure  # comes with chgnet

        atoms = Atoms(numbers=frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc)
        open_axes = np.flatnonzero(~np.asarray(frame.pbc, bool))
        if len(open_axes):
            # an image further away than the cutoff is no neighbour: the same result as without images
            atoms.center(vacuum=self.identity.cutoff_A, axis=tuple(int(axis) for axis in open_axes))
        fractional = np.linalg.solve(np.array(atoms.cell).T, atoms.positions.T).T
        structure = Structure(np.array(atoms.cell), atoms.numbers, fractional)
        graph = self._model.graph_converter(structure).to(self._device)
        graph.atom_frac_coord = self._tensor(structure.frac_coords)
        graph.lattice = self._tensor(structure.lattice.matrix)
        graph.neighbor_image = graph.neighbor_image.to(self._dtype)
        if not len(graph.atom_graph):
            raise BadInput(
                frame.source_file or "frames",
                f"frame {frame.ordinal}",
                f"no atom has a neighbour within {self.identity.cutoff_A} Å, which CHGNet cannot evaluate",
                "Leave the frame out.",
            )
        return graph

    def _tensor(self, array: Any) -> Any:
        import torch

        return torch.tensor(np.asarray(array), dtype=self._dtype, device=self._device, requires_grad=True)


def _numbers(tensor: Any) -> Any:
    return tensor.detach().double().cpu().numpy()


def load(
    checkpoint: Path | None,
    *,
    head: str | None = None,
    dtype: str = "float64",
    device: str = "cpu",
    trust_pickle: bool = False,
) -> ChgnetPotential:
    """Load CHGNet: version 0.3.0 of its package without a checkpoint, or a .pth.tar that its trainer wrote.

    Raises
    ------
    WrongUse : a head, another precision or no such device. BadInput : not a CHGNet checkpoint. Untrusted : more than
    tensors in the file, without `trust_pickle`.
    """
    if head is not None:
        raise WrongUse("CHGNet has no heads: leave --head out.")
    if dtype not in ("float64", "float32"):
        raise WrongUse(f"CHGNet runs in float64 or float32, not in {dtype!r}.")
    require_device(device)
    path = _packaged_weights() if checkpoint is None else checkpoint
    model = _model_of(path, _state(path, trust_pickle=trust_pickle))
    cutoff = float(model.graph_converter.atom_graph_cutoff)
    width = int(model.model_args["atom_fea_dim"])
    identity = PotentialIdentity(
        adapter="chgnet",
        checkpoint_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        head=None,
        dtype=dtype,
        elements=tuple(z for z in range(1, 95) if z not in _NOT_TRAINED),
        cutoff_A=cutoff,
        receptive_field_A=cutoff * int(model.n_conv),
        embedding=f"atom features after the last convolution, {width}",
    )
    return ChgnetPotential(model, identity, device=device)


def _packaged_weights() -> Path:
    quiet_require("chgnet")
    spec = find_spec("chgnet")
    assert spec is not None  # just imported
    assert spec.origin is not None  # a package with an __init__ has one
    return Path(spec.origin).parent / _WEIGHTS


def _state(path: Path, *, trust_pickle: bool) -> dict[str, Any]:
    (torch,) = quiet_require("torch")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as refused:
        if not trust_pickle:
            raise Untrusted(
                f"{path} holds more than tensors, or is no checkpoint: loading it can run any code it holds.\n"
                "  If you know where it comes from, add --trust-pickle."
            ) from refused
        content = torch.load(path, map_location="cpu", weights_only=False)
    except (RuntimeError, EOFError, ValueError, KeyError) as broken:
        raise _not_chgnet(path, str(broken).splitlines()[0][:80]) from broken
    state = content.get("model", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not {"state_dict", "model_args"} <= set(state):
        raise _not_chgnet(path, "it holds no state_dict with model_args")
    return state


def _model_of(path: Path, state: dict[str, Any]) -> Any:
    (models,) = quiet_require("chgnet.model.model")
    # version 0.2.0 has biases that later ones left out; the package tells them apart by name, we by what is there
    biased = any(name.endswith("mlp_out.layers.1.bias") for name in state["state_dict"])
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints how many parameters it has
            model = models.CHGNet.from_dict(dict(state), mlp_out_bias=biased)
    except (RuntimeError, TypeError, KeyError) as broken:
        raise _not_chgnet(path, str(broken).splitlines()[0][:80]) from broken
    if not model.mlp_first:
        raise _not_chgnet(path, "it reads the energy from the whole crystal, so that atoms have none")
    return model


def _not_chgnet(path: Path, why: str) -> BadInput:
    return BadInput(
        path, None, f"is not a CHGNet checkpoint: {why}", "Leave --checkpoint out for the weights of its package."
    )
