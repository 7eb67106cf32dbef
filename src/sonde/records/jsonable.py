"""From records to JSON: unknown is null, never NaN; times are ISO-8601 UTC; arrays are lists."""

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any


def jsonable(value: Any) -> Any:
    """Turn a record, however nested, into what `json.dumps` takes."""
    if is_dataclass(value) and not isinstance(value, type):
        named = {f.name: jsonable(getattr(value, f.name)) for f in fields(value) if f.metadata.get("json", True)}
        schema = getattr(value, "SCHEMA", None)
        return {"schema": schema, **named} if schema else named
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    return jsonable(value.tolist()) if _is_of_numpy(value) else _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _is_of_numpy(value: Any) -> bool:
    """Whether it is an array or a number of numpy's; where nobody loaded numpy it is not."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray | numpy.generic)


def to_json(record: Any) -> str:
    """Write a record as indented JSON text."""
    return json.dumps(jsonable(record), indent=2, ensure_ascii=False, allow_nan=False)
