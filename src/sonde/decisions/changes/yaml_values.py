"""Scalars in YAML with their dotted keys, from the node tree: nothing is constructed, so no tag can run code."""

from collections.abc import Iterator

import yaml

from sonde.decisions.changes.units import split_unit, unit_of_comment, unit_of_key
from sonde.decisions.changes.values import Unreadable, Value

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEEPEST = 40
"""Nesting beyond which a document is made to harm."""
LONGEST_TEXT = 200
LISTED = 12
"""Items up to which a list of scalars counts as one value."""
NAMING_KEYS = ("name", "id", "key")


def values(text: str) -> Iterator[Value]:
    """Yield every scalar of a YAML text; lists of scalars are one value, items of other lists go by name or number.

    Raises
    ------
    Unreadable
        Where the text is no YAML.
    """
    lines = text.split("\n")
    try:
        documents = [node for node in yaml.compose_all(text, Loader=LOADER) if node is not None]
    except (yaml.YAMLError, RecursionError, ValueError) as broken:
        raise Unreadable(str(broken)) from broken
    for number, node in enumerate(documents):
        yield from node_values(node, str(number) if len(documents) > 1 else "", lines)


def node_values(node: yaml.Node, key: str, lines: list[str], depth: int = 0) -> Iterator[Value]:
    """Yield the scalars below a node."""
    if depth > DEEPEST:
        raise Unreadable("nested too deep")
    if isinstance(node, yaml.MappingNode):
        for name, child in _entries(node):
            yield from node_values(child, f"{key}.{name}" if key else name, lines, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        yield from _sequence(node, key, lines, depth)
    elif isinstance(node, yaml.ScalarNode) and len(node.value) <= LONGEST_TEXT and key:
        yield _value(key, node.value, node, lines)


def _entries(node: yaml.MappingNode) -> list[tuple[str, yaml.Node]]:
    """Keys and values of a mapping; what `<<` merges in stands for keys that the mapping itself lacks."""
    own, merged = dict[str, yaml.Node](), dict[str, yaml.Node]()
    for name, child in node.value:
        if getattr(name, "value", None) == "<<":
            for source in child.value if isinstance(child, yaml.SequenceNode) else [child]:
                if isinstance(source, yaml.MappingNode) and source is not node:
                    merged = {**_scalar_entries(source), **merged}
        elif isinstance(name, yaml.ScalarNode):
            own[name.value] = child
    return list({**merged, **own}.items())


def _scalar_entries(node: yaml.MappingNode) -> dict[str, yaml.Node]:
    return {name.value: child for name, child in node.value if isinstance(name, yaml.ScalarNode)}


def _sequence(node: yaml.SequenceNode, key: str, lines: list[str], depth: int) -> Iterator[Value]:
    items: list[yaml.Node] = node.value
    if all(isinstance(item, yaml.ScalarNode) for item in items) and len(items) <= LISTED:
        text = "[" + ", ".join(item.value for item in items) + "]"
        if key and len(text) <= LONGEST_TEXT:
            yield _value(key, text, node, lines)
        return
    names = [_name(item) for item in items]
    named = all(names) and len(set(names)) == len(names)
    for number, (item, name) in enumerate(zip(items, names, strict=True)):
        part = name if named and name else str(number)
        yield from node_values(item, f"{key}.{part}" if key else part, lines, depth + 1)


def _name(item: yaml.Node) -> str | None:
    """What an item of a list calls itself: its place may change when others are put in."""
    entries = _scalar_entries(item) if isinstance(item, yaml.MappingNode) else {}
    for key in NAMING_KEYS:
        if isinstance(entries.get(key), yaml.ScalarNode):
            return str(entries[key].value)
    return None


def _value(key: str, text: str, node: yaml.Node, lines: list[str]) -> Value:
    number, unit = split_unit(text)
    line = node.start_mark.line
    _, mark, comment = lines[min(node.end_mark.line, len(lines) - 1)].partition(" #")
    return Value(key, number, unit or unit_of_key(key) or (unit_of_comment(comment) if mark else None), line + 1)
