"""JSON lists of records with a pymatgen structure: training sets, MatPES, computed entries.

A record is a dict with `structure` and, at its top level or under `outputs`/`output`, `energy` (eV, total),
`forces` (eV/Å) and `stress` (kbar, VASP's sign: positive = compression; here −0.1 GPa each). A bare structure dict is a
record without labels.

Order of six stress components: VASP prints xx yy zz xy yz zx, and that is what is taken unless the record is one of
MatPES, which documents xx yy zz yz xz xy. Why: `nbmotaw` does not state it, and its own data decide. Over the 121
strained cells of each element the shear strains yz, xz, xy correlate with components 4, 5, 3 (counted from 0) at −0.93
to −1.00, and with no other (see tests). The tags `stress_order` and `stress_convention` say what was assumed.

Energy: the tag `energy_convention` says how it is known to be that of the whole cell. A `ComputedStructureEntry` holds
the raw energy; its `correction` stays a tag. Where `energy_per_atom` stands beside, it decides.
"""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sonde.datasets.readers.compression import head_of, opened
from sonde.datasets.readers.json_stream import json_values
from sonde.datasets.readers.labels import LabelDefect, full_tensor
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.pymatgen_structures import (
    VASP_STRESS_TO_EV_PER_A3,
    checked_energy,
    checked_forces,
    geometry_of,
    numeric,
)
from sonde.datasets.readers.record_tags import record_tags
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame, Tag

VASP_ORDER = "xx yy zz xy yz zx"
VOIGT_ORDER = "xx yy zz yz xz xy"
OUTPUTS = ("outputs", "output")
MISBUILT = (TypeError, KeyError, IndexError, AttributeError, ValueError, OverflowError)
"""What a value of another type than expected raises, wherever it stands."""


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
    except MISBUILT as wrong:
        raise place.bad(misbuilt(wrong), "mend or remove the record.") from wrong


def misbuilt(wrong: Exception) -> str:
    """Say that a value is not what the format has at its place."""
    return f"the record is not built like one of this format ({type(wrong).__name__}: {str(wrong)[:200]})"


def _frame(record: Any, place: Place) -> Frame:
    structure = _structure(record)
    labels = next((record[key] for key in OUTPUTS if isinstance(record.get(key), Mapping)), record)
    geometry = geometry_of(structure)
    n_atoms = len(geometry.numbers)
    _check_count(record, n_atoms)
    energy, convention = _energy({} if labels is structure else labels, record, n_atoms)
    stress, order = _stress(labels.get("stress"), record)
    return Frame(
        numbers=geometry.numbers,
        positions=geometry.positions,
        cell=geometry.cell,
        pbc=geometry.pbc,
        energy_eV=energy,
        forces_eV_per_A=checked_forces(labels.get("forces"), n_atoms),
        stress_eV_per_A3=stress,
        tags={**record_tags(record, structure), **convention, **order},
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


def _check_count(record: Mapping[str, Any], n_atoms: int) -> None:
    stated = record.get("num_atoms", record.get("nsites"))
    if stated is not None and stated != n_atoms:
        raise LabelDefect(f"the record states {stated} atoms, its structure holds {n_atoms}")


def _energy(labels: Mapping[str, Any], record: Mapping[str, Any], n_atoms: int) -> tuple[float | None, dict[str, Tag]]:
    """Return the total energy, eV, and a note on how it is known to be that of the whole cell."""
    energy, per_atom = checked_energy(labels.get("energy")), labels.get("energy_per_atom")
    if energy is None:
        return None, {}
    if str(record.get("@class", "")).startswith("Computed"):
        return energy, {"energy_convention": "documented: total, uncorrected"}
    if "matpes_id" in record:
        return energy, {"energy_convention": "documented: total"}
    if isinstance(per_atom, int | float) and n_atoms > 1:
        if np.isclose(energy, n_atoms * per_atom, rtol=1e-6):
            return energy, {"energy_convention": "found: total, energy_per_atom beside it agrees"}
        if np.isclose(energy, per_atom, rtol=1e-6):
            return n_atoms * energy, {"energy_convention": "found: per atom, times the number of atoms"}
    return energy, {"energy_convention": "assumed: total"}


def _stress(stress: Any, record: Mapping[str, Any]) -> tuple[FloatArray | None, dict[str, Tag]]:
    """Return the stress in eV/Å³, positive under tension, and a note on the order where six numbers were given."""
    if stress is None or len(stress) == 0:
        return None, {}
    kbar = numeric(stress, "stress")
    if not np.all(np.isfinite(kbar)):
        raise LabelDefect("stress holds NaN or inf")
    notes: dict[str, Tag] = {"stress_convention": "assumed: kbar, positive under compression (VASP)"}
    if kbar.shape == (6,):
        documented = "matpes_id" in record
        notes["stress_order"] = f"documented: {VOIGT_ORDER}" if documented else f"assumed: {VASP_ORDER}"
        kbar = kbar if documented else kbar[[0, 1, 2, 4, 5, 3]]
    return full_tensor(kbar, "stress") * VASP_STRESS_TO_EV_PER_A3, notes
