"""Evidence on paper: one clear case per finding, from which tests change one thing at a time."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from sonde.records.datasets import Condition, Rule
from sonde.records.decisions import Change, Quote
from sonde.records.diagnosis import (
    Coverage,
    DensityEvidence,
    Evidence,
    FailureEvidence,
    FilterEvidence,
    LabelEvidence,
    LossEvidence,
    NeighbourErrors,
    SetupEvidence,
)
from sonde.records.potentials import ForceResiduals

RESIDUALS = ForceResiduals(100, 400, 0.05, 0.03, 2.0, 0.1)
RULE = Rule(
    rule="max_force > 5",
    feature="max_force",
    op=">",
    threshold=5.0,
    threshold_low=4.9,
    threshold_high=5.1,
    unit="eV/Å",
    precision=1.0,
    recall=1.0,
    conditions=(Condition("max_force", ">", 5.0, 4.9, 5.1, "eV/Å"),),
    joined_by=None,
    n_matched=60,
    n_matched_dropped=60,
)
CHANGE = Change(
    key="max_force",
    old=None,
    new="5.0",
    unit="eV/Å",
    commit="1c7d852" + "0" * 33,
    path="filters.yaml",
    line=3,
    author="Ada",
    time=datetime(2024, 3, 1, tzinfo=UTC),
    summary="removed problematic structures",
)
REASON = Quote("They had not converged.", "slack:data/1.0", "chat", "Ada", datetime(2024, 2, 28, tzinfo=UTC), "reason")


def coverage(reference: Literal["training", "pool"], novel: float) -> Coverage:
    return Coverage(reference, 200, novel, novel, 3.0 if novel > 0.5 else 0.4, 3.0 if novel > 0.5 else 0.4)


def neighbours(group: str, median: float, below: float | None = None) -> NeighbourErrors:
    assert group in ("dropped_by_rule", "dropped_otherwise", "kept", "training_nearest")
    above = 1.0 if median > 0.3 else 0.0
    return NeighbourErrors(group, 12, median, above, below, 40)  # type: ignore[arg-type]


def filtered_case() -> Evidence:
    """The raw pool covers, a rule took the neighbours, the potential is wrong on these and not on kept ones."""
    return Evidence(
        tolerance_eV_per_A=0.3,
        setup=SetupEvidence(RESIDUALS, RESIDUALS, 1.0),
        failure=FailureEvidence(own_error_eV_per_A=2.0, n_labelled_inputs=3),
        training_coverage=coverage("training", 0.9),
        pool_coverage=coverage("pool", 0.0),
        filter=FilterEvidence(
            rule=RULE,
            n_dropped_near=20,
            n_dropped_near_by_rule=20,
            n_kept_near=2,
            n_survivors_beyond=0,
            inputs_beyond=1.0,
            change=CHANGE,
            change_predates_training=True,
            reasons=(REASON,),
            scope_includes=False,
            scope_words="the liquids",
            archive_searched=True,
        ),
        lineage_known=True,
        loss=LossEvidence(0, 22, 0.0, 0.0),
        errors={
            "dropped_by_rule": neighbours("dropped_by_rule", 1.5, 0.6),
            "kept": neighbours("kept", 0.2, 0.1),
            "training_nearest": neighbours("training_nearest", 0.1),
        },
        labels=LabelEvidence(0, None, None, None, None, None, None, None),
        density=DensityEvidence(40, 0.1, -0.2, 0.4, 60.0),
    )


def clean_case() -> Evidence:
    """A failure that nothing in the data explains: covered, learnt, no drops."""
    case = filtered_case()
    return replace(
        case,
        filter=None,
        training_coverage=coverage("training", 0.0),
        errors={"training_nearest": neighbours("training_nearest", 0.1), "kept": neighbours("kept", 0.2, 0.1)},
    )
