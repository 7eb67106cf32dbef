"""Forces that fit the rest of the set only in another unit or with the other sign.

A frame's forces are compared with a model's by two numbers: how parallel they are, and by which factor they are longer.
Both scatter in sound sets, the more the poorer the model; what sets wrong labels apart is that they stand together at
the factor (or at −1) with few frames around them. So a reading counts only where its window holds several times the
frames of the flanks beside it, and weaknesses of the model, which hit all frames of a composition, are taken out first.
"""

import numpy as np

from sonde.datasets.force_scales import LEAST_CORRELATION, SIGN, ForceScales, sporadic, well_described
from sonde.datasets.label_statistics import robust_sigma
from sonde.datasets.unit_readings import FORCE_READINGS, Reading
from sonde.records.arrays import FloatArray

GOOD_CORRELATION, ENOUGH_GOOD = 0.9, 20
"""Where at least so many frames agree with the model so well, factors are looked for among them."""
SIGMAS_WIDE, LEAST_WIDTH = 2.0, 0.1
RESOLVED = 3.5
"""A factor is told from one where its logarithm is that many standard deviations of the usual ones."""
SHARP = 0.2
"""Standard deviation of the logarithm below which sizes are known; pairs of atoms are parallel to any model."""
NEAR_ONE = 1.1
"""Natural logarithm of the factor 3: below, the tail of the usual ones reaches into a wide window."""
OVER_FLANKS, FEWEST = 2.0, 3


def force_readings(found: ForceScales) -> dict[Reading, list[int]]:
    """Sort the frames whose forces want another reading, of readings that stand out, by that reading."""
    if np.count_nonzero(found.judged) < FEWEST:
        return {}
    readings = _scale_readings(found)
    taken = {place for places in readings.values() for place in places}
    turned = [place for place in _turned(found) if place not in taken]
    return {**readings, SIGN: turned} if turned else readings


def _turned(found: ForceScales) -> list[int]:
    """List the frames whose forces point against the model's, if they are more than the tail of those in between."""
    correlation = np.where(found.directed, found.correlation, 0.0)
    against = sporadic(correlation < -LEAST_CORRELATION, found)
    between = found.known & (correlation < 0) & (correlation >= -LEAST_CORRELATION)
    stands_out = np.count_nonzero(against) >= OVER_FLANKS * np.count_nonzero(between) + FEWEST
    return np.flatnonzero(against).tolist() if stands_out else []


def _scale_readings(found: ForceScales) -> dict[Reading, list[int]]:
    """Look at each factor, the farthest from one first, among the frames that the model describes well."""
    sizes = np.log(np.abs(np.where(found.judged, found.scale, 1.0)))
    well = found.judged & (np.abs(np.nan_to_num(found.correlation)) > GOOD_CORRELATION)
    some = well if np.count_nonzero(well) >= ENOUGH_GOOD else found.judged
    upright = some & (np.nan_to_num(found.scale) > 0)
    upright = upright if upright.any() else some
    middle, sigma = float(np.median(sizes[upright])), robust_sigma(sizes[upright])
    good = well_described(found) and sigma < SHARP
    readings: dict[Reading, list[int]] = {}
    for reading in sorted(FORCE_READINGS, key=lambda one: -abs(np.log(one.factor))):
        aside = -float(np.log(reading.factor))
        if sigma * RESOLVED > abs(aside):
            continue
        narrow = min(max(SIGMAS_WIDE * sigma, LEAST_WIDTH), abs(aside) / 3)
        towards_usual = np.where(some, -np.sign(aside) * (sizes - middle - aside), np.inf)
        widths = np.geomspace(narrow, abs(aside) / 3, 4 if abs(aside) > NEAR_ONE else 1 + good)
        width = next(
            (width for width in widths if _stands_out(towards_usual, float(width), found, inner_only=good)), None
        )
        if width is not None:
            taken = {place for places in readings.values() for place in places}
            near = found.judged & (np.abs(sizes - middle - aside) <= min(2 * width, abs(aside) / 2))
            if _nearest(float(np.median(sizes[near])) - middle) is not reading:
                continue
            readings[reading] = [place for place in np.flatnonzero(near).tolist() if place not in taken]
    return {reading: places for reading, places in readings.items() if places}


def _nearest(log_scale: float) -> Reading:
    """Return the reading whose factor is nearest: wide windows reach into each other."""
    return min(FORCE_READINGS, key=lambda one: abs(log_scale + float(np.log(one.factor))))


def _stands_out(aside: FloatArray, width: float, found: ForceScales, *, inner_only: bool) -> bool:
    """Tell whether a window holds more frames than the tail of a distribution: those fall off, wherever one looks.

    `aside` : distances from the middle of the window, positive towards the usual ones. `inner_only` : only what lies
    between the window and these counts as its flank; enough where the model describes the set so well that a tail
    falls off outwards.
    """
    inside = sporadic(np.abs(aside) <= width, found)
    between = aside if inner_only else np.abs(aside)
    flank = (between > width) & (between <= 2 * width)
    return bool(np.count_nonzero(inside) >= OVER_FLANKS * np.count_nonzero(flank) + FEWEST)
