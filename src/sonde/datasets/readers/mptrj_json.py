"""MPtrj: one JSON object of Materials Project ids, each an object of frames, read frame by frame.

    {"mp-1": {"mp-1-0-0": {"structure": …, "uncorrected_total_energy": …, "force": …, "stress": …, …}, …}, …}

Units as published with the set (doi:10.6084/m9.figshare.23713842): eV, eV/Å, stress in kbar as VASP prints it, positive
under compression. `energy_eV` is `uncorrected_total_energy`, VASP's own; `corrected_total_energy` and `energy_per_atom`
hold the MP2020 correction and stay tags. Which of VASP's energies it is (of smeared electrons) is not published. Frame
ids read task id, number of the calculation within a double relaxation (1 came first), ionic step.
"""

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sonde.datasets.readers.compression import head_of, opened
from sonde.datasets.readers.json_stream import json_members
from sonde.datasets.readers.labels import LabelDefect, full_tensor
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.pymatgen_structures import (
    VASP_STRESS_TO_EV_PER_A3,
    checked_energy,
    checked_forces,
    geometry_of,
    numeric,
)
from sonde.datasets.readers.structures_json import MISBUILT, misbuilt
from sonde.datasets.readers.tags import column_tags, tag_of
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame, Tag

LABELS = ("structure", "uncorrected_total_energy", "force", "stress", "magmom")
SCALARS = ("corrected_total_energy", "energy_per_atom", "ef_per_atom", "e_per_atom_relaxed", "ef_per_atom_relaxed")
NESTED = re.compile(
    rb'\s*\{\s*"[^"]*"\s*:\s*\{\s*"[^"]*"\s*:\s*\{\s*"(?:%b)"\s*:'
    % b"|".join(key.encode() for key in (*LABELS, *SCALARS, "bandgap", "mp_id"))
)
FRAME_ID = re.compile(r"(.+)-(\d+)-(\d+)")
CONVENTIONS: Mapping[str, Tag] = {
    "energy_convention": "documented: total, uncorrected",
    "stress_convention": "documented: kbar; VASP's sign, positive under compression",
}


class MptrjJsonReader:
    """MPtrj and sets of the same build: dicts of dicts of frames."""

    name = "mptrj_json"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content decides
        """Tell by objects in objects in an object, the innermost with MPtrj's keys."""
        return NESTED.match(head) is not None

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield the frames in file order."""
        head_of(path)
        ordinal = 0
        with opened(path) as handle, io.TextIOWrapper(handle, encoding="utf-8") as text:
            for keys, record, place in json_members(text, path, depth=2):
                yield _placed_frame(keys, record, Place(path, ordinal, place.line, place.record))
                ordinal += 1
        if not ordinal:
            raise Place(path).bad("the file is empty: it holds no frame", "was it written completely?")


READER = MptrjJsonReader()


def _placed_frame(keys: tuple[str, ...], record: Any, place: Place) -> Frame:
    try:
        if len(keys) != 2 or not isinstance(record, Mapping) or "structure" not in record:
            raise LabelDefect("a frame with a structure must stand here, within a material id")
        return _frame(keys, record, place)
    except LabelDefect as defect:
        raise place.bad(str(defect), "mend or remove the frame.") from defect
    except MISBUILT as wrong:
        raise place.bad(misbuilt(wrong), "mend or remove the frame.") from wrong


def _frame(keys: tuple[str, ...], record: Mapping[str, Any], place: Place) -> Frame:
    geometry = geometry_of(record["structure"])
    energy = checked_energy(record.get("uncorrected_total_energy"))
    stress = _stress(record.get("stress"))
    return Frame(
        numbers=geometry.numbers,
        positions=geometry.positions,
        cell=geometry.cell,
        pbc=geometry.pbc,
        energy_eV=energy,
        forces_eV_per_A=checked_forces(record.get("force"), len(geometry.numbers)),
        stress_eV_per_A3=stress,
        tags={**_tags(keys, record), **_conventions(record, energy, stress)},
        source_file=str(place.path),
        ordinal=place.frame or 0,
    )


def _stress(stress: Any) -> FloatArray | None:
    if stress is None:
        return None
    kbar = numeric(stress, "stress")
    if kbar.shape != (3, 3) or not np.isfinite(kbar).all():
        raise LabelDefect(f"stress must be 3 × 3 finite numbers, found shape {kbar.shape}")
    return full_tensor(kbar, "stress") * VASP_STRESS_TO_EV_PER_A3


def _tags(keys: tuple[str, ...], record: Mapping[str, Any]) -> dict[str, Tag]:
    tags: dict[str, Tag] = {"mp_id": keys[0], "frame_id": keys[1]}
    parts = FRAME_ID.fullmatch(keys[1])
    if parts:
        tags.update(task_id=parts[1], calc_id=int(parts[2]), ionic_step=int(parts[3]))
    for key, value in record.items():
        if key not in LABELS and not isinstance(value, Mapping | list):
            tags.setdefault(key, tag_of(value))
    moments = record.get("magmom")
    return {**tags, **(column_tags({"magmoms": numeric(moments, "magmom")}, tags) if moments else {})}


def _conventions(record: Mapping[str, Any], energy: float | None, stress: FloatArray | None) -> dict[str, Tag]:
    """Say what the labels taken are; a corrected energy without the raw one is not taken for it."""
    notes = dict(CONVENTIONS)
    if energy is None:
        corrected = any(record.get(key) is not None for key in SCALARS[:2])
        notes["energy_convention"] = "not taken: only the corrected energy stands here" if corrected else None
    if stress is None:
        del notes["stress_convention"]
    return {key: note for key, note in notes.items() if note is not None}
