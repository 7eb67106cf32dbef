"""How far two groups of labels lie apart on the geometries that they share."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from sonde.datasets.contradictions import GeometryPair
from sonde.datasets.surfaces import disagreements, surface_of
from sonde.records.datasets import Offset
from sonde.records.frames import Frame

GROUP_TAGS = ("head", "functional", "group", "config_type", "dataset", "source_file")
"""Tags that may tell where labels come from, tried in order where the stated surfaces do not tell them apart."""
CONSTANT_WITHIN_MEV_PER_ATOM = 10.0
"""A spread beyond this is broken down by config_type."""
SMALLEST_CLASS = 2


def offsets(frames: Sequence[Frame], pairs: Iterable[GeometryPair]) -> tuple[Offset, ...]:
    """Mean and spread of the energy difference between groups, per atom, over the geometries they share.

    A pair's groups are named by the stated fields of the level of theory in which its frames differ; where none does,
    by the first tag that differs.
    Where the spread exceeds 10 meV/atom, the same for each config_type follows: a shift that is not constant cannot be
    taken off by one number.
    """
    differences: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for pair in pairs:
        if pair.relation in ("contradiction", "duplicate") and pair.energy_difference_eV is not None:
            named = group_names(frames, pair)
            if named:
                a, b = named
                per_atom = 1000 * pair.energy_difference_eV / pair.n_atoms
                config_type = str(frames[pair.first].tags.get("config_type") or "")
                swapped = a > b
                differences[(b, a) if swapped else (a, b)].append((-per_atom if swapped else per_atom, config_type))
    found: list[Offset] = []
    for (a, b), values in sorted(differences.items(), key=lambda item: -len(item[1])):
        found += _with_classes(a, b, values)
    return tuple(found)


def group_names(frames: Sequence[Frame], pair: GeometryPair) -> tuple[str, str] | None:
    """Name the groups of a pair by the level of theory, else by a tag; None where nothing tells them apart."""
    first, second = frames[pair.first], frames[pair.second]
    a, b = surface_of(first), surface_of(second)
    differing = disagreements(a, b)
    if differing:
        return ", ".join(f"{field}={a[field]}" for field in differing), ", ".join(f"{f}={b[f]}" for f in differing)
    if pair.relation != "contradiction":
        return None
    for key in GROUP_TAGS:
        x = first.source_file if key == "source_file" else first.tags.get(key)
        y = second.source_file if key == "source_file" else second.tags.get(key)
        if x is not None and y is not None and x != y:
            return f"{key}={x}", f"{key}={y}"
    return None


def _with_classes(a: str, b: str, values: Sequence[tuple[float, str]]) -> list[Offset]:
    whole = _offset(a, b, [value for value, _ in values])
    by_class: dict[str, list[float]] = defaultdict(list)
    for value, config_type in values:
        by_class[config_type].append(value)
    if whole.sd_meV_per_atom <= CONSTANT_WITHIN_MEV_PER_ATOM or len(by_class) < 2:
        return [whole]
    classes = {name: some for name, some in sorted(by_class.items()) if len(some) >= SMALLEST_CLASS}
    return [whole, *(_offset(f"{a} in {name}", f"{b} in {name}", some) for name, some in classes.items())]


def _offset(a: str, b: str, values: Sequence[float]) -> Offset:
    return Offset(a, b, len(values), float(np.mean(values)), float(np.std(values)))
