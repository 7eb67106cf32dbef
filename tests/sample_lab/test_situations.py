"""The data side: what each situation does to pool, training dataset and failing structures."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from sonde.datasets.features import feature_table
from sonde.datasets.lineage import lineage
from sonde.errors import BadInput
from sonde.records.frames import Frame
from sonde.sample_lab.criteria import CRITERIA
from sonde.sample_lab.plan import random_plan, sample_plan
from sonde.sample_lab.situations import EXPECTED, PLANTED, Arrangement, Region, Situation, arrange, formula_of

REGION = sample_plan().region


def _ids(frames: Sequence[Frame]) -> set[object]:
    return {frame.tags["structure_id"] for frame in frames}


def _planted(situation: Situation, frames: tuple[Frame, ...]) -> Arrangement:
    return arrange(situation, REGION, frames, seed=3)


@pytest.mark.parametrize("situation", Situation)
def test_failing_structures_are_nowhere_else(situation: Situation, frames: tuple[Frame, ...]) -> None:
    planted = _planted(situation, frames)
    assert len(planted.failing) == REGION.n_failing
    assert all(frame.forces_eV_per_A is not None for frame in planted.failing)
    tags = {frame.tags["config_type"] for frame in planted.failing}
    assert tags == ({"rattled"} if situation is Situation.HEALTHY else {"distorted"})
    if situation is not Situation.HEALTHY:
        assert {formula_of(frame) for frame in planted.failing} == {"AlMg3"}
    assert not _ids(planted.failing) & (_ids(planted.pool) | _ids(planted.training))
    assert len(planted.pool) - len(planted.dropped) == len(planted.training)
    assert situation in EXPECTED
    assert situation in PLANTED


def test_filter_takes_most_distorted_cells_and_few_others(frames: tuple[Frame, ...]) -> None:
    planted = _planted(Situation.FILTERED_COLLATERAL, frames)
    dropped = Counter(planted.pool[i].tags["config_type"] for i in planted.dropped)
    assert dropped == {"distorted": 43, "rattled": 3}
    found = lineage(planted.pool, planted.training).rules[0]
    assert (found.feature, found.op) == ("max_force", ">")
    assert found.threshold_low is not None
    assert found.threshold_high is not None
    assert found.threshold_low <= REGION.threshold <= found.threshold_high


def test_random_loss_is_as_large_as_the_filter_but_shows_no_rule(frames: tuple[Frame, ...]) -> None:
    by_rule, at_random = _planted(Situation.FILTERED_COLLATERAL, frames), _planted(Situation.DROPPED_AT_RANDOM, frames)
    assert len(by_rule.dropped) == len(at_random.dropped)
    assert lineage(at_random.pool, at_random.training).rules == ()


def test_never_computed_leaves_the_region_out_of_the_pool(frames: tuple[Frame, ...]) -> None:
    planted = _planted(Situation.NEVER_COMPUTED, frames)
    assert all(frame.tags["config_type"] != "distorted" for frame in planted.pool)
    pair = _planted(Situation.NEVER_COMPUTED_PAIR, frames)
    assert all(not {12, 13} <= set(frame.numbers.tolist()) for frame in pair.pool)
    assert {3, 13} <= {z for frame in pair.pool for z in frame.numbers.tolist()}


def test_contradictory_labels_share_their_geometry(frames: tuple[Frame, ...]) -> None:
    planted = _planted(Situation.CONTRADICTORY_LABELS, frames)
    twice = [name for name, n in Counter(frame.tags["structure_id"] for frame in planted.pool).items() if n == 2]
    assert len(twice) == 42
    first, second = (frame for frame in planted.pool if frame.tags["structure_id"] == twice[0])
    assert np.array_equal(first.positions, second.positions)
    assert first.energy_eV is not None
    assert second.energy_eV == pytest.approx(first.energy_eV + 0.08 * 4)
    assert first.tags["xc"] != second.tags["xc"]


def test_too_few_frames_are_refused(frames: tuple[Frame, ...]) -> None:
    region = Region("max_force", 48.0, "distorted", None, 3)
    with pytest.raises(BadInput, match="3 are needed"):
        arrange(Situation.FILTERED_COLLATERAL, region, frames, seed=0)


@pytest.mark.parametrize("feature", CRITERIA)
def test_criteria_agree_with_the_features_of_lineage(feature: str, frames: tuple[Frame, ...]) -> None:
    table = feature_table(frames)
    assert np.allclose(CRITERIA[feature].values(frames), table.numeric[feature], rtol=1e-9)


def test_earlier_thresholds_drop_nothing_and_collateral_ones_touch_who_was_meant(frames: tuple[Frame, ...]) -> None:
    for criterion in CRITERIA.values():
        assert all(criterion.beyond(frames, earlier) == () for earlier in criterion.earlier)
        for threshold in criterion.collateral:
            groups = Counter(frames[i].tags["config_type"] for i in criterion.beyond(frames, threshold))
            assert 0 < groups[criterion.meant] < groups["distorted"] / 3


def test_drawn_plans_differ_and_repeat() -> None:
    plans = [random_plan(seed) for seed in range(60)]
    assert plans[:3] == [random_plan(seed) for seed in range(3)]
    assert len({plan.rule.threshold for plan in plans}) > 8
    assert len({plan.rule.key for plan in plans}) > 8
    assert len({plan.layout.settings for plan in plans}) > 15
    assert {plan.layout.settings_format for plan in plans} == {"yaml", "toml", "json", "python"}
    assert {plan.situation for plan in plans} == {Situation.FILTERED_COLLATERAL, Situation.FILTERED_ON_PURPOSE}


@pytest.mark.parametrize("seed", range(25))
def test_drawn_plans_fit_the_data(seed: int, frames: tuple[Frame, ...]) -> None:
    plan = random_plan(seed)
    planted = arrange(plan.situation, plan.region, frames, plan.seed)
    near = [i for i in planted.dropped if formula_of(planted.pool[i]) == planted.formula]
    assert near, "the pool keeps labelled neighbours of the failing structures that the filter took"
