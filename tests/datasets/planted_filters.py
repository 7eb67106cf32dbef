"""Filters planted on real features, with the answer known: used by the tests (a few) and by speed/lineage.py (all)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sonde.datasets.drops import DropReport, explain_drops
from sonde.datasets.readers import read_frames
from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.datasets import Condition, FeatureTable, Rule
from sonde.records.frames import Frame

LEAST, MOST = 0.01, 0.60
"""Share of the parent that a planted filter drops."""
CLEAR_GAP = 1e-6
"""Thresholds are planted where neighbouring values differ by at least this: rounding to files moves no frame across."""
FLAGS, FILTERS, SPLITS, GROUPS = range(4)
"""Independent random streams of one seed."""


@dataclass(frozen=True, eq=False)
class Planted:
    """A filter whose rule is known: numeric (`feature op threshold`) or a set of words."""

    feature: str
    op: str
    threshold: float | None
    values: tuple[str, ...]
    dropped: BoolArray

    def __str__(self) -> str:
        what = f"{self.threshold:.6g}" if self.threshold is not None else "{" + ", ".join(self.values) + "}"
        return f"{self.feature} {self.op} {what} ({self.dropped.mean():.1%})"


def nbmotaw(shared_data: Path) -> list[Frame]:
    """Read all 5,658 frames of nbmotaw, numbered through."""
    files = sorted((shared_data / "nbmotaw").glob("*.json.gz"))
    return [frame.numbered(i) for i, frame in enumerate(frame for file in files for frame in read_frames(file))]


def part_of(table: FeatureTable, ordinals: IntArray) -> FeatureTable:
    """Return some of a table's frames as a table."""
    return replace(
        table,
        numeric={name: values[ordinals] for name, values in table.numeric.items()},
        categorical={name: tuple(words[i] for i in ordinals) for name, words in table.categorical.items()},
        n_frames=len(ordinals),
    )


def with_flags(table: FeatureTable, seed: int) -> FeatureTable:
    """Add a convergence flag, False for a few per cent of the frames, more often where forces are large."""
    rng = np.random.default_rng([FLAGS, seed])
    forces = table.numeric["max_force"]
    chance = np.where(forces > np.quantile(forces, 0.9), 0.15, 0.03)
    flags = tuple("False" if failed else "True" for failed in rng.random(table.n_frames) < chance)
    return replace(table, categorical={**table.categorical, "scf_converged": flags})


def planted_filters(table: FeatureTable, n: int, seed: int) -> Iterator[Planted]:
    """Plant n filters, one feature after the other."""
    rng = np.random.default_rng([FILTERS, seed])
    features = [*table.numeric, *table.categorical]
    for i in range(n):
        feature = features[i % len(features)]
        yield _on_words(table, feature, rng) if feature in table.categorical else _on_numbers(table, feature, rng)


def _on_numbers(table: FeatureTable, feature: str, rng: np.random.Generator) -> Planted:
    """Choose a side and a share, and put the threshold into a clear gap near it; every second one is a round number."""
    values = table.numeric[feature]
    while True:
        op = str(rng.choice([">", ">=", "<", "<="]))
        share = float(np.exp(rng.uniform(np.log(LEAST), np.log(MOST))))
        low, high = _gap_near(values, 1 - share if op[0] == ">" else share)
        threshold = float(rng.uniform(low, high)) if high - low > CLEAR_GAP else float(high)
        if rng.random() < 0.5:
            threshold = float(f"{threshold:.3g}")
        dropped = {">": values > threshold, ">=": values >= threshold, "<": values < threshold}.get(
            op, values <= threshold
        )
        if LEAST <= dropped.mean() <= MOST and _is_clear(values, threshold):
            return Planted(feature, op, threshold, (), dropped)


def _gap_near(values: FloatArray, quantile: float) -> tuple[float, float]:
    distinct = np.unique(values)
    at = int(np.clip(np.searchsorted(distinct, np.quantile(values, quantile)), 1, len(distinct) - 1))
    return float(distinct[at - 1]), float(distinct[at])


def _is_clear(values: FloatArray, threshold: float) -> bool:
    """No value lies so near the threshold that rounding could carry it across; on the threshold itself it may lie."""
    distance = np.abs(values - threshold)
    return bool(np.all((distance == 0) | (distance > CLEAR_GAP / 2)))


def _on_words(table: FeatureTable, feature: str, rng: np.random.Generator) -> Planted:
    words = np.array([str(word) for word in table.categorical[feature]])
    choices = ["False"] if feature == "scf_converged" else sorted(set(words))
    while True:
        wanted = rng.permutation(choices)[: rng.integers(1, max(2, len(choices) // 2 + 1))]
        dropped = np.isin(words, wanted)
        if LEAST <= dropped.mean() <= MOST:
            return Planted(feature, "in", None, tuple(sorted(str(word) for word in wanted)), dropped)


def with_random_split(dropped: BoolArray, share: float, seed: int) -> BoolArray:
    """Lose a share of the frames at random, on top of what is dropped."""
    return np.asarray(dropped | (np.random.default_rng([SPLITS, seed]).random(len(dropped)) < share), np.bool_)


def group_split(groups: IntArray, share: float, seed: int) -> BoolArray:
    """Lose whole groups of frames at random until about a share of the frames is lost."""
    names = np.random.default_rng([GROUPS, seed]).permutation(np.unique(groups))
    sizes = np.array([np.count_nonzero(groups == name) for name in names])
    return np.isin(groups, names[np.cumsum(sizes) <= max(share * len(groups), sizes[0])])


def names_planted(rule: Rule, planted: Planted) -> bool:
    """Tell whether a rule is the planted one: its feature, side, and an interval that holds its threshold."""
    return len(rule.conditions) == 1 and _same_condition(rule.conditions[0], planted)


def _same_condition(condition: Condition, planted: Planted) -> bool:
    if condition.feature != planted.feature or condition.op[0] != planted.op[0]:
        return False
    if planted.threshold is None:
        return condition.values == planted.values
    low, high = condition.threshold_low, condition.threshold_high
    return low is not None and high is not None and low <= planted.threshold <= high


def is_found(report: DropReport, planted: Planted) -> bool:
    """Tell whether the planted rule is the first rule or among its equivalents."""
    return any(names_planted(rule, planted) for first in report.rules[:1] for rule in (first, *first.equivalent))


def failure_of_filter(table: FeatureTable, planted: Planted) -> str | None:
    """Plant a filter alone; say what went wrong."""
    report = explain_drops(table, ~planted.dropped)
    if not is_found(report, planted):
        return f"{planted}: {_told(report)}"
    if report.rules[0].precision != 1 or report.rules[0].recall != 1:
        return f"{planted}: precision {report.rules[0].precision}, recall {report.rules[0].recall}"
    return None


def failure_of_filter_and_split(table: FeatureTable, planted: Planted, share: float, seed: int) -> str | None:
    """Plant a filter with a random split on top; say what went wrong."""
    report = explain_drops(table, ~with_random_split(planted.dropped, share, seed))
    if not is_found(report, planted):
        return f"{planted}: {_told(report)}"
    if not report.random_split or report.random_fraction is None or abs(report.random_fraction - share) > 0.03:
        return f"{planted}: split told as {report.random_fraction}"
    return None


def false_rule_of_split(table: FeatureTable, share: float, seed: int) -> str | None:
    """Split at random; return the rule that was seen in it, which is none."""
    return false_rule(table, with_random_split(np.zeros(table.n_frames, bool), share, seed))


def false_rule(table: FeatureTable, dropped: BoolArray) -> str | None:
    """Return the rule that was seen in a loss that has none."""
    report = explain_drops(table, ~dropped)
    return f"{dropped.mean():.0%}: {_told(report)}" if report.rules else None


def _told(report: DropReport) -> str:
    return report.rules[0].rule if report.rules else "no rule"
