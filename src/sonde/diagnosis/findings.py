"""From evidence to findings and the verdict, in the order in which the verdict is named: pure functions."""

from sonde.diagnosis.data_findings import contradictory_labels, filtered, lost_otherwise, never_computed
from sonde.diagnosis.learning_findings import covered_not_learnt, thin
from sonde.diagnosis.setup_and_failure import failure_not_shown, setup
from sonde.records.diagnosis import Evidence, EvidenceLine, Finding, Verdict

CAUSES = (setup, contradictory_labels, filtered, never_computed, lost_otherwise, thin, covered_not_learnt)


def findings(evidence: Evidence) -> tuple[Finding, ...]:
    """Judge every possible cause; several may hold."""
    causes = tuple(cause(evidence) for cause in CAUSES)
    setup_finding, *others = causes
    return (setup_finding, failure_not_shown(evidence), *others, _look_elsewhere(causes))


def _look_elsewhere(causes: tuple[Finding, ...]) -> Finding:
    open_questions = [cause.finding for cause in causes if cause.status == "untestable"]
    if any(cause.status == "supported" for cause in causes):
        return Finding("look_elsewhere", "refuted", None, (EvidenceLine("A cause above is supported."),))
    if open_questions:
        why = f"not every other cause could be tested: {', '.join(open_questions)}"
        return Finding("look_elsewhere", "untestable", None, (), why)
    return Finding("look_elsewhere", "supported", None, (EvidenceLine("Every cause above is refuted."),))


def verdict(found: tuple[Finding, ...]) -> tuple[Verdict, Finding | None]:
    """Name the first supported cause; a failure that is not shown is the verdict only if nothing else is supported."""
    supported = [finding for finding in found if finding.status == "supported"]
    not_shown = next((f for f in supported if f.finding == "failure_not_shown"), None)
    causes = [f for f in supported if f.finding not in ("failure_not_shown", "look_elsewhere")]
    for candidate in (*causes, not_shown, *supported):
        if candidate is not None:
            return candidate.finding, candidate
    return "cannot_tell", None
