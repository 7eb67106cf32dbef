"""When nothing is written, why, and what would help."""

from collections.abc import Iterable, Mapping, Sequence

from sonde.datasets.correction.frames import Decisions, Uncorrectable
from sonde.datasets.correction.pairs import Choices, PairSearch
from sonde.datasets.correction.shifts import ShiftFit
from sonde.datasets.correction.survey import Survey
from sonde.records.correction import Constancy, Refusal

FEWEST_PAIRS = 3
MOST_NAMED = 4


def nothing_off_target(found: Survey, choices: Choices) -> Iterable[Refusal]:
    """Refuse where there is nothing to correct."""
    if not found.sources.n_frames:
        limited = " that --from and --where mean" if choices.source or choices.where else ""
        why = f"no frame{limited} states that it lies off {choices.target.text} and has an energy"
        yield Refusal("nothing_to_correct", why, "See what frames state: sonde audit.")


def several_sources(found: Survey) -> Iterable[Refusal]:
    """Refuse where frames off the target lie on several surfaces: one shift cannot serve them all."""
    several = found.sources.several_values
    if several:
        words = "; ".join(f"{key}: {', '.join(values)}" for key, values in several.items())
        mend = "Choose one by --from, e.g. --from '{}={}'.".format(*_first(several))
        yield Refusal("several_sources", f"the frames to correct are on several surfaces ({words})", mend)


def _first(several: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    key, values = next(iter(several.items()))
    return key, values[0]


def too_few_pairs(found: Survey, search: PairSearch, to: str) -> Iterable[Refusal]:
    """Refuse where too few structures carry an energy on both surfaces, and say what stands in the way."""
    n = len(search.pairs)
    if found.sources.n_frames and n < FEWEST_PAIRS:
        why = f"{n} structures carry an energy on both surfaces, {FEWEST_PAIRS} are the least"
        mend = (
            f"Compute some of the {found.sources.n_frames:,} frames once more as they stand, without relaxing them, "
            f"with the settings of {to}, at least {FEWEST_PAIRS} per corrected element in different compositions; add "
            "them as a dataset and name it with --pairs. Without pairs the shift cannot be told from the energy of "
            "formation."
        )
        yield Refusal("no_pairs" if n == 0 else "too_few_pairs", f"{why}: {_obstacle(found, search)}", mend)


def _obstacle(found: Survey, search: PairSearch) -> str:
    sources, targets = found.sources, found.targets
    if search.set_aside:
        return "set aside are " + ", ".join(f"{n} ({reason})" for reason, n in search.set_aside.items())
    if not targets.n_frames:
        return f"no frame is on the target; what frames state is {sources.title('no surface')}"
    common = sorted(sources.compositions & targets.compositions)
    if common:
        return f"{_named(common)} stand on both, but in no common geometry (within 1e-3 Å)"
    alone = {system: n for system, n in sources.systems.items() if system not in targets.systems}
    n = sum(alone.values())
    return (
        f"of {sources.n_frames:,} frames to correct and {targets.n_frames:,} on the target no two have one "
        f"composition; {n:,} of the former are of chemical systems that the target lacks ({_named(list(alone))})"
    )


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def not_determined(found: ShiftFit, decisions: Decisions) -> Iterable[Refusal]:
    """Refuse where the pairs fix no shift by which any frame could be corrected."""
    if decisions.n_corrected:
        return
    unknown = [f"{shift.element}: {shift.why_not}" for shift in found.shifts if not shift.identifiable]
    reasons = unknown or [f"{reason} ({n:,})" for reason, n in decisions.reasons.most_common()]
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
    if decisions.n_corrected and decisions.reasons and treated is None:
        words = "; ".join(f"{n:,} {reason}" for reason, n in decisions.reasons.most_common())
        mend = "Say what becomes of them: --uncorrectable leave-out, or --uncorrectable keep (on their own surface)."
        yield Refusal("uncorrectable", f"{decisions.reasons.total():,} frames cannot be corrected: {words}", mend)
