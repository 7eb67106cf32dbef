"""A row of an ASE database as a frame, whichever file it lies in: SQLite, JSON or LMDB.

Units are ASE's: eV, eV/Å, stress in eV/Å³, positive under tension, xx yy zz yz xz xy. `energy` is extrapolated to no
smearing by ASE's definition and `free_energy` is what forces derive from; where both stand and differ, the tag
`energy_kind` says which was taken. Key-value pairs, and what MACE and fairchem keep under `data` (`__info__`,
`__arrays__`), count as in extended xyz: `REF_energy` before `energy`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sonde.datasets.readers.ase_parameters import parameter_tags
from sonde.datasets.readers.cells import checked_cell, checked_numbers, checked_positions
from sonde.datasets.readers.labels import LABEL_KEYS, LabelDefect, take_labels
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.run_provenance import EnergyKind
from sonde.datasets.readers.structures_json import MISBUILT, misbuilt
from sonde.datasets.readers.tags import column_tags, tag_of
from sonde.records.arrays import AnyArray
from sonde.records.frames import Frame, Tag

RESULTS = ("energy", "free_energy", "stress")
NUMERIC_KINDS = frozenset("biuf")
LONGEST_TAG = 32
"""Items of a list that may become a tag."""
NO_CALCULATOR = frozenset(["unknown", "none", ""])


def placed_frame(row: Mapping[str, Any], place: Place) -> Frame:
    """Turn a row into a frame.

    Parameters
    ----------
    row : what ASE keeps of atoms and calculator under its own keys, beside `key_value_pairs` and `data`; arrays as
        arrays, lists, or {"__ndarray__": [shape, dtype, flat list]}.

    Raises
    ------
    BadInput : naming the place.
    """
    try:
        return _frame(row, place)
    except LabelDefect as defect:
        raise place.bad(str(defect), "mend or delete the row.") from defect
    except (*MISBUILT, RecursionError, MemoryError) as wrong:
        raise place.bad(misbuilt(wrong), "mend or delete the row.") from wrong


def array_of(value: Any) -> Any:
    """Return an array that was written as {"__ndarray__": …} or within a cell object; anything else as it is."""
    if not isinstance(value, Mapping):
        return value
    if "array" in value:
        return array_of(value["array"])
    if "__ndarray__" not in value:
        return value
    shape, dtype, flat = value["__ndarray__"]
    if np.dtype(str(dtype)).kind not in NUMERIC_KINDS:  # text of a given width, or objects: not for a label
        return flat
    return np.asarray(flat, np.dtype(str(dtype))).reshape([int(length) for length in shape])


def _frame(row: Mapping[str, Any], place: Place) -> Frame:
    numbers = np.asarray(array_of(row.get("numbers", ())))
    if numbers.ndim != 1 or not len(numbers):
        raise LabelDefect("the row holds no atoms; it may have been reserved for a run that never ended")
    cell, pbc = checked_cell(_shaped(row.get("cell"), (3, 3)), _shaped(row.get("pbc"), (3,)).astype(bool))
    info, columns = _info(row), _columns(row)
    labels = take_labels(info, columns, cell)
    stated: dict[str, Tag] = {key: tag_of(value) for key, value in info.items() if _is_tag(key, value, labels.used)}
    tags = {**_row_tags(row), **stated, **column_tags(columns, stated), **labels.notes}
    return Frame(
        numbers=checked_numbers(numbers),
        positions=checked_positions(np.asarray(array_of(row.get("positions")), float), len(numbers)),
        cell=cell,
        pbc=pbc,
        energy_eV=labels.energy_eV,
        forces_eV_per_A=_checked_length(labels.forces_eV_per_A, len(numbers)),
        stress_eV_per_A3=labels.stress_eV_per_A3,
        tags={**tags, **_energy_kind(row)},
        source_file=str(place.path),
        ordinal=place.frame or 0,
    )


def _shaped(value: Any, shape: tuple[int, ...]) -> AnyArray:
    if value is None:
        return np.zeros(shape)
    array = np.asarray(array_of(value), float)
    if array.shape != shape:
        raise LabelDefect(f"cell and pbc must have shapes (3, 3) and (3,), found {array.shape}")
    return array


def _checked_length(forces: Any, n_atoms: int) -> Any:
    if forces is not None and len(forces) != n_atoms:
        raise LabelDefect(f"forces must have shape ({n_atoms}, 3), found {forces.shape}")
    return forces


def _info(row: Mapping[str, Any]) -> dict[str, Any]:
    """Collect what the row says of the whole cell; the calculator's own results count last."""
    data = _mapping(row.get("data"))
    found = {**data, **_mapping(data.get("__info__")), **_mapping(row.get("key_value_pairs"))}
    found.pop("__info__", None)
    found.pop("__arrays__", None)
    found.update({key: row[key] for key in RESULTS if row.get(key) is not None})
    return {str(key): array_of(value) for key, value in found.items()}


def _columns(row: Mapping[str, Any]) -> dict[str, Any]:
    arrays = _mapping(_mapping(row.get("data")).get("__arrays__"))
    found = {**arrays, **{key: row[key] for key in ("forces", "magmoms") if row.get(key) is not None}}
    return {str(key): array_of(value) for key, value in found.items()}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_tag(key: str, value: Any, used: frozenset[str]) -> bool:
    """Keep single values, text and short lists; a label that was passed over only where it is an energy."""
    if key in used or (key.lower() in LABEL_KEYS and np.ndim(value)):
        return False
    if isinstance(value, Mapping):
        return False
    return np.ndim(value) == 0 or (np.ndim(value) == 1 and 0 < len(value) <= LONGEST_TAG)


def _row_tags(row: Mapping[str, Any]) -> dict[str, Tag]:
    """Say which row this is, and which calculator with which parameters made its labels."""
    tags: dict[str, Tag] = {"row_id": tag_of(row.get("id")), "unique_id": tag_of(row.get("unique_id"))}
    calculator = row.get("calculator")
    if isinstance(calculator, str) and calculator.lower() not in NO_CALCULATOR:
        tags["code"] = calculator
    tags.update(parameter_tags(_mapping(row.get("calculator_parameters"))))
    return {key: value for key, value in tags.items() if value is not None}


def _energy_kind(row: Mapping[str, Any]) -> dict[str, Tag]:
    """Say which of ASE's two energies was taken, where the row tells them apart."""
    energy, free = row.get("energy"), row.get("free_energy")
    if energy is None or free is None:
        return {} if energy is not None or free is None else {"energy_kind": str(EnergyKind.FREE)}
    return {"energy_kind": str(EnergyKind.SIGMA_TO_ZERO)} if abs(energy - free) > 1e-6 else {}
