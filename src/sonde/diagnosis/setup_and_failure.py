"""The first two findings: is the set-up at fault, and is a failure shown at all?"""

from collections.abc import Iterator

from sonde.records.diagnosis import Contact, Evidence, EvidenceLine, Finding, NeighbourErrors, SetupEvidence

RESIDUAL_RATIO = 1.2
"""Training residuals this far above the registered ones are not reproduced (threads and dtype change them by 1e-3)."""
CONTACT_RATIO = 0.9
"""A contact below this share of the raw pool's shortest is an overlap; between it and 1 it is only mentioned."""


def setup(evidence: Evidence) -> Finding:
    """Wrong checkpoint, head, dtype or element map; too long a time step; overlapping atoms in the input."""
    given = evidence.setup
    faults = [*_fingerprint_faults(given), *residual_faults(given), *_time_step_faults(given), *overlaps(given)]
    if faults:
        return Finding("setup", "supported", None, tuple(faults))
    if not any(_compared(given)):
        why = "the potential was registered without labelled training frames, so its residuals cannot be repeated"
        return Finding("setup", "untestable", None, tuple(_reassurances(given)), why)
    return Finding("setup", "refuted", None, tuple(_reassurances(given)))


def _fingerprint_faults(given: SetupEvidence) -> Iterator[EvidenceLine]:
    for field in given.identity_differs:
        yield EvidenceLine(f"The potential's {field} is not the one that was registered.", "potential's fingerprint")


def residual_faults(given: SetupEvidence) -> Iterator[EvidenceLine]:
    for what, unit, then, now, allowance in _compared(given):
        if not now <= RESIDUAL_RATIO * then + allowance:
            yield EvidenceLine(
                f"On its own training dataset the {what} RMSE is {now:.3g} {unit}; "
                f"it was {then:.3g} when the potential was registered.",
                "training frames evaluated again",
            )


def _compared(given: SetupEvidence) -> Iterator[tuple[str, str, float, float, float]]:
    """Residuals measured both at registration and now: name, unit, then, now, and what rounding may add."""
    then, now = given.residuals_registered, given.residuals_now
    if then is None or now is None:
        return
    if then.force_rmse_eV_per_A is not None and now.force_rmse_eV_per_A is not None:
        yield "force", "eV/Å", then.force_rmse_eV_per_A, now.force_rmse_eV_per_A, 1e-3
    if then.energy_rmse_meV_per_atom is not None and now.energy_rmse_meV_per_atom is not None:
        yield "energy", "meV/atom", then.energy_rmse_meV_per_atom, now.energy_rmse_meV_per_atom, 1.0


def _time_step_faults(given: SetupEvidence) -> Iterator[EvidenceLine]:
    if given.stable_at_timestep is False and given.stable_at_half is True:
        yield EvidenceLine(
            f"Dynamics from the first frame are unstable at {given.timestep_fs:g} fs and stable at half of it.",
            "two short runs at constant energy",
        )


def overlaps(given: SetupEvidence) -> Iterator[EvidenceLine]:
    """A structure that carries labels was computed: however close its atoms are, they are no slip of the set-up."""
    if given.first_frame_labelled:
        return
    for contact in given.contacts:
        if contact.pool_minimum_A is not None and contact.input_A < CONTACT_RATIO * contact.pool_minimum_A:
            yield _contact_line(contact, "closer than any of the raw pool")


def _contact_line(contact: Contact, verdict: str) -> EvidenceLine:
    return EvidenceLine(
        f"{'–'.join(contact.pair)} in the first frame: {contact.input_A:.2f} Å, {verdict} "
        f"(shortest there {contact.pool_minimum_A:.2f} Å).",
        "closest contacts",
    )


def _reassurances(given: SetupEvidence) -> Iterator[EvidenceLine]:
    for what, unit, _, now, _ in _compared(given):
        yield EvidenceLine(
            f"The checkpoint reproduces its training residuals: {what} RMSE {now:.3g} {unit}.",
            "training frames evaluated again",
        )
    if given.stable_at_timestep is False:
        yield EvidenceLine("Dynamics are unstable at the given time step and at half of it: the step is not the cause.")
    if given.stable_at_timestep:
        yield EvidenceLine(f"Dynamics from the first frame are stable at {given.timestep_fs:g} fs.")
    for contact in given.contacts:
        if contact.pool_minimum_A is not None and contact.input_A < contact.pool_minimum_A:
            yield _contact_line(contact, "a little closer than the raw pool's")


def failure_not_shown(evidence: Evidence) -> Finding:
    """Neither labels, nor labelled neighbours, nor an anomaly show a failure: what follows is conditional."""
    shown = tuple(_signs_of_failure(evidence))
    if shown:
        return Finding("failure_not_shown", "refuted", None, shown)
    looked_at = tuple(_what_was_looked_at(evidence))
    if looked_at:
        return Finding("failure_not_shown", "supported", None, looked_at)
    why = "there are no labels on the input, no labelled frames near it, and no trajectory"
    return Finding("failure_not_shown", "supported", None, (EvidenceLine(f"No failure is shown: {why}."),))


def _signs_of_failure(evidence: Evidence) -> Iterator[EvidenceLine]:
    tolerance, failure = evidence.tolerance_eV_per_A, evidence.failure
    if failure.own_error_eV_per_A is not None and failure.own_error_eV_per_A > tolerance:
        yield EvidenceLine(
            f"True force error up to {failure.own_error_eV_per_A:.2f} eV/Å (tolerance {tolerance:g}).",
            f"labels of {failure.n_labelled_inputs} input structures",
        )
    if failure.anomaly is not None:
        yield EvidenceLine(failure.anomaly, "trajectory")
    for group in evidence.errors.values():
        if failure.own_error_eV_per_A is None and is_large(group, tolerance):
            yield EvidenceLine(
                f"Of {group.n} labelled {group.group.replace('_', ' ')} frames near it, "
                f"{group.fraction_above_tolerance:.0%} have a force error above the tolerance.",
                f"labels of {group.n} frames",
            )


def is_large(group: NeighbourErrors | None, tolerance: float) -> bool:
    """Whether the typical frame of a group of labelled frames exceeds the tolerance."""
    return group is not None and group.median_eV_per_A is not None and group.median_eV_per_A > tolerance


def _what_was_looked_at(evidence: Evidence) -> Iterator[EvidenceLine]:
    failure = evidence.failure
    if failure.own_error_eV_per_A is not None:
        yield EvidenceLine(
            f"True force error at most {failure.own_error_eV_per_A:.2f} eV/Å, "
            f"within the tolerance of {evidence.tolerance_eV_per_A:g}.",
            f"labels of {failure.n_labelled_inputs} input structures",
        )
    for group in evidence.errors.values():
        if group.median_eV_per_A is not None:
            yield EvidenceLine(
                f"{group.n} labelled {group.group.replace('_', ' ')} frames near it have a median error of "
                f"{group.median_eV_per_A:.2f} eV/Å.",
                f"labels of {group.n} frames",
            )
