"""Scaling laws: a full comparison of forms with its bootstrap, against the same fits by scipy one at a time; growth."""

import tracemalloc
from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
from scipy.optimize import least_squares
from speed.measuring import BYTES_PER_MB, Row, growth, in_a_process_of_its_own, ratio, seconds

from sonde.records.arrays import FloatArray
from sonde.scaling_laws.fitting import FormFit, box_of, fit_form, minima_of, model_of
from sonde.scaling_laws.forms import FORMS, Form
from sonde.scaling_laws.intervals import seed_draws
from sonde.scaling_laws.law import Settings, fit_law
from sonde.scaling_laws.points import Points, points

DRAWS = 500
COMPARED = ("power", "power_floor", "broken", "bnsl_1", "broken_floor")
"""All forms that seven sizes support."""
SCATTER = 0.02


def measure(
    seeds: Iterable[int] = (3, 30, 300, 3000), sizes: Iterable[int] = (7, 14, 28, 56), by_scipy: int = 20
) -> Iterator[Row]:
    """One comparison against scipy; growth over points and over sizes."""
    seeds, sizes = tuple(seeds), tuple(sizes)
    usual = in_a_process_of_its_own(cost_of_law, 7, seeds[0], DRAWS)
    ours, theirs, excess = draws_against_scipy(by_scipy)
    what = f"comparison of {len(COMPARED)} forms, 21 points, {DRAWS} draws: fits by scipy alone over all of it"
    yield ratio(what, usual, theirs * DRAWS, ("sonde, all of it", f"scipy, fits alone ({by_scipy} draws, scaled)"))
    what = f"  of it: the fits of the draws, largest excess of a cost over scipy's {excess:.1e}"
    yield ratio(what, ours * DRAWS, theirs * DRAWS, ("sonde", "scipy"))
    times = {7 * k: in_a_process_of_its_own(cost_of_law, 7, k, DRAWS) for k in seeds}
    yield growth("comparison of forms, over points (seeds) at 7 sizes", times, "s")
    yield growth("  peak memory of its arrays", {7 * k: memory_of_law(7, k, DRAWS) for k in seeds}, "MB")
    times = {n: in_a_process_of_its_own(cost_of_law, n, 3, DRAWS // 5) for n in sizes}
    yield growth(f"comparison of forms, {DRAWS // 5} draws, over sizes", times, "s")


def cost_of_law(n_sizes: int, n_seeds: int, draws: int) -> float:
    """Seconds of one comparison of all forms, predictions and verdict included."""
    fit_law(*curve(6, 2), settings=Settings(draws=2))  # loads what is loaded on first use
    return seconds(partial(fit_law, *curve(n_sizes, n_seeds), settings=Settings(draws=draws)))


def memory_of_law(n_sizes: int, n_seeds: int, draws: int) -> float:
    """Most memory in MB that one comparison holds at once."""
    x, loss = curve(n_sizes, n_seeds)
    fit_law(*curve(6, 2), settings=Settings(draws=2))
    tracemalloc.start()
    fit_law(x, loss, settings=Settings(draws=draws))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / BYTES_PER_MB


def curve(n_sizes: int, n_seeds: int) -> tuple[FloatArray, FloatArray]:
    """Points of a broken law over two and a half decades, with noise."""
    x = np.repeat(np.geomspace(500.0, 32000.0 * max(1.0, n_sizes / 7), n_sizes), n_seeds)
    noise = np.random.default_rng(0).standard_normal(len(x))
    return x, np.asarray(3 * x**-0.2 * (1 + x / 4000) ** -0.3 * np.exp(SCATTER * noise))


def draws_against_scipy(n_draws: int) -> tuple[float, float, float]:
    """Seconds per draw for all forms, ours and scipy's from the same number of starts, and the largest excess cost."""
    data = points(*curve(7, 3))
    ours = theirs = excess = 0.0
    for name in COMPARED:
        fit = fit_form(data, FORMS[name])
        y = seed_draws(fit, DRAWS, np.random.default_rng(0))
        ours += seconds(partial(_minima, fit, y)) / DRAWS
        theirs += seconds(partial(_by_scipy, fit, y[:n_draws])) / n_draws
        costs = np.array(_by_scipy(fit, y[:n_draws]))
        excess = max(excess, float((_minima(fit, y[:n_draws]) / costs - 1.0).max()))
    return ours, theirs, excess


def _minima(fit: FormFit, y: FloatArray) -> FloatArray:
    return minima_of(fit.points, fit.form, y, fit.noise.weights, near=fit.theta).cost


def _by_scipy(fit: FormFit, y: FloatArray) -> list[float]:
    """The least cost of each draw, from the fit to the points and two more starts."""
    starts = [fit.theta, *_starts(fit.points, fit.form, fit.theta)]
    return [min(_solve(fit, one, start) for start in starts) for one in y]


def _starts(data: Points, form: Form, theta: FloatArray) -> list[FloatArray]:
    """The law with its breaks farther to the left, and to the right."""
    box, shifted = box_of(data, form), []
    for shift in (-1.0, 1.0):
        start = theta.copy()
        start[form.places] += shift
        shifted.append(np.clip(start, box.low, box.high))
    return shifted


def _solve(fit: FormFit, y: FloatArray, start: FloatArray) -> float:
    model, box, root = model_of(fit.form, fit.points.u), box_of(fit.points, fit.form), np.sqrt(fit.noise.weights)
    start = np.clip(start, box.low + 1e-9, box.high - 1e-9)
    found = least_squares(
        lambda theta: root * (y - model(theta[None])[0][0]),
        start,
        jac=lambda theta: -root[:, None] * model(theta[None])[1][0],
        bounds=(box.low, box.high),
    )
    return 2.0 * float(found.cost)
