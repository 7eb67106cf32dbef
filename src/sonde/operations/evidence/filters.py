"""The rule that took the neighbours, the change that set it, and the reason that was given."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from sonde.operations.evidence.coverage import nearest_frames
from sonde.operations.evidence.material import Material
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.datasets import FeatureTable, Rule
from sonde.records.decisions import Change, Quote, Why
from sonde.records.diagnosis import FilterEvidence
from sonde.records.frames import Frame

if TYPE_CHECKING:
    from sonde.decisions.archive import Archive
    from sonde.decisions.scope import FrameSubject


def filter_evidence(material: Material, archive: "Archive | None") -> FilterEvidence | None:
    """Join lineage, repository and archive for the rule that took frames near the failing structure."""
    lineage, pool = material.lineage, material.pool
    if lineage is None or pool is None or not lineage.rules:
        return None
    rule = lineage.rules[0]
    near = nearest_frames(pool, material).tolist()
    change, note = _change(archive, rule)
    answer = _reasons(archive, change)
    scope_includes, words = _scope(answer, material)
    return FilterEvidence(
        rule=rule,
        n_dropped_near=sum(k in material.dropped for k in near),
        n_dropped_near_by_rule=sum(k in material.dropped_by_rule for k in near),
        n_kept_near=sum(k not in material.dropped for k in near),
        n_survivors_beyond=rule.n_matched - rule.n_matched_dropped,
        inputs_beyond=_inputs_beyond(material, rule),
        change=change,
        change_note=note,
        change_predates_training=_predates(change, material.registered.trained_at, archive),
        reasons=_told(answer),
        scope_includes=scope_includes,
        scope_words=words,
        archive_searched=archive is not None,
        collateral=lineage.collateral,
    )


def _change(archive: "Archive | None", rule: Rule) -> tuple[Change | None, str | None]:
    """Find the change that set the rule, or an equivalent of it."""
    from sonde.decisions.rule_changes import change_for_rule

    if archive is None:
        return None, "No repository is registered in which the change could stand (sonde add git PATH)."
    for candidate in (rule, *rule.equivalent):
        found = change_for_rule(archive, candidate)
        if found:
            return found[0]
    return None, "No change in the registered repositories sets a value in this interval."


def _reasons(archive: "Archive | None", change: Change | None) -> Why | None:
    from sonde.decisions.answers import why_change

    return why_change(archive, change) if archive is not None and change is not None else None


def _inputs_beyond(material: Material, rule: Rule) -> float | None:
    """Share of the inputs for which the rule would hold, over those that state what it takes (forces, energy, tag)."""
    table = _table(material, material.inputs.frames)
    known = np.all([_known(table, condition.feature) for condition in rule.conditions], axis=0)
    return float(np.mean(_holds(rule, table)[known])) if known.any() else None


def _known(table: FeatureTable, feature: str) -> BoolArray:
    if feature in table.numeric:
        return np.isfinite(table.numeric[feature])
    return np.array([value is not None for value in table.categorical[feature]])


def _table(material: Material, frames: Sequence[Frame]) -> FeatureTable:
    """Features of the inputs with reference energies fitted on the pool, as the rule was."""
    from sonde.datasets.features import feature_table
    from sonde.reference_energies.fitted import fit_reference_energies

    assert material.pool is not None
    pool = material.pool.frames
    references = fit_reference_energies(pool) if any(frame.energy_eV is not None for frame in pool) else None
    both = feature_table([*pool, *frames], references)
    n = len(material.pool.frames)
    return FeatureTable(
        numeric={name: values[n:] for name, values in both.numeric.items()},
        units=both.units,
        categorical={name: values[n:] for name, values in both.categorical.items()},
        n_frames=len(frames),
    )


def _holds(rule: Rule, table: FeatureTable) -> BoolArray:
    from sonde.datasets.rules import holds

    return holds(rule, table)


def _predates(change: Change | None, trained_at: str | None, archive: "Archive | None") -> bool | None:
    """Whether the change was made before the potential was trained; None where either is not known."""
    if change is None or trained_at is None:
        return None
    trained = training_time(trained_at, archive)
    return None if trained is None else change.time <= trained


def training_time(trained_at: str, archive: "Archive | None") -> datetime | None:
    """Turn `--trained-at` (an ISO date or a commit of a registered repository) into a time."""
    try:
        time = datetime.fromisoformat(trained_at)
    except ValueError:
        times = [c.time for c in (archive.changes if archive else ()) if c.commit.startswith(trained_at.lower())]
        return min(times, default=None)
    if len(trained_at) == len("2024-03-02"):
        time += timedelta(days=1)  # some time that day: what was changed before its end may have come first
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _told(answer: Why | None) -> tuple[Quote, ...]:
    """The reasons, and what was said of how far they reach; nothing where no reason is recorded."""
    if answer is None or not answer.answered:
        return ()
    return tuple(quote for quote in answer.quotes if quote.role in ("reason", "context"))


def _scope(answer: Why | None, material: Material) -> tuple[bool | None, str | None]:
    """Does a quoted reason name these frames, exclude them, or say nothing of them?"""
    from sonde.decisions.scope import applies_together

    if answer is None or not answer.answered:
        return None, None
    quotes = [quote for quote in answer.quotes if quote.role in ("reason", "context")]
    return applies_together(quotes, frame_subject(material))


def frame_subject(material: Material) -> "FrameSubject":
    """Describe the failing structures and their dropped neighbours in the words that a reason could use."""
    from ase.data import chemical_symbols
    from ase.formula import Formula

    from sonde.decisions.scope import FrameSubject

    assert material.pool is not None
    near = [k for k in nearest_frames(material.pool, material).tolist() if k in material.dropped_by_rule]
    failing = list(material.inputs.frames)
    # A reason is about what failed; its dropped neighbours speak for it only where it carries no tag of its own.
    frames = failing if config_types_of(failing) else [*failing, *(material.pool.frames[k] for k in near)]
    symbols = [[chemical_symbols[z] for z in frame.numbers.tolist()] for frame in material.inputs.frames]
    values = _table(material, frames)
    ranges = {
        name: (float(np.nanmin(column)), float(np.nanmax(column)))
        for name, column in values.numeric.items()
        if not np.all(np.isnan(column))
    }
    return FrameSubject(
        elements=frozenset(s for names in symbols for s in names),
        formulas=tuple(sorted({Formula.from_list(names).format("hill") for names in symbols})),
        config_types=config_types_of(frames),
        features=ranges,
        other_config_types=tuple(t for t in config_types_of(material.pool.frames) if t not in config_types_of(frames)),
    )


def config_types_of(frames: Sequence[Frame]) -> tuple[str, ...]:
    """The tags of the frames, each once."""
    return tuple(sorted({str(f.tags["config_type"]) for f in frames if f.tags.get("config_type")}))


def left_out_on_purpose(material: Material, archive: "Archive | None") -> tuple[Quote, ...]:
    """Quotes that name the failing region as one that was not to be computed; empty where nothing says so."""
    from ase.data import chemical_symbols

    from sonde.decisions.omissions import left_out

    if archive is None or material.pool is None:
        return ()
    symbols = tuple(sorted({chemical_symbols[z] for numbers in material.inputs.numbers for z in numbers.tolist()}))
    return left_out(archive.passages, symbols, config_types_of(material.inputs.frames))


def feature_values(material: Material, feature: str) -> tuple[FloatArray, FloatArray] | None:
    """Values of a numeric feature over the raw pool and over the inputs; None for a feature that has no numbers."""
    assert material.pool is not None
    table = _table(material, [*material.pool.frames, *material.inputs.frames])
    if feature not in table.numeric:
        return None
    values, n = table.numeric[feature], len(material.pool.frames)
    return values[:n], values[n:]
