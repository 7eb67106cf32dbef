"""Scalars in JSON with their dotted keys."""

import json
from collections.abc import Iterator

from sonde.decisions.changes import yaml_values
from sonde.decisions.changes.values import Unreadable, Value


def values(text: str) -> Iterator[Value]:
    """Yield every scalar of a JSON text.

    JSON that json accepts is YAML once tabs are spaces (in JSON they stand between tokens only); its nodes know lines.

    Raises
    ------
    Unreadable
        Where the text is no JSON.
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError) as broken:
        raise Unreadable(str(broken)) from broken
    yield from yaml_values.values(text.replace("\t", " "))
