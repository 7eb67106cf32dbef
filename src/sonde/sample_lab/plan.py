"""The plan of a laboratory: everything that can differ between two of them, drawn from a seed or fixed for the demo."""

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml

from sonde.sample_lab.criteria import CRITERIA, Criterion
from sonde.sample_lab.people import Person, cast
from sonde.sample_lab.situations import EXPECTED, Region, Situation

Medium = Literal["slack", "mail", "notes", "slides"]
Format = Literal["yaml", "toml", "json", "python"]
ScopeStyle = Literal["excludes", "names_others", "on_purpose"]
WORDING = Path(__file__).with_name("wording")
DOMAIN = "alloys.example.org"
WEDNESDAY = 2
"""The threshold is committed on one, so that the talk before it falls on working days."""
THRESHOLD_MESSAGES = (
    "removed problematic structures",
    "remove problematic structures",
    "clean up training set",
    "drop bad frames",
    "new training set",
)
TALK_PER_RELEVANT_LINE = 33
"""Unrelated lines per planted one; laboratories bury a reason at least 30:1."""


@dataclass(frozen=True)
class RuleStory:
    """The filter rule: threshold and earlier values in the criterion's unit, and how the configuration writes them."""

    feature: str
    threshold: float
    earlier: float
    looser: float
    """Alternative that was discussed and rejected."""
    decoy: float
    """Value of the same key in another project."""
    key: str
    file_unit: str
    file_factor: float
    meant: str
    spared: str

    @property
    def criterion(self) -> Criterion:
        return CRITERIA[self.feature]


@dataclass(frozen=True)
class Layout:
    """Where things stand in the laboratory's repository."""

    repository: str
    script: str
    settings: str
    settings_format: Format
    dft: str
    train: str
    moved_script: str | None
    """New place of the script after the threshold was set; blame ends there."""
    touched_later: bool
    """The threshold's line is edited once more afterwards, with the same value."""


@dataclass(frozen=True)
class Calendar:
    """Days of the story, counted from the first commit."""

    start: date
    earlier_day: int
    threshold_day: int
    distorted_day: int
    unexplained_day: int
    training_day: int
    end_day: int

    def day(self, offset: int) -> date:
        return self.start + timedelta(days=offset)


@dataclass(frozen=True)
class Unexplained:
    """A change for which the archive holds no reason; `spoken`: words that must not occur in the talk."""

    key: str
    old: float
    new: float
    spoken: tuple[str, ...]
    message: str
    mentioned: bool
    """Somebody mentions the value, without a reason."""


@dataclass(frozen=True)
class LabPlan:
    """All choices of one laboratory; the same plan gives the same bytes."""

    seed: int
    situation: Situation
    rule: RuleStory
    layout: Layout
    calendar: Calendar
    people: tuple[Person, ...]
    reason_media: tuple[Medium, ...]
    """Where the reason stands: the discussion first, a restatement in the second, if any."""
    scope_style: ScopeStyle
    unexplained: Unexplained
    failing_formula: str | None
    n_failing: int
    threshold_message: str = "removed problematic structures"
    """First and only line of the commit that set the threshold."""
    talk_per_relevant_line: int = TALK_PER_RELEVANT_LINE
    contested: bool = False
    """The archive also holds a reason that only a closed group knows, and words that take another reason back."""

    @property
    def cut(self) -> bool:
        """Does the repository hold the commit that set the threshold?"""
        return EXPECTED[self.situation].cut

    @property
    def reasoned(self) -> bool:
        """Does the archive hold a reason for that commit?"""
        return self.cut and self.situation is not Situation.FILTERED_WITHOUT_REASON

    @property
    def region(self) -> Region:
        return Region(self.rule.feature, self.rule.threshold, self.rule.spared, self.failing_formula, self.n_failing)

    def rng(self, purpose: str) -> random.Random:
        """Return a source of randomness of its own for each purpose, so that one does not shift another."""
        return random.Random(f"{purpose} {self.seed}")


@lru_cache
def wording(name: str) -> Any:
    """Read a file of sentences from the package."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((WORDING / f"{name}.yaml").read_text(encoding="utf-8"), Loader=loader)


def sample_plan() -> LabPlan:
    """Return the laboratory that `sonde demo` shows.

    A cap of 5 eV/Å on the largest force, meant for rattled cells with broken SCF runs, took the distorted cells, too.
    """
    calendar = Calendar(date(2022, 9, 5), 110, 331, 402, 365, 520, 905)
    rule = RuleStory("max_force", 5.0, 50.0, 6.0, 15.0, "max_force", "eV/Å", 1.0, "rattled", "distorted")
    layout = Layout(
        "al-li-mg-potential",
        "select_frames.py",
        "filters.yaml",
        "yaml",
        "dft/settings.yaml",
        "train/mace.yaml",
        None,
        True,
    )
    unexplained = Unexplained("forces_weight", 10, 100, _spoken("forces_weight"), "update training config", False)
    return LabPlan(
        seed=20221335,
        situation=Situation.FILTERED_COLLATERAL,
        rule=rule,
        layout=layout,
        calendar=calendar,
        people=cast(20221335, DOMAIN),
        reason_media=("slack", "notes"),
        scope_style="excludes",
        unexplained=unexplained,
        failing_formula="AlMg3",
        n_failing=3,
    )


def random_plan(seed: int, situation: Situation | None = None) -> LabPlan:
    """Draw a laboratory: another quantity, threshold, key, file format, wording, people, paths and dates.

    Without a situation, one of the two in which a filter took the frames and the archive says why.
    """
    rng = random.Random(f"plan {seed}")
    told = (Situation.FILTERED_COLLATERAL, Situation.FILTERED_ON_PURPOSE)
    drawn = rng.choice(told)
    chosen = situation or drawn
    rule = _random_rule(chosen, rng)
    plan = LabPlan(
        seed=seed,
        situation=chosen,
        rule=rule,
        layout=_random_layout(rng),
        calendar=_random_calendar(chosen, rng),
        people=cast(seed, rng.choice((DOMAIN, "metals.example.edu", "theory.example.net"))),
        reason_media=_random_media(rng),
        scope_style=_scope_style(chosen, rng),
        unexplained=_random_unexplained(rng),
        failing_formula=None,
        n_failing=rng.choice((2, 3)),
        threshold_message=rng.choice(THRESHOLD_MESSAGES),
    )
    return replace(plan, rule=_readable_rule(plan))


def contested_plan(seed: int) -> LabPlan:
    """Draw a laboratory for questions on its decisions: private reasons and contradictions, 50 idle lines for one."""
    situations = (
        *(Situation.FILTERED_COLLATERAL, Situation.FILTERED_ON_PURPOSE) * 2,
        Situation.FILTERED_WITHOUT_REASON,
    )
    plan = random_plan(seed, situations[seed % len(situations)])
    return replace(plan, contested=True, talk_per_relevant_line=50)


def _random_rule(situation: Situation, rng: random.Random) -> RuleStory:
    feature = rng.choice(("max_force", "max_force", "max_force", "pressure", "closest_contact_ratio"))
    criterion = CRITERIA[feature]
    on_purpose = situation is Situation.FILTERED_ON_PURPOSE
    threshold = rng.choice(criterion.on_purpose if on_purpose else criterion.collateral)
    unit, factor = rng.choice(criterion.file_units)
    return RuleStory(
        feature=feature,
        threshold=threshold,
        earlier=rng.choice(criterion.earlier),
        looser=round(threshold * criterion.looser, 2),
        decoy=rng.choice(criterion.decoys),
        key=rng.choice(criterion.keys),
        file_unit=unit,
        file_factor=factor,
        meant=criterion.meant,
        spared="distorted",
    )


def _readable_rule(plan: LabPlan) -> RuleStory:
    """A JSON file has no comments, and a key may name its unit: then the file keeps the criterion's own unit."""
    rule = plan.rule
    if plan.layout.settings_format == "json" or rule.key.endswith(("_GPa", "_A")):
        return replace(rule, file_unit=rule.criterion.unit or "", file_factor=1.0)
    return rule


def _random_layout(rng: random.Random) -> Layout:
    form: Format = rng.choice(("yaml", "yaml", "toml", "json", "python"))
    folder = rng.choice(("", "scripts/", "data/", "selection/"))
    script = folder + rng.choice(("select_frames.py", "filter_frames.py", "make_dataset.py", "build_training_set.py"))
    name = rng.choice(("filters", "selection", "dataset", "curation"))
    settings = script if form == "python" else rng.choice(("", "config/", folder)) + f"{name}.{form}"
    moved = rng.random() < 0.2 and form != "python"
    return Layout(
        repository=rng.choice(("al-li-mg-potential", "almgli-mlip", "light-alloys", "allimg-mace")),
        script=script,
        settings=settings,
        settings_format=form,
        dft=rng.choice(("dft/settings.yaml", "inputs/gpaw.yaml", "calc/dft.yaml")),
        train=rng.choice(("train/mace.yaml", "training/config.yaml", "fit/mace_small.yaml")),
        moved_script="src/" + Path(script).name if moved else None,
        touched_later=rng.random() < 0.5,
    )


def _random_calendar(situation: Situation, rng: random.Random) -> Calendar:
    threshold = rng.randint(270, 420)
    on_purpose = situation is Situation.FILTERED_ON_PURPOSE
    distorted = threshold + (-rng.randint(30, 60) if on_purpose else rng.randint(20, 60))
    training = threshold + rng.randint(90, 180)
    if situation is Situation.FILTER_AFTER_TRAINING:
        threshold, distorted, training = training + 40, threshold - 30, threshold
    start = date(rng.randint(2019, 2023), rng.randint(1, 12), rng.randint(1, 28))
    start -= timedelta(days=((start + timedelta(days=threshold)).weekday() - WEDNESDAY) % 7)
    return Calendar(
        start=start,
        earlier_day=rng.randint(100, 125),
        threshold_day=threshold,
        distorted_day=distorted,
        unexplained_day=rng.randint(200, 255),
        training_day=training,
        end_day=max(training, threshold) + rng.randint(150, 400),
    )


def _random_media(rng: random.Random) -> tuple[Medium, ...]:
    media: list[Medium] = ["slack", "mail", "notes", "slides"]
    first = rng.choice(("slack", "slack", "mail", "notes", "slides"))
    others = [medium for medium in media if medium != first]
    return (first, rng.choice(others)) if rng.random() < 0.6 else (first,)  # type: ignore[return-value]  # drawn from Medium


def _scope_style(situation: Situation, rng: random.Random) -> ScopeStyle:
    if situation is Situation.FILTERED_ON_PURPOSE:
        return "on_purpose"
    if situation is Situation.REASON_ABOUT_OTHER_FRAMES:
        return "names_others"
    return rng.choice(("excludes", "excludes", "names_others"))


def _random_unexplained(rng: random.Random) -> Unexplained:
    entry = rng.choice(wording("unexplained"))
    message = rng.choice(entry["messages"])
    mentioned = rng.random() < 0.5
    return Unexplained(entry["key"], entry["old"], entry["new"], tuple(entry["spoken"]), message, mentioned)


def _spoken(key: str) -> tuple[str, ...]:
    return next(tuple(entry["spoken"]) for entry in wording("unexplained") if entry["key"] == key)
