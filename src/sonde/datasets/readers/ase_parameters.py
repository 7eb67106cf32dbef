"""Parameters of an ASE calculator as flat tags, under the names that the surfaces know.

Calculators name the same setting differently: U stands in `ldau_luj` (Vasp) or in `setups` (GPAW), a cutoff in `encut`,
`mode` (GPAW) or `input_data` (Espresso).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ase.data import atomic_numbers

from sonde.datasets.readers.run_provenance import by_element
from sonde.datasets.readers.tags import tag_of
from sonde.records.frames import Tag

GPAW_U = re.compile(r":\w,\s*([\d.]+)")
"""How GPAW writes U in a setup: ":d,6.2"; the first shell counts."""
MEASURES = {"density": "kpoint_density", "size": "kpts", "spacing": "kspacing"}
RENAMED = {("mode", "ecut"): "ecut_eV", ("occupations", "name"): "smearing", ("occupations", "width"): "smearing_eV"}
RENAMED.update({("kpts", key): name for key, name in MEASURES.items()})
PER_ELEMENT = ("setups", "pseudopotentials", "ldau_luj")
DEEPEST = 3


def parameter_tags(parameters: Mapping[str, Any]) -> dict[str, Tag]:
    """Flatten parameters; settings per element become one text, "Ni:6.2, O:…"."""
    tags: dict[str, Tag] = {}
    for key, value in parameters.items():
        if key in PER_ELEMENT and isinstance(value, Mapping):
            continue
        tags.update((name, tag) for name, tag in _flat(str(key), value, DEEPEST) if tag is not None)
    return {**tags, **_hubbard(parameters), **_pseudopotentials(parameters)}


def _flat(key: str, value: Any, depth: int) -> Iterator[tuple[str, Tag]]:
    if isinstance(value, Mapping):
        for inner, item in value.items() if depth else ():
            name = RENAMED.get((key, str(inner)))
            if name is None:  # the sections of input_data carry nothing of their own
                name = str(inner) if depth < DEEPEST or key == "input_data" else f"{key}_{inner}"
            yield from _flat(name, item, depth - 1)
    elif not isinstance(value, list | tuple) or all(isinstance(item, int | float | str) for item in value):
        yield key, tag_of(value)


def _hubbard(parameters: Mapping[str, Any]) -> dict[str, Tag]:
    found: dict[str, float] = {}
    for element, setting in _elements(parameters.get("ldau_luj")):
        if isinstance(setting, Mapping) and isinstance(setting.get("U"), int | float):
            found[element] = float(setting["U"])
    for element, setting in _elements(parameters.get("setups")):
        written = GPAW_U.search(str(setting))
        if written:
            found[element] = float(written[1])
    return {"hubbard_u": by_element(found)} if found else {}


def _pseudopotentials(parameters: Mapping[str, Any]) -> dict[str, Tag]:
    for key in ("pseudopotentials", "setups"):
        found = {element: str(setting) for element, setting in _elements(parameters.get(key))}
        names = {element: GPAW_U.split(name)[0] or "paw" for element, name in found.items()}
        if names:
            return {"pseudopotential": by_element(names)}
    return {}


def _elements(settings: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(settings, Mapping):
        yield from ((key, value) for key, value in settings.items() if key in atomic_numbers)
