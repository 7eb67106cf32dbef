"""Smoothed distributions and the size-aware maximum, where the truth is known."""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import kstest, norm

from sonde.errors import WrongUse
from sonde.records.arrays import FloatArray
from sonde.reliability.calibration import SizeAwareMaximum, SmoothedDistribution, independent_gumbel


def test_distribution_follows_its_sample_and_rises_everywhere() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    fitted = SmoothedDistribution.fit(values)
    grid = np.linspace(-3, 3, 61)
    np.testing.assert_allclose(fitted.cdf(grid), norm.cdf(grid), atol=0.02)
    wide = np.linspace(-50, 50, 2001)
    assert np.all(np.diff(fitted.log_odds(wide)) > 0)


def test_ties_stand_at_their_mean_rank() -> None:
    values = np.array([0.0] * 50 + list(np.linspace(1, 2, 50)))
    assert SmoothedDistribution.fit(values).cdf(np.array([0.0]))[0] == pytest.approx(0.25, abs=0.02)
    assert SmoothedDistribution.fit(np.zeros(10)).cdf(np.array([0.0]))[0] == pytest.approx(0.5, abs=0.01)


def test_too_few_or_broken_values_are_refused() -> None:
    with pytest.raises(WrongUse, match="at least 5"):
        SmoothedDistribution.fit(np.arange(4.0))
    with pytest.raises(WrongUse, match="finite"):
        SmoothedDistribution.fit(np.array([1.0, np.nan] * 5))


def test_gumbel_coordinate_of_independent_atoms() -> None:
    u = np.array([0.9, 0.99, 0.7])
    assert independent_gumbel(logit(u)) == pytest.approx(-np.log(-np.log(np.prod(u))))
    assert np.isfinite(independent_gumbel(np.full(3, 800.0)))


def structures(n: int, correlation: float, seed: int) -> tuple[list[FloatArray], FloatArray]:
    """z of the atoms of structures of 2 to 200 atoms, with a part common to the structure; and their sizes."""
    rng = np.random.default_rng(seed)
    sizes = np.exp(rng.uniform(np.log(2), np.log(200), size=n)).astype(int)
    common = np.sqrt(correlation) * rng.normal(size=n)
    return [c + np.sqrt(1 - correlation) * rng.normal(size=N) for c, N in zip(common, sizes, strict=True)], sizes


@pytest.mark.parametrize(("correlation", "low", "high"), [(0.0, -0.08, 0.0), (0.6, -0.9, -0.1), (1.0, -1.0, -0.95)])
def test_size_is_accounted_for(correlation: float, low: float, high: float) -> None:
    """Whatever the correlation, P(largest ≤ tolerance) is calibrated on new structures, small and large alike."""

    def at_largest(z: list[FloatArray]) -> list[FloatArray]:
        return [np.full(len(own), logit(norm.cdf(min(own.max(), 8.0)))) for own in z]

    maximum = SizeAwareMaximum.fit(at_largest(structures(1500, correlation, 0)[0]))
    assert low <= maximum.size_slope <= high
    fresh, sizes = structures(1500, correlation, 1)
    # The probability transform of what occurred is uniform where the probabilities are right.
    transformed = np.array([maximum.p_within(odds) for odds in at_largest(fresh)])
    for part in (transformed[sizes < 20], transformed[sizes >= 20]):
        assert kstest(part, "uniform").statistic < 0.1


def test_probability_of_a_tolerance() -> None:
    maximum = SizeAwareMaximum.fit(
        [np.full(8, logit(norm.cdf(own.max()))) for own in np.random.default_rng(2).normal(size=(4000, 8))]
    )
    for tolerance in (0.5, 1.0, 2.0):
        odds = np.full(8, logit(norm.cdf(tolerance)))
        assert maximum.p_within(odds) == pytest.approx(float(expit(odds[0]) ** 8), abs=0.03)
