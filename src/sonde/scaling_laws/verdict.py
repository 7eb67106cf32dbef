"""In words: whether a break is established, and whether the curve may be extrapolated."""

from collections.abc import Mapping, Sequence

import numpy as np

from sonde.records.scaling import BackTest, Estimate, Reading
from sonde.scaling_laws.averaging import Averaged
from sonde.scaling_laws.backtest import Origin, rms_error
from sonde.scaling_laws.break_test import BreakTest
from sonde.scaling_laws.fitting import FormFit
from sonde.scaling_laws.forms import BROKEN, log_loss, sizes_needed

FEWEST_ORIGINS = 2
WIDEST = 4.0
"""An interval whose ends differ by more than this factor is no prediction."""
FARTHER = (2.0, 4.0, 8.0, 16.0)
"""Multiples of the largest size at which a floor and a break are compared."""
APART, LEAST_APART = 4.0, 0.02
"""Two laws can be told apart where their log losses differ by so many standard deviations of a mean, and so much."""


def break_statement(test: BreakTest, n_sizes: int, parameters: Mapping[str, Estimate], told_apart: str = "") -> str:
    """Say whether there is a break, and where, as an interval.

    told_apart : what would tell a break from a floor, for points that do not.
    """
    if test.against_power is None:
        return f"a break is not established: it takes {sizes_needed(BROKEN)} sizes to look for one, there are {n_sizes}"
    if test.bend == "none":
        return f"a break is not established: a power law without one does as well (p = {test.against_power:.2g})"
    if not test.established:
        return (
            f"a break is not established: the points bend (p = {test.against_power:.2g}), but a floor explains it as "
            f"well as a break does (p = {test.against_floor:.2g}){told_apart}"
        )
    places = [estimate for name, estimate in parameters.items() if name.startswith("x_break")]
    where = "; ".join(f"between {_limit(one.low)} and {_limit(one.high)}{_edge(one)}" for one in places)
    return f"a break is established (p = {test.against_power:.2g}), somewhere {where or 'among the sizes'}"


def told_apart_by(floor: FormFit, broken: FormFit) -> str:
    """Say which larger size would tell a law with a floor from one with a break; empty if none within reach does."""
    data = floor.points
    variance = floor.noise.variance if floor.noise.variance is not None else floor.scale.variance
    needed = max(APART * float(np.sqrt(variance / np.median(data.counts))), LEAST_APART)
    for factor in FARTHER:
        at = np.array([np.log(factor)]) + data.u[-1]
        apart = float((log_loss(broken.form, broken.theta, at) - log_loss(floor.form, floor.theta, at))[0])
        if abs(apart) > needed:
            side = "below" if apart < 0 else "above"
            size = _size(factor * float(data.sizes[-1]))
            return f"; at {size} the law with a break lies {abs(np.expm1(apart)):.0%} {side} that with a floor"
    return f"; the two laws do not part up to {_size(FARTHER[-1] * float(data.sizes[-1]))}"


def _edge(place: Estimate) -> str:
    return " (an end of the sizes: the points set no limit there)" if place.at_edge else ""


def _limit(x: float | None) -> str:
    return "an open end" if x is None else _size(x)


def _size(x: float) -> str:
    """Write a size with three digits that count: 12,900, not 1.29e+04."""
    return f"{x:.3g}" if x < 1000 else f"{float(f'{x:.3g}'):,.0f}"


def backtest_of(origins: Sequence[Origin], power: Sequence[Origin]) -> BackTest:
    """Summarise the back-test of the averaged prediction beside the plain power law's."""
    asked = {origin.x for origin in origins}
    return BackTest(
        n_origins=len(origins),
        error=rms_error(tuple(origins)),
        power_law_error=rms_error(tuple(origin for origin in power if origin.x in asked)),
        n_inside=sum(bool(origin.inside) for origin in origins),
        x=tuple(origin.x for origin in origins),
        relative_errors=tuple(origin.relative_error for origin in origins),
    )


def predictability(backtest: BackTest, seen: Sequence[Reading], average: Averaged) -> tuple[bool | None, str]:
    """Say whether the curve may be extrapolated, and what that rests on."""
    serious = [reading for reading in seen if reading.serious]
    if serious:
        return False, f"not predictable from these points: {serious[0].message}"
    missed = backtest.n_origins - backtest.n_inside
    if missed >= max(2, backtest.n_origins / 3):
        return False, (
            f"not predictable from these points: {missed} of {backtest.n_origins} sizes lay outside the interval that "
            "the smaller sizes gave for them"
        )
    nearest = int(np.argmin(average.x))
    if average.high[nearest] > WIDEST * average.low[nearest]:
        return False, (
            f"not predictable from these points: at {_size(average.x[nearest])} anything from "
            f"{average.low[nearest]:.3g} to {average.high[nearest]:.3g} is possible"
        )
    if backtest.n_origins < FEWEST_ORIGINS:
        return None, f"not tested: {backtest.n_origins} back-test(s), it takes {FEWEST_ORIGINS} (a size more each)"
    assert backtest.error is not None  # there are origins
    plain = "" if backtest.power_law_error is None else f" (a plain power law: {backtest.power_law_error:.1%})"
    return True, (
        f"back-test: each of {backtest.n_origins} sizes predicted from the smaller ones, root mean square error "
        f"{backtest.error:.1%}{plain}, {backtest.n_inside} inside the interval"
    )
