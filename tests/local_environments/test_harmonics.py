"""Spherical harmonics: the addition theorem, and directions that there are none of."""

import numpy as np
import pytest
from scipy.special import eval_legendre

from sonde.local_environments.harmonics import DEGREES, N_HARMONICS, OF_DEGREE, WEIGHTS, harmonics
from sonde.records.arrays import FloatArray


def of(directions: FloatArray) -> FloatArray:
    return harmonics(directions, np.empty((N_HARMONICS, directions.shape[1])))


@pytest.mark.parametrize("degree", DEGREES)
def test_the_sum_over_orders_is_a_legendre_polynomial(degree: int) -> None:
    unit = np.random.default_rng(0).normal(size=(3, 40))
    unit /= np.linalg.norm(unit, axis=0)
    S = of(unit)[OF_DEGREE[degree]]
    expected = (2 * degree + 1) * eval_legendre(degree, unit.T @ unit)
    np.testing.assert_allclose((S * WEIGHTS[OF_DEGREE[degree], None]).T @ S, expected, atol=1e-13)


def test_no_direction_has_degree_zero_alone() -> None:
    np.testing.assert_array_equal(of(np.zeros((3, 1)))[:, 0], [1.0] + [0.0] * (N_HARMONICS - 1))
