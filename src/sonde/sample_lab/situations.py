"""Planted situations: from labelled frames to a raw pool, a training dataset and structures that fail."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from ase.symbols import Symbols

from sonde.errors import BadInput
from sonde.records.diagnosis import Intent, Verdict
from sonde.records.frames import Frame
from sonde.sample_lab.criteria import CRITERIA

LOST_SHARE = 0.9
"""Share of a group that is lost where frames are lost by accident near the failing structures."""
THIN_SHARE = 0.3
"""Share of a group that was computed where coverage is thin."""
TEST_SHARE = 0.2
"""Share of the pool that is set aside at random where nothing else is lost."""
SHIFTED_SHARE = 0.5
"""Share of a group whose labels come from another surface where labels contradict."""


class Situation(StrEnum):
    """What really happened to the frames, and what the archive says of it."""

    FILTERED_ON_PURPOSE = "filtered_on_purpose"
    FILTERED_COLLATERAL = "filtered_collateral"
    REASON_ABOUT_OTHER_FRAMES = "reason_about_other_frames"
    FILTERED_WITHOUT_REASON = "filtered_without_reason"
    FILTER_AFTER_TRAINING = "filter_after_training"
    DROPPED_AT_RANDOM = "dropped_at_random"
    LOST_NEARBY = "lost_nearby"
    NEVER_COMPUTED = "never_computed"
    NEVER_COMPUTED_ON_PURPOSE = "never_computed_on_purpose"
    NEVER_COMPUTED_PAIR = "never_computed_pair"
    CONTRADICTORY_LABELS = "contradictory_labels"
    THIN = "thin"
    UNDERFIT = "underfit"
    TIME_STEP_TOO_LONG = "time_step_too_long"
    HEALTHY = "healthy"


@dataclass(frozen=True)
class Expectation:
    """Verdicts and intents that are right for a situation; `cut`: does the repository hold the threshold commit?

    verdicts lists the planted cause first; the others are defensible on the same evidence.
    """

    verdicts: tuple[Verdict, ...]
    intent: Intent | None
    cut: bool


EXPECTED: Mapping[Situation, Expectation] = {
    Situation.FILTERED_ON_PURPOSE: Expectation(("filtered",), "on_purpose", True),
    Situation.FILTERED_COLLATERAL: Expectation(("filtered",), "collateral", True),
    Situation.REASON_ABOUT_OTHER_FRAMES: Expectation(("filtered",), "collateral", True),
    Situation.FILTERED_WITHOUT_REASON: Expectation(("filtered",), "reason_unknown", True),
    Situation.FILTER_AFTER_TRAINING: Expectation(("cannot_tell", "lost_otherwise"), None, True),
    Situation.DROPPED_AT_RANDOM: Expectation(
        ("lost_otherwise", "look_elsewhere", "thin", "covered_not_learnt", "failure_not_shown", "cannot_tell"),
        None,
        True,
    ),
    Situation.LOST_NEARBY: Expectation(("lost_otherwise", "thin"), None, True),
    Situation.NEVER_COMPUTED: Expectation(("never_computed",), "intent_not_recorded", True),
    Situation.NEVER_COMPUTED_ON_PURPOSE: Expectation(("never_computed",), "on_purpose", True),
    Situation.NEVER_COMPUTED_PAIR: Expectation(("never_computed",), "intent_not_recorded", False),
    Situation.CONTRADICTORY_LABELS: Expectation(("contradictory_labels",), None, False),
    Situation.THIN: Expectation(("thin", "never_computed"), None, False),
    Situation.UNDERFIT: Expectation(("covered_not_learnt", "setup"), None, False),
    Situation.TIME_STEP_TOO_LONG: Expectation(("setup",), None, False),
    Situation.HEALTHY: Expectation(("look_elsewhere", "failure_not_shown", "cannot_tell"), None, False),
}


@dataclass(frozen=True)
class Region:
    """Where the trouble lies: the rule, the group of frames around it, and how many frames fail.

    spared: config_type of the frames that the failing ones belong to. formula: of the failing frames; None takes the
    formula with most frames beyond the threshold.
    """

    feature: str
    threshold: float
    spared: str
    formula: str | None
    n_failing: int
    energy_shift_eV_per_atom: float = 0.08
    force_factor: float = 1.6


@dataclass(frozen=True, eq=False)
class Arrangement:
    """The data side of a laboratory; ordinals count within the raw pool."""

    pool: tuple[Frame, ...]
    training: tuple[Frame, ...]
    failing: tuple[Frame, ...]
    dropped: tuple[int, ...]
    formula: str


def formula_of(frame: Frame) -> str:
    """Return the formula in Hill order, as the data's own tools write it."""
    return str(Symbols(frame.numbers).get_chemical_formula())


def arrange(situation: Situation, region: Region, frames: Sequence[Frame], seed: int) -> Arrangement:
    """Take the failing structures out of the set and build pool and training dataset around the gap.

    The failing structures are labelled frames of the set; they stand neither in the pool nor in the training dataset.
    """
    rng = random.Random(f"frames {seed}")
    choose = _ordinary if situation is Situation.HEALTHY else _failing
    formula, taken = choose(region, frames)
    failing = tuple(frames[i] for i in taken)
    rest = [frame for i, frame in enumerate(frames) if i not in set(taken)]
    pool, dropped = PLANTED[situation](region, rest, failing, rng)
    numbered = tuple(frame.numbered(i) for i, frame in enumerate(pool))
    gone = set(dropped)
    training = tuple(frame for i, frame in enumerate(numbered) if i not in gone)
    return Arrangement(numbered, training, failing, tuple(sorted(gone)), formula)


def _failing(region: Region, frames: Sequence[Frame]) -> tuple[str, tuple[int, ...]]:
    """Choose failing frames in the middle of those beyond the threshold: inside the region, not its outermost."""
    criterion = CRITERIA[region.feature]
    group = [
        i for i in criterion.beyond(frames, region.threshold) if frames[i].tags.get("config_type") == region.spared
    ]
    counts = Counter(formula_of(frames[i]) for i in group)
    formula = region.formula or min(counts, key=lambda f: (-counts[f], f), default=None)
    values = criterion.values(frames)
    ranked = sorted((i for i in group if formula_of(frames[i]) == formula), key=lambda i: (values[i], i))
    if formula is None or len(ranked) < region.n_failing:
        raise BadInput(
            "frames",
            None,
            f"only {len(ranked)} of {region.spared} {formula} lie beyond {region.threshold}",
            f"choose another formula or threshold; {region.n_failing} are needed.",
        )
    first = (len(ranked) - region.n_failing) // 2
    return formula, tuple(sorted(ranked[first : first + region.n_failing]))


def _ordinary(region: Region, frames: Sequence[Frame]) -> tuple[str, tuple[int, ...]]:
    """Choose frames like most: where nothing is planted, nothing should be found."""
    values = CRITERIA["max_force"].values(frames)
    ranked = sorted((i for i in range(len(frames)) if frames[i].tags.get("config_type") == "rattled"),
                    key=lambda i: (values[i], i))  # fmt: skip
    first = len(ranked) // 2
    taken = tuple(sorted(ranked[first : first + region.n_failing]))
    return formula_of(frames[taken[0]]), taken


Planted = tuple[list[Frame], Sequence[int]]
"""The raw pool, and the ordinals of the frames that the training dataset lacks."""


def _by_rule(region: Region, rest: list[Frame], failing: Sequence[Frame], rng: random.Random) -> Planted:  # noqa: ARG001
    return rest, CRITERIA[region.feature].beyond(rest, region.threshold)


def _at_random(region: Region, rest: list[Frame], failing: Sequence[Frame], rng: random.Random) -> Planted:  # noqa: ARG001
    n_by_rule = len(CRITERIA[region.feature].beyond(rest, region.threshold))
    return rest, rng.sample(range(len(rest)), n_by_rule)


def _nearby(region: Region, rest: list[Frame], failing: Sequence[Frame], rng: random.Random) -> Planted:  # noqa: ARG001
    group = _of_group(rest, region.spared)
    return rest, rng.sample(group, round(LOST_SHARE * len(group)))


def _never_computed(region: Region, rest: list[Frame], failing: Sequence[Frame], rng: random.Random) -> Planted:  # noqa: ARG001
    beyond = set(CRITERIA[region.feature].beyond(rest, region.threshold))
    absent = beyond | set(_of_group(rest, region.spared))
    return [frame for i, frame in enumerate(rest) if i not in absent], ()


def _pair_missing(region: Region, rest: list[Frame], failing: Sequence[Frame], rng: random.Random) -> Planted:  # noqa: ARG001
    """Leave out every cell in which the two commonest elements of the failing structures meet."""
    commonest = [z for z, _ in Counter(int(z) for frame in failing for z in frame.numbers).most_common(2)]
    return [frame for frame in rest if not set(commonest) <= {int(z) for z in frame.numbers}], ()


def _contradictory(region: Region, rest: list[Frame], failing: Sequence[Frame], rng: random.Random) -> Planted:  # noqa: ARG001
    """Add half of the group a second time, with labels of another surface and the tags that say so."""
    group = _of_group(rest, region.spared)
    again = sorted(rng.sample(group, round(SHIFTED_SHARE * len(group))))
    return rest + [_on_other_surface(rest[i], region) for i in again], ()


def _thin(region: Region, rest: list[Frame], failing: Sequence[Frame], rng: random.Random) -> Planted:  # noqa: ARG001
    group = _of_group(rest, region.spared)
    kept = set(rng.sample(group, max(3, round(THIN_SHARE * len(group)))))
    absent = set(group) - kept
    return _with_split([frame for i, frame in enumerate(rest) if i not in absent], rng)


def _complete(region: Region, rest: list[Frame], failing: Sequence[Frame], rng: random.Random) -> Planted:  # noqa: ARG001
    return rest, ()


def _split(region: Region, rest: list[Frame], failing: Sequence[Frame], rng: random.Random) -> Planted:  # noqa: ARG001
    return _with_split(rest, rng)


def _with_split(pool: list[Frame], rng: random.Random) -> Planted:
    """Set a random share of the pool aside, as for testing: labelled frames that the potential has not seen."""
    return pool, rng.sample(range(len(pool)), round(TEST_SHARE * len(pool)))


PLANTED: Mapping[Situation, Callable[[Region, list[Frame], Sequence[Frame], random.Random], Planted]] = {
    Situation.FILTERED_ON_PURPOSE: _by_rule,
    Situation.FILTERED_COLLATERAL: _by_rule,
    Situation.REASON_ABOUT_OTHER_FRAMES: _by_rule,
    Situation.FILTERED_WITHOUT_REASON: _by_rule,
    Situation.FILTER_AFTER_TRAINING: _by_rule,
    Situation.DROPPED_AT_RANDOM: _at_random,
    Situation.LOST_NEARBY: _nearby,
    Situation.NEVER_COMPUTED: _never_computed,
    Situation.NEVER_COMPUTED_ON_PURPOSE: _never_computed,
    Situation.NEVER_COMPUTED_PAIR: _pair_missing,
    Situation.CONTRADICTORY_LABELS: _contradictory,
    Situation.THIN: _thin,
    Situation.UNDERFIT: _complete,
    Situation.TIME_STEP_TOO_LONG: _complete,
    Situation.HEALTHY: _split,
}


def _of_group(frames: Sequence[Frame], config_type: str) -> list[int]:
    return [i for i, frame in enumerate(frames) if frame.tags.get("config_type") == config_type]


def _on_other_surface(frame: Frame, region: Region) -> Frame:
    energy, forces = frame.energy_eV, frame.forces_eV_per_A
    return replace(
        frame,
        energy_eV=None if energy is None else energy + region.energy_shift_eV_per_atom * frame.n_atoms,
        forces_eV_per_A=None if forces is None else forces * region.force_factor,
        tags={**frame.tags, "xc": "PBEsol", "ecut_eV": 250.0, "kpoint_density": 2.0},
    )
