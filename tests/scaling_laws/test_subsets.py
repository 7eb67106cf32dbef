"""Nested, stratified subsets: laws that hold for any strata, sizes and seeds."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.errors import WrongUse
from sonde.scaling_laws.subsets import geometric_sizes, nested_subsets, stratified_order

STRATA = st.lists(st.integers(1, 40), min_size=1, max_size=12).map(
    lambda counts: [f"s{k}" for k, n in enumerate(counts) for _ in range(n)]
)


@given(STRATA, st.integers(0, 5))
def test_every_subset_begins_with_the_one_before(strata: list[str], seed: int) -> None:
    subsets = nested_subsets(strata, range(1, len(strata) + 1), seed)
    assert [len(subset) for subset in subsets] == list(range(1, len(strata) + 1))
    for smaller, larger in pairwise(subsets):
        assert np.array_equal(larger[: len(smaller)], smaller)
    assert sorted(subsets[-1].tolist()) == list(range(len(strata)))


@given(STRATA, st.integers(0, 5))
def test_every_stratum_is_within_a_frame_of_its_share(strata: list[str], seed: int) -> None:
    whole = Counter(strata)
    # 1 − 1/(2m − 2) is Tijdeman's bound for m strata; no order does better for every choice of shares
    bound = 1 - 1 / max(2 * len(whole) - 2, 1)
    for n, subset in enumerate(nested_subsets(strata, range(1, len(strata) + 1), seed), start=1):
        found = Counter(strata[k] for k in subset)
        assert all(abs(found[name] - n * whole[name] / len(strata)) <= bound + 1e-9 for name in whole)


def test_where_largest_remainders_would_not_nest() -> None:
    """Frames 6, 6, 2: the third stratum gets 2 of 10 by largest remainder, and 1 of 11. Ours never takes one back."""
    strata = ["a"] * 6 + ["b"] * 6 + ["c"] * 2
    assert _largest_remainder([6, 6, 2], 10)[2] == 2
    assert _largest_remainder([6, 6, 2], 11)[2] == 1
    rare = [Counter(strata[k] for k in subset)["c"] for subset in nested_subsets(strata, range(1, 15), 0)]
    assert rare == sorted(rare)
    assert rare[-1] == 2


def _largest_remainder(counts: list[int], n: int) -> list[int]:
    shares = np.array(counts) * n / sum(counts)
    seats = np.floor(shares).astype(int)
    for k in np.argsort(-(shares - seats), kind="stable")[: n - seats.sum()]:
        seats[k] += 1
    return list(seats)


def test_two_strata_are_rounded_to_the_nearest() -> None:
    strata = ["often"] * 70 + ["seldom"] * 30
    subsets = nested_subsets(strata, (1, 2, 4, 10, 33, 50), 3)
    assert [Counter(strata[k] for k in subset)["seldom"] for subset in subsets] == [0, 1, 1, 3, 10, 15]


def test_a_rare_stratum_is_not_invented() -> None:
    strata = ["bulk"] * 990 + ["surface"] * 10
    found = [Counter(strata[k] for k in s)["surface"] for s in nested_subsets(strata, (16, 32, 128, 1000), 0)]
    assert found == [0, 0, 1, 10]


def test_seeds_choose_other_frames_of_the_same_proportions() -> None:
    strata = ["a"] * 50 + ["b"] * 30 + ["c"] * 20
    first, again, other = (nested_subsets(strata, (20,), seed)[0] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert set(first.tolist()) != set(other.tolist())
    assert Counter(strata[k] for k in first) == Counter(strata[k] for k in other) == {"a": 10, "b": 6, "c": 4}


def test_equal_strata_take_turns_by_chance() -> None:
    strata = [f"composition {k}" for k in range(20) for _ in range(10)]
    first = {strata[nested_subsets(strata, (1,), seed)[0][0]] for seed in range(30)}
    assert len(first) > 8


def test_every_frame_is_as_likely_as_another_of_its_stratum() -> None:
    strata = ["a"] * 12 + ["b"] * 4
    seen = Counter(int(k) for seed in range(2000) for k in nested_subsets(strata, (4,), seed)[0])
    counts = np.array([seen[k] for k in range(16)])
    assert counts.sum() == 8000
    assert np.all(np.abs(counts - 500) < 5 * np.sqrt(500 * 0.75))  # five standard deviations of a fair draw


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9)), min_size=1, max_size=25), st.integers(0, 3))
def test_groups_enter_whole_but_for_the_last(trajectories: list[tuple[str, int]], seed: int) -> None:
    strata = [name for name, length in trajectories for _ in range(length)]
    groups = [k for k, (_, length) in enumerate(trajectories) for _ in range(length)]
    sizes = sorted({max(1, len(strata) // d) for d in (1, 2, 4, 8)})
    for size, subset in zip(sizes, nested_subsets(strata, sizes, seed, groups), strict=True):
        assert len(subset) == len(set(subset.tolist())) == size
        frames = Counter(groups[k] for k in subset)
        inside = [group for group, n in frames.items() if n == trajectories[group][1]]
        assert len(frames) - len(inside) <= 1
        shares = Counter(trajectories[group][0] for group in inside)
        whole = Counter(name for name, _ in trajectories)
        assert all(abs(shares[s] - len(inside) * whole[s] / len(trajectories)) < 1 for s in whole)


def test_a_group_over_two_strata_counts_where_most_of_it_is() -> None:
    units = stratified_order(["a", "a", "b", "b"], 0, groups=["g", "g", "g", "h"])
    assert sorted(sorted(unit.tolist()) for unit in units) == [[0, 1, 2], [3]]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((), "at least one size"),
        ((4, 2), "must ascend"),
        ((2, 2), "must ascend"),
        ((0, 2), "between 1 and the 5 frames"),
        ((2, 6), "between 1 and the 5 frames"),
    ],
)
def test_sizes_that_cannot_be(sizes: tuple[int, ...], message: str) -> None:
    with pytest.raises(WrongUse, match=message):
        nested_subsets(["a"] * 5, sizes, 0)


def test_labels_that_do_not_fit() -> None:
    with pytest.raises(WrongUse, match="5 strata and 3 groups"):
        nested_subsets(["a"] * 5, (2,), 0, groups=[1, 1, 2])
    with pytest.raises(WrongUse, match="at least one frame"):
        stratified_order([], 0)


def test_sizes_go_down_by_a_factor() -> None:
    assert geometric_sizes(256, 8) == (8, 16, 32, 64, 128, 256)
    assert geometric_sizes(1000, 3, most=4) == (125, 250, 500, 1000)
    assert geometric_sizes(5, 5) == (5,)
    with pytest.raises(WrongUse, match="needs more than the 4"):
        geometric_sizes(4, 8)
