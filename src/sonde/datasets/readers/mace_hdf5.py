"""MACE's HDF5 files, as `mace_prepare_data` writes them, or a folder of them.

    config_batch_0/config_0/{atomic_numbers, positions, cell, pbc, weight, config_type}
                            properties/{energy, forces, stress, virials, head, total_charge, …}
                            property_weights/{energy, forces, …}

Versions before `properties` was a group keep labels and weights (`energy_weight`) beside the positions. What a
configuration lacks is the text "None", with weight 0. Units are what MACE trains on: eV of the whole cell, eV/Å, stress
in eV/Å³, positive under tension, virials in eV of the opposite sign; the file names none, so the tags say "assumed".
Which energy of smeared electrons stands there is unknown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sonde.datasets.readers.cells import checked_cell, checked_numbers, checked_positions
from sonde.datasets.readers.hdf5_members import DAMAGES, member, values
from sonde.datasets.readers.hdf5_values import MAGIC, opened_hdf5
from sonde.datasets.readers.labels import LabelDefect, take_labels
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.shards import shards
from sonde.datasets.readers.tags import tag_of
from sonde.errors import BadInput
from sonde.records.arrays import AnyArray, FloatArray
from sonde.records.frames import Frame, Tag

SUFFIXES = (".h5", ".hdf5")
FIRST_BATCH = "config_batch_0"
PROPERTIES, WEIGHTS, WEIGHT = "properties", "property_weights", "_weight"
ATOMS = frozenset(["atomic_numbers", "positions", "cell", "pbc", "weight", "config_type"])
LABELS = ("energy", "stress", "virials")
TRAINED = frozenset([*LABELS, "forces"])
STATED = ("head", "total_charge", "total_spin", "elec_temp")
"""Properties of the whole configuration that tell calculations apart."""
PROPERTY_NAMES = frozenset([*TRAINED, *STATED])
UNSTATED_TYPE = "Default"
"""MACE's config_type of a configuration that names none."""
ENERGY_CONVENTION = "assumed: total, as MACE trains on it"
STRESS_CONVENTION = "assumed: eV/Å³, positive under tension (virials: eV, the opposite), as MACE trains on it"


class MaceHdf5Reader:
    """HDF5 files of MACE's configurations, or a folder of them."""

    name = "mace_hdf5"

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell by a group `config_batch_0`; a folder by the first of the files in it."""
        if path.is_dir():
            files = shards(path, SUFFIXES)
            return bool(files) and _has_batches(files[0])
        return head.startswith(MAGIC) and _has_batches(path)

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per configuration: files by name, batches and configurations by number."""
        files = shards(path, SUFFIXES) if path.is_dir() else [path]
        if not files:
            raise Place(path).bad("the folder holds no HDF5 file", f"names end in {' or '.join(SUFFIXES)}.")
        ordinal = 0
        for file in files:
            for frame in _frames(file, ordinal):
                yield frame
                ordinal += 1


READER = MaceHdf5Reader()


def _has_batches(path: Path) -> bool:
    try:
        with opened_hdf5(path) as file:
            return FIRST_BATCH in file
    except BadInput:
        return False


def _frames(path: Path, ordinal: int) -> Iterator[Frame]:
    with opened_hdf5(path) as file:
        if FIRST_BATCH not in file:
            raise Place(path).bad(f"there is no group {FIRST_BATCH}", "is this a file of mace_prepare_data?")
        for batch, batch_name in _numbered(file, "config_batch", Place(path)):
            for configuration, name in _numbered(batch, "config", Place(path, record=batch_name)):
                yield _placed_frame(configuration, Place(path, ordinal, record=f"{batch_name}/{name}"))
                ordinal += 1


def _numbered(group: Any, stem: str, place: Place) -> Iterator[tuple[Any, str]]:
    """Yield members 0, 1, … of a group; there must be as many as it holds."""
    if not len(group):
        raise place.bad("the group is empty: it holds no configuration", "was it written completely?")
    for number in range(len(group)):
        name = f"{stem}_{number}"
        if name not in group:
            raise place.bad(f"{name} is missing among {len(group)} members", "write the file anew.")
        yield member(group, name), name


def _placed_frame(group: Any, place: Place) -> Frame:
    try:
        return _frame(_Configuration.of(group), place)
    except LabelDefect as defect:
        raise place.bad(str(defect), "mend or remove the configuration.") from defect
    except DAMAGES as damage:
        raise place.bad(f"the HDF5 file is damaged inside ({str(damage)[:300]})", "copy it again.") from damage


@dataclass(frozen=True, eq=False)
class _Configuration:
    """What the file holds of a configuration; the text "None" counts as nothing."""

    atoms: Mapping[str, Any]
    properties: Mapping[str, Any]
    weights: Mapping[str, Any]

    @classmethod
    def of(cls, group: Any) -> "_Configuration":
        atoms = _stated(group, ATOMS)
        if PROPERTIES in group:
            weights = _stated(member(group, WEIGHTS), TRAINED) if WEIGHTS in group else {}
            return cls(atoms, _stated(member(group, PROPERTIES), PROPERTY_NAMES), weights)
        weights = _stated(group, frozenset(name + WEIGHT for name in TRAINED))
        by_label = {name.removesuffix(WEIGHT): weight for name, weight in weights.items()}
        return cls(atoms, _stated(group, PROPERTY_NAMES), by_label)

    def shaped(self, name: str, shape: tuple[int, ...]) -> FloatArray:
        """Return an array of this shape, or zeros where there is no cell or pbc."""
        array = self.array(name)
        if array is None and name in ("cell", "pbc"):
            return np.zeros(shape)
        if array is None or array.shape != shape:
            raise LabelDefect(f"{name} must have shape {shape}, found {None if array is None else array.shape}")
        return array.astype(float)

    def array(self, name: str) -> AnyArray | None:
        value = self.properties[name] if name in self.properties else self.atoms.get(name)
        if value is None:
            return None
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise LabelDefect(f"{name} must hold numbers, found {array.dtype}")
        return array

    def tags(self) -> dict[str, Tag]:
        """Say what the file says beside the labels; weights only where they are not 1."""
        found = {name: self.properties[name] for name in STATED if name in self.properties}
        if self.atoms.get("config_type", UNSTATED_TYPE) != UNSTATED_TYPE:
            found["config_type"] = self.atoms["config_type"]
        weights = {"config_weight": self.atoms.get("weight", 1.0)}
        weights.update(
            (f"config_{name}{WEIGHT}", weight) for name, weight in self.weights.items() if name in self.properties
        )
        found.update((name, weight) for name, weight in weights.items() if np.any(weight != 1))
        return {key: tag_of(value) for key, value in found.items()}

    def conventions(self) -> dict[str, Tag]:
        notes: dict[str, Tag] = {"energy_convention": ENERGY_CONVENTION} if "energy" in self.properties else {}
        has_stress = "stress" in self.properties or "virials" in self.properties
        return {**notes, "stress_convention": STRESS_CONVENTION} if has_stress else notes


def _stated(group: Any, names: frozenset[str]) -> dict[str, Any]:
    found = values(group, names)
    return {name: value for name, value in found.items() if not (isinstance(value, str) and value == "None")}


def _frame(given: _Configuration, place: Place) -> Frame:
    numbers = given.array("atomic_numbers")
    if numbers is None or numbers.ndim != 1 or not len(numbers):
        raise LabelDefect("atomic_numbers must hold one number per atom")
    per_atom = (len(numbers), 3)
    cell, pbc = checked_cell(given.shaped("cell", (3, 3)), given.shaped("pbc", (3,)).astype(bool))
    forces = {"forces": given.shaped("forces", per_atom)} if "forces" in given.properties else {}
    labels = take_labels({name: given.properties[name] for name in LABELS if name in given.properties}, forces, cell)
    return Frame(
        numbers=checked_numbers(numbers),
        positions=checked_positions(given.shaped("positions", per_atom), len(numbers)),
        cell=cell,
        pbc=pbc,
        energy_eV=labels.energy_eV,
        forces_eV_per_A=labels.forces_eV_per_A,
        stress_eV_per_A3=labels.stress_eV_per_A3,
        tags={**given.tags(), **labels.notes, **given.conventions()},
        source_file=str(place.path),
        ordinal=place.frame or 0,
    )
