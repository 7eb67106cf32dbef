"""Gaussians about centres: a smooth law comes out, and the copy in arrays is the model."""

import numpy as np

from sonde.reliability.probes.kernel import KernelRidge


def test_a_smooth_law_is_learnt_better_than_by_a_line() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 4)) * [1.0, 10.0, 0.1, 1.0]
    y = np.sin(X[:, 0]) + 0.05 * X[:, 1] + 3.0
    fitted = KernelRidge.fit(X[:2000], y[:2000], seed=0)
    left = fitted.predict(X[2000:]) - y[2000:]
    assert np.sqrt(np.mean(left**2)) < 0.2 * np.std(np.sin(X[:, 0]))
    again = KernelRidge.from_state(fitted.state())
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


def test_far_away_the_prediction_stays_finite_and_constant_columns_do_no_harm() -> None:
    X = np.column_stack([np.linspace(0, 1, 50), np.full(50, 7.0)])
    fitted = KernelRidge.fit(X, X[:, 0], seed=0)
    far = fitted.predict(np.array([[1e9, 7.0], [1e12, 7.0]]))
    assert np.isfinite(far).all()
    assert far[0] == far[1]
    assert fitted.predict(np.zeros((0, 2))).shape == (0,)
