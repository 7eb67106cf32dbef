"""Potentials by the name of their adapter: ours, and those that other packages bring by entry points."""

import importlib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, cast

from sonde.errors import BadInput, NotFound
from sonde.potentials.protocol import FrozenPotential

_OURS = {
    "mace": "sonde.potentials.mace:load",
    "chgnet": "sonde.potentials.chgnet:load",
    "linear": "sonde.potentials.linear:load",
}


class Loader(Protocol):
    """What an adapter provides: a checkpoint becomes a potential."""

    def __call__(
        self,
        checkpoint: Path | None,
        *,
        head: str | None = None,
        dtype: str = "float64",
        device: str = "cpu",
        trust_pickle: bool = False,
    ) -> FrozenPotential: ...


def adapter_names() -> list[str]:
    """Names of all adapters, those of installed plug-ins included."""
    return sorted({*_OURS, *(point.name for point in entry_points(group="sonde.potentials"))})


def loader_of(adapter: str) -> Loader:
    """Find an adapter's loader by name.

    Raises
    ------
    NotFound : no adapter has this name.
    """
    if adapter in _OURS:
        module, _, name = _OURS[adapter].partition(":")
        return cast(Loader, getattr(importlib.import_module(module), name))
    for point in entry_points(group="sonde.potentials"):
        if point.name == adapter:
            return cast(Loader, point.load())
    raise NotFound("adapter of potentials", adapter, adapter_names())


def load_potential(
    adapter: str,
    checkpoint: Path | None,
    *,
    head: str | None = None,
    dtype: str = "float64",
    device: str = "cpu",
    trust_pickle: bool = False,
) -> FrozenPotential:
    """Load a frozen potential by the name of its adapter.

    `checkpoint` may be None where the adapter ships weights (chgnet). Pickled checkpoints, which could run code, load
    only with `trust_pickle`.

    Raises
    ------
    NotFound : no adapter has this name. BadInput : the checkpoint is missing or of another kind. Untrusted : it is a
    pickle and was not trusted.
    """
    if checkpoint is not None and not checkpoint.is_file():
        raise BadInput(checkpoint, None, "there is no such file", "Give the path of a checkpoint: --checkpoint FILE.")
    return loader_of(adapter)(checkpoint, head=head, dtype=dtype, device=device, trust_pickle=trust_pickle)
