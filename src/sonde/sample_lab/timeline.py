"""The history of the laboratory's repository: which commit changed what, when, by whom, with which message."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

from sonde.sample_lab.people import Person
from sonde.sample_lab.plan import LabPlan, wording
from sonde.sample_lab.scripts import PARITY, RUN_SCRIPT, SUBMIT, mapping_text, script_text, settings_text

EARLIER_MESSAGES = ("cap for exploded cells", "frame selection: cap", "skip exploded cells")
ZONE = timezone(timedelta(hours=1))


@dataclass(frozen=True)
class Commit:
    """One commit: `files` maps each path it touches to its new text, None where it deletes the file."""

    time: datetime
    author: Person
    message: str
    files: Mapping[str, str | None]
    mark: str | None = None
    """What the story calls it: threshold, earlier, unexplained, training, or the name of a reasoned change."""


@dataclass(frozen=True)
class State:
    """What the repository holds at one moment."""

    dft: Mapping[str, object] = field(
        default_factory=lambda: {
            "code": "GPAW",
            "xc": "PBEsol",
            "ecut_eV": 250,
            "kpoint_density": 2.0,
            "smearing_eV": 0.05,
        }
    )
    train: Mapping[str, object] = field(default_factory=dict)
    batches: tuple[str, ...] = ()
    limit: float | None = None
    version: int = 1
    remark: str = ""
    counts: bool = False
    script: str | None = None
    readme: tuple[str, ...] = ()
    packages: tuple[str, ...] = ("gpaw", "ase")
    partition: str = "normal"
    hours: int = 24
    colour: str = "black"
    stage: int = 0
    """How many of the fixed files exist: 0 readme, 1 dft, 2 submit script, 3 training settings, 4 plots."""


def initial_training(plan: LabPlan) -> Mapping[str, object]:
    """Return the training settings at their first commit; every later change is an event of the story."""
    values: dict[str, object] = {"model": "MACE", "num_channels": 16, "max_L": 0, "r_max": 4.5, "valid_fraction": 0.2}
    values |= {"forces_weight": 10, "energy_weight": 1, "lr": 0.01, "batch_size": 10, "ema_decay": 0.99}
    values |= {"weight_decay": 5.0e-07, "max_num_epochs": 200, "seed": plan.seed % 1000}
    return values | {plan.unexplained.key: plan.unexplained.old}


def files_of(plan: LabPlan, state: State) -> dict[str, str]:
    """Return the whole working tree of a state."""
    place = plan.layout
    files = {
        "README.md": "\n".join((f"# {place.repository}", "", "Al-Li-Mg potential.", *state.readme)) + "\n",
        "environment.yml": "name: alloys\ndependencies:\n" + "".join(f"  - {name}\n" for name in state.packages),
        ".gitignore": "*.xyz\n*.gpw\n*.model\n__pycache__/\n",
    }
    if state.stage >= 1:
        folder, _, name = place.dft.rpartition("/")
        files[place.dft] = mapping_text(state.dft, "single points of all batches")
        files[f"{folder}/run_gpaw.py"] = RUN_SCRIPT.format(settings=name)
    if state.stage >= 2:
        files["submit/train.sh"] = SUBMIT.format(partition=state.partition, hours=state.hours, train=place.train)
    if state.train:
        files[place.train] = mapping_text(state.train, "mace_run_train")
    if state.stage >= 4:
        files["plots/parity.py"] = PARITY.format(colour=state.colour)
    if state.batches:
        files["data/batches.yaml"] = "batches:\n" + "".join(f"  - {batch}\n" for batch in state.batches)
    return files | _selection_files(plan, state)


def _selection_files(plan: LabPlan, state: State) -> dict[str, str]:
    if state.script is None:
        return {}
    text = script_text(plan, state.script, limit=state.limit, version=state.version, counts=state.counts)
    if plan.layout.settings_format == "python":
        return {state.script: text}
    settings = settings_text(plan, limit=state.limit, version=state.version, remark=state.remark)
    return {state.script: text, plan.layout.settings: settings}


@dataclass(frozen=True)
class Event:
    """A change of state on a day of the story."""

    day: float
    message: str
    changes: Mapping[str, Any]
    mark: str | None = None
    who: int | None = None
    """Index of the author among those who work on the potential; None: anyone of them."""


def history(plan: LabPlan) -> tuple[Commit, ...]:
    """Return the commits of a laboratory in order, each with the files it touches."""
    rng = plan.rng("commits")
    state, commits = State(), []
    before: dict[str, str] = {}
    for event in sorted(_events(plan, rng), key=lambda e: e.day):
        state = _apply(state, event.changes)
        after = files_of(plan, state)
        touched: dict[str, str | None] = {path: text for path, text in after.items() if before.get(path) != text}
        touched |= dict.fromkeys(before.keys() - after.keys())
        if touched:
            author = plan.people[rng.randrange(5) if event.who is None else event.who]
            commits.append(Commit(moment(plan, event.day, rng), author, event.message, touched, event.mark))
        before = after
    return tuple(sorted(commits, key=lambda commit: commit.time))


def moment(plan: LabPlan, day: float, rng: random.Random) -> datetime:
    """Return a time between 9 and 18 h on a day of the story; fractions of a day order what happens on the same one."""
    hour = 9 + 8 * (day % 1) + rng.random() * 0.8
    start = datetime.combine(plan.calendar.day(int(day)), time(), ZONE)
    return (start + timedelta(hours=hour)).replace(microsecond=0)


def training_moment(plan: LabPlan) -> datetime:
    """Return when the potential was trained."""
    return datetime.combine(plan.calendar.day(plan.calendar.training_day), time(20), ZONE).astimezone(UTC)


def _apply(state: State, changes: Mapping[str, Any]) -> State:
    merged: dict[str, Any] = {
        name: {**getattr(state, name), **value} if name in ("dft", "train") else value
        for name, value in changes.items()
    }
    for name in ("readme", "packages", "batches"):
        if name in merged:
            merged[name] = (*getattr(state, name), *merged[name])
    return replace(state, **merged)


def _events(plan: LabPlan, rng: random.Random) -> list[Event]:
    return [*_beginnings(plan), *_reasoned(rng), *_selection(plan, rng), *_ordinary(plan, rng)]


def _beginnings(plan: LabPlan) -> list[Event]:
    train = initial_training(plan)
    unexplained = plan.unexplained
    return [
        Event(0, "initial commit", {}, who=0),
        Event(3, "dft settings", {"stage": 1}, who=1),
        Event(10, "submit script", {"stage": 2}, who=1),
        Event(20, "batch 1: pure metals under strain", {"batches": ("bulk_strain",)}, who=1),
        Event(90, "batch 2: rattled cells of all compositions", {"batches": ("rattled",)}, who=1),
        Event(130, "training config for mace", {"stage": 3, "train": train}, who=2),
        Event(165, "parity plot", {"stage": 4}, who=2),
        Event(plan.calendar.distorted_day, "batch 3: distorted cells", {"batches": ("distorted",)}, who=1),
        Event(
            plan.calendar.unexplained_day,
            unexplained.message,
            {"train": {unexplained.key: unexplained.new}},
            "unexplained",
            2,
        ),
    ]


def _reasoned(rng: random.Random) -> list[Event]:
    authors = {"dft": 1, "train": 2}
    return [
        Event(
            entry["day"] + 0.5,
            rng.choice(entry["messages"]),
            {entry["file"]: {entry["key"]: entry["new"]}},
            entry["name"],
            authors[entry["file"]],
        )
        for entry in wording("settings_reasons")
    ]


def _selection(plan: LabPlan, rng: random.Random) -> list[Event]:
    days, rule, layout = plan.calendar, plan.rule, plan.layout
    events = [
        Event(days.earlier_day - 6, "script to select frames", {"script": layout.script}, who=0),
        Event(
            days.earlier_day + 0.6, rng.choice(EARLIER_MESSAGES), {"limit": rule.earlier, "version": 2}, "earlier", 0
        ),
        Event(days.earlier_day + 25, "selection: say how many frames are kept", {"counts": True}, who=1),
    ]
    if not plan.cut:
        return events
    events.append(
        Event(days.threshold_day + 0.6, plan.threshold_message, {"limit": rule.threshold, "version": 3}, "threshold", 0)
    )
    if layout.touched_later:
        events.append(Event(days.threshold_day + 33.3, "comments", {"remark": "see script"}, who=3))
    if layout.moved_script:
        events.append(Event(days.threshold_day + 41.2, "move scripts to src", {"script": layout.moved_script}, who=3))
    return events


ORDINARY: tuple[tuple[str, Mapping[str, Any]], ...] = (
    (
        "readme: how to install",
        {
            "readme": (
                "",
                "Install: conda env create -f environment.yml",
            )
        },
    ),
    (
        "readme: contact",
        {
            "readme": (
                "",
                "Questions: ask in #al-alloys",
            )
        },
    ),
    (
        "readme: where the raw pool lives",
        {
            "readme": (
                "",
                "The raw pool is on the group share.",
            )
        },
    ),
    (
        "typo",
        {
            "readme": (
                "",
                "See the wiki for reference values.",
            )
        },
    ),
    (
        "readme: citation",
        {
            "readme": (
                "",
                "Citation: in preparation.",
            )
        },
    ),
    (
        "readme: list of compositions",
        {
            "readme": (
                "",
                "Compositions: all four-atom cells.",
            )
        },
    ),
    ("environment: matplotlib", {"packages": ("matplotlib",)}),
    ("environment: pyyaml", {"packages": ("pyyaml",)}),
    ("environment: mace", {"packages": ("mace-torch",)}),
    ("environment: phonopy", {"packages": ("phonopy",)}),
    ("environment: matscipy", {"packages": ("matscipy",)}),
    ("other partition", {"partition": "long"}),
    ("longer jobs", {"hours": 48}),
    ("back to the normal queue", {"partition": "normal"}),
    ("gpu queue", {"partition": "gpu"}),
    ("shorter jobs fit better", {"hours": 12}),
    ("parity plot in blue", {"colour": "tab:blue"}),
    ("colours for the paper", {"colour": "0.3"}),
    ("plot colour", {"colour": "tab:orange"}),
    (
        "readme: licence of the data",
        {
            "readme": (
                "",
                "Data: CC0.",
            )
        },
    ),
    ("wip", {"hours": 36}),
    (
        "merge notes from the wiki",
        {
            "readme": (
                "",
                "Old notes: wiki, page alloys.",
            )
        },
    ),
)


def _ordinary(plan: LabPlan, rng: random.Random) -> list[Event]:
    """Commits that have nothing to do with any decision, over the whole time."""
    days = sorted(rng.uniform(168, plan.calendar.end_day) for _ in ORDINARY)
    return [
        Event(day, message, changes)
        for day, (message, changes) in zip(days, rng.sample(ORDINARY, len(ORDINARY)), strict=True)
    ]
