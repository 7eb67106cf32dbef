"""Settings that science hangs on: which changes are of one, what it acts on, how it stood at a time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sonde.concepts import concept_of, feature_of, words_of
from sonde.decisions.answers import why_change
from sonde.decisions.archive import Archive
from sonde.decisions.renamed_files import first_names
from sonde.decisions.retrieval import aware
from sonde.decisions.targets import target_of
from sonde.records.decisions import Change, Effect, Event, Gap, Level, Setting

LEVELS: tuple[Level, ...] = ("data", "labels", "training", "other")
"""The one that weighs most first: lost frames cannot be learnt, whatever the training."""
DATA = frozenset(
    {
        "train_fraction", "subsample", "energy_above_hull", "uncertainty_threshold", "trust_lower", "trust_upper",
        "selection_grade", "breaking_grade", "committee_size", "selected_per_round", "query_strategy",
    }
)  # fmt: skip
LABELS = frozenset(
    {
        "functional", "plane_wave_cutoff", "density_cutoff", "smearing_width", "smearing_type", "relaxation_force",
        "scf_tolerance", "k_spacing", "hubbard_u", "spin", "dispersion", "pseudopotential",
    }
)  # fmt: skip
TRAINING = frozenset(
    {
        "seed", "learning_rate", "cutoff_radius", "batch_size", "epochs", "force_weight", "energy_weight",
        "stress_weight", "channels", "l_max", "correlation", "interactions", "weight_decay", "dtype",
        "validation_metric", "force_error", "energy_error", "patience", "scheduler_patience",
    }
)  # fmt: skip
Effects = Mapping[Change, Effect]


def watched(changes: Iterable[Change]) -> list[Change]:
    """Changes of settings that have a name in the field, oldest first."""
    listed = list(changes)
    named = {key for key in {(one.key, one.unit) for one in listed} if concept_of(*key) is not None}
    return sorted((one for one in listed if (one.key, one.unit) in named), key=lambda one: one.time)


def level_of(change: Change) -> Level:
    """Say what a setting acts on."""
    concept = target_of(change).concept or ""
    if concept in LABELS:
        return "labels"
    if concept in TRAINING:
        return "training"
    return "data" if concept in DATA or (concept and feature_of(concept) is not None) else "other"


def name_of(change: Change) -> str:
    """Name a setting in the field's own words."""
    concept = target_of(change).concept
    return words_of(concept) if concept else change.key


def standing(changes: Sequence[Change], as_of: datetime | None = None) -> list[Change]:
    """Latest change of each watched setting until a time; settings that were removed are left out.

    A file that was renamed is one file: what stood in it under its old name stands no more.
    """
    until = [change for change in changes if as_of is None or change.time <= aware(as_of)]
    names = first_names(until)
    last: dict[tuple[tuple[str, str], str], Change] = {}
    for change in watched(until):
        file = (change.source, change.path)
        last[(names.get(file, file), change.key)] = change
    return [change for change in last.values() if change.new is not None]


def settings(archive: Archive, effects: Effects, as_of: datetime | None = None) -> list[Setting]:
    """Return the watched settings as they stood, those with an effect on data first, with the recorded reasons."""
    found = [_setting(archive, change, effects.get(change)) for change in standing(archive.changes, as_of)]
    return sorted(found, key=lambda one: (_rank(one.change, one.effect), one.change.path, one.change.key))


def _setting(archive: Archive, change: Change, effect: Effect | None) -> Setting:
    why = why_change(archive, change)
    n_changes = sum(other.time <= change.time for other in archive.same_setting(change))
    return Setting(level_of(change), name_of(change), change, n_changes, why.answered, why.quotes, why.decision, effect)


def gaps(archive: Archive, effects: Effects, changes: Iterable[Change]) -> list[Gap]:
    """Return the changes that nobody gave a reason for: by frames affected, by what they act on, the latest first."""
    found = []
    for change in changes:
        why = why_change(archive, change)
        if not why.answered:
            level, effect = level_of(change), effects.get(change)
            found.append(Gap(change, level, effect, change.author, _question(change), why.nearest))
    return sorted(found, key=lambda gap: (_rank(gap.change, gap.effect), -gap.change.time.timestamp()))


def _rank(change: Change, effect: Effect | None) -> tuple[int, int, bool]:
    """Frames affected, then what the setting acts on; a value that was changed before one that was only ever set."""
    return (-(effect.n_frames if effect else 0), LEVELS.index(level_of(change)), change.old is None)


def _question(change: Change) -> str:
    unit = f" {change.unit}" if change.unit else ""
    if change.old is None:
        return f"Why is {name_of(change)} ({change.key}) {change.new}{unit}?"
    if change.new is None:
        return f"Why was {name_of(change)} ({change.key}, {change.old}{unit}) taken out?"
    return f"Why did {name_of(change)} ({change.key}) go from {change.old} to {change.new}{unit}?"


def events(archive: Archive, changes: Iterable[Change]) -> list[Event]:
    """Return changes, and the dated quotes that speak of them, in order of time."""
    found: dict[tuple[str, str], Event] = {}
    for change in changes:
        place = f"commit:{change.commit}"
        found[(place, change.key)] = Event(change.time, "change", _told(change), change.author, place, change.key)
        for quote in why_change(archive, change).quotes:
            if quote.time is not None:
                event = Event(quote.time, quote.role, quote.text, quote.author, quote.anchor, change.key)
                found.setdefault((quote.anchor, quote.text), event)
    return sorted(found.values(), key=lambda event: (event.time, event.kind != "change"))


def _told(change: Change) -> str:
    unit = f" {change.unit}" if change.unit else ""
    values = f"{change.old or 'unset'} → {change.new or 'removed'}{unit}"
    return f"{change.key} {values} in {change.path}: {change.summary}"
