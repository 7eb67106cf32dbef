"""Forces of single frames that stand out where the model of a set describes the others well.

A window with several frames in it needs no good model; one frame does. So a direction counts as odd only where it is
several times worse than that of nearly all other frames, and a size as one in another unit only where it is many
standard deviations from the others and on the spot. Frames with stronger forces than usual are not judged by size:
there models are extrapolated.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from sonde.datasets.crowding import crowding
from sonde.datasets.force_scales import (
    LEAST_FORCE_EV_PER_A,
    LEAST_TAIL,
    SIGN,
    ForceScales,
    sporadic,
    tail_of_correlations,
    well_described,
)
from sonde.datasets.label_statistics import robust_sigma
from sonde.datasets.unit_readings import FORCE_READINGS, Reading
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.frames import Frame

FEWEST_JUDGED = 20
NEAR_ONE, EDGE = 1.1, 0.1
"""Below the factor 3, frames with the widest and the closest contacts, a tenth each, are not judged by size."""
FEWEST_ALIKE = 5
TIMES_WORSE, LARGEST_ODD_CORRELATION = 4.0, 0.5
"""By how much farther from parallel than the tail, and how far from parallel, odd forces are."""
SIGMAS_OFF, SIGMAS_WIDE, LEAST_WIDTH, LEAST_SIGMA = 5.0, 2.5, 0.1, 0.03
"""Of the logarithm of label over model."""
USUAL_SIZES = 3.0
"""Times the upper quartile of the model's forces within which its sizes are trusted."""


def single_readings(found: ForceScales, frames: Sequence[Frame]) -> tuple[dict[Reading, list[int]], list[int]]:
    """Sort odd frames by the reading under which they are as usual; list those whose forces no reading explains."""
    judged = found.directed & (found.label_size > LEAST_FORCE_EV_PER_A)
    if np.count_nonzero(judged) < FEWEST_JUDGED:
        return {}, []
    if not well_described(found):
        return {}, []
    tail = tail_of_correlations(found)
    odd = judged & (found.correlation < min(1 - TIMES_WORSE * (1 - tail), LARGEST_ODD_CORRELATION))
    odd = sporadic(odd, found)
    turned = odd & (found.correlation <= -max(1 - TIMES_WORSE * (1 - tail), LEAST_TAIL)) & _usual(found, judged)
    parallel = found.known & (np.nan_to_num(found.correlation) >= tail)
    readings = {SIGN: np.flatnonzero(turned).tolist()} if turned.any() else {}
    readings.update(_sizes(found, parallel, frames))
    return readings, np.flatnonzero(odd & ~turned).tolist()


def _usual(found: ForceScales, among: BoolArray) -> BoolArray:
    """Mark frames whose forces, as labelled and by the model, are not much stronger than most: beyond it is a guess."""
    sizes = (found.label_size, found.model_size)
    return np.all([own <= USUAL_SIZES * float(np.quantile(own[among], 0.75)) for own in sizes], axis=0)


def _sizes(found: ForceScales, parallel: BoolArray, frames: Sequence[Frame]) -> dict[Reading, list[int]]:
    usual = found.model_size <= USUAL_SIZES * float(np.quantile(found.model_size[parallel], 0.75))
    some = parallel & usual
    logs = np.log(np.where(some, found.scale, 1.0))
    middle, sigma = float(np.median(logs[some])), max(robust_sigma(logs[some]), LEAST_SIGMA)
    readings = {}
    for reading in FORCE_READINGS:
        aside = -float(np.log(reading.factor))
        if abs(aside) < SIGMAS_OFF * sigma + max(SIGMAS_WIDE * sigma, LEAST_WIDTH):
            continue
        near = some & (np.abs(logs - middle - aside) <= max(SIGMAS_WIDE * sigma, LEAST_WIDTH))
        near = sporadic(near, found)
        if near.any() and abs(aside) < NEAR_ONE:
            near &= _amid(frames, some)
        if near.any() and _nothing_between(logs[some] - middle, aside, sigma, int(near.sum())):
            readings[reading] = np.flatnonzero(near).tolist()
    return readings


def _amid(frames: Sequence[Frame], some: BoolArray) -> BoolArray:
    """Mark frames neither more nor less crowded than most others of their elements: beyond, models are guesses."""
    members: dict[bytes, list[int]] = defaultdict(list)
    for place in np.flatnonzero(some).tolist():
        members[np.unique(frames[place].numbers).tobytes()].append(place)
    amid = np.zeros(len(frames), bool)
    for places in members.values():
        if len(places) >= FEWEST_ALIKE:
            crowded = crowding([frames[place] for place in places]).mean
            low, high = np.quantile(crowded, [EDGE, 1 - EDGE])
            amid[np.array(places)[(crowded > low) & (crowded < high)]] = True
    return amid


def _nothing_between(logs: FloatArray, aside: float, sigma: float, n_near: int) -> bool:
    """Tell whether the usual sizes end before the odd ones begin: a long tail would fill what lies between."""
    along = logs * np.sign(aside)
    begins, ends = SIGMAS_OFF * sigma, abs(aside) - max(SIGMAS_WIDE * sigma, LEAST_WIDTH)
    return int(np.count_nonzero((along > begins) & (along < ends))) <= n_near / 2
