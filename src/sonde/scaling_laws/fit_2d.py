"""Fit and compare the laws of loss over model size and data."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import nnls

from sonde.errors import WrongUse
from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.scaling_laws.fitting import aicc
from sonde.scaling_laws.forms_2d import Form2D, model_2d, sizes_needed_2d
from sonde.scaling_laws.least_squares import Box, Minima, minimise
from sonde.scaling_laws.points import check_positive

EXPONENTS = (0.05, 0.15, 0.3, 0.5, 0.8)
CHANGES = (-0.2, 0.2, 0.4)
PLACES = 4
KEPT = 8


@dataclass(frozen=True, eq=False)
class Grid:
    """Trained models: parameters N, frames D, loss, all (n,), and which cell (N, D) each belongs to."""

    N: FloatArray
    D: FloatArray
    loss: FloatArray

    @cached_property
    def cells(self) -> FloatArray:
        """Different pairs (N, D), (n_cells, 2)."""
        return np.unique(np.stack([self.N, self.D], axis=1), axis=0)

    @cached_property
    def cell_of(self) -> IntArray:
        return np.unique(np.stack([self.N, self.D], axis=1), axis=0, return_inverse=True)[1].ravel()

    @cached_property
    def counts(self) -> IntArray:
        return np.bincount(self.cell_of)

    @cached_property
    def centre(self) -> tuple[float, float, float]:
        """Mean log N and log D of the cells, mean log loss of the cells' means."""
        logs = np.log(self.cells).mean(axis=0)
        means = np.bincount(self.cell_of, np.log(self.loss)) / self.counts
        return float(logs[0]), float(logs[1]), float(means.mean())

    @cached_property
    def v(self) -> FloatArray:
        return np.log(self.N) - self.centre[0]

    @cached_property
    def u(self) -> FloatArray:
        return np.log(self.D) - self.centre[1]

    @cached_property
    def y(self) -> FloatArray:
        return np.log(self.loss) - self.centre[2]

    @cached_property
    def means(self) -> FloatArray:
        """Mean centred log loss per cell."""
        return np.bincount(self.cell_of, self.y) / self.counts

    @cached_property
    def seed_variance(self) -> float | None:
        """Pooled variance of the log loss within cells; None without replicates."""
        spare = len(self.y) - len(self.cells)
        if spare == 0:
            return None
        return float(((self.y - self.means[self.cell_of]) ** 2).sum() / spare)

    def only(self, mask: Sequence[bool] | BoolArray) -> "Grid":
        which = np.asarray(mask, bool)
        return Grid(self.N[which], self.D[which], self.loss[which])


def grid(N: Sequence[float] | FloatArray, D: Sequence[float] | FloatArray, loss: Sequence[float] | FloatArray) -> Grid:
    """Check the points of a law in two variables.

    Raises
    ------
    WrongUse : lengths differ, a number is not finite and positive, fewer than three different N or D.
    """
    n, d, values = (np.asarray(one, float).ravel() for one in (N, D, loss))
    if not len(n) == len(d) == len(values):
        raise WrongUse(f"Each point needs N, D and a loss; found {len(n)}, {len(d)} and {len(values)}.")
    check_positive(n, "model size", "it counts parameters")
    check_positive(d, "training set", "it counts frames")
    check_positive(values, "loss", "laws are fitted to its logarithm; leave the point out, or give an error above zero")
    if min(len(np.unique(n)), len(np.unique(d))) < 3:
        raise WrongUse(
            f"A law of N and D needs three different values of each; found {len(np.unique(n))} of N and "
            f"{len(np.unique(d))} of D. For one variable: sonde scaling fit."
        )
    return Grid(n, d, values)


@dataclass(frozen=True, eq=False)
class Fit2D:
    """The best law of a form, its cost in log loss, and the variance its intervals rest on."""

    form: Form2D
    theta: FloatArray
    cost: float
    data: Grid

    @property
    def aicc(self) -> float:
        return aicc(self.cost, len(self.data.y), self.form.n_parameters)

    @property
    def dof(self) -> int:
        return max(len(self.data.y) - self.form.n_parameters, 1)

    @property
    def variance(self) -> float:
        return self.cost / self.dof


def refusal(form: Form2D, data: Grid) -> str | None:
    """Say why the points are too few for a form; None where they are enough."""
    needed = sizes_needed_2d(form)
    found = (len(np.unique(data.N)), len(np.unique(data.D)), len(data.cells))
    if all(have >= want for have, want in zip(found, needed, strict=True)):
        return None
    return (
        f"{form.n_parameters} parameters need {needed[0]} sizes of N, {needed[1]} of D and {needed[2]} pairs; there "
        f"are {found[0]}, {found[1]} and {found[2]}"
    )


def fit_form_2d(data: Grid, form: Form2D) -> Fit2D:
    """Fit a form by least squares in log loss, from many starts.

    Raises
    ------
    WrongUse : too few sizes for the form.
    """
    why = refusal(form, data)
    if why is not None:
        raise WrongUse(f"The form {form.name} is refused: {why}.")
    found = minima_2d(data, form, data.y[None])
    return Fit2D(form, found.theta[0], float(found.cost[0]), data)


def box_2d(data: Grid, form: Form2D) -> Box:
    """Limits of θ: exponents from 0 to 3, the break within the sizes of D, the floor below the smallest mean loss."""
    if form.separable:
        return Box(np.array([-50.0, -3.0, -3.0]), np.array([50.0, 3.0, 3.0]))
    low, high = [-50.0, 0.0, -50.0, 0.0], [50.0, 3.0, 50.0, 3.0]
    if form.broken:
        low += [-3.0, float(data.u.min())]
        high += [3.0, float(data.u.max())]
    if form.floor:
        low.append(0.0)
        high.append(float(np.exp(data.means.min())))
    return Box(np.array(low), np.array(high))


def minima_2d(data: Grid, form: Form2D, y: FloatArray, near: FloatArray | None = None) -> Minima:
    """Fit the form to many sets of log losses y (batch, n); the best of several starts each."""
    starts = _starts(data, form) if near is None else near[None]
    batch, tries = len(y), len(starts)
    found = minimise(
        model_2d(form, data.v, data.u),
        np.repeat(y, tries, axis=0),
        np.ones(len(data.y)),
        np.tile(starts, (batch, 1)),
        box_2d(data, form),
        steps=200,
    )
    best = found.cost.reshape(batch, tries).argmin(axis=1) + tries * np.arange(batch)
    return Minima(found.theta[best], found.cost[best], found.converged[best])


def _starts(data: Grid, form: Form2D) -> FloatArray:
    """Return the best starts from a grid of exponents; E, A and B are solved for (variable projection, in loss/L)."""
    if form.separable:
        return np.array([[0.0, 0.1, 0.2]])
    found = [
        _start(data, form, alpha, beta, bend)
        for alpha in EXPONENTS
        for beta in EXPONENTS
        for bend in _bends(data, form)
    ]
    found.sort(key=lambda one: one[0])
    return np.array([theta for _, theta in found[:KEPT]])


def _bends(data: Grid, form: Form2D) -> list[tuple[float, float]]:
    if not form.broken:
        return [(0.0, 0.0)]
    places = np.linspace(data.u.min(), data.u.max(), PLACES + 2)[1:-1].tolist()
    return [(change, place) for change in CHANGES for place in places]


def _start(data: Grid, form: Form2D, alpha: float, beta: float, bend: tuple[float, float]) -> tuple[float, list[float]]:
    change, place = bend
    of_n = np.exp(-alpha * data.v)
    of_d = np.exp(-beta * data.u - change * np.logaddexp(0.0, data.u - place))
    loss = np.exp(data.y)
    columns = np.stack([of_n, of_d, np.ones_like(loss)], axis=1)[:, : 3 if form.floor else 2]
    amounts, residual = nnls(columns / loss[:, None], np.ones_like(loss))
    logs = np.log(np.maximum(amounts, 1e-4))
    theta = [float(logs[0]), alpha, float(logs[1]), beta]
    theta += [change, place] if form.broken else []
    theta += [float(amounts[2])] if form.floor else []
    return float(residual), theta
