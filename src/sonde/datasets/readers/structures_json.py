"""JSON lists of records with a pymatgen structure: training sets, MatPES, computed entries.

A record is a dict with `structure` and, at its top level or under `outputs`/`output`, `energy` (eV, total),
`forces` (eV/Å) and `stress` (kbar, VASP's sign: positive = compression; here −0.1 GPa each). A bare structure dict is a
record without labels.

Order of six stress components: VASP prints xx yy zz xy yz zx, and that is what is taken unless the record is one of
MatPES, which documents xx yy zz yz xz xy. Why: `nbmotaw` does not state it, and its own data decide. Over the 121
strained cells of each element the shear strains yz, xz, xy correlate with components 4, 5, 3 (counted from 0) at −0.93
to −1.00, and with no other (see tests). The tag `stress_order` says what was assumed.
"""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase.units import GPa

from sonde.datasets.readers.cells import checked_cell, checked_positions, numbers_of
from sonde.datasets.readers.compression import head_of, opened
from sonde.datasets.readers.json_stream import json_values
from sonde.datasets.readers.labels import LabelDefect, finite_rows, full_tensor
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.record_tags import record_tags
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.frames import Frame, Tag

VASP_STRESS_TO_EV_PER_A3 = -0.1 * GPa
"""kbar, positive under compression → eV/Å³, positive under tension."""
VASP_ORDER = "xx yy zz xy yz zx"
VOIGT_ORDER = "xx yy zz yz xz xy"
OUTPUTS = ("outputs", "output")


class StructuresJsonReader:
    """JSON lists, JSON lines or single records with pymatgen structures."""

    name = "structures_json"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content decides
        """Tell by the first character."""
        return head.lstrip()[:1] in (b"[", b"{")

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per record."""
        head_of(path)
        count = 0
        with opened(path) as handle, io.TextIOWrapper(handle, encoding="utf-8") as text:
            for record, place in json_values(text, path):
                yield _placed_frame(record, place)
                count += 1
        if not count:
            raise Place(path).bad("the file is empty: it holds no record", "was it written completely?")


READER = StructuresJsonReader()


def _placed_frame(record: Any, place: Place) -> Frame:
    try:
        return _frame(record, place)
    except LabelDefect as defect:
        raise place.bad(str(defect), "mend or remove the record.") from defect


def _frame(record: Any, place: Place) -> Frame:
    structure = _structure(record)
    labels = next((record[key] for key in OUTPUTS if isinstance(record.get(key), Mapping)), record)
    cell, pbc = checked_cell(*_lattice(structure))
    numbers = numbers_of(_symbols(structure["sites"]))
    _check_count(record, len(numbers))
    stress, order = _stress(labels.get("stress"), record)
    return Frame(
        numbers=numbers,
        positions=checked_positions(_positions(structure["sites"], cell), len(numbers)),
        cell=cell,
        pbc=pbc,
        energy_eV=_energy(None if labels is structure else labels.get("energy")),
        forces_eV_per_A=_forces(labels.get("forces"), len(numbers)),
        stress_eV_per_A3=stress,
        tags={**record_tags(record, structure), **order},
        source_file=str(place.path),
        ordinal=place.frame or 0,
    )


def _structure(record: Any) -> Mapping[str, Any]:
    """Return the record's structure dict: under `structure`, under its outputs, or the record itself."""
    if isinstance(record, Mapping):
        for holder in (record, *(record.get(key) for key in OUTPUTS)):
            structure = holder.get("structure") if isinstance(holder, Mapping) else None
            if isinstance(structure, Mapping) and structure.get("sites"):
                return structure
        if record.get("sites"):
            return record
    found = sorted(record) if isinstance(record, Mapping) else type(record).__name__
    raise LabelDefect(f"a record must hold a pymatgen structure with sites under 'structure', found {found}")


def _lattice(structure: Mapping[str, Any]) -> tuple[FloatArray, BoolArray]:
    lattice = structure.get("lattice")
    if lattice is None:
        return np.zeros((3, 3)), np.zeros(3, bool)
    cell = _numeric(lattice.get("matrix") if isinstance(lattice, Mapping) else lattice, "the lattice matrix")
    if cell.shape != (3, 3):
        raise LabelDefect(f"the lattice matrix must have shape (3, 3), found {cell.shape}")
    periodic = lattice.get("pbc", (True, True, True)) if isinstance(lattice, Mapping) else (True, True, True)
    return cell, np.array(periodic, bool)


def _symbols(sites: list[Any]) -> list[str]:
    symbols = []
    for atom, site in enumerate(sites):
        species = site.get("species") or []
        if len(species) != 1 or float(species[0].get("occu", 1)) != 1:
            raise LabelDefect(f"atom {atom} is a site of mixed or partial occupation: {species}")
        symbols.append(species[0]["element"])
    return symbols


def _positions(sites: list[Any], cell: FloatArray) -> FloatArray:
    if all("xyz" in site for site in sites):
        return _numeric([site["xyz"] for site in sites], "the positions")
    if all("abc" in site for site in sites) and cell.any():
        return _numeric([site["abc"] for site in sites], "the fractional positions") @ cell
    raise LabelDefect("every site must have xyz, or abc with a lattice")


def _check_count(record: Mapping[str, Any], n_atoms: int) -> None:
    stated = record.get("num_atoms", record.get("nsites"))
    if stated is not None and stated != n_atoms:
        raise LabelDefect(f"the record states {stated} atoms, its structure holds {n_atoms}")


def _numeric(values: Any, what: str) -> FloatArray:
    try:
        return np.asarray(values, float)
    except (TypeError, ValueError) as wrong:
        raise LabelDefect(f"{what} must be numbers in rows of equal length ({wrong})") from wrong


def _energy(energy: Any) -> float | None:
    if energy is None:
        return None
    if isinstance(energy, bool | str) or not np.isfinite(energy):
        raise LabelDefect(f"energy is not a finite number: {energy!r}")
    return float(energy)


def _forces(forces: Any, n_atoms: int) -> FloatArray | None:
    if forces is None or len(forces) == 0:
        return None
    array = _numeric(forces, "forces")
    if array.shape != (n_atoms, 3):
        raise LabelDefect(f"forces must have shape ({n_atoms}, 3), found {array.shape}")
    return finite_rows(array, "forces")


def _stress(stress: Any, record: Mapping[str, Any]) -> tuple[FloatArray | None, dict[str, Tag]]:
    """Return the stress in eV/Å³, positive under tension, and a note on the order where six numbers were given."""
    if stress is None or len(stress) == 0:
        return None, {}
    kbar = _numeric(stress, "stress")
    if not np.all(np.isfinite(kbar)):
        raise LabelDefect("stress holds NaN or inf")
    if kbar.shape != (6,):
        return full_tensor(kbar, "stress") * VASP_STRESS_TO_EV_PER_A3, {}
    if "matpes_id" in record:
        return full_tensor(kbar, "stress") * VASP_STRESS_TO_EV_PER_A3, {"stress_order": f"documented: {VOIGT_ORDER}"}
    voigt = kbar[[0, 1, 2, 4, 5, 3]]
    return full_tensor(voigt, "stress") * VASP_STRESS_TO_EV_PER_A3, {"stress_order": f"assumed: {VASP_ORDER}"}
