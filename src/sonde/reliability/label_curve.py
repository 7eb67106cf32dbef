"""How many labelled frames a score needs: fitted on ever fewer of the same frames, judged on the same held-out ones."""

from collections.abc import Iterator, Sequence

import numpy as np

from sonde.errors import BadInput
from sonde.local_environments.grouping import group_folds, group_numbers
from sonde.records.arrays import IntArray
from sonde.records.trust_evaluation import LabelPoint
from sonde.reliability.baselines.plain import BoostedTrees, LargestForce
from sonde.reliability.baselines.probes import Local
from sonde.reliability.baselines.protocol import RiskData, Score
from sonde.reliability.metrics import auroc
from sonde.reliability.selective import auroc_within_bins

SIZES = (50, 100, 200, 400, 800)
N_FOLDS = 4


def label_points(data: RiskData, tolerance: float, seeds: Sequence[int]) -> list[LabelPoint]:
    """Judge the probe, trees and the largest force at each size, on one held-out fold of groups per seed."""
    scores: tuple[Score, ...] = (Local(), BoostedTrees(with_force=True), LargestForce())
    found = []
    for seed in seeds:
        fold = group_folds(data.probe.groups, N_FOLDS, seed)
        test = data.taking(np.flatnonzero(fold == 0))
        for chosen in _nested(data.probe.groups, np.flatnonzero(fold != 0), seed):
            found += [_point(score, data.taking(chosen), test, tolerance, seed) for score in scores]
    return found


def _nested(groups: Sequence[object], places: IntArray, seed: int) -> Iterator[IntArray]:
    """Whole groups in one random order, cut where each size is reached."""
    member = group_numbers(groups)[places]
    order = np.random.default_rng(seed).permutation(member.max() + 1)
    sorted_places = places[np.argsort(order[member], kind="stable")]
    sorted_groups = np.sort(order[member])
    for size in SIZES:
        if size < len(places):
            yield sorted_places[: np.searchsorted(sorted_groups, sorted_groups[size - 1], side="right")]


def _point(score: Score, train: RiskData, test: RiskData, tolerance: float, seed: int) -> LabelPoint:
    try:
        fitted = score.fit(train, seed=seed)
    except BadInput:  # too few frames or groups for it: that is what the curve is to show
        return LabelPoint(score.name, train.probe.n_frames, seed, None, None)
    risk = fitted.risks(test, [tolerance]).frames
    beyond = test.probe.largest_errors > tolerance
    within = auroc_within_bins(beyond, risk, test.probe.largest_forces)
    return LabelPoint(score.name, train.probe.n_frames, seed, auroc(beyond, risk), within)
