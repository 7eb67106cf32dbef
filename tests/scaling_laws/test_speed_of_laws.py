"""A miniature of the laws' part of `make speed`: what must hold on any machine."""

from speed import laws, measuring


def test_batched_fits_reach_what_scipy_reaches_and_are_faster() -> None:
    ours, theirs, excess = laws.draws_against_scipy(3)
    assert theirs > 5 * ours
    assert excess < 1e-3


def test_time_does_not_grow_faster_than_the_number_of_points() -> None:
    assert measuring.exponent({7 * k: laws.cost_of_law(7, k, 10) for k in (3, 300)}) < 0.8


def test_memory_grows_no_faster_than_the_number_of_points() -> None:
    assert measuring.exponent({7 * k: laws.memory_of_law(7, k, 40) for k in (3, 300)}) < 1.1


def test_time_grows_about_linearly_with_the_number_of_sizes() -> None:
    assert measuring.exponent({n: laws.cost_of_law(n, 3, 10) for n in (7, 21)}) < 1.5
