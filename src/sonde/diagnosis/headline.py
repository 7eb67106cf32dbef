"""The verdict in one sentence."""

from sonde.records.diagnosis import Evidence, Finding, Verdict

SENTENCES: dict[str, str] = {
    "setup": "The set-up is at fault, not the data: see what differs.",
    "failure_not_shown": "No failure is shown: neither labels, nor labelled neighbours, nor an anomaly point to one.",
    "contradictory_labels": "The labels near the failing atoms contradict each other.",
    "lost_otherwise": "Frames like these were computed and lost without a filter.",
    "thin": "Frames like these are thin in the training dataset, and the error rises as they thin out.",
    "covered_not_learnt": "Frames like these are in the training dataset, and the potential has not learnt them.",
    "look_elsewhere": "Every cause that the data could show is refuted; look elsewhere.",
    "cannot_tell": "The evidence at hand supports no cause; what is missing is listed below.",
}
INTENTS: dict[str | None, str] = {
    "on_purpose": "on purpose",
    "collateral": "as collateral: the reason given was about other frames",
    "reason_unknown": "and no reason is recorded",
    None: "and the reason on record does not say whether they were meant",
}


def headline(name: Verdict, finding: Finding | None, evidence: Evidence) -> str:
    """Say the verdict in words a group meeting understands."""
    if name == "filtered" and finding is not None and evidence.filter is not None:
        rule = evidence.filter.rule
        return f"Frames like these were computed and then filtered out ({rule.rule}), {INTENTS[finding.intent]}."
    if name == "never_computed":
        on_purpose = finding is not None and finding.intent == "on_purpose"
        why = "left out on purpose" if on_purpose else "no record says whether that was intended"
        return f"Nothing like these structures was ever computed; {why}."
    return SENTENCES[name]
