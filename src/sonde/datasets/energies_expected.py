"""What the rest of a set leads to expect of its energies, and which lie far off."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sonde.datasets.comparable_energies import is_alone
from sonde.datasets.composition_reference import energies_off_reference
from sonde.datasets.contradictions import formula_of
from sonde.datasets.crowding import crowding
from sonde.datasets.label_statistics import FIT_SIGMAS, outlying, robust_sigma
from sonde.datasets.yardstick import Yardstick, usual
from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.frames import Frame

OFF_SIGMAS, SMALLEST_OFF_EV_PER_ATOM = 12.0, 0.4
"""Beyond both, an energy lies far from the model of its set; surfaces in nbmotaw lie up to 0.32 eV/atom off."""
FIT_EV_PER_ATOM = 0.05
ENERGIES_PER_WEIGHT, ENOUGH = 1.5, 50
"""Fewer energies than both, and the model bends to wrong energies: then compositions alone say what is usual."""
MOST_DECIDED_ALONE = 0.5
"""Energies on which the others have less to say, such as the only one with some element, are not judged."""
FEWEST_ALIKE, NEIGHBOURS, ROUNDS = 8, 7, 3
"""Frames of one composition in which an energy is compared with the nearest usual ones in volume and distances."""
DISTANCES_TO_VOLUME = 3.0
"""Logarithms of distances against those of volumes: a crystal that is scaled changes both as much."""


@dataclass(frozen=True, eq=False)
class Expected:
    """Energies per atom against what was expected, eV/atom, NaN without an energy, and which lie far off.

    `tolerance` : how far off a right energy may be, eV/atom. `rest` : what they are compared with, in words.
    """

    off: FloatArray
    expected: FloatArray
    far: BoolArray
    tolerance: float
    rest: str
    by_model: bool = False


def expected_energies(frames: Sequence[Frame], yardstick: Yardstick | None) -> Expected | None:
    """Against the model of the set where there is one, else against a reference per composition and config_type."""
    per_atom = np.array([np.nan if f.energy_eV is None else f.energy_eV / f.n_atoms for f in frames])
    if not np.isfinite(per_atom).any():
        return None
    n_energies = int(np.isfinite(per_atom).sum())
    if yardstick is not None and yardstick.layout.pairs_apart and n_energies > _enough(yardstick):
        off = yardstick.energies_off
        usual_ones = yardstick.usual_energies
        off = off - np.median(off[usual_ones])
        sigma = robust_sigma(off[usual_ones])
        limit = max(OFF_SIGMAS * sigma, SMALLEST_OFF_EV_PER_ATOM)
        told = yardstick.decided_alone <= MOST_DECIDED_ALONE
        far = told & (np.nan_to_num(np.abs(off)) > limit * strain(frames)) & ~_alone(frames)
        tolerance = max(FIT_SIGMAS * sigma, FIT_EV_PER_ATOM)
        return Expected(off, per_atom - off, far, tolerance, "a model of the others", by_model=True)
    above, reference = energies_off_reference(frames)
    near = usual(above)
    middle, sigma = float(np.median(above[near])), robust_sigma(above[near])
    far = outlying(above, [str(frame.tags.get("config_type")) for frame in frames])
    tolerance = max(FIT_SIGMAS * sigma, FIT_EV_PER_ATOM)
    return Expected(above - middle, reference + middle, far, tolerance, _rest(frames))


def _enough(yardstick: Yardstick) -> float:
    """Energies that it takes for the model not to bend to wrong ones; forces tell it all but the constants."""
    layout = yardstick.layout
    return max(min(ENOUGH, ENERGIES_PER_WEIGHT * layout.n_weights), ENERGIES_PER_WEIGHT * len(layout.elements))


def _rest(frames: Sequence[Frame]) -> str:
    tagged = any(frame.tags.get("config_type") for frame in frames)
    return "the others of their config_type" if tagged else "what a constant per element lets expect of the others"


def _alone(frames: Sequence[Frame]) -> BoolArray:
    return np.array([is_alone(frame) for frame in frames], bool)


def strain(frames: Sequence[Frame]) -> FloatArray:
    """By how much frames may be farther off than usual ones: models are worse where forces are strong; 1 to 3."""
    sizes = np.array([0.0 if f.forces_eV_per_A is None else np.sqrt(np.mean(f.forces_eV_per_A**2)) for f in frames])
    usual = float(np.median(sizes[sizes > 0])) if (sizes > 0).any() else 1.0
    return np.asarray(np.clip(sizes / (2 * usual), 1.0, 3.0))


def energies_among_their_like(frames: Sequence[Frame]) -> Expected | None:
    """Compare energies with the median of those of the same composition that are nearest in volume and distances.

    For sets that are too small for a model: coarse, so that it serves only where several energies are off alike.
    """
    per_atom = np.array([np.nan if f.energy_eV is None else f.energy_eV / f.n_atoms for f in frames])
    members: dict[str, list[int]] = defaultdict(list)
    for place in np.flatnonzero(np.isfinite(per_atom)).tolist():
        members[formula_of(frames[place])].append(place)
    families = [np.array(places) for places in members.values() if len(places) >= FEWEST_ALIKE]
    if not families:
        return None
    found = crowding(frames)
    logs = np.nan_to_num(np.log(np.column_stack([found.volume, found.mean**DISTANCES_TO_VOLUME])))
    off, sigma = np.full(len(frames), np.nan), np.full(len(frames), np.inf)
    far = np.zeros(len(frames), bool)
    for _ in range(ROUNDS):
        for places in families:
            usual_ones = places[~far[places]]
            off[places] = per_atom[places] - _of_nearest(places, usual_ones, logs, per_atom)
            sigma[places] = robust_sigma(off[usual_ones])
        far = np.abs(np.nan_to_num(off)) > np.maximum(FIT_SIGMAS * sigma, SMALLEST_OFF_EV_PER_ATOM)
    known = np.isfinite(off)
    tolerance = max(FIT_SIGMAS * float(np.median(sigma[known])), FIT_EV_PER_ATOM)
    return Expected(off, per_atom - off, far, tolerance, "others of their composition")


def _of_nearest(places: IntArray, others: IntArray, logs: FloatArray, values: FloatArray) -> FloatArray:
    """Return, per place, the median of the values at the nearest of the others."""
    apart = np.linalg.norm(logs[places][:, None] - logs[others], axis=2)
    apart[places[:, None] == others] = np.inf
    nearest = np.argsort(apart, axis=1, kind="stable")[:, :NEIGHBOURS]
    return np.asarray(np.median(values[others][nearest], axis=1))
