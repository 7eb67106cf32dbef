"""Forces that fit the rest of the set only in another unit or with the other sign.

A frame's forces are compared with a model's by two numbers: how parallel they are, and by which factor they are longer.
Both scatter in sound sets, the more the poorer the model; what sets wrong labels apart is that they stand together at
the factor (or at −1) with few frames around them. So a reading counts only where its window holds several times the
frames of the flanks beside it, and weaknesses of the model, which hit all frames of a composition, are taken out first.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sonde.datasets.contradictions import formula_of
from sonde.datasets.label_statistics import robust_sigma
from sonde.datasets.unit_readings import FORCE_READINGS, Reading
from sonde.datasets.yardstick import Yardstick
from sonde.records.arrays import AnyArray, BoolArray, FloatArray
from sonde.records.frames import Frame

LEAST_MODEL_FORCE_EV_PER_A = 0.1
"""Root mean square; below, the model's own error decides what a force looks like."""
LEAST_FREEDOM = 3
"""Independent force components that it takes for their directions to agree with a model by more than chance."""
LEAST_CORRELATION = 0.6
GOOD_CORRELATION, ENOUGH_GOOD = 0.9, 20
"""Where at least so many frames agree with the model so well, factors are looked for among them."""
SIGMAS_WIDE, LEAST_WIDTH = 2.0, 0.1
RESOLVED = 3.5
"""A factor is told from one where its logarithm is that many standard deviations of the usual ones."""
NEAR_ONE = 1.1
"""Natural logarithm of the factor 3: below, the tail of the usual ones reaches into a wide window."""
OVER_FLANKS, FEWEST = 2.0, 3
SMALL_FAMILY = 10
"""Frames of one composition below which a common oddness is the model's rather than the labels'."""
SIGN = Reading("gradients: their sign is turned", "force_sign", -1.0)


@dataclass(frozen=True, eq=False)
class ForceScales:
    """Per frame, NaN where nothing can be said: label over model (least squares), and their correlation."""

    scale: FloatArray
    correlation: FloatArray
    formulas: AnyArray

    @property
    def known(self) -> BoolArray:
        return np.isfinite(self.scale)

    @property
    def judged(self) -> BoolArray:
        return self.known & (np.abs(np.nan_to_num(self.correlation)) > LEAST_CORRELATION)


def force_scales(frames: Sequence[Frame], yardstick: Yardstick) -> ForceScales:
    """Compare the forces of each frame with the model's, where both have enough to say."""
    scale, correlation = np.full((2, len(frames)), np.nan)
    for place, (frame, one) in enumerate(zip(frames, yardstick.measured, strict=True)):
        if one.forces is None or _freedom(frame) < LEAST_FREEDOM:
            continue
        label, model = one.forces
        if np.sqrt(np.mean(model**2)) > LEAST_MODEL_FORCE_EV_PER_A and label.any():
            overlap = float((label * model).sum())
            scale[place] = overlap / float((model**2).sum())
            correlation[place] = overlap / float(np.linalg.norm(label) * np.linalg.norm(model))
    return ForceScales(scale, correlation, np.array([formula_of(frame) for frame in frames]))


def _freedom(frame: Frame) -> int:
    """Force components less those that translations and, of a molecule, rotations take away."""
    return 3 * frame.n_atoms - (3 if frame.pbc.any() else 6)


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
    correlation = np.where(found.known, found.correlation, 0.0)
    against = _sporadic(correlation < -LEAST_CORRELATION, found)
    between = found.known & (correlation < 0) & (correlation >= -LEAST_CORRELATION)
    stands_out = np.count_nonzero(against) >= OVER_FLANKS * np.count_nonzero(between) + FEWEST
    return np.flatnonzero(against).tolist() if stands_out else []


def _sporadic(odd: BoolArray, found: ForceScales) -> BoolArray:
    """Take out frames of compositions that are odd as a whole, unless they are many: there the model fails."""
    kept = odd.copy()
    members: dict[str, list[int]] = defaultdict(list)
    for place in np.flatnonzero(found.known).tolist():
        members[str(found.formulas[place])].append(place)
    for places in members.values():
        n_odd = int(np.count_nonzero(odd[places]))
        if len(places) >= 2 and 2 * n_odd >= len(places) and n_odd < SMALL_FAMILY:
            kept[places] = False
    return kept


def _scale_readings(found: ForceScales) -> dict[Reading, list[int]]:
    """Look at each factor, the farthest from one first, among the frames that the model describes well."""
    sizes = np.log(np.abs(np.where(found.judged, found.scale, 1.0)))
    well = found.judged & (np.abs(np.nan_to_num(found.correlation)) > GOOD_CORRELATION)
    some = well if np.count_nonzero(well) >= ENOUGH_GOOD else found.judged
    upright = some & (np.nan_to_num(found.scale) > 0)
    upright = upright if upright.any() else some
    middle, sigma = float(np.median(sizes[upright])), robust_sigma(sizes[upright])
    readings: dict[Reading, list[int]] = {}
    for reading in sorted(FORCE_READINGS, key=lambda one: -abs(np.log(one.factor))):
        aside = -float(np.log(reading.factor))
        if sigma * RESOLVED > abs(aside):
            continue
        narrow = min(max(SIGMAS_WIDE * sigma, LEAST_WIDTH), abs(aside) / 3)
        off = np.where(some, np.abs(sizes - middle - aside), np.inf)
        widths = np.geomspace(narrow, abs(aside) / 3, 4 if abs(aside) > NEAR_ONE else 1)
        width = next((width for width in widths if _stands_out(off, float(width), found)), None)
        if width is not None:
            taken = {place for places in readings.values() for place in places}
            near = found.judged & (np.abs(sizes - middle - aside) <= min(2 * width, abs(aside) / 2))
            readings[reading] = [place for place in np.flatnonzero(near).tolist() if place not in taken]
    return {reading: places for reading, places in readings.items() if places}


def _stands_out(off: FloatArray, width: float, found: ForceScales) -> bool:
    """Tell whether a window holds more frames than the tail of a distribution: those fall off, wherever one looks."""
    inside = _sporadic(off <= width, found)
    flanks = (off > width) & (off <= 2 * width)
    return bool(np.count_nonzero(inside) >= OVER_FLANKS * np.count_nonzero(flanks) + FEWEST)
