"""Is there a break at all? A likelihood ratio against the laws without one, with its distribution simulated.

The place of a break is unknown where there is none, so that the usual χ² does not hold (Davies, doi
10.1093/biomet/74.1.33): the ratio's distribution is found by fitting curves simulated from the law without a break.

Against a floor the break may be as sharp as it likes: a gentle one that flattens the curve is a floor's double, a sharp
one is not. Where a floor does as well, the points bend, and nothing in them says by what.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from sonde.records.arrays import FloatArray
from sonde.scaling_laws.fitting import fit_form, minima_of, model_of, supports
from sonde.scaling_laws.forms import BNSL1, BROKEN, FLOOR, POWER, Form
from sonde.scaling_laws.noise import Noise
from sonde.scaling_laws.points import Points

BATCHES = (99, 100, 200)
"""Curves simulated at a time; no more of them once the answer cannot change, or none reached the ratio found."""
AGAINST_POWER = 0.02
AGAINST_FLOOR = 0.02
"""p-values below which a law without a break is rejected. The simulated floor is the fitted one, not the true one, so
that its p-values are somewhat too small."""


@dataclass(frozen=True)
class BreakTest:
    """p-values of "no break": the plain power law, and the power law with a floor; None where it cannot be tested.

    A floor is asked about only where the points bend: simulating it takes longest.
    """

    against_power: float | None
    against_floor: float | None

    @property
    def bend(self) -> Literal["none", "break", "break_or_floor"] | None:
        """What bends the points away from a plain power law, as far as they tell; None where it cannot be tested."""
        if self.against_power is None:
            return None
        if self.against_power > AGAINST_POWER:
            return "none"
        floor_fails = self.against_floor is not None and self.against_floor <= AGAINST_FLOOR
        return "break" if floor_fails else "break_or_floor"

    @property
    def established(self) -> bool:
        """A break explains what neither a power law nor a floor does."""
        return self.bend == "break"


def break_test(points: Points, noise: Noise) -> BreakTest:
    """Test both laws without a break against one smooth break."""
    if not supports(BROKEN, len(points.sizes)):
        return BreakTest(None, None)
    test = BreakTest(_against_power(points, noise), None)
    return test if test.bend == "none" else replace(test, against_floor=_against_floor(points, noise))


def _against_power(points: Points, noise: Noise) -> float:
    """Compare with the simulated ratios. Under a power law these depend on sizes and weights only."""
    power, broken = fit_form(points, POWER, noise), fit_form(points, BROKEN, noise)
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
    null = _Null(POWER, np.zeros(POWER.n_parameters), law, scatter)
    return _ratios(points, np.frombuffer(weights), null, BROKEN, sum(BATCHES), rng)


def _against_floor(points: Points, noise: Noise) -> float:
    form = BNSL1 if supports(BNSL1, len(points.sizes)) else BROKEN
    floor, broken = fit_form(points, FLOOR, noise), fit_form(points, form, noise)
    if floor.cost <= 1e-20:
        return 1.0
    law = model_of(FLOOR, points.of_means.u)(floor.theta[None])[0][0]
    scatter = float(np.sqrt(floor.cost / max(points.n - FLOOR.n_parameters, 1)))
    rng = np.random.default_rng(20260203)
    ratio, null = float(np.log(floor.cost / max(broken.cost, 1e-300))), _Null(FLOOR, floor.theta, law, scatter)
    simulated = np.empty(0)
    for n in BATCHES:
        simulated = np.concatenate([simulated, _ratios(points, noise.weights, null, form, n, rng)])
        reached = int((simulated >= ratio).sum())
        if reached == 0 or reached >= AGAINST_FLOOR * (1 + sum(BATCHES)):
            break
    return _p_value(ratio, simulated)


@dataclass(frozen=True, eq=False)
class _Null:
    """A law without a break to simulate: θ, its log loss at the sizes, and the scatter of a run."""

    form: Form
    theta: FloatArray
    law: FloatArray
    scatter: float


def _ratios(
    points: Points, weights: FloatArray, null: _Null, broken: Form, n: int, rng: np.random.Generator
) -> FloatArray:
    """Simulate n curves about a law without a break and return their likelihood ratios against one with a break.

    Only the means of the sizes and the squares about them matter; both are drawn directly.
    """
    of_means, total = points.of_means, np.bincount(points.size_of, weights).astype(float)
    y = null.law + null.scatter / np.sqrt(total) * rng.standard_normal((n, len(total)))
    spare = points.n - len(total)
    within = null.scatter**2 * rng.chisquare(spare, n) if spare else np.zeros(n)
    without = minima_of(of_means, null.form, y, total, near=null.theta).cost + within
    with_break = minima_of(of_means, broken, y, total).cost + within
    return np.log(without / np.maximum(with_break, 1e-300))


def _p_value(ratio: float, simulated: FloatArray) -> float:
    return float((1 + (simulated >= ratio).sum()) / (1 + len(simulated)))
