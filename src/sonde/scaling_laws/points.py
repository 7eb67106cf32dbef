"""The points of a learning curve: sizes, seeds and losses, checked once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sonde.errors import WrongUse
from sonde.records.arrays import BoolArray, FloatArray, IntArray

FEWEST_SIZES = 3
MOST_SIZES = 500
LARGEST, LARGEST_LOSS = 1e30, 1e100
"""Numbers beyond these, or below their inverse, leave no room for amplitudes in floating point."""


@dataclass(frozen=True, eq=False)
class Points:
    """Trained models, ordered by size: x (n,) training frames or parameters, loss (n,) > 0, seed (n,) or None.

    The loss may have any unit: everything is fitted to its logarithm less the mean logarithm, so that a change of unit
    changes amplitude and floor alone.
    """

    x: FloatArray
    loss: FloatArray
    seed: IntArray | None = None

    @cached_property
    def sizes(self) -> FloatArray:
        """The different sizes, ascending, (n_sizes,)."""
        return np.unique(self.x)

    @cached_property
    def size_of(self) -> IntArray:
        """For each point its place in `sizes`."""
        return np.searchsorted(self.sizes, self.x)

    @cached_property
    def counts(self) -> IntArray:
        """Points per size."""
        return np.bincount(self.size_of)

    @cached_property
    def u(self) -> FloatArray:
        """log x, centred on the mean of the log sizes, (n,)."""
        return np.log(self.x) - self.u_centre

    @cached_property
    def y(self) -> FloatArray:
        """log loss, centred, (n,)."""
        return np.log(self.loss) - self.y_centre

    @cached_property
    def u_centre(self) -> float:
        return float(np.log(self.sizes).mean())

    @cached_property
    def y_centre(self) -> float:
        logs = np.log(self.loss)
        return float((np.bincount(self.size_of, logs) / self.counts).mean())

    @cached_property
    def means(self) -> FloatArray:
        """Mean centred log loss per size, (n_sizes,)."""
        return np.bincount(self.size_of, self.y) / self.counts

    @cached_property
    def of_means(self) -> "Points":
        """One point per size, at the mean log loss of its seeds; the centres stay the same."""
        return Points(self.sizes, np.exp(self.means + self.y_centre))

    @property
    def n(self) -> int:
        return len(self.x)

    def below(self, n_sizes: int) -> "Points":
        """Return the points of the smallest `n_sizes` sizes."""
        return self.only(np.asarray(self.size_of < n_sizes))

    def only(self, which: BoolArray | Sequence[bool]) -> "Points":
        """Return the points marked in a mask."""
        mask = np.asarray(which, bool)
        return Points(self.x[mask], self.loss[mask], None if self.seed is None else self.seed[mask])


def points(x: Sequence[float] | FloatArray, loss: Sequence[float] | FloatArray, seed: object = None) -> Points:
    """Check and order the points of a curve.

    Parameters
    ----------
    x : training frames or parameters of each trained model, > 0, in any order.
    loss : its error on held-out data, > 0, in any unit.
    seed : a label per model that tells the seeds apart, or None.

    Raises
    ------
    WrongUse : lengths differ, a number is not finite, not positive or beyond any unit in use (named by its place),
        fewer than three or more than 500 sizes.
    """
    sizes, losses = np.asarray(x, float).ravel(), np.asarray(loss, float).ravel()
    if len(sizes) != len(losses):
        raise WrongUse(f"Each point needs a size and a loss; found {len(sizes)} sizes and {len(losses)} losses.")
    check_positive(sizes, "size", "it counts training frames or parameters")
    check_positive(losses, "loss", "laws are fitted to its logarithm; leave the point out, or give an error above zero")
    check_range(sizes, "size", LARGEST)
    check_range(losses, "loss", LARGEST_LOSS)
    found = len(np.unique(sizes))
    if found > MOST_SIZES:
        raise WrongUse(
            f"A learning curve has a trained model per point; found {found:,} different sizes, {MOST_SIZES} are the "
            "most. Leave out points between (factors of two tell as much), or round the sizes."
        )
    if found < FEWEST_SIZES:
        raise WrongUse(
            f"A law needs at least {FEWEST_SIZES} different sizes, found {found}: train at more sizes (factors of two)."
        )
    order = np.lexsort((losses, sizes))
    return Points(sizes[order], losses[order], _codes(seed, len(sizes), order))


def check_positive(values: FloatArray, what: str, why: str) -> None:
    """Raise WrongUse for the first number that is not finite and positive, by its place."""
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if len(wrong):
        raise WrongUse(f"The {what} of point {wrong[0] + 1} is {values[wrong[0]]:g}: {why}.")


def check_range(values: FloatArray, what: str, largest: float) -> None:
    """Raise WrongUse for the first number that no unit in use would give, by its place."""
    wrong = np.flatnonzero((values > largest) | (values < 1.0 / largest))
    if len(wrong):
        raise WrongUse(
            f"The {what} of point {wrong[0] + 1} is {values[wrong[0]]:g}: it must lie between {1 / largest:g} and "
            f"{largest:g}. Give it in another unit; laws do not depend on it."
        )


def _codes(seed: object, n: int, order: IntArray) -> IntArray | None:
    if seed is None:
        return None
    labels = np.asarray([str(one) for one in np.asarray(seed, object).ravel()])
    if len(labels) != n:
        raise WrongUse(f"Each point needs a seed where seeds are given; found {len(labels)} seeds for {n} points.")
    return np.unique(labels, return_inverse=True)[1][order]
