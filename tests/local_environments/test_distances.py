"""Nearest environments and the limit of novelty."""

import numpy as np
import pytest

from sonde.errors import WrongUse
from sonde.local_environments import distances
from sonde.local_environments.descriptors import DensityDescriptor
from sonde.local_environments.distances import (
    EnvironmentIndex,
    conformal_quantile,
    held_out_distances,
    held_out_limit,
    pooled_quantiles,
)
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame

Environments = tuple[list[FloatArray], list[IntArray]]


@pytest.fixture(scope="module")
def environments(al_li_mg: list[Frame]) -> Environments:
    return DensityDescriptor((3, 12, 13)).compute(al_li_mg), [frame.numbers for frame in al_li_mg]


def flat_space(n_frames: int, seed: int, width: int = 6) -> Environments:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(5, width)) for _ in range(n_frames)], [np.array([3, 3, 3, 13, 13])] * n_frames


def test_nearest_is_brute_force_where_all_components_are_kept() -> None:
    arrays, numbers = flat_space(30, 0)
    query, query_numbers = flat_space(3, 1)
    found = EnvironmentIndex.fit(arrays, numbers, n_components=6).nearest(query, query_numbers)
    X, Z = np.concatenate(arrays), np.concatenate(numbers)
    for nearest, x, z in zip(found, query, query_numbers, strict=True):
        distances = np.linalg.norm(x[:, None] - X[None], axis=-1)
        distances[z[:, None] != Z[None]] = np.inf
        np.testing.assert_allclose(nearest.distance, distances.min(axis=1))
        np.testing.assert_array_equal(5 * nearest.frame + nearest.atom, distances.argmin(axis=1))


@pytest.mark.parametrize("few", [0, 10**6])
def test_the_tree_finds_what_comparing_all_finds(
    environments: Environments, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays, numbers = environments
    index = EnvironmentIndex.fit(arrays[:150], numbers[:150], scaling="whiten")
    usual = index.nearest(arrays[150:], numbers[150:])
    monkeypatch.setattr(distances, "FEW_POINTS", few)
    monkeypatch.setattr(distances, "COMPARED_AT_A_TIME", 7)
    for one, other in zip(usual, index.nearest(arrays[150:], numbers[150:]), strict=True):
        np.testing.assert_allclose(one.distance, other.distance, rtol=1e-12)
        np.testing.assert_array_equal(one.frame, other.frame)
    broken = [np.full_like(arrays[0], np.nan)]
    with pytest.raises(ValueError, match="finite"):
        index.nearest(broken, numbers[:1])


def test_never_more_than_the_full_distance_and_never_blind_outside_the_plane(environments: Environments) -> None:
    arrays, numbers = environments
    index = EnvironmentIndex.fit(arrays[:200], numbers[:200], n_components=3)
    X, Z = np.concatenate(arrays[:200]), np.concatenate(numbers[:200])
    for nearest, x, z in zip(index.nearest(arrays[200:], numbers[200:]), arrays[200:], numbers[200:], strict=True):
        full = np.array([np.linalg.norm(X[np.equal(Z, e)] - row, axis=1).min() for row, e in zip(x, z, strict=True)])
        assert np.all(nearest.distance <= full + 1e-9)
    # A direction that the reference never varied in.
    flat = [np.hstack([a, np.zeros((5, 1))]) for a in flat_space(40, 2)[0]]
    strange = flat[0] + np.eye(7)[6] * 50.0
    numbers = [np.array([3, 3, 3, 13, 13])] * 40
    nearest = EnvironmentIndex.fit(flat, numbers, n_components=3).nearest([strange], numbers[:1])[0]
    assert np.all(nearest.distance > 40)


def test_itself_is_nearest_unless_excluded(environments: Environments) -> None:
    arrays, numbers = environments
    index = EnvironmentIndex.fit(arrays, numbers)
    itself = index.nearest(arrays[240:242], numbers[240:242])
    np.testing.assert_allclose(itself[1].distance, 0.0, atol=1e-6)
    other = index.nearest(arrays[240:242], numbers[240:242], exclude_frames=[240, 241])
    assert np.all(other[1].distance > 0.05)
    assert not {240, 241} & set(other[1].frame.tolist())


def test_an_element_never_seen_is_infinitely_far() -> None:
    arrays, numbers = flat_space(10, 0)
    nearest = EnvironmentIndex.fit(arrays, numbers).nearest([arrays[0]], [np.array([3, 3, 12, 13, 13])])[0]
    assert np.isinf(nearest.distance).tolist() == [False, False, True, False, False]
    assert nearest.frame[2] == -1


def test_empty_query() -> None:
    assert EnvironmentIndex.fit(*flat_space(3, 0)).nearest([], []) == []


@pytest.mark.parametrize("scaling", ["none", "whiten"])
def test_limit_is_passed_by_the_nominal_fraction_of_new_atoms(scaling: str) -> None:
    arrays, numbers = flat_space(500, 3)
    limit = held_out_limit(arrays, numbers, range(500), quantile=0.95, scaling=scaling)  # type: ignore[arg-type]
    index = EnvironmentIndex.fit(arrays, numbers, scaling=scaling)  # type: ignore[arg-type]
    fresh, fresh_numbers = flat_space(800, 4)
    ratios = [
        nearest.distance / np.array([limit[int(e)] for e in z], float)
        for nearest, z in zip(index.nearest(fresh, fresh_numbers), fresh_numbers, strict=True)
    ]
    # A little below the nominal 5 %: the limit was found with a fifth of the reference left out.
    assert 0.02 < np.mean(np.concatenate(ratios) > 1) < 0.06


def test_groups_are_held_out_whole() -> None:
    arrays, numbers = flat_space(40, 5)
    twins = [a + 1e-6 for a in arrays]
    pairs = [f"pair-{n}" for n in range(40)] * 2
    apart = np.concatenate(held_out_distances(arrays + twins, numbers * 2, range(80)))
    together = np.concatenate(held_out_distances(arrays + twins, numbers * 2, pairs))
    assert np.median(apart) < 1e-3
    assert together.min() > 1e-3


def test_strongly_distorted_real_cells_are_novel(al_li_mg: list[Frame], environments: Environments) -> None:
    arrays, numbers = environments
    known = [n for n, f in enumerate(al_li_mg) if f.tags["config_type"] != "distorted"]
    strange = [n for n in range(len(al_li_mg)) if n not in set(known)]
    limit = held_out_limit([arrays[n] for n in known], [numbers[n] for n in known], known)
    index = EnvironmentIndex.fit([arrays[n] for n in known], [numbers[n] for n in known])
    found = index.nearest([arrays[n] for n in strange], [numbers[n] for n in strange])
    novel = [
        np.any(nearest.distance > np.array([limit[int(z)] for z in numbers[n]], float))
        for nearest, n in zip(found, strange, strict=True)
    ]
    assert np.mean(novel) > 0.5


def test_conformal_quantile_on_paper() -> None:
    values = np.arange(1.0, 100.0)  # 99 values: the 99 % quantile is the largest, and exists only just
    assert conformal_quantile(values, 0.99) == 99.0
    assert conformal_quantile(values[:-1], 0.99) is None
    assert conformal_quantile(values, 0.5) == 50.0


def test_too_few_atoms_are_pooled_or_unknown() -> None:
    rng = np.random.default_rng(0)
    numbers = np.array([3] * 400 + [12] * 50 + [13] * 5)
    values = rng.exponential(size=455) * np.where(numbers == 12, 10.0, 1.0)
    limits = pooled_quantiles(values, numbers, 0.99)
    assert limits[13] is None
    own, pooled = limits[3], limits[12]
    assert own is not None
    assert pooled is not None
    assert pooled / own == pytest.approx(10, rel=0.5)
    assert set(pooled_quantiles(values[:50], numbers[:50], 0.99).values()) == {None}


def test_guards() -> None:
    arrays, numbers = flat_space(4, 0)
    with pytest.raises(WrongUse, match="at least one atom"):
        EnvironmentIndex.fit([], [])
    with pytest.raises(WrongUse, match="same atoms"):
        EnvironmentIndex.fit(arrays, numbers[:3])
    with pytest.raises(WrongUse, match="at least 2"):
        held_out_limit(arrays, numbers, ["one"] * 4)
