"""What a dataset holds, on which energy surfaces, and what contradicts what in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sonde.datasets.contact_alarms import contact_alarm
from sonde.datasets.contradictions import contradictory_pairs
from sonde.datasets.copy_alarms import (
    MovedPair,
    against_alarms,
    crossing,
    held_out,
    moved_copy_alarms,
    moved_leak_alarm,
    near_copy_alarm,
    split_alarms,
    split_of,
    splits_of,
)
from sonde.datasets.frame_table import FrameTable, Passed, counted, pass_over
from sonde.datasets.given_alarms import given_alarms
from sonde.datasets.label_alarms import label_alarms
from sonde.datasets.label_noise import label_noise
from sonde.datasets.length_alarms import length_alarms
from sonde.datasets.model_alarms import model_alarms
from sonde.datasets.offsets import offsets
from sonde.datasets.paired_labels import energies_side_by_side, paired_labels
from sonde.datasets.run_alarms import run_alarms
from sonde.datasets.selective_u import selective_u, selective_u_alarms
from sonde.datasets.shared_geometries import KindView, SharedGeometries, shared_geometries
from sonde.datasets.surface_alarms import duplicate_ordinals, stated_alarms, surface_alarms
from sonde.datasets.surfaces import surfaces
from sonde.datasets.tag_alarms import tag_alarms
from sonde.errors import WrongUse
from sonde.local_environments.contacts import closest_contact_frames
from sonde.records.datasets import Alarm, Audit, Contact, Contradiction, NoiseFloor, Offset, PairedLabels, SelectiveU
from sonde.records.frames import Frame

EXAMPLES = 10
NOT_STATED = "not stated"
LARGEST_SLOPE = 1.5
"""By which energies may change per work of the forces, or its inverse."""
SEVERITIES = ("high", "medium", "low")
CONTACTS_WITHIN_A = 4.0
MOST_HELD, SAMPLE = 10_000, 2_000
"""Datasets up to the first size are held and looked at frame by frame; of larger ones a random sample is."""


def audit(
    frames: Iterable[Frame],
    name: str,
    against: Iterable[Frame] | None = None,
    against_name: str = "the other set",
    most_held: int = MOST_HELD,
) -> Audit:
    """Audit a dataset: contents, surfaces, contradictions, offsets between groups, copies, and alarms by severity.

    Ordinals in the result are places in `frames`, which are gone over once. With `against`, another dataset, also what
    stands in both. Beyond `most_held` frames, what needs neighbours or forces at hand is looked for in a random sample
    of 2,000 and geometries are compared on a grid of 1e-4 Å; `notes` say so.

    Raises
    ------
    WrongUse : the dataset is empty.
    """
    passed = pass_over(frames, most_held, SAMPLE)
    if passed is None:
        raise WrongUse(f"The dataset {name!r} holds no frames: there is nothing to audit.")
    other = None if against is None else pass_over(against, most_held, SAMPLE)
    return _report(_found(passed, other, (name, against_name)))


@dataclass(frozen=True, eq=False)
class _Found:
    """What was looked at, and what alarms and report both draw on. names : of the dataset and of the other one."""

    names: tuple[str, str]
    passed: Passed
    other: Passed | None
    shared: SharedGeometries
    contradictions: list[Contradiction]
    between: tuple[Offset, ...]
    selective: tuple[SelectiveU, ...]
    noise: NoiseFloor
    copied: list[Alarm]
    splits_seen: bool


def _found(passed: Passed, other: Passed | None, names: tuple[str, str]) -> _Found:
    shared = shared_geometries(passed, other)
    contradictions = contradictory_pairs(shared.frames, shared.own)
    if isinstance(shared.frames, KindView):
        contradictions = [replace(one, formula=shared.frames.formula(one.ordinals[0])) for one in contradictions]
    copied, splits_seen = _copy_alarms(passed, other, shared, names[1])
    return _Found(
        names=names,
        passed=passed,
        other=other,
        shared=shared,
        contradictions=contradictions,
        between=offsets(shared.frames, shared.own),
        selective=selective_u(passed.held),
        noise=label_noise(passed.held, shared.held_pairs, shared.near),
        copied=copied,
        splits_seen=splits_seen,
    )


def _alarms(found: _Found) -> list[Alarm]:
    passed, shared = found.passed, found.shared
    of_sample = [
        *model_alarms(passed.held),
        *length_alarms(passed.held),
        *given_alarms(passed.held),
        *tag_alarms(passed.held),
        *([] if (short := contact_alarm(passed.held)) is None else [short]),
        *selective_u_alarms(found.selective),
        *_mismatch(found.noise, passed),
    ]
    alarms = [
        *stated_alarms(passed.table.kinds),
        *surface_alarms(shared.frames, shared.own, found.contradictions, found.between),
        *run_alarms(passed.table.kinds),
        *label_alarms(passed.table),
        *_sampled(of_sample, passed),
        *found.copied,
    ]
    return sorted(alarms, key=lambda one: SEVERITIES.index(one.severity))


def _report(found: _Found) -> Audit:
    passed, table, kinds = found.passed, found.passed.table, found.passed.table.kinds
    alarms = _alarms(found)
    return Audit(
        dataset=found.names[0],
        n_frames=len(table),
        n_atoms=table.n_atoms,
        elements=table.elements,
        formulas=counted(table.formulas, table.formula_counts),
        config_types=counted((str(one.tags.get("config_type") or NOT_STATED) for one in kinds.examples), kinds.counts),
        labels=_labels(table),
        surfaces=surfaces(kinds.examples, kinds.counts),
        contradictions={"n_groups": len(found.contradictions), "examples": found.contradictions[:EXAMPLES]},
        offsets=found.between,
        duplicates=len(duplicate_ordinals(found.shared.frames, found.shared.own)),
        alarms=tuple(alarms),
        zero_filled=_hits(alarms, "zero_filled"),
        outliers=_hits(alarms, "energy_outliers"),
        leakage=_hits(found.copied, "leakage") if found.other is not None or found.splits_seen else None,
        near_duplicates=_hits(found.copied, "near_duplicates"),
        selective_u=_placed_rules(found.selective, passed),
        paired=_paired(passed, found.other, found.shared, found.names, found.between),
        noise=found.noise,
        closest_contacts=_contacts(passed),
        notes=_notes(passed, found.other, found.shared),
    )


def _labels(table: FrameTable) -> dict[str, int]:
    """Count the frames that carry each label."""
    return {name: len(table) - len(lacking) for name, lacking in table.lacking.items()}


def _contacts(passed: Passed) -> tuple[Contact, ...]:
    """Find the closest distance of each pair of elements, in up to 2,000 of the frames held."""
    step = max(1, -(-len(passed.held) // SAMPLE))
    found = closest_contact_frames(passed.held[::step], CONTACTS_WITHIN_A)
    return tuple(
        Contact("-".join(pair), one.distance_A, int(passed.places[one.frame * step]))
        for pair, one in sorted(found.items())
    )


def _placed_rules(found: Sequence[SelectiveU], passed: Passed) -> tuple[SelectiveU, ...]:
    return tuple(replace(one, examples=tuple(int(passed.places[i]) for i in one.examples)) for one in found)


def _sampled(found: Sequence[Alarm | None], passed: Passed) -> list[Alarm]:
    """Number the frames of alarms by their places in the dataset, and say where only a sample was looked at."""
    alarms = [one for one in found if one is not None]
    if passed.whole:
        return alarms
    words = f" Looked for in a random sample of {len(passed.held)} of {len(passed.table)} frames."
    return [
        replace(one, ordinals=tuple(int(passed.places[i]) for i in one.ordinals), message=one.message + words)
        for one in alarms
    ]


def _notes(passed: Passed, other: Passed | None, shared: SharedGeometries) -> tuple[str, ...]:
    notes = []
    if not passed.whole:
        notes.append(
            f"{len(passed.table)} frames: what needs neighbours or forces at hand (units, signs, references, near "
            f"copies, noise) was looked for in a random sample of {len(passed.held)}; equal geometries were found on a "
            "grid of 1e-4 Å, in the order of atoms of the files."
        )
    if other is not None and not (passed.whole and other.whole):
        notes.append("Labels were not compared with those of the other dataset: too many frames.")
    if shared.n_left_out:
        notes.append(f"{shared.n_left_out} more pairs of equal geometries were not compared.")
    return tuple(notes)


def _copy_alarms(
    passed: Passed, other: Passed | None, shared: SharedGeometries, against_name: str
) -> tuple[list[Alarm], bool]:
    """Return alarms on copies, and whether there were splits to look at."""
    kinds = passed.table.kinds
    of_kind = [split_of(one) for one in kinds.examples]
    several = len(set(of_kind) - {None}) > 1
    n_held_out = kinds.count(number for number, split in enumerate(of_kind) if held_out(split))
    near_found = [near_copy_alarm(shared.near, len(passed.held), {pair.second for pair in shared.held_pairs})]
    exact_found: list[Alarm | None] = []
    if several and passed.whole:
        exact_found = split_alarms(passed.held, shared.own, shared.near, n_held_out)
    elif several:
        near_found += split_alarms(passed.held, [], shared.near, sum(held_out(split_of(one)) for one in passed.held))
        exact_found = split_alarms(shared.frames, shared.own, [], n_held_out)
    moved = moved_copy_alarms(passed.held, shared.moved)
    if several:
        pairs = [MovedPair(*pair) for pair in shared.moved]
        moved.append(moved_leak_alarm(crossing(pairs, splits_of(passed.held, pairs)), "in another split"))
    found = [*_sampled(near_found, passed), *exact_found, *_sampled(moved, passed)]
    if other is not None:
        found += against_alarms(shared.exact_in_other, shared.near_in_other, len(passed.table), against_name)
        found.append(moved_leak_alarm(shared.moved_in_other, f"in {against_name}"))
    return [one for one in found if one is not None], several


def _paired(
    passed: Passed, other: Passed | None, shared: SharedGeometries, names: tuple[str, str], between: Sequence[Offset]
) -> tuple[PairedLabels, ...]:
    if not passed.whole:
        return energies_side_by_side(between)
    within = paired_labels(passed.held, shared.own)
    if not shared.across or other is None:
        return within
    datasets = [names[0]] * len(passed.held) + [names[1]] * len(other.held)
    return (*paired_labels([*passed.held, *other.held], shared.across, datasets), *within)


def _mismatch(noise: NoiseFloor, passed: Passed) -> list[Alarm]:
    """Report forces whose work is not the change of the energy: another unit or sign throughout."""
    slope = noise.force_energy_slope
    if slope is None or 1 / LARGEST_SLOPE < slope < LARGEST_SLOPE:
        return []
    message = (
        f"Energies of {noise.n_near} near copies change by {slope:.3g} times the work of their forces: unit or sign of "
        "one of the two is wrong throughout."
    )
    advice = "Forces in Hartree/Bohr beside energies in eV give 51.4, in eV/Bohr 1.89, gradients for forces −1."
    return [Alarm("force_energy_mismatch", "high", len(passed.table), (), message, advice)]


def _hits(alarms: Iterable[Alarm], kind: str) -> int:
    """Count the frames behind all alarms whose kind begins so."""
    return sum(alarm.n for alarm in alarms if alarm.kind.startswith(kind))
