"""Every finding has a case on paper in which it holds, and one for each piece of evidence without which it does not."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.diagnosis.cases import CHANGE, RULE, clean_case, coverage, filtered_case, neighbours

from sonde.diagnosis.actions import Subject, actions
from sonde.diagnosis.findings import findings, verdict
from sonde.diagnosis.headline import headline
from sonde.records.diagnosis import Contact, DensityEvidence, Evidence, LabelEvidence, LossEvidence
from sonde.records.potentials import ForceResiduals

SUBJECT = Subject("alloy", "training", "raw", "failing.xyz")


def judge(evidence: Evidence) -> tuple[str, str | None]:
    name, finding = verdict(findings(evidence))
    return name, finding.intent if finding else None


def status(evidence: Evidence, kind: str) -> str:
    return next(f.status for f in findings(evidence) if f.finding == kind)


def with_filter(**changes: object) -> Evidence:
    case = filtered_case()
    assert case.filter is not None
    return replace(case, filter=replace(case.filter, **changes))  # type: ignore[arg-type]


def test_filtered_with_a_reason_about_other_frames_is_collateral() -> None:
    assert judge(filtered_case()) == ("filtered", "collateral")


@pytest.mark.parametrize(
    ("changes", "intent"),
    [
        ({"scope_includes": True}, "on_purpose"),
        ({"scope_includes": None, "scope_words": None}, None),
        ({"reasons": ()}, "reason_unknown"),
    ],
)
def test_intent_follows_the_scope_of_the_quoted_reason(changes: dict[str, object], intent: str | None) -> None:
    assert judge(with_filter(**changes)) == ("filtered", intent)


@pytest.mark.parametrize(
    "broken",
    [
        lambda: replace(filtered_case(), pool_coverage=coverage("pool", 0.9)),
        lambda: replace(with_filter(inputs_beyond=0.0), training_coverage=coverage("training", 0.0)),
        lambda: with_filter(n_dropped_near_by_rule=0),
        lambda: with_filter(n_survivors_beyond=10),
        lambda: with_filter(change_predates_training=False),
        lambda: replace(
            filtered_case(), errors={**filtered_case().errors, "dropped_by_rule": neighbours("dropped_by_rule", 0.1)}
        ),
        lambda: replace(
            filtered_case(),
            errors={**filtered_case().errors, "dropped_by_rule": neighbours("dropped_by_rule", 2, 0.05)},
        ),
    ],
    ids=["pool novel", "training covers", "rule elsewhere", "survivors", "after training", "small error", "no worse"],
)
def test_filtered_is_refuted_without_each_piece_of_its_evidence(broken: Callable[[], Evidence]) -> None:
    assert status(broken(), "filtered") == "refuted"


def test_filtered_is_untestable_without_raw_pool_or_labels() -> None:
    assert status(replace(filtered_case(), lineage_known=False), "filtered") == "untestable"
    unlabelled = {k: v for k, v in filtered_case().errors.items() if k != "dropped_by_rule"}
    assert status(replace(filtered_case(), errors=unlabelled), "filtered") == "untestable"


def test_residuals_that_are_not_reproduced_are_a_matter_of_set_up() -> None:
    worse = ForceResiduals(100, 400, 0.5, 0.3, 2.0, 0.1)
    case = replace(filtered_case(), setup=replace(filtered_case().setup, residuals_now=worse))
    assert judge(case)[0] == "setup"


def test_time_step_is_at_fault_only_when_half_of_it_is_stable() -> None:
    given = replace(clean_case().setup, timestep_fs=10.0, stable_at_timestep=False, stable_at_half=True)
    assert judge(replace(clean_case(), setup=given))[0] == "setup"
    given = replace(given, stable_at_half=False)
    assert status(replace(clean_case(), setup=given), "setup") == "refuted"


def test_overlapping_atoms_count_against_the_raw_pool_only() -> None:
    overlap = Contact(("Al", "Mg"), 1.0, 2.4, 2.2)
    unseen_pair = Contact(("Al", "Mg"), 1.0, None, None)
    near = Contact(("Al", "Mg"), 2.1, 2.4, 2.2)
    for contact, expected in ((overlap, "supported"), (unseen_pair, "refuted"), (near, "refuted")):
        case = replace(clean_case(), setup=replace(clean_case().setup, contacts=(contact,)))
        assert status(case, "setup") == expected
    labelled = replace(clean_case().setup, contacts=(overlap,), first_frame_labelled=True)
    assert status(replace(clean_case(), setup=labelled), "setup") == "refuted"


def test_never_computed_needs_novelty_in_both_descriptors() -> None:
    novel = replace(filtered_case(), pool_coverage=coverage("pool", 1.0))
    assert judge(novel) == ("never_computed", "intent_not_recorded")
    one_sided = replace(coverage("pool", 1.0), novel_in_descriptor=0.1)
    assert status(replace(filtered_case(), pool_coverage=one_sided), "never_computed") == "refuted"


def test_contradictory_labels_need_an_offset_beyond_the_noise_and_split_residuals() -> None:
    labels = LabelEvidence(8, 120.0, 100.0, 140.0, 10.0, 0.0, ("PBE", "PBE+U"), (-60.0, 60.0))
    assert judge(replace(clean_case(), labels=labels))[0] == "contradictory_labels"
    within_noise = replace(labels, noise_meV_per_atom=200.0)
    assert status(replace(clean_case(), labels=within_noise), "contradictory_labels") == "refuted"
    not_split = replace(labels, residual_by_group_meV_per_atom=(1.0, 2.0))
    assert status(replace(clean_case(), labels=not_split), "contradictory_labels") == "refuted"


def test_lost_otherwise_needs_frames_lost_near_it_and_a_training_set_that_lacks_them() -> None:
    lost = LossEvidence(18, 20, 0.9, 0.9, how="random split or subsample of 90%")
    case = replace(clean_case(), loss=lost, training_coverage=coverage("training", 0.9))
    assert judge(case)[0] == "lost_otherwise"
    assert status(replace(case, training_coverage=coverage("training", 0.1)), "lost_otherwise") == "refuted"


def test_thin_needs_error_to_rise_with_distance_and_a_sparse_input() -> None:
    density = DensityEvidence(60, 0.6, 0.4, 0.75, 3.0)
    case = replace(clean_case(), density=density)
    assert judge(case)[0] == "thin"
    assert status(replace(case, density=replace(density, low=-0.1)), "thin") == "refuted"
    assert status(replace(case, density=replace(density, input_density_percentile=70.0)), "thin") == "refuted"
    assert status(replace(case, density=None), "thin") == "untestable"


def test_covered_not_learnt_needs_large_residuals_on_its_own_training_neighbours() -> None:
    errors = {"training_nearest": neighbours("training_nearest", 1.0)}
    case = replace(clean_case(), errors=errors)
    assert judge(case)[0] == "covered_not_learnt"
    assert judge(clean_case())[0] == "look_elsewhere"


def test_look_elsewhere_only_when_nothing_is_untestable() -> None:
    assert judge(clean_case())[0] == "look_elsewhere"
    assert judge(replace(clean_case(), density=None))[0] == "cannot_tell"


def test_without_a_shown_failure_the_verdict_says_so_unless_a_cause_is_supported() -> None:
    within = replace(clean_case().failure, own_error_eV_per_A=0.1)
    assert judge(replace(clean_case(), failure=within))[0] == "failure_not_shown"
    found = findings(replace(filtered_case(), failure=replace(within, own_error_eV_per_A=0.1)))
    assert next(f for f in found if f.finding == "failure_not_shown").status == "supported"
    assert verdict(found)[0] == "filtered"


def test_restoring_labelled_frames_is_the_first_advice_for_a_filter() -> None:
    case = filtered_case()
    steps = actions(case, findings(case), SUBJECT)
    assert steps[0].action.startswith("Restore the 20 dropped frames")
    assert steps[0].n_labels_needed == 0


def test_without_a_cause_the_advice_says_how_to_make_findings_testable() -> None:
    bare = Evidence(tolerance_eV_per_A=0.3, setup=filtered_case().setup, failure=filtered_case().failure,
                    missing={"raw pool": "sonde add dataset …"})  # fmt: skip
    found = findings(bare)
    assert verdict(found)[0] == "cannot_tell"
    assert any(step.command == "sonde add dataset …" for step in actions(bare, found, SUBJECT))


def test_headline_names_rule_and_intent() -> None:
    case = filtered_case()
    name, finding = verdict(findings(case))
    assert "max_force > 5" in headline(name, finding, case)
    assert "collateral" in headline(name, finding, case)


def test_every_supported_sentence_of_a_filter_rests_on_something() -> None:
    found = next(f for f in findings(filtered_case()) if f.finding == "filtered")
    assert any(line.rests_on == f"commit:{CHANGE.commit}" for line in found.evidence)
    assert any(line.rests_on == "slack:data/1.0" for line in found.evidence)


def test_coverage_that_could_not_be_measured_refutes_nothing() -> None:
    unknown = replace(coverage("pool", 0.0), novel_in_embedding=None, novel_in_descriptor=None)
    case = replace(filtered_case(), pool_coverage=unknown, training_coverage=replace(unknown, reference="training"))
    for kind in ("filtered", "never_computed", "lost_otherwise", "covered_not_learnt", "look_elsewhere"):
        assert status(case, kind) == "untestable"


def test_residuals_that_are_not_numbers_or_differ_in_energy_only_are_not_reproduced() -> None:
    for now in (ForceResiduals(100, 400, float("nan"), 0.03, 2.0, 0.1), ForceResiduals(100, 400, 0.05, 0.03, 90.0, 80)):
        case = replace(clean_case(), setup=replace(clean_case().setup, residuals_now=now))
        assert status(case, "setup") == "supported"
        assert any("changed between registration" in a.action for a in actions(case, findings(case), SUBJECT))
    nothing = ForceResiduals(100, 400, None, None, None, None)
    unlabelled = replace(clean_case().setup, residuals_registered=nothing, residuals_now=nothing)
    assert status(replace(clean_case(), setup=unlabelled), "setup") == "untestable"


def test_one_or_two_contradictory_pairs_are_not_called_none() -> None:
    two = LabelEvidence(2, None, None, None, None, None, None, None)
    found = next(f for f in findings(replace(clean_case(), labels=two)) if f.finding == "contradictory_labels")
    assert found.status == "refuted"
    assert found.evidence[0].text.startswith("Only 2 geometries")


def test_unconverged_frames_are_recomputed_not_restored() -> None:
    rule = replace(RULE, feature="scf_converged", op="in", threshold=None, rule="scf_converged in {False}")
    lost = LossEvidence(18, 20, 0.9, 0.1, how="their electronic structure had not converged")
    case = replace(with_filter(rule=rule), loss=lost)
    assert judge(case)[0] == "lost_otherwise"
    steps = actions(case, findings(case), SUBJECT)
    assert steps[0].action.startswith("Recompute the 20 dropped frames")
    assert not any(step.action.startswith("Restore") for step in steps)
