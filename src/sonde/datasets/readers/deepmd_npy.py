"""DeePMD-kit's systems: folders with `type.raw`, `type_map.raw` and the arrays of one composition in `set.*`.

    system/type.raw  type_map.raw  [nopbc]  set.000/coord.npy  box.npy  energy.npy  force.npy  virial.npy

One row per frame: Å, eV of the whole cell, eV/Å; `virial` is −dE/dε in eV, positive under compression, so that the
stress is −virial / volume (documentation of DeePMD-kit, "Data"; dpdata converts alike). Which energy of smeared
electrons stands there is not part of the format: unknown. In systems of mixed type, `real_atom_types.npy` gives the
types frame by frame, −1 for an atom that only fills up the row. With `nopbc` the box is a dummy: frame without cell, no
stress.

A folder of systems is read system by system, sorted by path, numbers by value; the tag `system` names each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sonde.datasets.readers.cells import checked_cell, checked_positions, numbers_of
from sonde.datasets.readers.labels import LabelDefect, take_labels
from sonde.datasets.readers.npy_rows import npy_rows
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.shards import natural_order
from sonde.records.arrays import AnyArray, FloatArray, IntArray
from sonde.records.frames import Frame, Tag

TYPES = "type.raw"
TYPE_MAP = "type_map.raw"
MIXED = "real_atom_types.npy"
FILLER = -1
"""Type of an atom that is none: rows of mixed systems are filled up with them."""
CLAIMED_DEPTH = 2
"""Folders below the given one in which a system is looked for, to tell whether the folder is one of DeePMD's."""
WIDTHS = {"box": 9, "energy": 1, "virial": 9}
"""Numbers per frame of the arrays whose rows do not grow with the atoms."""
ENERGY_CONVENTION = "documented: total"
STRESS_CONVENTION = "documented: −virial / volume; virial in eV, positive under compression"


class DeepmdNpyReader:
    """A system of DeePMD-kit in numpy files, of one composition or of mixed type, or a folder of systems."""

    name = "deepmd_npy"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - a folder has none
        """Tell by a `type.raw` in the folder, or in a folder at most two levels below."""
        return path.is_dir() and any(
            next(path.glob("*/" * depth + TYPES), None) is not None for depth in range(CLAIMED_DEPTH + 1)
        )

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield the frames, system by system and set by set."""
        ordinal = 0
        for folder in _system_folders(path):
            system = _System.of(folder, path)
            for place, row, arrays in _rows(system, ordinal):
                yield _placed_frame(system, arrays, row, place)
                ordinal += 1


READER = DeepmdNpyReader()


@dataclass(frozen=True, eq=False)
class _System:
    """What holds for all frames of a system."""

    folder: Path
    name: str
    types: IntArray
    symbols: Sequence[str]
    periodic: bool

    @classmethod
    def of(cls, folder: Path, root: Path) -> "_System":
        types = _types(folder / TYPES)
        symbols = _words(folder / TYPE_MAP, f"write it: the element symbols, in the order of the types in {TYPES}.")
        name = folder.relative_to(root).as_posix() if folder != root else folder.name
        return cls(folder, name, types, symbols, not (folder / "nopbc").exists())

    def numbers(self, types: IntArray) -> IntArray:
        """Turn types into atomic numbers."""
        strange = (types < 0) | (types >= len(self.symbols))
        if strange.any():
            atom = int(np.argmax(strange))
            raise LabelDefect(f"type {types[atom]} is not one of the {len(self.symbols)} in {TYPE_MAP}", atom)
        return numbers_of([self.symbols[kind] for kind in types])


def _system_folders(root: Path) -> list[Path]:
    """List the folders that hold a `type.raw`, at any depth, each once; links are followed."""
    found: list[Path] = []
    ahead, seen = [root], set()
    while ahead:
        folder = ahead.pop(0)
        if folder.resolve() in seen:
            continue
        seen.add(folder.resolve())
        if (folder / TYPES).is_file():
            found.append(folder)
        else:
            ahead += sorted(child for child in folder.iterdir() if child.is_dir())
    if not found:
        raise Place(root).bad(f"no folder with a {TYPES} is in it", "name the folder of a DeePMD system.")
    return sorted(found, key=lambda folder: natural_order(folder.relative_to(root).as_posix()))


def _words(path: Path, mend: str) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except FileNotFoundError as missing:
        raise Place(path).bad("there is no such file: which elements the types are is not known", mend) from missing
    except UnicodeDecodeError as wrong:
        raise Place(path).bad("the file is not text", "copy it again.") from wrong


def _types(path: Path) -> IntArray:
    words = _words(path, "copy the folder again.")
    if not words:
        raise Place(path).bad("the file is empty", "was it written completely?")
    try:
        return np.array(words, np.int64)
    except (ValueError, OverflowError) as wrong:
        raise Place(path).bad(f"the types of the atoms must be whole numbers ({wrong})", "mend the file.") from wrong


def _rows(system: _System, ordinal: int) -> Iterator[tuple[Place, int, dict[str, AnyArray]]]:
    """Yield the place of each frame, its row in the arrays of its set, and these."""
    sets = sorted(system.folder.glob("set.*"), key=lambda folder: natural_order(folder.name))
    if not sets:
        raise Place(system.folder).bad("the system holds no folder set.*", "raw text: run raw_to_set.sh on it first.")
    for folder in sets:
        arrays = _arrays(folder, system)
        for row in range(len(arrays["coord"])):
            yield Place(folder, ordinal, record=f"row {row}"), row, arrays
            ordinal += 1


def _arrays(folder: Path, system: _System) -> dict[str, AnyArray]:
    """Map the arrays of a set, by the names of their files; labels that have no file are left out."""
    n_atoms = len(system.types)
    arrays = {"coord": npy_rows(folder / "coord.npy", 3 * n_atoms)}
    n_frames = len(arrays["coord"])
    if n_frames == 0:
        raise Place(folder / "coord.npy").bad("the set holds no frame", "was it written completely?")
    if system.periodic and not (folder / "box.npy").exists():
        raise Place(folder / "box.npy").bad("there is no such file", "create a file nopbc, if nothing is periodic.")
    widths = {"force": 3 * n_atoms, **WIDTHS, "real_atom_types": n_atoms}
    for name, width in widths.items():
        path = folder / f"{name}.npy"
        if path.exists():
            arrays[name] = npy_rows(path, width, n_frames)
    return arrays


def _placed_frame(system: _System, arrays: Mapping[str, AnyArray], row: int, place: Place) -> Frame:
    try:
        return _frame(system, {name: array[row] for name, array in arrays.items()}, place)
    except LabelDefect as defect:
        raise place.bad(str(defect), "mend or remove the frame.") from defect


def _frame(system: _System, given: Mapping[str, AnyArray], place: Place) -> Frame:
    types = np.asarray(given.get("real_atom_types", system.types)).astype(np.int64)
    real = types != FILLER
    if not real.any():
        raise LabelDefect("the row holds no atoms")
    cell, pbc = _cell(system, given)
    virial = {"virial": given["virial"]} if system.periodic and "virial" in given else {}
    forces = {"force": given["force"].reshape(-1, 3)[real]} if "force" in given else {}
    info = {"energy": float(given["energy"][0]), **virial} if "energy" in given else virial
    labels = take_labels(info, forces, cell)
    return Frame(
        numbers=system.numbers(types[real]),
        positions=checked_positions(given["coord"].reshape(-1, 3)[real].astype(float), int(real.sum())),
        cell=cell,
        pbc=pbc,
        energy_eV=labels.energy_eV,
        forces_eV_per_A=labels.forces_eV_per_A,
        stress_eV_per_A3=labels.stress_eV_per_A3,
        tags={"system": system.name, **_conventions(system, given)},
        source_file=str(place.path),
        ordinal=place.frame or 0,
    )


def _cell(system: _System, given: Mapping[str, AnyArray]) -> tuple[FloatArray, AnyArray]:
    if not system.periodic:
        return np.zeros((3, 3)), np.zeros(3, bool)
    cell, pbc = checked_cell(given["box"].reshape(3, 3).astype(float), np.ones(3, bool))
    if not pbc.all():
        raise LabelDefect("the box is zero in a system without the file nopbc")
    return cell, pbc


def _conventions(system: _System, given: Mapping[str, AnyArray]) -> dict[str, Tag]:
    notes: dict[str, Tag] = {"energy_convention": ENERGY_CONVENTION} if "energy" in given else {}
    if "virial" in given:
        notes["stress_convention"] = STRESS_CONVENTION if system.periodic else "not taken: nopbc, the box is a dummy"
    return notes
