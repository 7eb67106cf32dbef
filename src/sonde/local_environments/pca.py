"""Principal components with the two statistics that tell a sample from outside: Q and Hotelling's T².

Q is the squared distance from the plane of the retained components, T² the squared distance within it in units of its
standard deviations. Limits on paper hold for normal samples; thermal environments are neither normal nor independent,
so that the empirical limits of held-out groups are the ones to use and those on paper stand beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from sklearn.decomposition import PCA

from sonde.errors import WrongUse
from sonde.records.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """A plane fitted to samples.

    Attributes
    ----------
    mean : (width,).
    components : (n_components, width), orthonormal rows.
    eigenvalues : (rank,) variances along all components, retained and not, descending, divisor n − 1.
    n_samples : samples it was fitted on.
    """

    mean: FloatArray
    components: FloatArray
    eigenvalues: FloatArray
    n_samples: int

    @classmethod
    def fit(
        cls, X: FloatArray, *, n_components: int | None = None, variance: float | None = None
    ) -> "PrincipalComponents":
        """Fit to X (n_samples, width), keeping n_components or as many as explain the fraction `variance`.

        Raises
        ------
        WrongUse
            Fewer than 3 samples, or neither or both of n_components and variance given.
        """
        if (n_components is None) == (variance is None):
            raise WrongUse("Give either the number of components or the fraction of variance to explain.")
        if len(X) < 3:
            raise WrongUse(f"Principal components need at least 3 samples, not {len(X)}.")
        full = PCA(svd_solver="full" if len(X) < X.shape[1] else "covariance_eigh").fit(X)
        eigenvalues = np.maximum(full.explained_variance_, 0.0)
        kept = _n_kept(eigenvalues, n_components, variance)
        return cls(full.mean_, full.components_[:kept], eigenvalues, len(X))

    def state(self) -> dict[str, Any]:
        """Everything it consists of, as plain arrays and numbers; `from_state` takes it back."""
        return {name: getattr(self, name) for name in ("mean", "components", "eigenvalues", "n_samples")}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "PrincipalComponents":
        """Rebuild what gave this state."""
        return cls(state["mean"], state["components"], state["eigenvalues"], state["n_samples"])

    @property
    def n_components(self) -> int:
        return len(self.components)

    def transform(self, X: FloatArray) -> FloatArray:
        """Scores (n_samples, n_components)."""
        return (X - self.mean) @ self.components.T

    def q(self, X: FloatArray) -> FloatArray:
        """Squared reconstruction error (n_samples,) outside the retained components."""
        return self.scores_and_q(X)[1]

    def scores_and_q(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Both: scores (n_samples, n_components) and Q (n_samples,)."""
        centred = X - self.mean
        scores = centred @ self.components.T
        centred -= scores @ self.components
        return scores, np.einsum("nw,nw->n", centred, centred)

    def t2(self, X: FloatArray) -> FloatArray:
        """Hotelling's T² (n_samples,): squared scores over their variances."""
        return self.t2_of_scores(self.transform(X))

    def t2_of_scores(self, scores: FloatArray) -> FloatArray:
        """The same of scores (n_samples, n_components) that are known already."""
        return np.sum(scores**2 / self.eigenvalues[: self.n_components], axis=1)

    def jackson_mudholkar_limit(self, alpha: float) -> float | None:
        """Limit of Q that normal samples exceed with probability alpha; None where nothing lies outside the plane.

        Jackson, Mudholkar, Technometrics 21, 341 (1979), doi 10.1080/00401706.1979.10489779. On thermal environments
        it was seen to flag 2.5–3.3 % at a nominal 1 %.
        """
        theta1, theta2, theta3 = (float(np.sum(self.eigenvalues[self.n_components :] ** power)) for power in (1, 2, 3))
        if theta1 <= 1e-12 * float(np.sum(self.eigenvalues)):
            return None
        h0 = 1 - 2 * theta1 * theta3 / (3 * theta2**2)
        z = stats.norm.isf(alpha)
        bracket = z * np.sqrt(2 * theta2 * h0**2) / theta1 + 1 + theta2 * h0 * (h0 - 1) / theta1**2
        return float(theta1 * bracket ** (1 / h0))

    def box_limit(self, alpha: float) -> float | None:
        """Limit of Q by a scaled χ² with the mean and variance of the eigenvalues outside; None where there are none.

        Nomikos, MacGregor, Technometrics 37, 41 (1995), doi 10.1080/00401706.1995.10485888.
        """
        theta1, theta2 = (float(np.sum(self.eigenvalues[self.n_components :] ** power)) for power in (1, 2))
        if theta1 <= 1e-12 * float(np.sum(self.eigenvalues)):
            return None
        return float(theta2 / theta1 * stats.chi2.isf(alpha, theta1**2 / theta2))

    def t2_limit(self, alpha: float) -> float | None:
        """Limit of T² for new normal samples, k(n+1)(n−1)/(n(n−k)) F(k, n−k); None with no more samples than k."""
        k, n = self.n_components, self.n_samples
        if n <= k:
            return None
        return float(k * (n + 1) * (n - 1) / (n * (n - k)) * stats.f.isf(alpha, k, n - k))


def _n_kept(eigenvalues: FloatArray, n_components: int | None, variance: float | None) -> int:
    """Components to keep: never one whose variance is rounding error, and at least one."""
    rank = int(np.sum(eigenvalues > 1e-12 * eigenvalues[0])) if eigenvalues[0] > 0 else 1
    if n_components is not None:
        return max(1, min(n_components, rank))
    explained = np.cumsum(eigenvalues) / np.sum(eigenvalues) if eigenvalues[0] > 0 else np.ones(1)
    return max(1, min(int(np.searchsorted(explained, variance or 0.0) + 1), rank))
