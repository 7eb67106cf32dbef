"""The level of theory of each frame, as far as its tags state it.

A field that is not stated is unknown, and unknown equals nothing. Hubbard U and pseudopotentials are kept per element,
as `hubbard_u[Ni]`: two frames without a shared element cannot disagree on them.
"""

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

from ase.data import atomic_numbers, chemical_symbols
from ase.units import Ry

from sonde.datasets.readers.functional_names import functional_name
from sonde.datasets.setting_values import (
    MESHES,
    REALISED,
    common_spacing,
    kpoints_value,
    same_spacing,
    smearing_name,
    spacing_classes,
)
from sonde.records.datasets import Surface
from sonde.records.frames import Frame, Tag

KEYS: Mapping[str, tuple[str, ...]] = {
    "code": ("code", "software", "program"),
    "functional": ("xc", "functional", "xc_functional", "input_dft", "metagga", "gga", "method", "run_type"),
    "hubbard_u": ("hubbard_u", "hubbards", "hubbard", "is_hubbard"),
    "pseudopotential": ("pseudopotential", "pseudopotentials", "pp", "potcar"),
    "dispersion": ("dispersion", "vdw", "ivdw", "vdw_corr", "d3"),
    "spin_orbit": ("spin_orbit", "lsorbit", "soc", "lspinorb"),
    "cutoff_eV": ("ecut_ev", "encut", "e_cut", "cutoff_ev", "ecutwfc"),
    "kpoints": ("kspacing", "kpoint_density", "k_prod", "reciprocal_density", *MESHES, REALISED),
    "smearing": ("smearing", "ismear", "occupations"),
    "smearing_width_eV": ("smearing_ev", "sigma", "degauss"),
    "spin_polarized": ("spin_polarized", "spin_polarised", "ispin", "nspin"),
    "aspherical": ("aspherical", "lasph", "is_lasph"),
    "code_version": ("code_version", "vasp_version", "version"),
}
"""Field → tag names that state it, compared without regard to case; the first that is stated counts."""
HARD = ("code", "functional", "hubbard_u", "pseudopotential", "dispersion", "spin_orbit")
"""Fields that decide which energy surface a label lies on; the others shift it by less."""
PER_ELEMENT = ("hubbard_u", "pseudopotential")
IN_RYDBERG = frozenset(["ecutwfc", "degauss"])
NO = frozenset(["", "none", "no", "false", "f", "0", "0.0", "off"])
YES = frozenset(["yes", "true", "t", "1"])
UNKNOWN = frozenset(["nan", "null", "unknown", "n/a", "--"])
ROUNDING = "±0.05"
"""Stands behind a U that an output prints with one decimal (tag `hubbard_u_rounded`)."""
HALF_DIGIT_OF_U_EV = 0.0501
Fingerprint = tuple[tuple[str, str], ...]
SHIFTED = "shifted "
"""Before the name of a surface whose energies `sonde correct` has moved."""
U_ON = "on"
"""A U of unknown size, on elements that nobody named."""
WITH_U = re.compile(r"\+\s*U\b", re.IGNORECASE)
PAIR = re.compile(r"([A-Z][a-z]?)[:=](\S+)")


def surface_of(frame: Frame) -> dict[str, str]:
    """Return the stated fields of a frame's level of theory; per-element ones as `hubbard_u[Ni]`.

    Where U is stated as none, or for some elements only, the other elements of the frame have none. "GGA+U" alone, or
    the run_type "GGA", say of the whole frame that there is a U, or none: `hubbard_u`.
    """
    by_name = {key.lower(): v for key, v in frame.tags.items() if _says_something(v)}
    fields: dict[str, str] = {}
    for field, names in KEYS.items():
        stated = [(name, by_name[name]) for name in names if name in by_name]
        if not stated:
            continue
        if field == "kpoints":
            fields.update(_kpoints(stated, frame))
        elif field in PER_ELEMENT:
            # A whole set beside a setting for one element: both are statements.
            for _, value in stated if field == "pseudopotential" else stated[:1]:
                fields.update({k: v for k, v in _by_element(field, value, frame).items() if k not in fields})
        else:
            fields[field] = NORMALISED.get(field, _plain)(*stated[0])
    return {**fields, **_u_of_the_name(by_name, fields)}


def _says_something(value: Tag) -> bool:
    return value is not None and str(value).strip().lower() not in UNKNOWN


def _plain(key: str, value: Tag) -> str:  # noqa: ARG001 - one signature for all fields
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else str(value).strip()


def _functional(key: str, value: Tag) -> str:
    """Normalise spelling; "GGA+U" names a functional and a U, which is a field of its own.

    "shifted PBE+U" stays as it is: energies moved towards another surface lie on one of their own.
    """
    text = _plain(key, value)
    if text.upper().startswith(SHIFTED.upper()):
        return SHIFTED + text.upper().removeprefix(SHIFTED.upper())
    return functional_name(WITH_U.sub("", text)).upper()


def _u_of_the_name(by_name: Mapping[str, Tag], fields: Mapping[str, str]) -> dict[str, str]:
    """Read from the name of the functional whether there is a U, where nothing else says so."""
    if any(family(field) == "hubbard_u" for field in fields):
        return {}
    names = [_plain(key, by_name[key]) for key in KEYS["functional"] if key in by_name]
    if any(text.upper().startswith(SHIFTED.upper()) for text in names):
        return {}
    if any(WITH_U.search(text) for text in names):
        return {"hubbard_u": U_ON}
    return {"hubbard_u": "none"} if "run_type" in by_name else {}


def _width(key: str, value: Tag) -> str:
    try:
        number = float(value) if value is not None else float("nan")
    except ValueError:
        return _plain(key, value)
    return f"{number * Ry if key in IN_RYDBERG else number:.6g}"


def _kpoints(stated: Sequence[tuple[str, Tag]], frame: Frame) -> dict[str, str]:
    """Take the first statement that tells the density."""
    found = (kpoints_value(key, value, frame) for key, value in stated)
    first = next((value for value in found if value is not None), None)
    return {} if first is None else {"kpoints": first}


def _spin(key: str, value: Tag) -> str:
    if key in ("ispin", "nspin"):
        return "no" if _plain(key, value) == "1" else "yes"
    return _switch(key, value)


def _switch(key: str, value: Tag) -> str:
    text = _plain(key, value)
    if text.lower() in NO:
        return "no"
    return "yes" if text.lower() in ("yes", "true", "t", "1") else text


NORMALISED: Mapping[str, Callable[[str, Tag], str]] = {
    "functional": _functional,
    "cutoff_eV": _width,
    "smearing": smearing_name,
    "smearing_width_eV": _width,
    "spin_polarized": _spin,
    "spin_orbit": _switch,
    "dispersion": _switch,
    "aspherical": _switch,
}


def _by_element(field: str, value: Tag, frame: Frame) -> dict[str, str]:
    text = _plain(field, value)
    pairs = {symbol: setting for symbol, setting in PAIR.findall(text.replace(",", " ")) if symbol in atomic_numbers}
    elements = sorted({chemical_symbols[number] for number in set(frame.numbers.tolist())})
    if field == "hubbard_u":
        if not pairs and text.lower() not in NO:
            return {field: U_ON if text.lower() in YES else text}
        rounding = ROUNDING if frame.tags.get("hubbard_u_rounded") is True else ""
        return {f"{field}[{element}]": _u(pairs.get(element, "none"), rounding) for element in elements}
    if not pairs:
        return {field: text}
    return {f"{field}[{element}]": pairs[element] for element in elements if element in pairs}


def _u(setting: str, rounding: str) -> str:
    try:
        return f"{float(setting):g}{rounding}" if float(setting) else "none"
    except ValueError:
        return setting


# ---- frames of one surface -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Group:
    """Fingerprints that agree in every field that both state."""

    fields: dict[str, str]
    unknown: tuple[str, ...]
    members: list[int]
    elements: set[str]


def family(field: str) -> str:
    """Return the field's name without its element: `hubbard_u[Ni]` → `hubbard_u`."""
    return field.partition("[")[0]


def surface_ordinals(
    frames: Iterable[Frame], counts: Iterable[int] | None = None, families: Container[str] = KEYS
) -> tuple[tuple[Surface, ...], tuple[int, ...]]:
    """Group frames by level of theory; return the surfaces, the largest first, and each frame's place among them.

    `counts` : how many frames each stands for, 1 where it is left out. `families` : the fields that count.

    Frames share a surface where they state the same fields with the same values; per-element fields need to agree for
    the elements that both hold. Two frames that leave a field open stand in one entry that lists it as unknown: that
    they are on one surface is then not known. A frame that fits several is put with the largest.
    """
    fingerprints: Counter[Fingerprint] = Counter()
    of_frame: list[Fingerprint] = []
    elements: dict[Fingerprint, set[str]] = {}
    for frame, count in zip(frames, repeat(1) if counts is None else counts):  # noqa: B905 - repeat does not end
        key = tuple(sorted((f, value) for f, value in surface_of(frame).items() if family(f) in families))
        fingerprints[key] += count
        of_frame.append(key)
        elements.setdefault(key, set()).update(chemical_symbols[n] for n in set(frame.numbers.tolist()))
    groups: list[_Group] = []
    place: dict[Fingerprint, int] = {}
    for key, count in fingerprints.most_common():
        place[key] = _join(groups, dict(key), count, elements[key])
    order = sorted(range(len(groups)), key=lambda g: -sum(groups[g].members))
    rank = {group: position for position, group in enumerate(order)}
    return tuple(_record(groups[g]) for g in order), tuple(rank[place[key]] for key in of_frame)


def _join(groups: list[_Group], fields: dict[str, str], count: int, elements: set[str]) -> int:
    unknown = _unknown(fields)
    for position, group in enumerate(groups):
        if group.unknown == unknown and not disagreements(group.fields, fields):
            group.fields.update({f: common(group.fields.get(f, v), v) for f, v in fields.items()})
            group.members.append(count)
            group.elements.update(elements)
            return position
    groups.append(_Group(dict(fields), unknown, [count], set(elements)))
    return len(groups) - 1


def _unknown(fields: Mapping[str, str]) -> tuple[str, ...]:
    stated = {family(field) for field in fields}
    return tuple(field for field in KEYS if field not in stated)


def disagreements(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[str, ...]:
    """List the fields that both state with different values."""
    apart = [field for field in a if field in b and not may_be_one(a[field], b[field])]
    return (*apart, *_u_apart(a, b))


def _u_apart(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[str, ...]:
    """Compare a U of unknown size in one with what the other says element by element: none on any."""
    for whole, other in ((a, b), (b, a)):
        by_element = [value for field, value in other.items() if field.startswith("hubbard_u[")]
        if "hubbard_u" in whole and by_element and (whole["hubbard_u"] == "none") != (set(by_element) == {"none"}):
            return ("hubbard_u",)
    return ()


def may_be_one(a: str, b: str) -> bool:
    """Tell whether two stated values may be the same.

    A rounded U fits an exact one within half its digit; k-points fit where they can come from one spacing.
    """
    if a == b:
        return True
    exact, rounded = sorted((a, b), key=lambda value: value.endswith(ROUNDING))
    if not rounded.endswith(ROUNDING) or exact.endswith(ROUNDING):
        return same_spacing(a, b)
    try:
        return abs(float(exact) - float(rounded.removesuffix(ROUNDING))) <= HALF_DIGIT_OF_U_EV
    except ValueError:
        return False


def common(a: str, b: str) -> str:
    """Return what is known of a value by two statements that may be the same: the more exact of them."""
    if a == b or b.endswith(ROUNDING):
        return a
    return common_spacing(a, b) if same_spacing(a, b) else b


def folded(by_value: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """Put together what was counted for values that may be one: rounded and exact U, meshes of one spacing."""
    found = {value: some for value, some in by_value.items() if not value.endswith(ROUNDING)}
    classes = spacing_classes(list(found))
    merged: dict[str, list[int]] = {}
    for value, some in found.items():
        merged.setdefault(classes[value], []).extend(some)
    for value, some in by_value.items():
        if value.endswith(ROUNDING):
            same = next((exact for exact in merged if may_be_one(exact, value)), value)
            merged[same] = sorted([*merged.get(same, []), *some])
    return merged


def _record(group: _Group) -> Surface:
    fields = dict(sorted(group.fields.items()))
    return Surface(fields, sum(group.members), tuple(sorted(group.elements)), group.unknown)


def surfaces(frames: Iterable[Frame], counts: Iterable[int] | None = None) -> tuple[Surface, ...]:
    """List the levels of theory in a dataset, the one with most frames first."""
    return surface_ordinals(frames, counts)[0]


def surface_names(found: Sequence[Surface]) -> tuple[str, ...]:
    """Name surfaces by the fields in which they differ: "hubbard_u[Ni]=none, kpoints=kpoint_density 2.2"."""
    values: dict[str, set[str | None]] = {}
    for field in sorted({field for surface in found for field in surface.fields}):
        values[field] = {surface.fields.get(field) for surface in found if field in surface.fields}
    telling = [field for field, seen in values.items() if len(seen) > 1]
    names = []
    for position, surface in enumerate(found):
        parts = [f"{field}={surface.fields[field]}" for field in telling if field in surface.fields]
        names.append(", ".join(parts) or f"surface {position + 1}")
    return tuple(names)
