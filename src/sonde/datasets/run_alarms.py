"""Alarms on what the runs behind the labels say of their own course."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable

from sonde.datasets.label_alarms import alarm
from sonde.datasets.places import Places
from sonde.datasets.tag_kinds import TagKinds
from sonde.records.datasets import Alarm
from sonde.records.frames import Tag

NO = frozenset(["false", "f", "no", "0"])
YES = frozenset(["true", "t", "yes", "1"])
SHOWN, REASONS = 4, 8
PATH_NOT_CONVERGED = "reaction path is not converged"
SPELT = "_text"


def run_alarms(kinds: TagKinds) -> list[Alarm]:
    """Report runs that were cut, did not converge, were predicted by a force field, or are odd by their own words."""
    found = [_unconverged(kinds), _incomplete(kinds), _predicted(kinds), _not_relaxed(kinds), _odd(kinds)]
    found += [_text_for_missing(kinds), _left_out(kinds), _paths(kinds)]
    found += [_energy_kinds(kinds), _ambiguous(kinds), _rounded_u(kinds)]
    return [one for one in found if one is not None]


def _where(kinds: TagKinds, tag: str, holds: Callable[[Tag], bool]) -> Places:
    return kinds.places(_saying(kinds, tag, holds))


def _saying(kinds: TagKinds, tag: str, holds: Callable[[Tag], bool]) -> list[int]:
    return [number for number, one in enumerate(kinds.examples) if holds(one.tags.get(tag))]


def says_no(value: Tag) -> bool:
    """Tell whether a tag says no; one that is not there says nothing."""
    return value is not None and str(value).strip().lower() in NO


def says_yes(value: Tag) -> bool:
    """Tell whether a tag says yes."""
    return value is not None and str(value).strip().lower() in YES


def _unconverged(kinds: TagKinds) -> Alarm | None:
    saying = _saying(kinds, "scf_converged", says_no)
    unconverged, labelled = kinds.places(saying), kinds.labelled(saying)
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
    by_reason: dict[str, list[str]] = defaultdict(list)
    for words in named:
        name, _, reason = words.partition(": ")
        by_reason[re.split(r"[:,]", reason)[0]].append(name)
    ranked = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    shown = "; ".join(f"{reason} ({_some(names)})" for reason, names in ranked[:REASONS])
    more = f"; {len(ranked) - REASONS} more reasons" if len(ranked) > REASONS else ""
    message = f"{len(named)} files among these gave no frame: {shown}{more}."
    advice = "Nothing of them is in the dataset: repeat runs, add sets of frames by their own names, or remove them."
    return alarm("left_out_runs", "medium", kinds.places(said), message, advice)


def _some(names: list[str]) -> str:
    """Return the names, or how many there are and the first two."""
    return ", ".join(names) if len(names) <= 2 else f"{len(names)}: {names[0]}, {names[1]}, …"


def _paths(kinds: TagKinds) -> Alarm | None:
    """Report reaction paths that did not converge, with frames or without."""
    left_out = {n: str(one.tags.get("left_out")).count(PATH_NOT_CONVERGED) for n, one in enumerate(kinds.examples)}
    own = [n for n, one in enumerate(kinds.examples) if PATH_NOT_CONVERGED in str(one.tags.get("defects"))]
    n_paths = sum(left_out.values()) + len({kinds.examples[number].source_file for number in own})
    said = {*own, *(number for number, n in left_out.items() if n)}
    message = f'{n_paths} reaction paths are not converged, whether or not their outputs end with "JOB DONE".'
    advice = "Take no barrier from them: go on with the path until its residual lies below the threshold."
    return alarm("path_unconverged", "high", kinds.places(said), message, advice)


def _energy_kinds(kinds: TagKinds) -> Alarm | None:
    """Report energies of several kinds: free energies beside energies extrapolated to no smearing."""
    by_kind: dict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(kinds.examples):
        if one.tags.get("energy_kind"):
            by_kind[str(one.tags["energy_kind"])].append(number)
    if len(by_kind) < 2:
        return None
    ranked = sorted(by_kind.items(), key=lambda item: -kinds.count(item[1]))
    words = ", ".join(f"{kind} in {kinds.count(some)}" for kind, some in ranked)
    fewer = [number for _, some in ranked[1:] for number in some]
    message = f"Energies are of several kinds: {words} frames. With smearing they differ by part of the entropy."
    return alarm("mixed_energy_kinds", "medium", kinds.places(fewer), message, "Take one kind, best the free energy.")


def _ambiguous(kinds: TagKinds) -> Alarm | None:
    said = [number for number, one in enumerate(kinds.examples) if one.tags.get("energy_note")]
    notes = sorted({str(kinds.examples[number].tags["energy_note"]) for number in said})
    message = (
        f"The files of {kinds.count(said)} frames hold energies that are easily misread: {'; '.join(notes[:SHOWN])}."
    )
    return alarm("ambiguous_energy", "low", kinds.places(said), message, "Check any other reader against these values.")


def _rounded_u(kinds: TagKinds) -> Alarm | None:
    places = _where(kinds, "hubbard_u_rounded", says_yes)
    message = f"{len(places)} frames know their Hubbard U from an output that prints one decimal only."
    advice = "Read the INCAR beside it: 3.2 may be 3.25, and two close values cannot be told apart."
    return alarm("rounded_u", "low", places, message, advice)


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
