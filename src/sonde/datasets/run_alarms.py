"""Alarms on what the runs behind the labels say of their own course."""

from collections import Counter
from collections.abc import Callable

import numpy as np

from sonde.datasets.label_alarms import alarm
from sonde.datasets.tag_kinds import TagKinds
from sonde.records.arrays import BoolArray
from sonde.records.datasets import Alarm
from sonde.records.frames import Tag

NO = frozenset(["false", "f", "no", "0"])
YES = frozenset(["true", "t", "yes", "1"])
SHOWN = 4
SPELT = "_text"


def run_alarms(kinds: TagKinds, has_energy: BoolArray) -> list[Alarm]:
    """Report runs that were cut, did not converge, were predicted by a force field, or are odd by their own words."""
    found = [_unconverged(kinds, has_energy), _incomplete(kinds), _predicted(kinds), _not_relaxed(kinds), _odd(kinds)]
    found.append(_text_for_missing(kinds))
    found.append(_left_out(kinds))
    return [one for one in found if one is not None]


def _where(kinds: TagKinds, tag: str, holds: Callable[[Tag], bool]) -> list[int]:
    return kinds.places(number for number, one in enumerate(kinds.examples) if holds(one.tags.get(tag)))


def says_no(value: Tag) -> bool:
    """Tell whether a tag says no; one that is not there says nothing."""
    return value is not None and str(value).strip().lower() in NO


def says_yes(value: Tag) -> bool:
    """Tell whether a tag says yes."""
    return value is not None and str(value).strip().lower() in YES


def _unconverged(kinds: TagKinds, has_energy: BoolArray) -> Alarm | None:
    unconverged = _where(kinds, "scf_converged", says_no)
    labelled = int(np.count_nonzero(has_energy[unconverged]))
    message = f"{len(unconverged)} frames did not reach self-consistency; {labelled} of them carry labels."
    advice = "Leave labelled ones out of training; recompute those of regions that matter (other mixing, smearing)."
    return alarm("unconverged", "high" if labelled else "medium", unconverged, message, advice)


def _incomplete(kinds: TagKinds) -> Alarm | None:
    places = _where(kinds, "run_complete", says_no)
    message = f"{len(places)} frames come from runs that were cut off before their end."
    advice = "Finished steps are true; the last step of a cut run may not be: check it, or leave it out."
    return alarm("incomplete_runs", "medium", places, message, advice)


def _predicted(kinds: TagKinds) -> Alarm | None:
    places = _where(kinds, "ml_md", says_yes)
    message = f"{len(places)} frames were predicted by a force field trained on the fly, not computed."
    return alarm("ml_predicted", "high", places, message, "Leave them out: their labels are those of another model.")


def _not_relaxed(kinds: TagKinds) -> Alarm | None:
    places = _where(kinds, "relaxation_converged", says_no)
    message = f"{len(places)} frames come from relaxations that did not reach the requested accuracy."
    advice = "Their labels are good for training; do not take their last step for a minimum."
    return alarm("relaxation_unconverged", "low", places, message, advice)


def _odd(kinds: TagKinds) -> Alarm | None:
    said = [number for number, one in enumerate(kinds.examples) if one.tags.get("defects")]
    counts: Counter[str] = Counter()
    for number in said:
        for part in str(kinds.examples[number].tags["defects"]).split(";"):
            counts[part.strip()] += kinds.count([number])
    shown = "; ".join(f"{words} ({n})" for words, n in counts.most_common(SHOWN))
    more = f"; {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
    message = f"{kinds.count(said)} frames come from runs whose files are odd: {shown}{more}."
    return alarm("run_defects", "medium", kinds.places(said), message, "Look at these runs before using them.")


def _left_out(kinds: TagKinds) -> Alarm | None:
    """Report outputs that gave no frame; readers of folders name them on a frame beside them."""
    said = [number for number, one in enumerate(kinds.examples) if one.tags.get("left_out")]
    named = [part.strip() for number in said for part in str(kinds.examples[number].tags["left_out"]).split(";")]
    more = f"; {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    message = f"{len(named)} outputs among these runs gave no frame: {'; '.join(named[:SHOWN])}{more}."
    advice = "Nothing of them is in the dataset: repeat those runs, or remove them from the folder."
    return alarm("left_out_runs", "medium", kinds.places(said), message, advice)


def _text_for_missing(kinds: TagKinds) -> Alarm | None:
    """Report values that are spelt out as missing ("NAN"), of which readers keep the spelling as <tag>_text."""
    held = [
        (number, name, str(one.tags[name]))
        for number, one in enumerate(kinds.examples)
        for name in one.tags
        if name.endswith(SPELT) and name.removesuffix(SPELT) in one.tags and one.tags[name.removesuffix(SPELT)] is None
    ]
    words = ", ".join(sorted({f"{name.removesuffix(SPELT)} = {text!r}" for _, name, text in held})[:SHOWN])
    places = kinds.places({number for number, *_ in held})
    message = f"{len(places)} frames spell out as text that a value is missing: {words}."
    return alarm("text_for_missing", "low", places, message, "It is read as unknown; find the value out, or drop it.")
