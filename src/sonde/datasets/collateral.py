"""Collateral: regions of chemistry or origin that a filter hit significantly harder than the rest."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import hypergeom, norm
from scipy.stats.contingency import relative_risk

from sonde.datasets.features import element_counts
from sonde.records.arrays import BoolArray, IntArray
from sonde.records.datasets import Collateral, FeatureTable, Rule

CHANCE = 0.01
"""Chance of one false alarm or more over all regions tested."""


def collateral(table: FeatureTable, dropped: BoolArray, rule: Rule | None = None) -> tuple[Collateral, ...]:
    """Find the regions with a higher drop rate than elsewhere, the hardest hit first.

    Regions: config_type (source_file where no frame states it), composition (reduced formula), chemical_system, element
    (present); of regions with the same frames the first is named. Those that a condition of `rule` names are its aim,
    not its collateral, and are left out. A region counts where a one-sided Fisher test, Bonferroni-corrected over the
    regions, gives less than 1 %, and the 95 % interval of the ratio (Katz, doi:10.2307/2530610) lies above 1. The test
    takes frames to be dropped one by one. Regions of chemistry also get the ratio at equal config_type.
    """
    distinct = {mask.tobytes(): (name, mask) for name, mask in reversed(list(regions_of(table)))}
    tested = [region for region in reversed(distinct.values()) if not _aimed_at(region[0], rule)]
    n, n_dropped = table.n_frames, int(dropped.sum())
    found = []
    for name, mask in tested:
        n_region, hit = int(mask.sum()), int((mask & dropped).sum())
        p_value = float(hypergeom.sf(hit - 1, n, n_dropped, n_region)) * len(tested)
        if p_value < CHANCE and 0 < n_region < n:
            found.append(_collateral(name, hit, n_region, n_dropped - hit, n - n_region))
    harder = [region for region in found if region.ratio_low is None or region.ratio_low > 1]
    masks = dict(tested)
    harder = [_stratified(table, dropped, region, masks[region.region]) for region in harder]
    return tuple(sorted(harder, key=lambda region: (-region.dropped_fraction, -region.n_dropped, region.region)))


def _collateral(name: str, hit: int, n_region: int, hit_elsewhere: int, n_elsewhere: int) -> Collateral:
    ratio = low = high = None
    if hit_elsewhere:
        risk = relative_risk(hit, n_region, hit_elsewhere, n_elsewhere)
        interval = risk.confidence_interval(0.95)
        ratio, low, high = float(risk.relative_risk), float(interval.low), float(interval.high)
    return Collateral(
        region=name,
        n=n_region,
        n_dropped=hit,
        dropped_fraction=hit / n_region,
        elsewhere_fraction=hit_elsewhere / n_elsewhere,
        ratio=ratio,
        ratio_low=low,
        ratio_high=high,
    )


def _stratified(table: FeatureTable, dropped: BoolArray, region: Collateral, mask: BoolArray) -> Collateral:
    """Add the ratio at equal config_type, for regions that are none themselves."""
    tags = table.categorical.get("config_type", ())
    if region.region.startswith("config_type=") or len(set(tags)) < 2:
        return region
    ratio = mantel_haenszel_ratio(mask, dropped, np.unique([str(tag) for tag in tags], return_inverse=True)[1])
    if ratio is None:
        return region
    return replace(
        region,
        stratified_by="config_type",
        stratified_ratio=ratio[0],
        stratified_low=ratio[1],
        stratified_high=ratio[2],
    )


def mantel_haenszel_ratio(inside: BoolArray, dropped: BoolArray, strata: IntArray) -> tuple[float, float, float] | None:
    """Return the ratio of drop rates inside to outside at equal stratum, with its 95 % interval.

    Greenland and Robins (doi:10.2307/2530643); None where no stratum has drops on both sides to compare.
    """
    n1, n0 = np.bincount(strata[inside], minlength=strata.max() + 1), np.bincount(strata[~inside])
    n0 = np.pad(n0, (0, len(n1) - len(n0)))
    a = np.bincount(strata[inside & dropped], minlength=len(n1))
    b = np.bincount(strata[~inside & dropped], minlength=len(n1))
    n = np.maximum(n1 + n0, 1)
    upper, lower = float(np.sum(a * n0 / n)), float(np.sum(b * n1 / n))
    if upper == 0 or lower == 0:
        return None
    variance = float(np.sum(((a + b) * n1 * n0 - a * b * n) / n**2)) / (upper * lower)
    half_width = float(norm.ppf(0.975)) * math.sqrt(max(variance, 0.0))
    ratio = upper / lower
    return ratio, ratio * math.exp(-half_width), ratio * math.exp(half_width)


def _aimed_at(region: str, rule: Rule | None) -> bool:
    if rule is None:
        return False
    features = {condition.feature for condition in rule.conditions}
    kind, _, value = region.partition("=")
    return kind in features or (kind == "element" and f"fraction_{value}" in features)


def regions_of(table: FeatureTable) -> Iterator[tuple[str, BoolArray]]:
    """Yield every region that collateral is looked for in, named `kind=value`, with the frames in it."""
    config_types = table.categorical.get("config_type", ())
    if any(value is not None for value in config_types):
        yield from _groups("config_type", config_types)
    else:
        yield from _groups("source_file", table.categorical.get("source_file", ()))
    elements, counts = element_counts(table)
    yield from _groups("composition", [_reduced_formula(elements, row) for row in counts])
    yield from _groups("chemical_system", ["-".join(np.array(elements)[row > 0]) for row in counts])
    for i, element in enumerate(elements):
        yield f"element={element}", counts[:, i] > 0


def _groups(kind: str, values: Sequence[str | None]) -> Iterator[tuple[str, BoolArray]]:
    members: dict[str, list[int]] = defaultdict(list)
    for i, value in enumerate(values):
        if value is not None:
            members[value].append(i)
    for value, ordinals in sorted(members.items()):
        mask = np.zeros(len(values), bool)
        mask[ordinals] = True
        yield f"{kind}={value}", mask


def _reduced_formula(elements: Sequence[str], counts: IntArray) -> str:
    """Write a composition with the least whole numbers, elements in alphabetical order: Mo3Ta."""
    divisor = int(np.gcd.reduce(counts)) or 1
    return "".join(
        f"{element}{n if n > 1 else ''}" for element, n in zip(elements, counts // divisor, strict=True) if n
    )
