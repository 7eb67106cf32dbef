"""Is there a break at all? A likelihood ratio against the laws without one, with its distribution simulated.

The place of a break is unknown where there is none, so that the usual χ² does not hold (Davies, doi
10.1093/biomet/74.1.33): the ratio's distribution is found by fitting curves simulated from the law without a break.
"""

from dataclasses import dataclass
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
    """p-values of "no break": the plain power law, and the power law with a floor; None where it cannot be tested."""

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
    return BreakTest(_against_power(points, noise, broken), _against_floor(points, noise, broken))


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
    sizes, weight = np.frombuffer(x), np.frombuffer(weights)
    rng = np.random.default_rng(20260202)
    y = rng.standard_normal((SIMULATIONS, len(sizes))) / np.sqrt(weight)
    # The unit of the simulated scatter is of no importance; that of a curve keeps the box far away.
    points = Points(sizes, np.exp(0.02 * y[0]))
    return _ratios(points, POWER, 0.02 * y, weight, np.zeros(POWER.n_parameters))


def _against_floor(points: Points, noise: Noise, broken: FormFit) -> float:
    floor = fit_form(points, FLOOR, noise)
    if floor.cost <= 1e-20:
        return 1.0
    law = model_of(FLOOR, points.u)(floor.theta[None])[0][0]
    scatter = np.sqrt(floor.cost / max(points.n - FLOOR.n_parameters, 1) / noise.weights)
    rng = np.random.default_rng(20260203)
    y = law + scatter * rng.standard_normal((SIMULATIONS, points.n))
    simulated = _ratios(points, FLOOR, y, noise.weights, floor.theta)
    return _p_value(float(np.log(floor.cost / max(broken.cost, 1e-300))), simulated)


def _ratios(points: Points, null: Form, y: FloatArray, weights: FloatArray, near: FloatArray) -> FloatArray:
    without = minima_of(points, null, y, weights, near=near).cost
    with_break = minima_of(points, BROKEN, y, weights).cost
    return np.log(without / np.maximum(with_break, 1e-300))


def _p_value(ratio: float, simulated: FloatArray) -> float:
    return float((1 + (simulated >= ratio).sum()) / (1 + len(simulated)))
