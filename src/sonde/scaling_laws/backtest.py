"""Rolling-origin back-test: fit the smaller sizes, predict the next one, compare with what was found there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sonde.scaling_laws.averaging import averaged_predictions
from sonde.scaling_laws.fitting import minima_of
from sonde.scaling_laws.forms import Form, log_loss, sizes_needed
from sonde.scaling_laws.points import Points
from sonde.scaling_laws.taming import noise_of, tamed

FEWEST = 3
"""Sizes from which the average over forms is back-tested."""
MOST_ORIGINS = 12
"""Only so many of the largest sizes are predicted from the smaller ones."""


@dataclass(frozen=True)
class Origin:
    """One prediction of the back-test: from the sizes up to `largest_used`, of the loss at `x`."""

    largest_used: float
    x: float
    predicted: float
    found: float
    low: float | None = None
    high: float | None = None

    @property
    def relative_error(self) -> float:
        return self.predicted / self.found - 1.0

    @property
    def inside(self) -> bool | None:
        """Whether the interval held; None where the prediction had none."""
        return None if self.low is None or self.high is None else self.low <= self.found <= self.high


def backtest_form(points: Points, form: Form, huber: float | None = None) -> tuple[Origin, ...]:
    """Predict each size from the smaller ones by one form, wherever these are enough for it."""

    def predict(raw: Points, x: float) -> tuple[float, None, None]:
        part, noise = tamed(raw, huber), noise_of(raw, huber)
        theta = minima_of(part, form, part.y[None], noise.weights).theta
        log = log_loss(form, theta, np.array([np.log(x) - part.u_centre]))[0, 0]
        return float(np.exp(log + part.y_centre)), None, None

    return _rolling(points, sizes_needed(form), predict, huber)


def backtest_average(points: Points, huber: float | None = None) -> tuple[Origin, ...]:
    """Predict each size from the smaller ones by the average over forms, with its interval."""

    def predict(raw: Points, x: float) -> tuple[float, float, float]:
        found = averaged_predictions(tamed(raw, huber), noise_of(raw, huber), np.array([x]))
        return float(found.value[0]), float(found.low[0]), float(found.high[0])

    return _rolling(points, FEWEST, predict, huber)


def _rolling(
    points: Points,
    fewest: int,
    predict: Callable[[Points, float], tuple[float, float | None, float | None]],
    huber: float | None,
) -> tuple[Origin, ...]:
    origins, seen = [], tamed(points, huber)
    for n_sizes in range(max(fewest, len(points.sizes) - MOST_ORIGINS), len(points.sizes)):
        x = float(points.sizes[n_sizes])
        predicted, low, high = predict(points.below(n_sizes), x)
        found = float(np.exp(seen.means[n_sizes] + seen.y_centre))
        origins.append(Origin(float(points.sizes[n_sizes - 1]), x, predicted, found, low, high))
    return tuple(origins)


def rms_error(origins: tuple[Origin, ...]) -> float | None:
    """Root mean square of the relative errors; None without an origin."""
    if not origins:
        return None
    return float(np.sqrt(np.mean([origin.relative_error**2 for origin in origins])))
