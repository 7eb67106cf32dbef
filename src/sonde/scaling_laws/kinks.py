"""Does the curve bend because learning changes, or because other data enter?

A learning curve is a law of learning only where more data are more of the same. Here the frames that enter between two
sizes are compared with those before: where their surfaces or groups differ, a break at that place is the mixture's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from sonde.records.arrays import FloatArray
from sonde.records.scaling import Reading

LEAST_CHANGE = 0.1
"""Total variation distance between what enters and what was there, below which a composition counts as the same."""
CHANCE = 1e-3
KINDS: Mapping[str, Literal["surface_changes", "composition_changes"]] = {
    "surface": "surface_changes",
    "composition": "composition_changes",
}


@dataclass(frozen=True)
class Composition:
    """How many frames of each kind the training set of one size holds (kinds: surfaces, config_types, formulas …)."""

    size: float
    counts: Mapping[str, float]


@dataclass(frozen=True)
class Entry:
    """What entered between two sizes, against what was there: the kind whose share grew most."""

    before: float
    after: float
    distance: float
    kind: str
    share_before: float
    share_of_entered: float


def entries(compositions: Sequence[Composition]) -> tuple[Entry, ...]:
    """List the steps between sizes at which frames of another kind enter, beyond chance (χ², p < 0.001)."""
    ordered = sorted(compositions, key=lambda one: one.size)
    kinds = sorted({kind for one in ordered for kind in one.counts})
    table = np.array([[float(one.counts.get(kind, 0.0)) for kind in kinds] for one in ordered])
    found = []
    for k in range(1, len(ordered)):
        entered = np.maximum(table[k] - table[k - 1], 0.0)
        entry = _entry(ordered[k - 1].size, ordered[k].size, table[k - 1], entered, kinds)
        if entry is not None:
            found.append(entry)
    return tuple(found)


def _entry(before: float, after: float, old: FloatArray, entered: FloatArray, kinds: Sequence[str]) -> Entry | None:
    if not old.sum() or not entered.sum():
        return None
    share_old, share_new = old / old.sum(), entered / entered.sum()
    distance = 0.5 * float(np.abs(share_new - share_old).sum())
    held = (old + entered) > 0
    p = stats.chi2_contingency(np.stack([old[held], entered[held]])).pvalue if held.sum() > 1 else 1.0
    if distance < LEAST_CHANGE or p > CHANCE:
        return None
    most = int(np.argmax(share_new - share_old))
    return Entry(before, after, distance, kinds[most], float(share_old[most]), float(share_new[most]))


def kink_readings(
    compositions: Sequence[Composition],
    what: Literal["surface", "composition"],
    break_interval: tuple[float | None, float | None] | None = None,
) -> tuple[Reading, ...]:
    """Say where other data enter, and whether that is where the curve breaks.

    what : "surface" or "composition". break_interval : limits of an established break, None where there is none.
    """
    found = []
    for entry in entries(compositions):
        coincides = break_interval is not None and _overlap(entry, break_interval)
        message = (
            f"Between {entry.before:g} and {entry.after:g} other data enter: {entry.share_of_entered:.0%} of them are "
            f"{entry.kind}, {entry.share_before:.0%} of those before."
        )
        if coincides:
            message += " The break lies there: it may be the mixture's and not that of learning. Fit the kinds apart."
        kind = KINDS[what]
        found.append(Reading(kind, message, (entry.before, entry.after), serious=coincides or what == "surface"))
    return tuple(found)


def _overlap(entry: Entry, interval: tuple[float | None, float | None]) -> bool:
    low = -np.inf if interval[0] is None else interval[0]
    high = np.inf if interval[1] is None else interval[1]
    return bool(low <= entry.after and entry.before <= high)
