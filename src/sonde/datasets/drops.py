"""The drops of a dataset explained: a rule with its equivalents, what was lost at random, and what neither explains."""

from dataclasses import dataclass, replace

import numpy as np

from sonde.datasets.exceptions import explain_with_exceptions
from sonde.datasets.regions import Loss, search_table
from sonde.datasets.rules import holds, rule_of, scored
from sonde.datasets.search import Explanation
from sonde.datasets.significance import loss_interval
from sonde.records.arrays import BoolArray
from sonde.records.datasets import FeatureTable, Rule

MOST_EQUIVALENT = 50


@dataclass(frozen=True, eq=False)
class DropReport:
    """Rules and random loss behind the drops of a table's frames; fields as in Lineage."""

    rules: tuple[Rule, ...]
    dropped_by_rule: BoolArray
    random_split: bool
    n_rest: int
    random_fraction: float | None
    random_interval: tuple[float, float] | tuple[None, None]
    notes: tuple[str, ...]
    worth: float = 0.0
    """Evidence for the rule, natural logarithm, as in search.Explanation."""


def explain_drops(table: FeatureTable, kept: BoolArray) -> DropReport:
    """Explain which frames of a table were kept, (n_frames,), and which were not."""
    nobody = np.zeros(table.n_frames, bool)
    if np.all(kept) or not np.any(kept):
        note = () if np.all(kept) else ("No frame was kept: there are no survivors to tell a rule from.",)
        return DropReport((), nobody, False, int((~kept).sum()), 0.0 if np.all(kept) else None, (None, None), note)
    ready = search_table(table)
    found = explain_with_exceptions(ready, Loss(kept, ~kept))
    regions = [found.region, *found.equivalent] if found.region else []
    rules = [rule_of(ready, found.loss, region, found.loss_rate, table) for region in regions[: MOST_EQUIVALENT + 1]]
    by_rule = holds(rules[0], table) & ~kept if rules else nobody
    rest = ~kept & ~by_rule
    to_explain = by_rule if found.random else ~kept
    rules = [scored(rule, holds(rule, table), ~kept, to_explain) for rule in rules]
    outside = int(rest.sum() + kept.sum())
    known = found.random or not np.any(rest)
    return DropReport(
        rules=(replace(rules[0], equivalent=tuple(rules[1:])),) if rules else (),
        dropped_by_rule=by_rule,
        random_split=found.random,
        n_rest=int(rest.sum()),
        random_fraction=int(rest.sum()) / outside if known else None,
        random_interval=loss_interval(int(rest.sum()), outside) if known else (None, None),
        notes=(*_notes(found, len(regions)), *_exceptions(rules)),
        worth=found.worth,
    )


def _notes(found: Explanation, n_rules: int) -> list[str]:
    notes = []
    if found.region is None:
        notes.append("No rule of up to three conditions explains the drops better than chance.")
    if n_rules > MOST_EQUIVALENT + 1:
        notes.append(f"{n_rules - 1} other rules drop the same frames; the first {MOST_EQUIVALENT} are listed.")
    if n_rules > 1 and found.n_rest:
        notes.append("Equivalent rules drop the same frames but for what the random loss can account for.")
    if not found.rest.uniform:
        notes.append(
            f"The remaining {found.n_rest} drops are no uniform random loss: they depend on {found.rest.feature} "
            f"(p = {found.rest.p_value:.1g} after correction)."
        )
    elif found.n_rest > 0 and not found.random:
        notes.append(f"{found.n_rest} drops are left over, too few to tell a random loss from another cause.")
    if found.together > 2:
        notes.append(
            f"Drops come in groups of about {found.together:.0f} neighbouring frames, as where trajectories or "
            "near-duplicates are split as a whole."
        )
    return notes


def _exceptions(rules: list[Rule]) -> list[str]:
    n_kept = rules[0].n_matched - rules[0].n_matched_dropped if rules else 0
    return [f"{n_kept} kept frames contradict the rule {rules[0].rule!r}."] if n_kept else []
