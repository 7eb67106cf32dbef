"""Rules as records: conditions with the interval of thresholds that give the same drops, words, and statistics."""

import operator
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sonde.datasets.regions import Loss, Region, SearchTable, Term
from sonde.datasets.thresholds import likeliest_threshold, plausible_edges
from sonde.records.arrays import BoolArray
from sonde.records.datasets import Condition, FeatureTable, Rule


def holds(rule: Rule, table: FeatureTable) -> BoolArray:
    """Tell for which frames of a table a rule holds, (n_frames,); unknown features satisfy no condition."""
    masks = [condition_holds(condition, table) for condition in rule.conditions]
    return np.asarray(np.logical_or.reduce(masks) if rule.joined_by == "or" else np.logical_and.reduce(masks), bool)


def condition_holds(condition: Condition, table: FeatureTable) -> BoolArray:
    """Tell for which frames of a table one condition holds, (n_frames,)."""
    if condition.op == "in":
        words = table.categorical.get(condition.feature, (None,) * table.n_frames)
        return np.array([word in condition.values for word in words], bool)
    values = table.numeric.get(condition.feature, np.full(table.n_frames, np.nan))
    threshold = np.nan if condition.threshold is None else condition.threshold
    compare = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}[condition.op]
    return np.asarray(compare(values, threshold), np.bool_)


def rule_of(table: SearchTable, loss: Loss, region: Region, loss_rate: float, units: FeatureTable) -> Rule:
    """Turn a region into a rule: every condition gets its interval with the other conditions as they stand.

    recall is left at the share of all drops; `explained` sets it where some of them were lost at random.
    """
    conditions = tuple(_condition(table, loss, region, i, loss_rate, units) for i in range(len(region.terms)))
    first = conditions[0]
    rule = Rule(
        rule=wording(conditions, region.joined_by),
        feature=first.feature,
        op=first.op,
        threshold=first.threshold,
        threshold_low=first.threshold_low,
        threshold_high=first.threshold_high,
        unit=first.unit,
        precision=0.0,
        recall=0.0,
        conditions=conditions,
        joined_by=region.joined_by,
        n_matched=0,
        n_matched_dropped=0,
    )
    return scored(rule, holds(rule, units), loss.dropped, loss.dropped)


def scored(rule: Rule, matched: BoolArray, dropped: BoolArray, to_explain: BoolArray) -> Rule:
    """Fill in a rule's statistics: precision over the frames it holds for, recall over the drops to explain."""
    n_matched, n_hit = int(matched.sum()), int((matched & dropped).sum())
    n_to_explain = int(to_explain.sum())
    return replace(
        rule,
        precision=n_hit / n_matched if n_matched else 0.0,
        recall=int((matched & to_explain).sum()) / n_to_explain if n_to_explain else 0.0,
        n_matched=n_matched,
        n_matched_dropped=n_hit,
    )


def _condition(
    table: SearchTable, loss: Loss, region: Region, i: int, loss_rate: float, units: FeatureTable
) -> Condition:
    term = region.terms[i]
    relevant = table.decided_by_each(region)[i]
    if term.op == "in":
        return Condition(term.feature, "in", None, None, None, None, _needed_words(table, loss, term, relevant))
    sign = 1.0 if term.op == ">" else -1.0
    column = table.columns[table.names.index((term.feature, term.op))]
    bound = float(np.max(column, where=loss.kept & relevant, initial=-np.inf))
    if not np.isfinite(bound):  # the other conditions spare every survivor: keep the bound that was searched
        bound = sign * term.bound
    edges = plausible_edges(bound, column[loss.dropped & relevant], loss_rate)
    threshold = sign * likeliest_threshold(edges, loss_rate) + 0.0
    low, high = sorted((sign * edges[0] + 0.0, sign * edges[-1] + 0.0))
    return Condition(term.feature, term.op, threshold, low, high, units.units.get(term.feature))


def _needed_words(table: SearchTable, loss: Loss, term: Term, relevant: BoolArray) -> tuple[str, ...]:
    """Leave out words that add no drop of their own."""
    codes = table.codes[term.feature]
    words = table.words[term.feature]
    needed = {words[code] for code in np.unique(codes[loss.dropped & relevant]) if code >= 0}
    return tuple(value for value in term.values if value in needed) or term.values


def wording(conditions: Sequence[Condition], joined_by: str | None) -> str:
    """Write conditions as one line of text, a band as `low < feature < high`."""
    if joined_by == "and" and len(conditions) == 2 and conditions[0].feature == conditions[1].feature:
        low, high = sorted(c.threshold for c in conditions if c.threshold is not None)
        unit = f" {conditions[0].unit}" if conditions[0].unit else ""
        return f"{low:.6g} < {conditions[0].feature} < {high:.6g}{unit}"
    return f" {joined_by} ".join(_words(condition) for condition in conditions)


def _words(condition: Condition) -> str:
    if condition.op == "in":
        return f"{condition.feature} in {{{', '.join(condition.values)}}}"
    unit = f" {condition.unit}" if condition.unit else ""
    return f"{condition.feature} {condition.op} {condition.threshold:.6g}{unit}"
