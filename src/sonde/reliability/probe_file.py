"""A probe as bytes: arrays and JSON in one .npz, without pickles."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from sonde.errors import BadInput
from sonde.records.arrays import AnyArray

FORMAT = "sonde.probe/2"


def to_bytes(state: Mapping[str, Any]) -> bytes:
    """Write a nested mapping of arrays, numbers, texts and lists."""
    arrays: dict[str, AnyArray] = {}
    header = {"format": FORMAT, "state": _without_arrays(state, "", arrays)}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def from_bytes(payload: bytes) -> dict[str, Any]:
    """Read what `to_bytes` wrote.

    Raises
    ------
    BadInput
        The bytes are no probe, or one of another format.
    """
    mend = "Fit the probe again (sonde trust fit)."
    try:
        with np.load(io.BytesIO(payload), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        header = json.loads(arrays.pop("header").tobytes())
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise BadInput("probe", None, f"its bytes cannot be read ({error}).", mend) from error
    if header.get("format") != FORMAT:
        raise BadInput("probe", None, f"its format is {header.get('format')!r}, this version reads {FORMAT!r}.", mend)
    restored = _with_arrays(header["state"], arrays)
    return dict(restored)


def _without_arrays(value: Any, place: str, arrays: dict[str, AnyArray]) -> Any:
    """The value with every array moved to `arrays` and its place left behind."""
    if isinstance(value, Mapping):
        return {key: _without_arrays(item, f"{place}/{key}", arrays) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        arrays[place] = value
        return {"array": place}
    return value.item() if isinstance(value, np.generic) else value


def _with_arrays(value: Any, arrays: Mapping[str, AnyArray]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"array"}:
            return arrays[value["array"]]
        return {key: _with_arrays(item, arrays) for key, item in value.items()}
    return value
