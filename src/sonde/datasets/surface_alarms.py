"""Alarms on what frames say of each other: mixed surfaces, contradictory labels, copies."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ase.data import chemical_symbols

from sonde.datasets.contradictions import GeometryPair
from sonde.datasets.label_alarms import alarm
from sonde.datasets.offsets import CONSTANT_WITHIN_MEV_PER_ATOM
from sonde.datasets.surfaces import HARD, KEYS, U_ON, disagreements, family, folded, surface_of
from sonde.datasets.tag_kinds import TagKinds
from sonde.records.datasets import Alarm, Contradiction, Offset
from sonde.records.frames import Frame

NOISE = {"low": (1.0, 0.02), "medium": (5.0, 0.1)}
"""Severity → energies, meV/atom, and forces, eV/Å, below which contradictions are no worse."""
ESSENTIAL = ("functional", "hubbard_u", "pseudopotential")
"""Fields without which nobody can say on which surface a label lies."""


def stated_alarms(kinds: TagKinds) -> list[Alarm]:
    """Run all checks of what frames state of their level of theory."""
    stated = [surface_of(one) for one in kinds.examples]
    found = [*_mixed(kinds, stated), _not_stated(kinds, stated), *_partly_stated(kinds, stated)]
    return [one for one in found if one is not None]


Stated = Sequence[Mapping[str, str]]
"""Fields of each kind of frame."""


def surface_alarms(
    frames: Sequence[Frame],
    pairs: Sequence[GeometryPair],
    contradictions: Sequence[Contradiction],
    offsets: Sequence[Offset],
) -> list[Alarm]:
    """Run all checks that compare the labels of frames."""
    found = [
        _contradictory(contradictions, offsets),
        _copied_labels(frames, pairs),
        _spin_states(pairs),
        _duplicates(frames, pairs),
    ]
    return [one for one in found if one is not None]


def _mixed(kinds: TagKinds, stated: Stated) -> list[Alarm | None]:
    """Report fields that are stated with more than one value; the frames listed are those outside the largest group."""
    values: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, fields in enumerate(stated):
        for field, value in fields.items():
            values[field][value].append(number)
    _compare_whole_u(values, stated)
    together = {field: folded(by_value) for field, by_value in values.items()}
    alarms = []
    for hard in (True, False):
        mixed = {f: v for f, v in together.items() if len(v) > 1 and (family(f) in HARD) is hard}
        alarms.append(_mixed_alarm(kinds, mixed, hard))
    return alarms


def _compare_whole_u(values: Mapping[str, dict[str, list[int]]], stated: Stated) -> None:
    """Set a U that is stated of whole frames beside what others state element by element."""
    if "hubbard_u" not in values:
        return
    for number, fields in enumerate(stated):
        by_element = {value for field, value in fields.items() if field.startswith("hubbard_u[")}
        if by_element:
            values["hubbard_u"]["none" if by_element == {"none"} else U_ON].append(number)


def _mixed_alarm(kinds: TagKinds, mixed: Mapping[str, Mapping[str, list[int]]], hard: bool) -> Alarm | None:
    minority: set[int] = set()
    words = []
    for field, by_value in mixed.items():
        ranked = sorted(by_value.items(), key=lambda item: -kinds.count(item[1]))
        shown = ", ".join(f"{value} in {kinds.count(some)}" for value, some in ranked[:4])
        words.append(f"{field}: {shown} frames")
        minority.update(number for _, some in ranked[1:] for number in some)
    if hard:
        message = "Labels lie on more than one energy surface. " + "; ".join(words) + "."
        advice = "Train on one surface (the majority?), relabel the rest, or give each its own head; never mix them."
        return alarm("mixed_surfaces", "high", kinds.places(minority), message, advice)
    message = "Numerical settings differ between frames. " + "; ".join(words) + "."
    advice = "Estimate the shift on geometries computed both ways (offsets) before training on all of them."
    severity = "low" if set(mixed) <= {"code_version"} else "medium"
    return alarm("mixed_settings", severity, kinds.places(minority), message, advice)


def _lacking(stated: Stated, field: str) -> list[int]:
    """List the kinds of frame that leave a field open, whatever the element."""
    return [number for number, fields in enumerate(stated) if field not in {family(one) for one in fields}]


def _not_stated(kinds: TagKinds, stated: Stated) -> Alarm | None:
    silent = {field: some for field in ESSENTIAL if (some := _lacking(stated, field))}
    n = kinds.n_frames
    words = ", ".join(f"{field} in {kinds.count(some)} of {n} frames" for field, some in silent.items())
    message = f"Not stated: {words}. Whether all labels lie on one surface cannot be told from the files."
    names = ", ".join(f"{field} ({', '.join(KEYS[field][:2])})" for field in silent)
    advice = f"Ask whoever computed them and add the tags: {names}."
    places = kinds.places({number for some in silent.values() for number in some})
    return alarm("surface_unknown", "low", places, message, advice)


def _partly_stated(kinds: TagKinds, stated: Stated) -> list[Alarm | None]:
    """Report fields that some frames state and others leave open: whether these have the same value is unknown."""
    n, alarms = kinds.n_frames, []
    partly = {field: some for field in KEYS if 0 < len(some := _lacking(stated, field)) < len(stated)}
    for hard in (True, False):
        chosen = {field: some for field, some in partly.items() if (field in HARD) is hard}
        if hard:
            chosen.update(_lacking_elements(kinds, stated))
        words = ", ".join(f"{field} in {n - kinds.count(some)} of {n} frames" for field, some in chosen.items())
        message = f"Stated in part of the frames only: {words}. The others may differ: unknown equals nothing."
        advice = "Find out what holds for the others, and state it; look whether they come from another source."
        places = kinds.places({number for some in chosen.values() for number in some})
        alarms.append(alarm("surface_partly_stated", "medium" if hard else "low", places, message, advice))
    return alarms


def _lacking_elements(kinds: TagKinds, stated: Stated) -> dict[str, list[int]]:
    """List per element the kinds that name a potential for the whole set only, where others name that element's own."""
    named = {field for fields in stated for field in fields if field.startswith("pseudopotential[")}
    lacking: dict[str, list[int]] = {}
    for number, (frame, fields) in enumerate(zip(kinds.examples, stated, strict=True)):
        present = {f"pseudopotential[{chemical_symbols[z]}]" for z in set(frame.numbers.tolist())}
        for field in sorted(named & present - set(fields)) if "pseudopotential" in fields else ():
            lacking.setdefault(field, []).append(number)
    return lacking


def _contradictory(contradictions: Sequence[Contradiction], offsets: Sequence[Offset]) -> Alarm | None:
    ordinals = [ordinal for record in contradictions for ordinal in record.ordinals]
    worst = max((record.energy_spread_meV_per_atom or 0.0 for record in contradictions), default=0.0)
    shift = ""
    if offsets:
        first = offsets[0]
        constant = first.sd_meV_per_atom <= CONSTANT_WITHIN_MEV_PER_ATOM
        shift = (
            f" {first.group_a} minus {first.group_b}: {first.mean_meV_per_atom:.0f} ± {first.sd_meV_per_atom:.0f} "
            f"meV/atom over {first.n_shared} shared geometries"
            + (", a constant shift." if constant else "; not a constant shift: one number cannot correct it.")
        )
    message = (
        f"{len(contradictions)} geometries carry labels that cannot both be right, up to {worst:.4g} meV/atom apart."
        f"{shift}"
    )
    advice = "Keep one surface per training set; the offsets tell how far the groups lie apart."
    return alarm("contradictory_labels", _gravity(contradictions), ordinals, message, advice)


def _gravity(contradictions: Sequence[Contradiction]) -> str:
    """Say how bad contradictions are: below a meV per atom they are the noise of repeated calculations."""
    energy = max((one.energy_spread_meV_per_atom or 0.0 for one in contradictions), default=0.0)
    force = max((one.force_spread_eV_per_A or 0.0 for one in contradictions), default=0.0)
    grades = [grade for grade, (most, strongest) in NOISE.items() if energy < most and force < strongest]
    return grades[0] if grades else "high"


def _on_two_surfaces(frames: Sequence[Frame], pair: GeometryPair) -> bool:
    differing = disagreements(surface_of(frames[pair.first]), surface_of(frames[pair.second]))
    return any(family(field) in HARD for field in differing)


def _copied_labels(frames: Sequence[Frame], pairs: Sequence[GeometryPair]) -> Alarm | None:
    """Report the same geometry with the same energy on two stated surfaces: one set was copied over the other."""
    copied = [pair for pair in pairs if pair.relation == "duplicate" and _on_two_surfaces(frames, pair)]
    ordinals = sorted({end for pair in copied for end in (pair.first, pair.second)})
    message = f"{len(copied)} pairs of frames claim different surfaces for one geometry, with the same labels."
    advice = "One of the two was copied from the other or mislabelled: compare with the original calculations."
    return alarm("same_labels_on_two_surfaces", "high", ordinals, message, advice)


def _spin_states(pairs: Sequence[GeometryPair]) -> Alarm | None:
    found = sorted({end for pair in pairs if pair.relation == "spin_states" for end in (pair.first, pair.second)})
    message = f"{len(found)} frames share a geometry with another spin state (stated moments differ)."
    advice = "A potential that does not know the spin cannot learn both: keep the lower one."
    return alarm("spin_states", "medium", found, message, advice)


def duplicate_ordinals(frames: Sequence[Frame], pairs: Sequence[GeometryPair]) -> list[int]:
    """List the frames that repeat an earlier one: same geometry, same labels or none, no other surface stated."""
    alike = (pair for pair in pairs if pair.relation in ("duplicate", "unlabelled"))
    return sorted({pair.second for pair in alike if not _on_two_surfaces(frames, pair)})


def _duplicates(frames: Sequence[Frame], pairs: Sequence[GeometryPair]) -> Alarm | None:
    found = duplicate_ordinals(frames, pairs)
    message = f"{len(found)} frames repeat an earlier frame: same geometry, no difference in labels."
    advice = "Remove them, and see that no copy of a training frame stands in the validation or test set."
    return alarm("duplicates", "low", found, message, advice)
