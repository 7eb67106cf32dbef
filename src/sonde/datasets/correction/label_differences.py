"""What a shift of energies leaves as it is: forces, stress, the dependence on strain, magnetic states."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import kendalltau, theilslopes

from sonde.datasets.contradictions import MOMENT_TOLERANCE_UB, MOMENTS
from sonde.datasets.correction.environments import Environments
from sonde.datasets.correction.pairs import SurfacePair
from sonde.datasets.features import GPA_PER_EV_PER_A3
from sonde.records.arrays import FloatArray
from sonde.records.correction import LabelDifferences
from sonde.records.frames import Frame

FEWEST_FOR_A_TREND = 5
MOST_FOR_A_TREND = 2000
"""Theil and Sen's slope takes all pairs of points: of more, evenly spaced ones are used."""


def label_differences(
    pairs: Sequence[SurfacePair], kinds: Sequence[Environments], residuals: FloatArray
) -> LabelDifferences:
    """Compare forces, pressures and moments within pairs, and residuals (n_pairs,) with the nearest distance."""
    forces = [pair.force_differences_eV_per_A for pair in pairs if not pair.zero_forces]
    known = [one for one in forces if one is not None]
    per_atom = np.concatenate(known) if known else None
    stresses = [one for one in (pair.stress_difference_eV_per_A3 for pair in pairs) if one is not None]
    pressures = np.array([-np.trace(stress) / 3 * GPA_PER_EV_PER_A3 for stress in stresses]) if stresses else None
    slope, p_value = _trend(np.array([kind.nearest_A or np.nan for kind in kinds], float), residuals)
    moments = [moment for moment in (_moments_apart(pair) for pair in pairs) if moment is not None]
    return LabelDifferences(
        n_pairs_with_forces=len(known),
        n_pairs_zero_by_symmetry=sum(pair.zero_forces for pair in pairs),
        mean_force_eV_per_A=None if per_atom is None else float(per_atom.mean()),
        rms_force_eV_per_A=None if per_atom is None else float(np.sqrt(np.mean(per_atom**2))),
        max_force_eV_per_A=None if per_atom is None else float(per_atom.max()),
        n_pairs_with_stress=len(stresses),
        mean_pressure_GPa=None if pressures is None else float(pressures.mean()),
        mean_absolute_pressure_GPa=None if pressures is None else float(np.abs(pressures).mean()),
        max_absolute_pressure_GPa=None if pressures is None else float(np.abs(pressures).max()),
        strain_slope_eV_per_A=slope,
        strain_p_value=p_value,
        n_pairs_with_moments=len(moments),
        n_pairs_other_moment=sum(moment > MOMENT_TOLERANCE_UB for moment in moments),
    )


def _trend(distances: FloatArray, residuals: FloatArray) -> tuple[float | None, float | None]:
    known = np.flatnonzero(np.isfinite(distances))
    known = known[:: max(1, -(-len(known) // MOST_FOR_A_TREND))]
    if len(known) < FEWEST_FOR_A_TREND or np.ptp(distances[known]) < 1e-3 or not np.ptp(residuals[known]):
        return None, None
    slope = float(theilslopes(residuals[known], distances[known])[0])
    return slope, float(kendalltau(distances[known], residuals[known])[1])


def _moments_apart(pair: SurfacePair) -> float | None:
    """Difference of stated moments, μB, whatever their sign; None where either frame states none."""
    for key in MOMENTS:
        a, b = (_moment(place.frame, key) for place in (pair.source, pair.target))
        if a is not None and b is not None:
            return abs(a - b)
    return None


def _moment(frame: Frame, key: str) -> float | None:
    moment = frame.tags.get(key)
    return abs(float(moment)) if isinstance(moment, int | float) and not isinstance(moment, bool) else None
