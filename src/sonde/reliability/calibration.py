"""From model to probability: distributions found on frames that the model was not trained on.

Atoms. A model gives location μ and scale σ of the log error; z = (log error − μ)/σ of atoms outside its training has a
distribution that is taken as it is found. P(error ≤ tolerance) = F((log tolerance − μ)/σ) then rises with the tolerance
by construction, for every tolerance asked later, and is calibrated whatever the shape of F (the split-conformal
predictive distribution of Vovk et al., arXiv 1902.06579, with smoothed steps and exponential tails).

Structures. The largest of N independent errors is below the tolerance with probability Π u_i, u_i the atoms'
probabilities; errors of neighbouring atoms go together, so that N counts for fewer. In the Gumbel coordinate
w = −log(−log Π u_i) − b log N, b in [−1, 0] is 0 for independent and −1 for identical atoms; it is chosen so that w at
the errors that occurred does not depend on N. The distribution G of those w then gives P(largest ≤ tolerance) = G(w).
Another number per structure can be taken into account in the same way: how much its worst atom stands out tells how
many atoms compete for being the largest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from sonde.errors import WrongUse
from sonde.records.arrays import FloatArray

MOST_KNOTS = 200
LEAST_SPREAD_OF_LOG_SIZE = 0.15
"""Below this standard deviation of log N a dependence on N cannot be seen."""


@dataclass(frozen=True, eq=False)
class SmoothedDistribution:
    """Cumulative distribution through knots, straight in the logit between and beyond them.

    knots, logits : (n_knots,), ascending. The tails are exponential, with the slope of the outer tenth of the sample.
    """

    knots: FloatArray
    logits: FloatArray

    @classmethod
    def fit(cls, values: FloatArray) -> "SmoothedDistribution":
        """Take the distribution of values (n,), the k-th smallest standing at (k − ½)/n."""
        values = np.sort(np.asarray(values, float))
        if len(values) < 5 or not np.isfinite(values).all():
            raise WrongUse(f"A distribution needs at least 5 finite values, found {int(np.isfinite(values).sum())}.")
        ranks = np.unique(np.linspace(0, len(values) - 1, MOST_KNOTS).round().astype(int))
        knots, first = np.unique(values[ranks], return_index=True)
        # Equal values share the mean of their ranks.
        last = np.append(first[1:], len(ranks)) - 1
        level = (0.5 * (ranks[first] + ranks[last]) + 0.5) / len(values)
        return cls(knots, logit(level))

    def log_odds(self, x: FloatArray) -> FloatArray:
        """Logit of the probability of a value at most x."""
        inner = np.interp(x, self.knots, self.logits)
        below = self._slope(0) * np.minimum(x - self.knots[0], 0.0)
        above = self._slope(-1) * np.maximum(x - self.knots[-1], 0.0)
        return inner + below + above

    def cdf(self, x: FloatArray) -> FloatArray:
        """Probability of a value at most x."""
        return expit(self.log_odds(x))

    def _slope(self, end: int) -> float:
        reach = max(1, len(self.knots) // 10)
        inner = reach if end == 0 else -1 - reach
        if len(self.knots) < 2 or self.knots[end] == self.knots[inner]:
            return 1.0
        return float((self.logits[end] - self.logits[inner]) / (self.knots[end] - self.knots[inner]))

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        return {"knots": self.knots, "logits": self.logits}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "SmoothedDistribution":
        """Rebuild what gave this state."""
        return cls(state["knots"], state["logits"])


def independent_gumbel(atomic_log_odds: FloatArray) -> float:
    """−log(−log Π u_i) of the atoms' probabilities u_i, given as logits (n_atoms,), without loss of digits."""
    # −log u = log(1 + exp(−logit u))
    return float(-np.log(np.maximum(np.sum(np.logaddexp(0.0, -atomic_log_odds)), 1e-300)))


@dataclass(frozen=True, eq=False)
class SizeAwareMaximum:
    """From the atoms' probabilities to that of the largest error of a structure; see the module."""

    size_slope: float
    distribution: SmoothedDistribution
    other_slope: float = 0.0

    @classmethod
    def fit(cls, log_odds_at_largest: Sequence[FloatArray], other: Sequence[float] | None = None) -> "SizeAwareMaximum":
        """Calibrate on structures, each given by its atoms' logits (n_atoms,) at the largest error that occurred.

        other: a number of each structure, of which w is made independent, too.
        """
        w = np.array([independent_gumbel(atoms) for atoms in log_odds_at_largest])
        log_size = np.log([len(atoms) for atoms in log_odds_at_largest])
        slope, other_slope = 0.0, 0.0
        if np.std(log_size) > LEAST_SPREAD_OF_LOG_SIZE:
            slope = float(np.clip(np.polyfit(log_size, w, 1)[0], -1.0, 0.0))
        w = w - slope * log_size
        if other is not None and np.std(other) > LEAST_SPREAD_OF_LOG_SIZE:
            other_slope = float(np.polyfit(other, w, 1)[0])
            w = w - other_slope * np.array(other)
        return cls(slope, SmoothedDistribution.fit(w), other_slope)

    def p_within(self, atomic_log_odds: FloatArray, other: float = 0.0) -> float:
        """Probability that the largest error stays within the tolerance at which the logits (n_atoms,) were taken."""
        w = independent_gumbel(atomic_log_odds) - self.size_slope * np.log(len(atomic_log_odds))
        return float(self.distribution.cdf(np.array(w - self.other_slope * other)))

    def state(self) -> dict[str, Any]:
        """Its numbers; `from_state` takes them back."""
        slopes = {"size_slope": self.size_slope, "other_slope": self.other_slope}
        return {**slopes, "distribution": self.distribution.state()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "SizeAwareMaximum":
        """Rebuild what gave this state."""
        return cls(state["size_slope"], SmoothedDistribution.from_state(state["distribution"]), state["other_slope"])
