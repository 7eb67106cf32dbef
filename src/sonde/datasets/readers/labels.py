"""Which of several labels in one frame counts, their shapes, and the sign of the stress.

Names are compared without regard to case. Order of preference: `REF_energy` > `dft_energy` > `energy`, the same for
forces, stress and virial, because `REF_` is what training codes are told to fit and plain names are also written by
whatever touched the file last. Labels that lose are kept: energies as tags, arrays as a note of how far they differ.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from sonde.records.arrays import FloatArray
from sonde.records.frames import Tag

PREFIXES = ("ref_", "dft_", "")
ENERGY_NAMES = ("energy", "free_energy")
FORCE_NAMES = ("forces", "force")
STRESS_NAMES = ("stress", "stresses_voigt")
VIRIAL_NAMES = ("virial", "virials")
SYMMETRY_TOLERANCE = 1e-2


class LabelDefect(ValueError):  # noqa: N818 - a defect of the data, as the field says
    """A label or geometry that cannot be taken; the reader adds the place, the line of `atom` where one is to blame."""

    def __init__(self, problem: str, atom: int | None = None) -> None:
        super().__init__(problem if atom is None else f"{problem} (atom {atom})")
        self.atom = atom


def finite_rows(rows: FloatArray, what: str) -> FloatArray:
    """Return rows of numbers, one per atom, all finite."""
    if not all_finite(rows):
        raise LabelDefect(f"{what} hold NaN or inf", int(np.argmin(np.isfinite(rows).all(axis=1))))
    return rows


def all_finite(numbers: FloatArray) -> bool:
    """Tell whether no number is NaN or inf; by their squares first, which costs half as much on small arrays."""
    return math.isfinite(np.vdot(numbers, numbers)) or bool(np.isfinite(numbers).all())


class Labels(NamedTuple):
    """Labels of a frame, the names of the keys used up, and notes on those that lost.

    A tuple: one is made for every frame, and a frozen dataclass takes several times as long.
    """

    energy_eV: float | None
    forces_eV_per_A: FloatArray | None
    stress_eV_per_A3: FloatArray | None
    used: frozenset[str]
    notes: Mapping[str, Tag]


def label_keys(prefixed: Sequence[str]) -> tuple[str, ...]:
    """List the lower-case spellings of a label, the preferred first."""
    return tuple(prefix + name for prefix in PREFIXES for name in prefixed)


def ranks(*names: Sequence[str]) -> Mapping[str, int]:
    """Return the lower-case spellings of labels with their rank: 0 is preferred to all others."""
    return {key: rank for rank, key in enumerate(key for some in names for key in label_keys(some))}


ENERGY_RANKS = ranks(ENERGY_NAMES)
FORCE_RANKS = ranks(FORCE_NAMES)
STRESS_RANKS = ranks(STRESS_NAMES, VIRIAL_NAMES)
LABEL_KEYS = frozenset([*ENERGY_RANKS, *FORCE_RANKS, *STRESS_RANKS])


def take_labels(info: Mapping[str, Any], columns: Mapping[str, Any], cell: FloatArray) -> Labels:
    """Pick energy, forces and stress out of what the comment line and the columns of a frame hold."""
    energies = _candidates(info, ENERGY_RANKS)
    forces = _candidates(columns, FORCE_RANKS)
    stresses = _candidates(info, STRESS_RANKS)
    tensors = [(key, stress_of(key, value, cell)) for key, value in stresses]
    arrays = [(key, forces_of(key, value)) for key, value in forces]
    energy, taken = _energy(energies)
    return Labels(
        energy_eV=energy,
        forces_eV_per_A=arrays[0][1] if arrays else None,
        stress_eV_per_A3=tensors[0][1] if tensors else None,
        used=frozenset([key for key, _ in forces + stresses] + [key for key, _ in energies if key.lower() == taken]),
        notes=_loser_notes(arrays, tensors) if len(arrays) > 1 or len(tensors) > 1 else {},
    )


def _candidates(given: Mapping[str, Any], rank: Mapping[str, int]) -> list[tuple[str, Any]]:
    """Return the (key, value) of the labels of one kind, the preferred first; two spellings of one must agree."""
    found = [(key, value) for key, value in given.items() if key.lower() in rank and not _is_absent(value)]
    if len(found) > 1:
        found.sort(key=lambda label: rank[label[0].lower()])
        _check_spellings(found)
    return found


def _check_spellings(found: Sequence[tuple[str, Any]]) -> None:
    for (key, value), (other, another) in pairwise(found):
        if key.lower() == other.lower() and not np.array_equal(np.asarray(value), np.asarray(another)):
            raise LabelDefect(f"{key} and {other} stand in one frame and differ")


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value in ("None", "null", ""))


def _energy(candidates: list[tuple[str, Any]]) -> tuple[float | None, str | None]:
    for key, value in candidates:
        if not _is_finite_number(value):
            raise LabelDefect(f"{key} is not a finite number: {value!r}")
    return (float(candidates[0][1]), candidates[0][0].lower()) if candidates else (None, None)


def _is_finite_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not (isinstance(value, str | bool) or np.ndim(value) or not np.isfinite(value))


def forces_of(key: str, value: Any) -> FloatArray:
    """Return forces of shape (n_atoms, 3), all finite."""
    forces = np.asarray(value, float)
    if forces.ndim != 2 or forces.shape[1] != 3:
        raise LabelDefect(f"{key} must have three columns per atom, found shape {forces.shape}")
    return finite_rows(forces, key)


def stress_of(key: str, value: Any, cell: FloatArray) -> FloatArray:
    """Return the 3 × 3 stress, positive under tension; a virial W gives −W / volume."""
    try:
        numbers = np.asarray(value, float)
    except ValueError as words:
        raise LabelDefect(f"{key} is not made of numbers: {value!r}") from words
    if not all_finite(numbers):
        raise LabelDefect(f"{key} holds NaN or inf")
    tensor = full_tensor(numbers, key)
    if not key.lower().endswith(VIRIAL_NAMES):
        return tensor
    volume = abs(float(np.linalg.det(cell)))
    if volume < 1e-6:
        raise LabelDefect(f"{key} needs a cell with a volume to become a stress")
    return -tensor / volume


def full_tensor(numbers: FloatArray, key: str) -> FloatArray:
    """Turn 3 × 3, nine or six numbers (xx yy zz yz xz xy) into a symmetric 3 × 3 tensor."""
    if numbers.size == 9:
        xx, xy, xz, yx, yy, yz, zx, zy, zz = flat = numbers.ravel().tolist()
        if xy == yx and xz == zx and yz == zy:
            return numbers.reshape(3, 3).copy()
        if max(abs(xy - yx), abs(xz - zx), abs(yz - zy)) > SYMMETRY_TOLERANCE * max(map(abs, flat)):
            raise LabelDefect(f"{key} is not symmetric: {np.round(numbers.reshape(3, 3), 6).tolist()}")
        xy, xz, yz = (xy + yx) / 2, (xz + zx) / 2, (yz + zy) / 2
        return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]], float)
    if numbers.shape == (6,):
        xx, yy, zz, yz, xz, xy = numbers
        return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]], float)
    raise LabelDefect(f"{key} must hold 9 numbers, 3 × 3 or 6 (xx yy zz yz xz xy), found shape {numbers.shape}")


def _loser_notes(forces: list[tuple[str, FloatArray]], stresses: list[tuple[str, FloatArray]]) -> dict[str, Tag]:
    return {**_loser_note("forces", forces, "eV/Å"), **_loser_note("stress", stresses, "eV/Å³")}


def _loser_note(what: str, candidates: list[tuple[str, FloatArray]], unit: str) -> dict[str, Tag]:
    """Say which labels were passed over and by how much they differ from the one taken."""
    words: list[str] = []
    for key, value in candidates[1:]:
        if value.shape != candidates[0][1].shape:
            raise LabelDefect(f"{key} and {candidates[0][0]} have different lengths")
        difference = float(np.abs(value - candidates[0][1]).max(initial=0.0))
        if difference > 1e-6:
            words.append(f"{key} differs from {candidates[0][0]} by up to {difference:.3g} {unit}")
    return {f"{what}_not_taken": "; ".join(words)} if words else {}
