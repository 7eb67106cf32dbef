"""When nothing is written, why, and what would help."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ase.data import chemical_symbols

from sonde.datasets.correction.frames import Decisions, Uncorrectable
from sonde.datasets.correction.pairs import Choices, PairSearch, composition_of
from sonde.datasets.correction.places import Place
from sonde.datasets.correction.shifts import ShiftFit
from sonde.datasets.correction.surface_choice import ambiguous_sources, corrected_elements, title
from sonde.records.correction import Constancy, Refusal

FEWEST_PAIRS = 3
MOST_NAMED = 4


def nothing_off_target(sources: Sequence[Place], choices: Choices) -> Iterable[Refusal]:
    """Refuse where there is nothing to correct."""
    if not sources:
        limited = " that --from and --where mean" if choices.source or choices.where else ""
        why = f"no frame{limited} states that it lies off {choices.target.text} and has an energy"
        yield Refusal("nothing_to_correct", why, "See what frames state: sonde audit.")


def several_sources(sources: Sequence[Place], choices: Choices) -> Iterable[Refusal]:
    """Refuse where frames off the target lie on several surfaces: one shift cannot serve them all."""
    several = ambiguous_sources(choices.target, sources)
    if several:
        words = "; ".join(f"{key}: {', '.join(values)}" for key, values in several.items())
        mend = "Choose one by --from, e.g. --from '{}={}'.".format(*_first(several))
        yield Refusal("several_sources", f"the frames to correct are on several surfaces ({words})", mend)


def _first(several: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    key, values = next(iter(several.items()))
    return key, values[0]


def too_few_pairs(sources: Sequence[Place], targets: Sequence[Place], search: PairSearch, to: str) -> Iterable[Refusal]:
    """Refuse where too few structures carry an energy on both surfaces, and say what stands in the way."""
    n = len(search.pairs)
    if sources and n < FEWEST_PAIRS:
        why = f"{n} structures carry an energy on both surfaces, {FEWEST_PAIRS} are the least"
        mend = (
            f"Compute some of the {len(sources):,} frames once more as they stand, without relaxing them, with the "
            f"settings of {to}, at least {FEWEST_PAIRS} per corrected element in different compositions; add them as a "
            "dataset and name it with --pairs. Without pairs the shift cannot be told from the energy of formation."
        )
        yield Refusal("no_pairs" if n == 0 else "too_few_pairs", f"{why}: {_obstacle(sources, targets, search)}", mend)


def _obstacle(sources: Sequence[Place], targets: Sequence[Place], search: PairSearch) -> str:
    if search.set_aside:
        return "set aside are " + ", ".join(f"{n} ({reason})" for reason, n in search.set_aside.items())
    if not targets:
        return f"no frame is on the target; what frames state is {title(sources, 'no surface')}"
    here, there = ({composition_of(place.frame) for place in places} for places in (sources, targets))
    common = sorted(here & there)
    if common:
        return f"{_named(common)} stand on both, but in no common geometry (within 1e-3 Å)"
    alone = _systems(sources)
    for system in _systems(targets):
        alone.pop(system, None)
    n = sum(alone.values())
    return (
        f"of {len(sources):,} frames to correct and {len(targets):,} on the target no two have one composition; "
        f"{n:,} of the former are of chemical systems that the target lacks ({_named(list(alone))})"
    )


def _systems(places: Iterable[Place]) -> Counter[str]:
    """Count the frames per chemical system, "Fe-O"."""
    return Counter(
        "-".join(sorted(chemical_symbols[number] for number in set(place.frame.numbers.tolist()))) for place in places
    )


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def not_determined(found: ShiftFit, decisions: Decisions) -> Iterable[Refusal]:
    """Refuse where the pairs fix no shift by which any frame could be corrected."""
    if decisions.shifts_eV:
        return
    unknown = [f"{shift.element}: {shift.why_not}" for shift in found.shifts if not shift.identifiable]
    reasons = unknown or [f"{reason} ({n:,})" for reason, n in Counter(decisions.reasons.values()).most_common()]
    mend = "Add pairs in which these elements occur in other ratios, or in the environments that lack them (--pairs)."
    yield Refusal("not_determined", f"no frame can be corrected: {'; '.join(reasons)}", mend)


def not_constant(found: Constancy, anyway: bool) -> Iterable[Refusal]:
    """Refuse where one number per element is not good enough; a user may insist."""
    if found.constant_sufficient is False:
        mend = (
            "Correct each kind of environment by itself (--where 'config_type=…'), give each surface its own head, or "
            "compute the frames once more. --anyway takes the constant all the same."
        )
        yield Refusal("not_constant", f"one shift per element does not hold: {found.why}", mend, overridden=anyway)


def undecided_frames(decisions: Decisions, treated: Uncorrectable | None) -> Iterable[Refusal]:
    """Refuse where some frames cannot be corrected and nobody has said what shall become of them."""
    if decisions.shifts_eV and decisions.reasons and treated is None:
        reasons = Counter(decisions.reasons.values()).most_common()
        words = "; ".join(f"{n:,} {reason}" for reason, n in reasons)
        mend = "Say what becomes of them: --uncorrectable leave-out, or --uncorrectable keep (on their own surface)."
        yield Refusal("uncorrectable", f"{len(decisions.reasons):,} frames cannot be corrected: {words}", mend)


def wanted_elements(sources: Iterable[Place], choices: Choices) -> tuple[int, ...]:
    """Return the atomic numbers that the frames to correct need a shift of."""
    return tuple(sorted({n for place in sources for n in corrected_elements(choices.target, place)}))
