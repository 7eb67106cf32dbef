"""The simplest rule that explains a loss, told apart from what was lost at random.

A loss is read as rule ∪ random: a region of feature space without survivors, and outside it a loss that hits all frames
alike. Among rules of one condition, then of two, then of three, a longer one is taken only where the drops it adds
cannot be chance (significance.CHANCE), corrected for the number of rules searched and for frames lost together.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sonde.datasets import regions
from sonde.datasets.regions import Loss, Region, SearchTable
from sonde.datasets.significance import (
    CHANCE,
    MOST_UNSEEN_TOGETHER,
    TOO_FEW_TO_TEST,
    LossTest,
    dispersion,
    frames_lost_together,
    most_lost_by_chance,
    stratified_evidence,
    uniform_loss,
)
from sonde.records.arrays import IntArray

MARGIN = -math.log(CHANCE)
FRAMES_PER_STRATUM = 20
"""On average, at least."""
FEATURE_ORDER = (
    "max_force",
    "energy_per_atom_referenced",
    "closest_contact_ratio",
    "volume_per_atom",
    "pressure",
    "config_type",
    "scf_converged",
    "n_atoms",
    "rms_force",
    "fraction",
    "source_file",
)
"""Which of several rules that drop the same frames is named first; a convention, the data cannot tell them apart."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """The region a rule dropped, or none, and what is left of the loss outside it.

    loss: what was explained, exceptions left out. loss_rate and n_rest: share and number of frames lost outside the
    region; together: how many of them count as one. worth: −ln of the chance that random loss emptied the region, less
    ln of the number of rules searched.
    """

    loss: Loss
    region: Region | None
    equivalent: tuple[Region, ...]
    loss_rate: float
    together: float
    rest: LossTest
    n_rest: int
    worth: float

    @property
    def random(self) -> bool:
        """Tell whether the rest looks like a random loss and is large enough to say so."""
        return self.rest.uniform and self.n_rest >= TOO_FEW_TO_TEST


def explain(table: SearchTable, loss: Loss) -> Explanation:
    """Find the simplest region without survivors that leaves a loss which looks random.

    Assumptions: the rule kept no frame of its region, and saw the same numbers as the table.
    """
    best: Region | None = None
    alternatives: Sequence[Region] = ()
    for candidates in _levels(table, loss):
        top = min(candidates, key=lambda region: _rank(region, loss), default=None)
        if top is not None and _beats(table, loss, top, best):
            best, alternatives = top, candidates
        if best is not None and best.n_dropped == loss.n_dropped:
            break
    rest = _rest(table, loss, best)
    n_region = best.n_dropped if best else 0
    rate = loss.rate_outside(n_region)
    same = [] if best is None else _equivalent(table, loss, best, alternatives)
    return Explanation(
        loss,
        best,
        tuple(sorted(same, key=lambda region: _rank(region, loss))),
        rate,
        rest.together,
        rest.test,
        loss.n_dropped - n_region,
        _worth(best, loss) if best else 0.0,
    )


def _levels(table: SearchTable, loss: Loss) -> Iterator[list[Region]]:
    """Yield the candidates of one, two and three conditions."""
    singles = regions.single_regions(table, loss)
    yield singles
    yield [
        *regions.either_regions(table, loss, singles, 2),
        *regions.corner_regions(table, loss),
        *regions.word_corner_regions(table, loss),
        *regions.word_pair_regions(table, loss),
    ]
    yield list(regions.either_regions(table, loss, singles, 3))


def _worth(region: Region, loss: Loss) -> float:
    return float(loss.evidence(region.n_dropped)) - region.cost


def _rank(region: Region, loss: Loss) -> tuple[float, list[int], int]:
    """Sort key: the best statistics first, then the convention of FEATURE_ORDER."""
    places = [
        FEATURE_ORDER.index(term.feature.split("_")[0] if "fraction" in term.feature else term.feature)
        for term in region.terms
    ]
    return -round(_worth(region, loss), 6), places, sum(len(term.values) for term in region.terms)


def _beats(table: SearchTable, loss: Loss, new: Region, old: Region | None) -> bool:
    """Tell whether what `new` explains beyond `old` is no chance, at the price of its being longer."""
    gain = float(loss.evidence(new.n_dropped) - loss.evidence(old.n_dropped if old else 0))
    price = new.cost - (old.cost if old else 0.0)
    if gain - price <= MARGIN:
        return False
    rest = _rest(table, loss, new)
    if rest.strata is not None:
        # Rates that differ between strata foretell part of the region: the rule must explain more than they do.
        both, strata = (loss.kept, loss.dropped), rest.strata
        known = stratified_evidence(both, table.mask(old), strata) if old else 0.0
        gain = min(gain, stratified_evidence(both, table.mask(new), strata) - known)
    return gain / rest.together - price > MARGIN


@dataclass(frozen=True, eq=False)
class Rest:
    """The loss outside a region: how many frames count as one, by what its rate differs, and the test of that."""

    together: float
    strata: IntArray | None
    test: LossTest


def _rest(table: SearchTable, loss: Loss, region: Region | None) -> Rest:
    """Look at the loss outside a region."""
    outside = loss.kept | loss.dropped
    if region is not None:
        outside = outside & ~table.mask(region)
    lost = loss.dropped & outside
    if not np.any(lost):
        return Rest(1.0, None, LossTest(True, None, 1.0))
    numeric = {name: values[outside] for name, values in table.numeric.items()}
    codes = {name: values[outside] for name, values in table.codes.items()}
    by_words = uniform_loss(lost[outside], {}, codes, 1.0)
    strata = None if by_words.uniform or by_words.feature is None else _strata(table, by_words.feature)
    everywhere = np.zeros(table.n_frames, np.int64)
    together = frames_lost_together(lost, outside, everywhere if strata is None else strata, table.nearest)
    if strata is not None:
        together = max(together, min(dispersion(lost[outside], strata[outside]), MOST_UNSEEN_TOGETHER))
    return Rest(together, strata, uniform_loss(lost[outside], numeric, codes, together))


def _strata(table: SearchTable, feature: str) -> IntArray:
    """Return the stratum of every frame: its words in all features, or in one where that leaves too few per stratum."""
    _, crossed = np.unique(np.array(list(table.codes.values())), axis=1, return_inverse=True)
    crossed = np.asarray(crossed, np.int64).reshape(-1)
    return crossed if int(crossed.max()) < table.n_frames / FRAMES_PER_STRATUM else table.codes[feature] + 1


def _equivalent(table: SearchTable, loss: Loss, best: Region, others: Sequence[Region]) -> list[Region]:
    """Return the other rules that drop the same frames, up to what random loss can have added to either.

    Rules with a condition that adds or spares no frame are longer than they need be, and are left out.
    """
    most = most_lost_by_chance(loss.rate_outside(best.n_dropped))
    mask = table.mask(best)
    same = []
    for other in others:
        if other is best or abs(other.n_dropped - best.n_dropped) > most:
            continue
        theirs = table.mask(other)
        if max(np.count_nonzero(mask & ~theirs), np.count_nonzero(theirs & ~mask)) <= most and _is_concise(
            table, loss, other
        ):
            same.append(other)
    return same


def _is_concise(table: SearchTable, loss: Loss, region: Region) -> bool:
    """Tell whether each condition spares a survivor that the others would not (and), or adds a drop of its own (or)."""
    if region.joined_by == "and":
        return all(np.any(loss.kept & decided) for decided in table.decided_by_each(region))
    decided = table.decided_by_each(region)
    return all(np.any(loss.dropped & d & table.holds(t)) for t, d in zip(region.terms, decided, strict=True))
