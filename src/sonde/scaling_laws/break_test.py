"""Is there a break at all? A likelihood ratio against the laws without one, with its distribution simulated.

The place of a break is unknown where there is none, so that the usual χ² does not hold (Davies, doi
10.1093/biomet/74.1.33): the ratio's distribution is found by fitting curves simulated from the law without a break.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from sonde.records.arrays import FloatArray
from sonde.scaling_laws.fitting import FormFit, fit_form, minima_of, model_of, supports
from sonde.scaling_laws.forms import BROKEN, FLOOR, POWER, Form
from sonde.scaling_laws.noise import Noise
from sonde.scaling_laws.points import Points

SIMULATIONS = 399
AGAINST_POWER = 0.02
AGAINST_FLOOR = 0.05


@dataclass(frozen=True)
class BreakTest:
    """p-values of "no break": the plain power law, and the power law with a floor; None where it cannot be tested.

    A floor is asked about only where the points bend: simulating it takes longest.
    """

    against_power: float | None
    against_floor: float | None

    @property
    def bend(self) -> bool:
        """The points bend away from a plain power law, by a floor or a break."""
        return self.against_power is not None and self.against_power <= AGAINST_POWER

    @property
    def established(self) -> bool:
        """A break explains what neither a power law nor a floor does."""
        return self.bend and self.against_floor is not None and self.against_floor <= AGAINST_FLOOR


def break_test(points: Points, noise: Noise) -> BreakTest:
    """Test both laws without a break against one smooth break."""
    if not supports(BROKEN, len(points.sizes)):
        return BreakTest(None, None)
    broken = fit_form(points, BROKEN, noise)
    bend = BreakTest(_against_power(points, noise, broken), None)
    return replace(bend, against_floor=_against_floor(points, noise, broken)) if bend.bend else bend


def _against_power(points: Points, noise: Noise, broken: FormFit) -> float:
    """Compare with the simulated ratios. Under a power law these depend on sizes and weights only."""
    power = fit_form(points, POWER, noise)
    ratio = np.log(max(power.cost, 1e-300) / max(broken.cost, 1e-300))
    if power.cost <= 1e-20:
        return 1.0
    simulated = _power_ratios(points.x.tobytes(), noise.weights.tobytes())
    return _p_value(ratio, simulated)


@lru_cache(maxsize=32)
def _power_ratios(x: bytes, weights: bytes) -> FloatArray:
    sizes = np.frombuffer(x)
    # The unit of the simulated scatter is of no importance; that of a curve keeps the box far away.
    points, scatter = Points(sizes, np.ones(len(sizes))), 0.02
    rng = np.random.default_rng(20260202)
    law = np.zeros(len(points.sizes))
    return _ratios(points, np.frombuffer(weights), (POWER, np.zeros(POWER.n_parameters)), law, scatter, rng)


def _against_floor(points: Points, noise: Noise, broken: FormFit) -> float:
    floor = fit_form(points, FLOOR, noise)
    if floor.cost <= 1e-20:
        return 1.0
    law = model_of(FLOOR, points.of_means.u)(floor.theta[None])[0][0]
    scatter = float(np.sqrt(floor.cost / max(points.n - FLOOR.n_parameters, 1)))
    rng = np.random.default_rng(20260203)
    simulated = _ratios(points, noise.weights, (FLOOR, floor.theta), law, scatter, rng)
    return _p_value(float(np.log(floor.cost / max(broken.cost, 1e-300))), simulated)


def _ratios(
    points: Points,
    weights: FloatArray,
    null: tuple[Form, FloatArray],
    law: FloatArray,
    scatter: float,
    rng: np.random.Generator,
) -> FloatArray:
    """Simulate curves about a law without a break (its log loss at the sizes) and return their likelihood ratios.

    Only the means of the sizes and the squares about them matter; both are drawn directly.
    """
    form, near = null
    of_means, total = points.of_means, np.bincount(points.size_of, weights).astype(float)
    y = law + scatter / np.sqrt(total) * rng.standard_normal((SIMULATIONS, len(total)))
    spare = points.n - len(total)
    within = scatter**2 * rng.chisquare(spare, SIMULATIONS) if spare else np.zeros(SIMULATIONS)
    without = minima_of(of_means, form, y, total, near=near).cost + within
    with_break = minima_of(of_means, BROKEN, y, total).cost + within
    return np.log(without / np.maximum(with_break, 1e-300))


def _p_value(ratio: float, simulated: FloatArray) -> float:
    return float((1 + (simulated >= ratio).sum()) / (1 + len(simulated)))
