"""Records back from JSON: those of texts, numbers, tuples of one kind, and such records."""

from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


def record_of(kind: type[Record], told: Any) -> Record:
    """Read what `jsonable` wrote of a record; fields that it leaves out have their defaults."""
    hints = get_type_hints(kind)
    named = {field.name: hints[field.name] for field in fields(kind) if field.name in told}  # type: ignore[arg-type]
    return kind(**{name: _value(hint, told[name]) for name, hint in named.items()})


def _value(hint: Any, told: Any) -> Any:
    kind = _known(hint)
    if told is None:
        return None
    if is_dataclass(kind) and isinstance(kind, type):
        return record_of(kind, told)
    if get_origin(kind) is tuple:
        return tuple(_value(get_args(kind)[0], item) for item in told)
    return told


def _known(hint: Any) -> Any:
    """The type of a value that is not None."""
    if get_origin(hint) in (Union, UnionType):
        return next(one for one in get_args(hint) if one is not NoneType)
    return hint
