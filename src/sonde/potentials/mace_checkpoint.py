"""MACE checkpoints without pickled code: a configuration in JSON and a dictionary of tensors, in one file."""

import contextlib
import json
import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sonde.errors import BadInput, Untrusted
from sonde.potentials.quiet_import import quiet_require

FORMAT = "sonde.mace/1"
_IRREPS = ("hidden_irreps", "MLP_irreps", "edge_irreps")
_CLASSES = ("interaction_cls", "interaction_cls_first", "readout_cls")
_ARRAYS = ("atomic_energies", "atomic_inter_scale", "atomic_inter_shift")
_GATES = {"silu": "silu", "tanh": "tanh", "abs": "abs"}


@contextlib.contextmanager
def default_dtype(dtype: Any) -> Iterator[None]:
    """Let torch make tensors of this type for a while: mace takes the process-wide default in places."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def to_portable(model: Any, training: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Describe a ScaleShiftMACE so that it can be rebuilt without unpickling it.

    Raises
    ------
    BadInput : the model is of another kind, or holds parts that the description would lose.
    """
    (extraction,) = quiet_require("mace.tools.scripts_utils")
    if type(model).__name__ != "ScaleShiftMACE":
        raise BadInput(
            type(model).__name__, None, "is not a ScaleShiftMACE model", "Train with --model ScaleShiftMACE."
        )
    config = extraction.extract_config_mace_model(model)
    for key in ("cueq_config", "embedding_specs"):
        if config.pop(key, None) is not None:
            raise BadInput("model", key, "cannot be described in a portable checkpoint", "Train without this option.")
    plain = {key: _plain(key, value) for key, value in config.items()}
    state = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
    return {
        "format": FORMAT,
        "config": json.dumps(plain, sort_keys=True),
        "training": json.dumps(dict(training or {}), sort_keys=True),
        "state_dict": state,
    }


def _plain(key: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if key in _IRREPS:
        return str(value)
    if key in _CLASSES:
        return str(value.__name__)
    if key == "gate":
        return _gate_name(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return list(value)


def _gate_name(gate: Any) -> str:
    name = getattr(gate, "__name__", str(gate))
    if name not in _GATES:
        raise BadInput("model", "gate", f"is {name!r}, which is not known", f"Use one of {', '.join(_GATES)}.")
    return _GATES[name]


def from_portable(payload: Mapping[str, Any]) -> Any:
    """Rebuild the model in the precision of its tensors.

    Raises
    ------
    KeyError, ValueError, RuntimeError : the description and the tensors do not belong together.
    """
    state = payload["state_dict"]
    model = build_model(json.loads(payload["config"]), state["r_max"].dtype)
    model.load_state_dict(state, strict=True)
    return model


def build_model(description: Mapping[str, Any], dtype: Any) -> Any:
    """Make a ScaleShiftMACE with random weights from its description in plain values."""
    torch, modules = quiet_require("torch", "mace.modules")
    from e3nn import o3  # comes with mace

    config = dict(description)
    for key in _IRREPS:
        config[key] = None if config.get(key) is None else o3.Irreps(config[key])
    for key in _CLASSES:
        config[key] = _block(modules, config[key])
    for key in _ARRAYS:
        config[key] = np.array(config[key])
    gates = {"silu": torch.nn.functional.silu, "tanh": torch.tanh, "abs": torch.abs, None: None}
    config["gate"] = gates[config["gate"]]
    config["distance_transform"] = config["distance_transform"] or "None"
    with default_dtype(dtype), warnings.catch_warnings():
        # torch complains about annotations inside e3nn, once per block
        warnings.filterwarnings("ignore", message="The TorchScript type system", category=UserWarning)
        return modules.ScaleShiftMACE(**config)


def _block(modules: Any, name: str) -> Any:
    """Find a block of mace by name, and nothing else of that module."""
    block = getattr(modules, name, None) or getattr(modules.blocks, name, None)
    if not (isinstance(block, type) and name.endswith("Block")):
        raise ValueError(f"mace has no block called {name!r}")
    return block


def save_portable(model: Any, path: Path, training: Mapping[str, Any] | None = None) -> Path:
    """Write the portable checkpoint of a model."""
    import torch

    torch.save(to_portable(model, training), path)
    return path


def read_model(path: Path, *, trust_pickle: bool) -> Any:
    """Load a MACE model: a portable checkpoint, or a trainer's pickle where the user trusts it.

    Raises
    ------
    Untrusted : the file is a pickle that could run code. BadInput : it is no MACE checkpoint.
    """
    (torch,) = quiet_require("torch")
    try:
        payload = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as refused:
        if not _looks_pickled(path):
            raise _not_mace(path, "it is not a file of torch") from refused
        if not trust_pickle:
            raise Untrusted(
                f"{path} is a pickled model: loading it can run any code it holds.\n"
                "  If you know where it comes from, add --trust-pickle."
            ) from refused
        return _unpickled(path)
    except (RuntimeError, EOFError, ValueError, KeyError) as broken:
        raise _not_mace(path, f"torch cannot read it ({str(broken).splitlines()[0][:80]})") from broken
    if not isinstance(payload, dict) or payload.get("format") != FORMAT:
        raise _not_mace(path, f"it holds {_kind(payload)} without the format {FORMAT!r}")
    quiet_require("mace.modules")
    try:
        return from_portable(payload)
    except (KeyError, ValueError, RuntimeError, TypeError) as broken:
        raise _not_mace(path, f"its parts do not fit ({str(broken).splitlines()[0][:80]})") from broken


def _looks_pickled(path: Path) -> bool:
    """Say whether a file is a pickle, alone or in the archive that torch writes."""
    with path.open("rb") as stream:
        return stream.read(1) == b"\x80" or zipfile.is_zipfile(path)


def _unpickled(path: Path) -> Any:
    quiet_require("mace.modules")
    (torch,) = quiet_require("torch")
    try:
        model = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as broken:
        # a pickle can fail in any way that the code it names can
        raise _not_mace(path, f"unpickling failed ({type(broken).__name__}: {broken})") from broken
    if type(model).__name__ not in ("MACE", "ScaleShiftMACE"):
        raise _not_mace(path, f"it holds {_kind(model)}")
    return model


def _kind(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__name__}"


def _not_mace(path: Path, why: str) -> BadInput:
    return BadInput(
        path, None, f"is not a MACE checkpoint: {why}", "Give a checkpoint of sonde or of mace_run_train (.model)."
    )
