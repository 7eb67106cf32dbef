"""What to do next, the cheapest first; restoring frames that carry labels comes before computing new ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sonde.diagnosis.setup_and_failure import overlaps, residual_faults
from sonde.records.diagnosis import Action, Evidence, Finding, FindingKind


@dataclass(frozen=True)
class Subject:
    """What the actions are about: names for the commands to paste."""

    potential: str
    training_dataset: str | None
    raw_pool: str | None
    structures: str


def actions(evidence: Evidence, found: tuple[Finding, ...], subject: Subject) -> tuple[Action, ...]:
    """Turn the supported findings into next steps; where none is supported, say how to make one testable."""
    supported = {finding.finding: finding for finding in found if finding.status == "supported"}
    steps = [step for kind, advise in ADVICE.items() if kind in supported for step in advise(evidence, subject)]
    if not steps or set(supported) <= {"failure_not_shown"}:
        steps += list(_make_testable(evidence))
    return tuple(dict.fromkeys(steps))


def _set_up(evidence: Evidence, subject: Subject) -> Iterator[Action]:
    given = evidence.setup
    if given.stable_at_timestep is False and given.stable_at_half:
        yield Action("Halve the time step.", "The run is stable at half of it.", 0, None)
    if given.identity_differs or given.unknown_elements:
        command = f"sonde remove {subject.potential} && sonde add potential {subject.potential} …"
        yield Action("Load the checkpoint, head and dtype that were registered.", "They differ.", 0, command)
    elif any(residual_faults(given)):
        yield Action(
            "Find out what changed between registration and now: versions of packages, device, the dataset.",
            "The fingerprint is the same, the training residuals are not.",
            0,
            None,
        )
    if any(overlaps(given)):
        yield Action("Repair the input: its atoms overlap.", "Contacts are shorter than any of the raw pool.", 0, None)


def _restore(evidence: Evidence, subject: Subject) -> Iterator[Action]:
    near = evidence.filter.n_dropped_near if evidence.filter else 0
    if near == 0 and evidence.loss is not None:
        near = evidence.loss.n_near_lost
    if evidence.filter is not None and evidence.filter.rule.feature == "scf_converged":
        action = f"Recompute the {near} dropped frames near the failing structure, converged, and retrain."
        yield Action(action, "What was dropped had not converged: its labels are not to be trained on.", near, None)
        return
    yield Action(
        f"Restore the {near} dropped frames near the failing structure and retrain.",
        "They are computed and labelled already, on the surface of the training dataset as far as it is stated.",
        0,
        f"sonde diagnose {subject.structures} --potential {subject.potential} --confirm",
    )


def _relabel(evidence: Evidence, subject: Subject) -> Iterator[Action]:
    yield Action(
        "Settle on one energy surface before anything else: drop or recompute the smaller group of labels.",
        "More data of either group deepens the contradiction.",
        evidence.labels.n_pairs_near if evidence.labels else None,
        f"sonde audit {subject.training_dataset}" if subject.training_dataset else None,
    )


def _compute(evidence: Evidence, subject: Subject) -> Iterator[Action]:  # noqa: ARG001
    yield Action(
        "Compute 10 to 20 frames of this region, taken from short runs of the potential where it is stable.",
        "The raw pool holds nothing like it, so there is nothing to restore.",
        20,
        None,
    )


def _more_of_it(evidence: Evidence, subject: Subject) -> Iterator[Action]:  # noqa: ARG001
    yield Action(
        "Add frames near this region: first any that the raw pool still holds, then new ones.",
        "The error falls as the local density of training data rises.",
        20,
        None,
    )


def _train_better(evidence: Evidence, subject: Subject) -> Iterator[Action]:  # noqa: ARG001
    yield Action(
        "Train longer, with more capacity, or with a larger force weight; no new labels are needed.",
        "The potential is wrong on its own nearest training frames.",
        0,
        None,
    )


def _make_testable(evidence: Evidence) -> Iterator[Action]:
    for what, command in evidence.missing.items():
        yield Action(f"Register the {what}.", "Findings cannot be tested without.", None, command)


Advice = Callable[[Evidence, Subject], Iterator[Action]]
ADVICE: dict[FindingKind, Advice] = {
    "setup": _set_up,
    "contradictory_labels": _relabel,
    "filtered": _restore,
    "lost_otherwise": _restore,
    "never_computed": _compute,
    "thin": _more_of_it,
    "covered_not_learnt": _train_better,
}
