"""Lineage: how a child dataset came from its parent, told by the simplest rule that explains the drops."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase.data import chemical_symbols

from sonde.datasets.collateral import collateral
from sonde.datasets.drops import DropReport, explain_drops
from sonde.datasets.features import feature_table, references_by_atoms, with_references
from sonde.datasets.matching import Matching, match
from sonde.datasets.search import MARGIN
from sonde.records.arrays import BoolArray
from sonde.records.datasets import FeatureTable, Lineage
from sonde.records.frames import Frame


def lineage(
    parent: Sequence[Frame],
    child: Sequence[Frame],
    *,
    parent_name: str = "parent",
    child_name: str = "child",
    table: FeatureTable | None = None,
) -> Lineage:
    """Compare a dataset with the one it was made from, and recover the simplest rule that explains the drops.

    `table` may carry the parent's features where they are at hand. Assumptions: the child is parent minus rule minus
    random loss plus additions, and the rule spared no frame that it holds for.
    """
    table = feature_table(parent) if table is None else table
    matching = match(parent, child)
    kept = np.zeros(len(parent), bool)
    kept[matching.kept_parent] = True
    table, report = _explained(parent, table, kept)
    return _record((parent_name, child_name), len(child), table, matching, report)


def _record(
    names: tuple[str, str], n_child: int, table: FeatureTable, matching: Matching, report: DropReport
) -> Lineage:
    """Put the record together; collateral is what the rule did, or all drops where there is none."""
    rule = report.rules[0] if report.rules else None
    everything = np.zeros(table.n_frames, bool)
    everything[matching.dropped] = True
    low, high = report.random_interval
    return Lineage(
        parent=names[0],
        child=names[1],
        n_parent=table.n_frames,
        n_child=n_child,
        n_kept=len(matching.kept_parent),
        n_dropped=len(matching.dropped),
        n_added=len(matching.added),
        n_relabelled=len(matching.relabelled),
        random_split=report.random_split,
        random_fraction=report.random_fraction,
        random_fraction_low=low,
        random_fraction_high=high,
        n_dropped_by_rule=int(report.dropped_by_rule.sum()),
        n_dropped_at_random=report.n_rest if report.random_split else 0,
        n_unexplained=0 if report.random_split else report.n_rest,
        rules=report.rules,
        collateral=collateral(table, report.dropped_by_rule if rule else everything, rule),
        notes=(*table.notes, *_matching_notes(matching), *report.notes),
        kept_parent=matching.kept_parent,
        kept_child=matching.kept_child,
        dropped=matching.dropped,
        dropped_by_rule=np.flatnonzero(report.dropped_by_rule),
    )


def _explained(parent: Sequence[Frame], table: FeatureTable, kept: BoolArray) -> tuple[FeatureTable, DropReport]:
    """Explain the drops; where some are left over, try the other custom of fitting reference energies as well.

    The other fit is taken where a rule on energy_per_atom_referenced of no more conditions then explains more than
    chance can (significance.CHANCE).
    """
    report = explain_drops(table, kept)
    references = references_by_atoms(parent) if report.n_rest else None
    if references is None:
        return table, report
    other = with_references(table, parent, references)
    again = explain_drops(other, kept)
    if not _rests_on_energy(again) or _n_conditions(again) > (_n_conditions(report) or 3):
        return table, report
    if again.worth <= report.worth + MARGIN:
        return table, report
    note = (
        "energy_per_atom_referenced is taken here against reference energies fitted to total energies, every atom "
        "weighing alike: " + ", ".join(f"{chemical_symbols[z]} {e:.6g} eV" for z, e in references.energies_eV.items())
    )
    return other, replace(again, notes=(*again.notes, note + "."))


def _rests_on_energy(report: DropReport) -> bool:
    return any(c.feature == "energy_per_atom_referenced" for rule in report.rules[:1] for c in rule.conditions)


def _n_conditions(report: DropReport) -> int:
    return len(report.rules[0].conditions) if report.rules else 0


def _matching_notes(matching: Matching) -> list[str]:
    notes = []
    if len(matching.added):
        notes.append(f"{len(matching.added)} frames of the child are not in the parent.")
    if len(matching.relabelled):
        notes.append(f"{len(matching.relabelled)} kept frames carry other labels than in the parent.")
    return notes
