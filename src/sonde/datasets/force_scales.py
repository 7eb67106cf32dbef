"""Forces of each frame against those of a model of its set, by two numbers: how parallel, and how much longer."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sonde.datasets.contradictions import formula_of
from sonde.datasets.unit_readings import Reading
from sonde.datasets.yardstick import Yardstick
from sonde.records.arrays import AnyArray, BoolArray, FloatArray
from sonde.records.frames import Frame

LEAST_MODEL_FORCE_EV_PER_A = 0.1
"""Root mean square; below, the model's own error decides what a force looks like."""
LEAST_FREEDOM = 3
"""Independent force components that it takes for their directions to agree with a model by more than chance."""
LEAST_CORRELATION = 0.6
LEAST_FORCE_EV_PER_A = 0.1
TAIL, LEAST_TAIL = 0.1, 0.7
"""Share of the frames that a model may describe worse than usual ones, and the correlation that the others have."""
SMALL_FAMILY = 10
"""Frames of one composition below which a common oddness is the model's rather than the labels'."""
ALIKE = 1 - 1e-6
"""Correlations beyond it are forced by symmetry, as along the one bond of a pair: there nothing lies between parallel
and turned, so that a poor model looks like a turned label."""
SIGN = Reading("gradients: their sign is turned", "force_sign", -1.0)


@dataclass(frozen=True, eq=False)
class ForceScales:
    """Per frame, NaN where nothing can be said: label over model (least squares), and their correlation.

    label_size, model_size : root mean squares, eV/Å.
    """

    scale: FloatArray
    correlation: FloatArray
    label_size: FloatArray
    model_size: FloatArray
    formulas: AnyArray

    @property
    def known(self) -> BoolArray:
        return np.isfinite(self.scale)

    @property
    def directed(self) -> BoolArray:
        """Frames whose forces could have pointed elsewhere."""
        return self.known & (np.abs(np.nan_to_num(self.correlation)) < ALIKE)

    @property
    def judged(self) -> BoolArray:
        return self.known & (np.abs(np.nan_to_num(self.correlation)) > LEAST_CORRELATION)


def force_scales(frames: Sequence[Frame], yardstick: Yardstick) -> ForceScales:
    """Compare the forces of each frame with the model's, where both have enough to say."""
    scale, correlation, label_size, model_size = np.full((4, len(frames)), np.nan)
    for place, (frame, one) in enumerate(zip(frames, yardstick.measured, strict=True)):
        if one.forces is None or _freedom(frame) < LEAST_FREEDOM:
            continue
        label, model = one.forces
        if np.sqrt(np.mean(model**2)) > LEAST_MODEL_FORCE_EV_PER_A and label.any():
            overlap = float((label * model).sum())
            scale[place] = overlap / float((model**2).sum())
            correlation[place] = overlap / float(np.linalg.norm(label) * np.linalg.norm(model))
            label_size[place], model_size[place] = (float(np.sqrt(np.mean(side**2))) for side in (label, model))
    return ForceScales(scale, correlation, label_size, model_size, np.array([formula_of(frame) for frame in frames]))


def tail_of_correlations(found: ForceScales) -> float:
    """Return the correlation that all but the worst described tenth of the frames have, whatever their sign."""
    judged = found.directed & (found.label_size > LEAST_FORCE_EV_PER_A)
    return float(np.quantile(np.abs(found.correlation[judged]), TAIL)) if judged.any() else 0.0


def well_described(found: ForceScales) -> bool:
    """Tell whether the model describes nearly all frames of a set."""
    return tail_of_correlations(found) >= LEAST_TAIL


def _freedom(frame: Frame) -> int:
    """Force components less those that translations and, of a molecule, rotations take away."""
    return 3 * frame.n_atoms - (3 if frame.pbc.any() else 6)


def sporadic(odd: BoolArray, found: ForceScales) -> BoolArray:
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
