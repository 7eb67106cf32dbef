"""95 % intervals of fitted shifts: analytic, with pairs as units, and by leaving out whole groups of pairs."""

import numpy as np
from scipy.stats import t

from sonde.datasets.correction.robust_fit import BISQUARE, RobustFit, bisquare, determined_by, pseudo_inverse
from sonde.records.arrays import BoolArray, FloatArray, IntArray

LEVEL = 0.95


def analytic_covariance(X: FloatArray, fit: RobustFit) -> FloatArray:
    """Return the covariance (p, p) of the coefficients if errors of pairs are independent and alike.

    s² (Σψ²/(n−p)) / (mean ψ')² (XᵀX)⁻¹, with ψ(u) = u (1 − (u/c)²)². Huber, doi:10.1214/aos/1176342503.
    """
    size = float(np.sum(_influence(fit) ** 2)) / max(fit.n_free, 1)
    slope = float(np.mean(_slopes(fit)))
    if slope <= 0:
        return np.full((X.shape[1], X.shape[1]), np.inf)
    return np.asarray(fit.scale**2 * size / slope**2 * pseudo_inverse(X.T @ X), float)


def _scaled(fit: RobustFit) -> FloatArray:
    return np.clip(fit.residuals / fit.scale, -BISQUARE, BISQUARE)


def _influence(fit: RobustFit) -> FloatArray:
    """Return ψ of every pair (n,)."""
    return np.asarray(_scaled(fit) * bisquare(_scaled(fit)), float)


def _slopes(fit: RobustFit) -> FloatArray:
    """Return ψ' of every pair (n,)."""
    ratio = (_scaled(fit) / BISQUARE) ** 2
    return np.asarray((1 - ratio) * (1 - 5 * ratio), float)


def group_covariance(X: FloatArray, groups: IntArray, fit: RobustFit) -> FloatArray | None:
    """Return the covariance (p, p) if each group errs as a whole, from the mean residuals of groups.

    Pairs without weight do not count. None where there are no more groups than coefficients.
    """
    members = [np.flatnonzero((groups == group) & (fit.weights > 0)) for group in range(int(groups.max()) + 1)]
    members = [rows for rows in members if len(rows)]
    n_free = len(members) - X.shape[1]
    if n_free < 1:
        return None
    means = np.array([X[rows].mean(axis=0) for rows in members])
    errors = np.array([fit.residuals[rows].mean() for rows in members])
    return np.asarray(float(errors @ errors) / n_free * pseudo_inverse(means.T @ means), float)


def group_pulls(X: FloatArray, groups: IntArray, fit: RobustFit) -> FloatArray:
    """How far an error of one, common to all pairs of a group, moves each coefficient (n_groups, p)."""
    kept = (fit.weights > 0)[:, None] * X
    sums = np.zeros((int(groups.max()) + 1, X.shape[1]))
    np.add.at(sums, groups, kept)
    return np.asarray(sums @ pseudo_inverse(kept.T @ X), float)


def analytic_errors(X: FloatArray, fit: RobustFit) -> FloatArray:
    """Return half the width of analytic intervals (p,); NaN without degrees of freedom."""
    if fit.n_free < 1:
        return np.full(X.shape[1], np.nan)
    errors = np.sqrt(np.diag(analytic_covariance(X, fit)))
    return np.asarray(errors * t.ppf((1 + LEVEL) / 2, fit.n_free), float)


def jackknife_errors(X: FloatArray, groups: IntArray, fit: RobustFit) -> FloatArray:
    """Return half the width of intervals (p,) by leaving out each group in turn, so that pairs of one may err alike.

    One Newton step stands in for the fit without the group: b − b₍g₎ = (A − A_g)⁻¹ Σ_g x ψ s, with A the mean of ψ'
    times XᵀX over pairs with weight. Infinite where a coefficient rests on one group, NaN for fewer than two groups
    with the element. Student's t takes the groups that hold it, less one. Bell, McCaffrey, Survey Methodology 28, 169
    (2002): the jackknife errs on the wide side where few groups decide.
    """
    steps = jackknife_steps(X, groups, fit)
    if steps is None:
        return np.full(X.shape[1], np.nan)
    holding = np.array([len(np.unique(groups[column > 0])) for column in X.T])
    spread = np.sqrt(np.sum(steps**2, axis=0))
    return np.asarray(np.where(holding > 1, spread * t.ppf((1 + LEVEL) / 2, np.maximum(holding - 1, 1)), np.nan), float)


def jackknife_steps(X: FloatArray, groups: IntArray, fit: RobustFit) -> FloatArray | None:
    """How the coefficients move when a group is left out (n_groups, p), scaled so that squares add up to variances.

    Infinite where a group alone determines one; None for fewer than two groups.
    """
    n_groups = int(groups.max()) + 1
    kept = fit.weights > 0
    slope = float(np.mean(_slopes(fit)[kept])) if kept.any() else 0.0
    if n_groups < 2 or slope <= 0:
        return None
    return _steps(X, groups, fit, kept) / slope * np.sqrt((n_groups - 1) / n_groups)


def _steps(X: FloatArray, groups: IntArray, fit: RobustFit, kept: BoolArray) -> FloatArray:
    score = fit.scale * _influence(fit)
    whole = X[kept].T @ X[kept]
    whole_determined = determined_by(whole)
    found = []
    for group in range(int(groups.max()) + 1):
        out = groups == group
        rest = whole - X[out & kept].T @ X[out & kept]
        step = pseudo_inverse(rest) @ (X[out].T @ score[out])
        found.append(np.where(whole_determined & ~determined_by(rest), np.inf, step))
    return np.array(found)
