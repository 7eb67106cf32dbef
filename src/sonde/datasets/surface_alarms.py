"""Alarms on what frames say of each other: mixed surfaces, contradictory labels, copies."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sonde.datasets.contradictions import GeometryPair
from sonde.datasets.label_alarms import alarm
from sonde.datasets.offsets import CONSTANT_WITHIN_MEV_PER_ATOM
from sonde.datasets.surfaces import HARD, KEYS, ROUNDING, disagreements, family, may_be_one, surface_of
from sonde.records.datasets import Alarm, Contradiction, Offset
from sonde.records.frames import Frame

ESSENTIAL = ("functional", "hubbard_u", "pseudopotential")
"""Fields without which nobody can say on which surface a label lies."""


def surface_alarms(
    frames: Sequence[Frame],
    pairs: Sequence[GeometryPair],
    contradictions: Sequence[Contradiction],
    offsets: Sequence[Offset],
) -> list[Alarm]:
    """Run all checks that compare frames."""
    found = [
        *_mixed(frames),
        _not_stated(frames),
        *_partly_stated(frames),
        _contradictory(contradictions, offsets),
        _copied_labels(frames, pairs),
        _spin_states(pairs),
        _duplicates(frames, pairs),
    ]
    return [one for one in found if one is not None]


def _mixed(frames: Sequence[Frame]) -> list[Alarm | None]:
    """Report fields that are stated with more than one value; the frames listed are those outside the largest group."""
    values: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, frame in enumerate(frames):
        for field, value in surface_of(frame).items():
            values[field][value].append(place)
    folded = {field: _folded(by_value) for field, by_value in values.items()}
    alarms = []
    for hard in (True, False):
        mixed = {f: v for f, v in folded.items() if len(v) > 1 and (family(f) in HARD) is hard}
        alarms.append(_mixed_alarm(mixed, hard))
    return alarms


def _folded(by_value: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """Count what one output rounds with what another states exactly."""
    found = {value: places for value, places in by_value.items() if not value.endswith(ROUNDING)}
    for value, places in by_value.items():
        if value.endswith(ROUNDING):
            same = next((exact for exact in found if may_be_one(exact, value)), value)
            found[same] = sorted([*found.get(same, []), *places])
    return found


def _mixed_alarm(mixed: Mapping[str, Mapping[str, list[int]]], hard: bool) -> Alarm | None:
    minority: set[int] = set()
    words = []
    for field, by_value in mixed.items():
        ranked = sorted(by_value.items(), key=lambda item: -len(item[1]))
        words.append(f"{field}: " + ", ".join(f"{value} in {len(places)}" for value, places in ranked[:4]) + " frames")
        minority.update(place for _, places in ranked[1:] for place in places)
    if hard:
        message = "Labels lie on more than one energy surface. " + "; ".join(words) + "."
        advice = "Train on one surface (the majority?), relabel the rest, or give each its own head; never mix them."
        return alarm("mixed_surfaces", "high", sorted(minority), message, advice)
    message = "Numerical settings differ between frames. " + "; ".join(words) + "."
    advice = "Estimate the shift on geometries computed both ways (offsets) before training on all of them."
    return alarm("mixed_settings", "medium", sorted(minority), message, advice)


def _not_stated(frames: Sequence[Frame]) -> Alarm | None:
    silent: dict[str, int] = dict.fromkeys(ESSENTIAL, 0)
    places = []
    for place, frame in enumerate(frames):
        stated = {family(field) for field in surface_of(frame)}
        missing = [field for field in ESSENTIAL if field not in stated]
        for field in missing:
            silent[field] += 1
        if missing:
            places.append(place)
    words = ", ".join(f"{field} in {count} of {len(frames)} frames" for field, count in silent.items() if count)
    message = f"Not stated: {words}. Whether all labels lie on one surface cannot be told from the files."
    names = ", ".join(f"{field} ({', '.join(KEYS[field][:2])})" for field, count in silent.items() if count)
    return alarm("surface_unknown", "low", places, message, f"Ask whoever computed them and add the tags: {names}.")


def _partly_stated(frames: Sequence[Frame]) -> list[Alarm | None]:
    """Report fields that some frames state and others leave open: whether these have the same value is unknown."""
    stating: dict[str, set[int]] = defaultdict(set)
    for place, frame in enumerate(frames):
        for field in surface_of(frame):
            stating[family(field)].add(place)
    partly = {field: places for field, places in stating.items() if len(places) < len(frames)}
    alarms = []
    for hard in (True, False):
        some = {field: places for field, places in partly.items() if (field in HARD) is hard}
        open_places = sorted(set().union(*(set(range(len(frames))) - places for places in some.values())))
        words = ", ".join(f"{field} in {len(places)} of {len(frames)} frames" for field, places in some.items())
        message = f"Stated in part of the frames only: {words}. The others may differ: unknown equals nothing."
        advice = "Find out what holds for the others, and state it; look whether they come from another source."
        alarms.append(alarm("surface_partly_stated", "medium" if hard else "low", open_places, message, advice))
    return alarms


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
    return alarm("contradictory_labels", "high", ordinals, message, advice)


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
