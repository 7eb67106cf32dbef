"""Alarms on what files say beside labels: energies of several kinds, odd tags, and values that cannot be."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePath

import numpy as np
from ase.data import chemical_symbols

from sonde.datasets.label_alarms import alarm
from sonde.datasets.surfaces import KEYS
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame, Tag

CORRECTED = ("corrected_energy", "corrected_total_energy", "energy_corrected")
SAME_ENERGY_EV = 1e-6
RARELY, ENOUGH = 0.05, 20
"""A tag that at most this share of at least so many frames lacks, is missing in these."""
RENAMED = ("_new", "_old", "_copy", "_final", "_bak", "_v2")
SAME_FACT = {"kind of run": ("task_label", "task_type", "calc_type"), **KEYS}
"""Facts, and the names under which they are stated."""
SETTINGS = frozenset(name for names in KEYS.values() for name in names)
"""Of these `surface_partly_stated` speaks."""
NOTES = "notes_"
ELEMENT, SEPARATORS, SYMBOLS = re.compile("[A-Z][a-z]?"), re.compile("[- ,]"), frozenset(chemical_symbols)
LONGEST_NAME = 40
VACUUM_A = 6.0
BULK_WORDS = frozenset(["bulk"])
MOST_SHOWN = 6
CLASSICAL_J_PER_MOL_K = 3 * 8.314462618
"""3R per mole of atoms (Dulong and Petit): no harmonic crystal holds more."""
LEAST_BULK_MODULUS_GPA, LARGEST_G_OVER_K = 1.0, 3.0
WIDE_RANGE = 100.0
TOLERANCES = ("EDIFF", "ediff", "conv_thr", "scf_tolerance")

Words = tuple[str, set[int]]
"""What is odd, and in which frames."""


def tag_alarms(frames: Sequence[Frame]) -> list[Alarm]:
    """Run all checks of tags, on frames that are held."""
    found = [_corrected(frames), _odd(frames), _tolerances(frames), *_properties(frames)]
    return [one for one in found if one is not None]


def _corrected(frames: Sequence[Frame]) -> Alarm | None:
    """Report energies beside which another one stands that was corrected: who mixes them up mixes surfaces."""
    places = []
    for place, frame in enumerate(frames):
        beside = next((frame.tags[key] for key in CORRECTED if key in frame.tags), None)
        shift = _number(frame.tags.get("correction"))
        if shift is None and frame.energy_eV is not None and _number(beside) is not None:
            shift = (_number(beside) or 0.0) - frame.energy_eV
        if shift is not None and abs(shift) > SAME_ENERGY_EV:
            places.append(place)
    message = (
        f"{len(places)} of {len(frames)} frames carry a corrected energy beside the raw one that is taken as the label."
    )
    advice = "Train on one kind throughout: corrections for oxides or U are fitted to formation energies, not forces."
    return alarm("corrected_energies", "low", places, message, advice)


def _number(value: Tag) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _tolerances(frames: Sequence[Frame]) -> Alarm | None:
    found = [
        (place, value)
        for place, frame in enumerate(frames)
        if (value := next((_number(frame.tags[key]) for key in TOLERANCES if key in frame.tags), None))
    ]
    if not found:
        return None
    values = np.array([value for _, value in found])
    loose = [place for place, value in found if value >= WIDE_RANGE * values.min()]
    message = (
        f"The self-consistency of {len(loose)} frames was stopped at a tolerance {WIDE_RANGE:g} times looser than the "
        f"tightest: {values.min():.2g} to {values.max():.2g}."
    )
    return alarm(
        "mixed_tolerances", "low", loose, message, "Expect more noise in their labels; tighten the loose ones."
    )


# ---- odd tags --------------------------------------------------------------------------------------------------------


def _odd(frames: Sequence[Frame]) -> Alarm | None:
    columns = _columns(frames)
    found = [*_missing_in_few(frames, columns), *_mixed_types(columns), *_under_two_names(frames)]
    found += [*_text_or_list(columns), *_renamed(columns), *_turned_names(frames), *_no_bulk(frames)]
    places = sorted({place for _, some in found for place in some})
    shown = "; ".join(words for words, _ in found[:MOST_SHOWN])
    more = f"; {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    advice = "Filters and splits that go by these tags miss frames: bring them to one name, type and meaning."
    return alarm("odd_tags", "low", places, f"Tags say the same in several ways, or nothing: {shown}{more}.", advice)


def _columns(frames: Sequence[Frame]) -> dict[str, dict[int, Tag]]:
    """Collect the stated values per tag; all notes, which readers name by what they are on, count as one."""
    columns: dict[str, dict[int, Tag]] = defaultdict(dict)
    for place, frame in enumerate(frames):
        for key, value in frame.tags.items():
            if value is not None:
                columns["notes" if key.startswith(NOTES) else key][place] = value
    return columns


def _missing_in_few(frames: Sequence[Frame], columns: dict[str, dict[int, Tag]]) -> Iterator[Words]:
    for key, column in columns.items():
        n_missing = len(frames) - len(column)
        said_elsewhere = key.endswith("_text") or key.lower() in SETTINGS
        if len(frames) >= ENOUGH and 0 < n_missing <= RARELY * len(frames) and not said_elsewhere:
            places = set(range(len(frames))) - set(column)
            yield f"{key} is missing in {n_missing} of {len(frames)} frames", places


def _mixed_types(columns: dict[str, dict[int, Tag]]) -> Iterator[Words]:
    for key, column in columns.items():
        text = {place for place, value in column.items() if isinstance(value, str)}
        spelt = set(columns.get(f"{key}_text", ()))
        if (text or spelt) and len(text) < len(column):
            fewer = min(text or spelt, set(column) - text, key=len) if text else spelt
            yield f"{key} is text in {len(text or spelt)} frames, a number in {len(column) - len(text)}", fewer


def _text_or_list(columns: dict[str, dict[int, Tag]]) -> Iterator[Words]:
    text, column = set(columns.get("tags_one_text", ())), columns.get("tags", {})
    if text and len(text) < len(column):
        yield f"tags is a text in {len(text)} frames, a list in {len(column) - len(text)}", text


def _turned_names(frames: Sequence[Frame]) -> Iterator[Words]:
    """Find elements named in one order by the file and in another by a tag: MoTa_SS.json, Ta-Mo."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, frame in enumerate(frames):
        stem = PurePath(frame.source_file).name.partition(".")[0] if frame.source_file else ""
        in_file = {parts for word in stem.split("_") if len(parts := _named_elements(word)) > 1}
        for key, value in frame.tags.items() if in_file else ():
            parts = _named_elements(value) if isinstance(value, str) and len(value) < LONGEST_NAME else ()
            if any(parts != other and sorted(parts) == sorted(other) for other in in_file):
                places[key].append(place)
    for key, some in places.items():
        first = frames[some[0]]
        name = PurePath(first.source_file or "").name
        yield f"{key} names elements in another order than the file ({first.tags[key]} in {name})", set(some)


def _named_elements(word: str) -> tuple[str, ...]:
    """Return the elements of a word that names elements and nothing else: "Ta-Mo", "MoTa"."""
    parts = tuple(ELEMENT.findall(word))
    return parts if "".join(parts) == SEPARATORS.sub("", word) and set(parts) <= SYMBOLS else ()


def _under_two_names(frames: Sequence[Frame]) -> Iterator[Words]:
    for fact, names in SAME_FACT.items():
        known = frozenset(names)
        by_name: dict[str, set[int]] = defaultdict(set)
        for place, frame in enumerate(frames):
            stated = [key for key in frame.tags if key.lower() in known and frame.tags[key] is not None]
            for key in stated[:1] if len(stated) == 1 else ():
                by_name[key].add(place)
        if len(by_name) > 1:
            ranked = sorted(by_name.items(), key=lambda item: -len(item[1]))
            shown = ", ".join(f"{name} in {len(places)}" for name, places in ranked)
            n_silent = len(frames) - sum(len(places) for places in by_name.values())
            silent = f", nowhere in {n_silent}" if n_silent else ""
            yield f"the {fact} is stated as {shown}{silent} frames", set().union(*(p for _, p in ranked[1:]))


def _renamed(columns: dict[str, dict[int, Tag]]) -> Iterator[Words]:
    """Find kinds of configuration that differ by case, separators or an ending such as "_new"."""
    column = columns.get("config_type", {})
    counts = Counter(str(value) for value in column.values())
    plain: dict[str, list[str]] = defaultdict(list)
    for word in counts:
        plain[_plain(word)].append(word)
    for words in plain.values():
        if len(words) > 1:
            ranked = sorted(words, key=lambda word: -counts[word])
            places = {place for place, value in column.items() if str(value) in ranked[1:]}
            yield "config_type: " + ", ".join(f"{word!r} in {counts[word]}" for word in ranked) + " frames", places


def _plain(word: str) -> str:
    for ending in RENAMED:
        word = word.removesuffix(ending)
    return word.lower().replace("_", "").replace("-", "").replace(" ", "")


def _no_bulk(frames: Sequence[Frame]) -> Iterator[Words]:
    """Find frames that some tag calls bulk, with a layer of vacuum in their cell."""
    by_key: dict[str, set[int]] = defaultdict(set)
    for place, frame in enumerate(frames):
        keys = [key for key, value in frame.tags.items() if isinstance(value, str) and value.lower() in BULK_WORDS]
        if keys and _has_vacuum(frame):
            by_key[keys[0]].add(place)
    for key, places in by_key.items():
        yield f"{key} says bulk of {len(places)} cells with {VACUUM_A:g} Å of vacuum and more", places


def _has_vacuum(frame: Frame) -> bool:
    """Tell whether some direction of the cell is empty over 6 Å, its largest gap between atoms, across the boundary."""
    if abs(float(np.linalg.det(frame.cell))) < 1e-6:
        return False
    inverse = np.linalg.inv(frame.cell)
    heights = 1 / np.linalg.norm(inverse, axis=0)
    fractions = np.sort((frame.positions @ inverse) % 1.0, axis=0)
    gaps = np.diff(np.vstack([fractions, fractions[:1] + 1.0]), axis=0).max(axis=0)
    return bool((gaps * heights > VACUUM_A).any()) and frame.n_atoms > 1


# ---- properties ------------------------------------------------------------------------------------------------------


def _properties(frames: Sequence[Frame]) -> Iterator[Alarm | None]:
    """Report elastic moduli and heat capacities that no solid has, where frames carry them."""
    soft, stiff, hot = [], [], []
    for place, frame in enumerate(frames):
        K, G = _number(frame.tags.get("bulk_modulus_vrh")), _number(frame.tags.get("shear_modulus_vrh"))
        if K is not None and K < LEAST_BULK_MODULUS_GPA:
            soft.append(place)
        elif K is not None and G is not None and G > LARGEST_G_OVER_K * K:
            stiff.append(place)
        heat = _number(frame.tags.get("heat_capacity"))
        if heat is not None and heat > CLASSICAL_J_PER_MOL_K:
            hot.append(place)
    advice = "Look at how they were computed before testing a potential against them."
    message = f"{len(soft)} bulk moduli lie below {LEAST_BULK_MODULUS_GPA:g} GPa."
    yield alarm("odd_elasticity", "medium", soft, message, advice)
    message = f"{len(stiff)} shear moduli lie above {LARGEST_G_OVER_K:g} times the bulk modulus."
    yield alarm("odd_elasticity", "medium", stiff, message, advice)
    message = f"{len(hot)} heat capacities exceed 3R = {CLASSICAL_J_PER_MOL_K:.2f} J/(mol K): they are not per atom."
    yield alarm("heat_capacity_unit", "medium", hot, message, "Divide them by the number of atoms of the cell.")
