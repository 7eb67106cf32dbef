"""Alarms on what the runs behind the labels say of their own course."""

from collections import Counter
from collections.abc import Sequence

from sonde.datasets.label_alarms import alarm
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame, Tag

NO = frozenset(["false", "f", "no", "0"])
YES = frozenset(["true", "t", "yes", "1"])
SHOWN = 4


def run_alarms(frames: Sequence[Frame]) -> list[Alarm]:
    """Report runs that were cut, did not converge, were predicted by a force field, or are odd by their own words."""
    found = [_unconverged(frames), _incomplete(frames), _predicted(frames), _not_relaxed(frames), _odd(frames)]
    return [one for one in found if one is not None]


def says_no(value: Tag) -> bool:
    """Tell whether a tag says no; one that is not there says nothing."""
    return value is not None and str(value).strip().lower() in NO


def says_yes(value: Tag) -> bool:
    """Tell whether a tag says yes."""
    return value is not None and str(value).strip().lower() in YES


def _unconverged(frames: Sequence[Frame]) -> Alarm | None:
    unconverged = [place for place, frame in enumerate(frames) if says_no(frame.tags.get("scf_converged"))]
    labelled = [place for place in unconverged if frames[place].energy_eV is not None]
    message = f"{len(unconverged)} frames did not reach self-consistency; {len(labelled)} of them carry labels."
    advice = "Leave labelled ones out of training; recompute those of regions that matter (other mixing, smearing)."
    return alarm("unconverged", "high" if labelled else "medium", unconverged, message, advice)


def _incomplete(frames: Sequence[Frame]) -> Alarm | None:
    places = [place for place, frame in enumerate(frames) if says_no(frame.tags.get("run_complete"))]
    message = f"{len(places)} frames come from runs that were cut off before their end."
    advice = "Finished steps are true; the last step of a cut run may not be: check it, or leave it out."
    return alarm("incomplete_runs", "medium", places, message, advice)


def _predicted(frames: Sequence[Frame]) -> Alarm | None:
    places = [place for place, frame in enumerate(frames) if says_yes(frame.tags.get("ml_md"))]
    message = f"{len(places)} frames were predicted by a force field trained on the fly, not computed."
    return alarm("ml_predicted", "high", places, message, "Leave them out: their labels are those of another model.")


def _not_relaxed(frames: Sequence[Frame]) -> Alarm | None:
    places = [place for place, frame in enumerate(frames) if says_no(frame.tags.get("relaxation_converged"))]
    message = f"{len(places)} frames come from relaxations that did not reach the requested accuracy."
    advice = "Their labels are good for training; do not take their last step for a minimum."
    return alarm("relaxation_unconverged", "low", places, message, advice)


def _odd(frames: Sequence[Frame]) -> Alarm | None:
    said = [(place, str(frame.tags["defects"])) for place, frame in enumerate(frames) if frame.tags.get("defects")]
    counts = Counter(part.strip() for _, words in said for part in words.split(";") if part.strip())
    shown = "; ".join(f"{words} ({n})" for words, n in counts.most_common(SHOWN))
    more = f"; {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
    message = f"{len(said)} frames come from runs whose files are odd: {shown}{more}."
    return alarm(
        "run_defects", "medium", [place for place, _ in said], message, "Look at these runs before using them."
    )
