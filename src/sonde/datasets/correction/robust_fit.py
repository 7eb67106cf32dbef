"""Linear regression that a few wrong labels cannot bend."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sonde.records.arrays import BoolArray, FloatArray

BISQUARE = 4.685
"""Residual over scale from which a pair has no weight: 95 % efficiency where errors are normal."""
MAD_TO_SIGMA = 1.4826
SMALLEST_SCALE = 1e-5
"""eV per corrected atom: labels are not compared more finely."""
RANK_TOLERANCE = 1e-5
"""Singular values below this share of the largest count as zero: such columns are dependent for all purposes."""
MOST_STEPS = 200
SETTLED = 1e-9
"""eV: a step that changes no coefficient by more is the last."""
SETTLED_START = 1e-4

Weighting = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class RobustFit:
    """Coefficients (p,), robust standard deviation of the errors, weights (n,) in 0 … 1, residuals (n,).

    `determined` (p,) tells which coefficients the rows with weight fix; the others are those of least norm and mean
    nothing alone. `n_free`: rows less rank.
    """

    coefficients: FloatArray
    scale: float
    weights: FloatArray
    residuals: FloatArray
    determined: BoolArray
    n_free: int
    converged: bool


def robust_fit(X: FloatArray, y: FloatArray) -> RobustFit:
    """Fit y ≈ X b by an MM-estimator: least absolute deviations, their scale, then Tukey's bisquare weights.

    Gross errors lose all influence. Huber's estimator only bounds it: five per cent of one-sided gross errors would
    move the result by more than its standard error. Rows of X whose entries sum to one, as counts per corrected atom
    do, bound the leverage, against which least absolute deviations have no defence. Yohai, doi:10.1214/aos/1176350366.
    """
    n_free = len(y) - rank(X)
    start, _ = reweighted(X, y, least_squares(X, y, np.ones(len(y))), _least_absolute, SETTLED_START)
    scale = residual_scale(y - X @ start, n_free)
    coefficients, converged = reweighted(X, y, start, lambda residuals: bisquare(residuals / scale))
    residuals = y - X @ coefficients
    weights = bisquare(residuals / scale)
    return RobustFit(coefficients, scale, weights, residuals, determined(X[weights > 0]), n_free, converged)


def reweighted(
    X: FloatArray, y: FloatArray, start: FloatArray, weighting: Weighting, settled: float = SETTLED
) -> tuple[FloatArray, bool]:
    """Solve weighted least squares until the weights agree with the residuals; tell whether they came to."""
    coefficients = start
    for _ in range(MOST_STEPS):
        before, coefficients = coefficients, least_squares(X, y, weighting(y - X @ coefficients))
        if np.abs(coefficients - before).max(initial=0.0) < settled:
            return coefficients, True
    return coefficients, False


def least_squares(X: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """Solve weighted least squares; the solution of least norm where columns are dependent."""
    weighted = X * weights[:, None]
    return np.asarray(pseudo_inverse(weighted.T @ X) @ (weighted.T @ y), float)


def pseudo_inverse(gram: FloatArray) -> FloatArray:
    """Invert XᵀX, without the directions that the columns do not span."""
    return np.asarray(np.linalg.pinv(gram, rcond=RANK_TOLERANCE**2, hermitian=True), float)


def _least_absolute(residuals: FloatArray) -> FloatArray:
    return np.asarray(1.0 / np.maximum(np.abs(residuals), SMALLEST_SCALE), float)


def bisquare(scaled: FloatArray) -> FloatArray:
    """Return Tukey's weights of residuals over their scale."""
    return np.asarray(np.maximum(0.0, 1 - (scaled / BISQUARE) ** 2) ** 2, float)


def residual_scale(residuals: FloatArray, n_free: int) -> float:
    """Robust standard deviation from the median absolute residual, corrected for the parameters fitted."""
    if not n_free:
        return SMALLEST_SCALE
    spread = MAD_TO_SIGMA * float(np.median(np.abs(residuals))) * np.sqrt(len(residuals) / n_free)
    return max(float(spread), SMALLEST_SCALE)


# ---- what the columns can tell apart ---------------------------------------------------------------------------------


def _directions(X: FloatArray) -> FloatArray:
    """Orthonormal rows that span the rows of X: (rank, p)."""
    if not X.size:
        return np.zeros((0, X.shape[1]))
    _, singular, rows = np.linalg.svd(np.unique(X, axis=0), full_matrices=False)
    return np.asarray(rows[singular > RANK_TOLERANCE * singular[0]], float)


def rank(X: FloatArray) -> int:
    """Number of independent columns."""
    return len(_directions(X))


def null_projector(X: FloatArray) -> FloatArray:
    """Projector (p, p) on the combinations of columns that no row of X sees."""
    rows = _directions(X)
    return np.asarray(np.eye(X.shape[1]) - rows.T @ rows, float)


def determined(X: FloatArray) -> BoolArray:
    """Tell which coefficients are the same in every solution (p,)."""
    return np.asarray(np.diag(null_projector(X)) < RANK_TOLERANCE, np.bool_)


def determined_by(gram: FloatArray) -> BoolArray:
    """Tell the same from XᵀX (p, p), which can be had for a part of the rows by subtraction."""
    values, vectors = np.linalg.eigh(gram)
    hidden = vectors[:, values <= RANK_TOLERANCE**2 * max(float(values[-1]), 1.0)]
    return np.asarray(np.sum(hidden**2, axis=1) < RANK_TOLERANCE, np.bool_)
