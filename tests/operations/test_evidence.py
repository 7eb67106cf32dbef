"""Evidence on material whose answer is known beforehand."""

from dataclasses import replace

import numpy as np
import pytest
from tests.operations.cases import (
    FORCE_CUT,
    calm,
    frames,
    labelled,
    largest_force,
    material,
    potential,
    squeezed,
    unlabelled,
)

from sonde.operations.evidence.assembly import without_copies, without_own_labels
from sonde.operations.evidence.coverage import coverage_by, density_evidence, distance_ratios, nearest_frames
from sonde.operations.evidence.errors import loss_evidence, nearest_training_frames, neighbour_errors
from sonde.operations.evidence.filters import filter_evidence
from sonde.operations.evidence.labels import label_evidence
from sonde.operations.evidence.material import Material
from sonde.operations.evidence.setup import contacts_of_input, setup_evidence
from sonde.potentials.linear import LinearSettings, fit_linear
from sonde.potentials.residuals import force_residuals
from sonde.progress import SILENT
from sonde.records.frames import Frame


@pytest.fixture(scope="module")
def filtered() -> Material:
    """The most forceful cell fails; every cell above the cut was dropped, so were its neighbours."""
    pool = frames()
    hot = max((f for f in pool if f.tags["config_type"] == "distorted"), key=largest_force)
    rest = [frame.numbered(k) for k, frame in enumerate(f for f in pool if f is not hot)]
    return material([hot], [f for f in rest if largest_force(f) <= FORCE_CUT], rest)


# ---- coverage --------------------------------------------------------------------------------------------------------


def test_a_frame_of_the_reference_itself_is_covered_in_both_spaces() -> None:
    case = material([calm()[3]], calm())
    assert case.training is not None
    found = coverage_by(case.training, case, "training")
    assert (found.novel_in_embedding, found.novel_in_descriptor) == (0.0, 0.0)
    assert found.median_ratio_descriptor == pytest.approx(0.0, abs=1e-6)


def test_a_far_denser_cell_is_novel_in_both_spaces() -> None:
    case = material([squeezed(calm()[3])], calm())
    assert case.training is not None
    found = coverage_by(case.training, case, "training")
    assert (found.novel_in_embedding, found.novel_in_descriptor) == (1.0, 1.0)


def test_an_element_that_the_reference_lacks_is_infinitely_far_even_without_a_limit() -> None:
    pure = [frame for frame in calm() if set(frame.numbers.tolist()) == {13}][:1]
    mixed = next(frame for frame in calm() if 3 in frame.numbers)
    case = material([mixed], pure)
    assert case.training is not None
    ratios = distance_ratios(case.training, case, "descriptor")
    assert np.all(np.isinf(ratios[mixed.numbers == 3]))


def test_a_reference_of_one_trajectory_has_no_limit_and_says_so() -> None:
    run = [replace(frame, tags={**frame.tags, "trajectory": "a"}, source_file="run.xyz") for frame in calm()]
    case = material([calm()[3]], run)
    assert case.training is not None
    found = coverage_by(case.training, case, "training")
    assert (found.novel_in_embedding, found.novel_in_descriptor) == (None, None)
    assert len(nearest_frames(case.training, case)) == 0


def test_nearest_frames_begin_with_the_frame_itself_and_hold_none_for_an_alien() -> None:
    case = material([calm()[7]], calm())
    assert case.training is not None
    assert nearest_frames(case.training, case)[0] == 7
    assert nearest_training_frames(case) == [7]
    alien = material([squeezed(calm()[7])], calm())
    assert alien.training is not None
    assert len(nearest_frames(alien.training, alien)) == 0


# ---- neighbours by fate ----------------------------------------------------------------------------------------------


def test_errors_are_told_apart_by_what_became_of_the_frames(filtered: Material) -> None:
    found = neighbour_errors(filtered)
    assert set(found) == {"training_nearest", "dropped_by_rule", "dropped_otherwise", "kept"}
    assert found["dropped_by_rule"].n > 0
    assert set(found["dropped_by_rule"].ordinals) <= filtered.dropped_by_rule
    assert not set(found["kept"].ordinals) & filtered.dropped
    assert found["dropped_otherwise"].n == 0


def test_the_filter_is_recovered_with_its_survivors_and_what_the_input_says(filtered: Material) -> None:
    found = filter_evidence(filtered, None)
    assert found is not None
    assert found.rule.feature == "max_force"
    assert found.rule.threshold_low is not None
    assert found.rule.threshold_high is not None
    assert found.rule.threshold_low <= FORCE_CUT <= found.rule.threshold_high
    assert (found.n_survivors_beyond, found.inputs_beyond, found.archive_searched) == (0, 1.0, False)


def test_whether_an_input_without_forces_lies_beyond_a_force_threshold_is_unknown(filtered: Material) -> None:
    bare = replace(filtered, inputs=labelled([unlabelled(filtered.inputs.frames[0])]))
    found = filter_evidence(bare, None)
    assert found is not None
    assert found.inputs_beyond is None


def test_frames_without_forces_have_no_errors() -> None:
    bare = [unlabelled(frame) for frame in calm()]
    found = neighbour_errors(material([calm()[0]], bare))["training_nearest"]
    assert (found.n, found.median_eV_per_A, found.fraction_above_tolerance) == (0, None, None)


def lost(pool: list[Frame], fail: Frame, gone: set[int]) -> Material:
    return material([fail], [f for k, f in enumerate(pool) if k not in gone], pool)


def test_losses_at_random_are_counted_near_and_elsewhere() -> None:
    pool = [frame.numbered(k) for k, frame in enumerate(calm())]
    gone = set(np.random.default_rng(1).choice(len(pool), len(pool) // 3, replace=False).tolist())
    k = min(gone)
    found = loss_evidence(lost(pool, pool[k], gone), None)
    assert found is not None
    assert found.n_near_lost > 0
    assert found.nearest_lost_fraction == 1.0
    assert found.median_distance_ratio is not None
    assert found.median_distance_ratio > 1.2


def test_a_kept_frame_has_not_lost_its_nearest_environments() -> None:
    pool = [frame.numbered(k) for k, frame in enumerate(calm())]
    found = loss_evidence(lost(pool, pool[0], {1, 2, 3, 40, 41}), None)
    assert found is not None
    assert (found.nearest_lost_fraction, found.median_distance_ratio) == (0.0, 1.0)


def test_a_structure_is_no_neighbour_of_itself() -> None:
    pool = [frame.numbered(k) for k, frame in enumerate(calm())]
    case = lost(pool, pool[5], {5, 20, 30})
    rest, moved = without_copies(case.pool, case.lineage, case.inputs)
    assert rest is not None
    assert moved is not None
    assert moved.dropped is not None
    assert len(rest.frames) == len(pool) - 1
    assert [rest.frames[k].ordinal for k in moved.dropped] == [20, 30]
    untouched, _ = without_copies(case.pool, case.lineage, labelled([squeezed(pool[5])]))
    assert untouched is not None
    assert len(untouched.frames) == len(pool)


# ---- labels ----------------------------------------------------------------------------------------------------------

OFFSET_EV_PER_ATOM = 0.08


def with_pairs(n: int, offset: float = OFFSET_EV_PER_ATOM) -> Material:
    base = calm()[:40]
    again = [
        replace(f, energy_eV=(f.energy_eV or 0.0) + offset * f.n_atoms, tags={**f.tags, "xc": "PBEsol"})
        for f in base[:n]
    ]
    return material([base[0]], [*base, *again])


def test_planted_pairs_give_their_offset_back() -> None:
    case = with_pairs(40)
    found = label_evidence(case)
    assert found is not None
    assert found.offset_meV_per_atom is not None
    assert abs(found.offset_meV_per_atom) == pytest.approx(1e3 * OFFSET_EV_PER_ATOM, rel=1e-6)
    assert found.offset_low == pytest.approx(found.offset_high, abs=1e-6)
    assert found.groups == ("functional PBE", "functional PBESOL")


def test_two_pairs_or_pairs_without_energies_give_no_offset() -> None:
    found = label_evidence(with_pairs(1))
    assert found is not None
    assert (found.n_pairs_near, found.offset_meV_per_atom) == (1, None)
    bare = with_pairs(0)
    nothing = label_evidence(bare)
    assert nothing is not None
    assert (nothing.n_pairs_near, nothing.offset_meV_per_atom) == (0, None)


def test_plain_duplicates_among_contradictions_do_not_dilute_the_offset() -> None:
    base = calm()[:40]
    again = [
        replace(f, energy_eV=(f.energy_eV or 0.0) + 0.08 * f.n_atoms, tags={**f.tags, "xc": "PBEsol"}) for f in base
    ]
    found = label_evidence(material([base[0]], [*base, *base, *again]))
    assert found is not None
    assert found.offset_meV_per_atom is not None
    assert abs(found.offset_meV_per_atom) == pytest.approx(80.0, rel=1e-6)


def test_forces_that_the_potential_wrote_itself_are_no_labels() -> None:
    frame = max(calm(), key=largest_force)
    predicted = potential().evaluate([frame])
    written = replace(frame, forces_eV_per_A=np.round(predicted[0].forces_eV_per_A, 6))
    kept, notes = without_own_labels([written], predicted)
    assert kept[0].forces_eV_per_A is None
    assert "potential's own" in notes[0]
    kept, notes = without_own_labels([frame], predicted)
    assert kept[0].forces_eV_per_A is not None
    assert notes == ()


# ---- density ---------------------------------------------------------------------------------------------------------


def test_density_needs_twenty_held_out_frames() -> None:
    pool = [frame.numbered(k) for k, frame in enumerate(calm())]
    few = density_evidence(lost(pool, pool[0], set(range(3, 10))))
    assert few is not None
    assert (few.n_frames, few.spearman) == (7, None)
    gone = set(np.random.default_rng(0).choice(len(pool), 30, replace=False).tolist())
    found = density_evidence(lost(pool, squeezed(pool[0]), gone))
    assert found is not None
    assert found.n_frames == 30
    assert found.low is not None
    assert found.spearman is not None
    assert found.high is not None
    assert found.low < found.spearman < found.high
    assert found.input_density_percentile == 0.0


# ---- set-up ----------------------------------------------------------------------------------------------------------


def registered_with_residuals(case: Material) -> Material:
    assert case.training is not None
    residuals = force_residuals(potential(), case.training.frames)
    return replace(case, registered=replace(case.registered, residuals=residuals))


def test_a_replaced_checkpoint_differs_in_fingerprint_and_residuals() -> None:
    case = registered_with_residuals(material([calm()[3]], calm()))
    assert case.training is not None
    sample = list(case.training.frames)
    same = setup_evidence(case, sample, None, SILENT)
    assert same.identity_differs == ()
    assert same.residuals_now == same.residuals_registered
    other = replace(case, potential=fit_linear(sample[:10], settings=LinearSettings(n_radial=2, n_product=0)))
    found = setup_evidence(other, sample, None, SILENT)
    assert "checkpoint_sha256" in found.identity_differs
    assert found.residuals_now is not None
    assert found.residuals_registered is not None
    assert (found.residuals_now.force_rmse_eV_per_A or 0) > (found.residuals_registered.force_rmse_eV_per_A or 0)


def test_contacts_stand_beside_the_closest_of_training_and_pool() -> None:
    case = material([squeezed(calm()[3])], calm(), calm())
    contacts = contacts_of_input(case)
    assert contacts
    assert all(c.pool_minimum_A is None or c.input_A < c.pool_minimum_A * 1.2 for c in contacts)
    assert any(c.pool_minimum_A is not None and c.input_A < c.pool_minimum_A for c in contacts)
    own = contacts_of_input(material([calm()[3]], calm(), calm()))
    assert all(c.pool_minimum_A is not None and c.input_A >= c.pool_minimum_A for c in own)
