"""Records of the room `decisions`: passages, changes, links, answers."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

Role = Literal["reason", "value", "rejected", "context"]


Visibility = Literal["public", "private", "direct"]
"""Who can read a conversation: everybody, those who were let in, those who talk."""


@dataclass(frozen=True)
class Passage:
    """A piece of text that somebody wrote, verbatim, with where it stands.

    anchor: one of the forms in CONTRACTS (`slack:<channel>/<ts>`, `mail:<Message-ID>`, `commit:<40 hex>`,
    `path:line@<40 hex>`, `file:<path>#slide=3|page=2|line=7|cell=4`), or of the other chats
    (`mattermost:<team>.<channel>/<ms>`, `zulip:<channel>/<id>`). thread: passages of one conversation share it.
    """

    anchor: str
    text: str
    kind: Literal[
        "slack",
        "mattermost",
        "zulip",
        "mail",
        "notes",
        "slides",
        "documents",
        "adr",
        "mlflow",
        "folder",
        "commit",
        "file",
    ]
    author: str | None
    time: datetime | None
    thread: str | None = None
    title: str | None = None
    """Channel, mail subject, heading or file name."""
    visibility: Visibility = "public"
    source: str = ""
    """Name of the source in the project."""
    edited: bool = False
    """The text is its last wording: the export tells that it was written otherwise first."""
    pinned: bool = False
    """Somebody pinned it to its conversation."""


@dataclass(frozen=True)
class Identity:
    """What one source says of a person: a name with the address and the user name that belong to it."""

    name: str
    email: str | None = None
    handle: str | None = None
    """User name of a chat; two of them in one source are two accounts."""
    source: str = ""


@dataclass(frozen=True)
class Access:
    """What a project takes in of an export that says who can read what."""

    include_private: bool = False
    """Also what is private or direct."""
    excluded_channels: tuple[str, ...] = ()
    """Names of channels that stay out whoever can read them, sorted."""


PUBLIC = Access()
"""What everybody could read, and no more."""


@dataclass(frozen=True)
class Within:
    """Part of an archive: what was written until a time, which what carries no date is not, and in one source."""

    until: datetime | None = None
    source: str | None = None

    def holds(self, passage: Passage) -> bool:
        """Whether a passage belongs to the part."""
        in_time = self.until is None or (passage.time is not None and passage.time <= self.until)
        return in_time and self.source in (None, passage.source)

    def also(self, other: "Within") -> "Within":
        """What belongs to both parts, of which only one may name a source."""
        untils = [until for until in (self.until, other.until) if until is not None]
        return Within(min(untils, default=None), self.source if other.source is None else other.source)


EVERYTHING = Within()
"""The whole archive."""


@dataclass(frozen=True)
class Change:
    """A value that changed in a repository: old or new is None where the key appeared or went."""

    key: str
    old: str | None
    new: str | None
    unit: str | None
    commit: str
    path: str
    line: int | None
    author: str | None
    time: datetime
    summary: str
    """First line of the commit message."""
    source: str = ""


@dataclass(frozen=True)
class Link:
    """A passage that speaks of a change, with the evidence in words."""

    passage: str
    """Anchor."""
    change: int
    """Ordinal of the change in the list given."""
    score: float
    evidence: tuple[str, ...]
    status: Literal["suggested", "confirmed", "rejected"] = "suggested"


@dataclass(frozen=True)
class Quote:
    """Verbatim words with their anchor."""

    text: str
    anchor: str
    source: str
    author: str | None
    time: datetime | None
    role: Role
    score: float = field(default=0.0, metadata={"json": False})


@dataclass(frozen=True)
class Decision:
    """What was decided, as far as the quotes state it."""

    question: str
    chosen: str | None
    rejected: tuple[str, ...]
    driver: Literal["science", "cost", "time", "unknown"]
    scope: str | None
    status: Literal["in_force", "superseded", "contradicted"]
    passages: tuple[str, ...]


@dataclass(frozen=True)
class Cited:
    """A sentence of a summary that a language model worded, with the quotes it cites, counted from 1."""

    text: str
    quotes: tuple[int, ...]


@dataclass(frozen=True)
class Why:
    """Answer to a why-question: quotes, or the nearest evidence where no reason is recorded."""

    SCHEMA: ClassVar[str] = "sonde.why/1"
    question: str
    answered: bool
    quotes: tuple[Quote, ...]
    changes: tuple[Change, ...]
    decision: Decision | None
    nearest: tuple[Quote, ...]
    summary: tuple[Cited, ...] = ()
    """Worded by a language model where one was asked for; not evidence."""
    understood: str | None = None
    """The time that the question was taken to ask about, where its words name one."""
    unmentioned: tuple[str, ...] = ()
    """Words of an unanswered question that stand nowhere in the sources."""


Level = Literal["data", "labels", "training", "other"]
"""What a setting acts on: which frames there are, what their labels mean, how the potential learns, anything else."""


@dataclass(frozen=True)
class Effect:
    """What a change did to the data, as far as lineage shows it."""

    n_frames: int
    statement: str


@dataclass(frozen=True)
class Gap:
    """A change for which nobody recorded a reason, with whom to ask and what."""

    change: Change
    level: Level
    effect: Effect | None
    ask: str | None
    """The author of the change."""
    question: str
    nearest: tuple[Quote, ...]


@dataclass(frozen=True)
class Gaps:
    """Changes of watched settings without a recorded reason, those that matter most first: the exit-interview list."""

    SCHEMA: ClassVar[str] = "sonde.gaps/1"
    n_changes: int
    """Changes of watched settings looked at."""
    n_with_reason: int
    gaps: tuple[Gap, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Event:
    """Something dated: a change of a watched setting, or what was said about it."""

    time: datetime
    kind: Literal["change", "reason", "value", "rejected", "context"]
    text: str
    author: str | None
    anchor: str
    key: str
    """The setting it belongs to."""


@dataclass(frozen=True)
class Timeline:
    """Changes and quotes in order of time."""

    SCHEMA: ClassVar[str] = "sonde.timeline/1"
    asked: str
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Setting:
    """A watched setting as it stood at a time, who set it, and the reason where one is recorded."""

    level: Level
    name: str
    """The field's own words for it."""
    change: Change
    """Its latest change."""
    n_changes: int
    answered: bool
    quotes: tuple[Quote, ...]
    decision: Decision | None
    effect: Effect | None


@dataclass(frozen=True)
class DossierDataset:
    """A dataset behind a potential; the last of them is the raw pool."""

    name: str
    n_frames: int
    made_from: str | None
    files: tuple[str, ...]
    rule: str | None
    """What was dropped on the way from `made_from`, as lineage recovers it; None: nothing, or no rule."""
    n_dropped: int | None
    surfaces: tuple[str, ...]
    alarms: tuple[str, ...]


Purpose = Literal["extend", "retrain", "reproduce"]


@dataclass(frozen=True)
class Dossier:
    """Every decision behind a potential that is recorded, and what is not."""

    SCHEMA: ClassVar[str] = "sonde.dossier/1"
    potential: str
    purpose: Purpose
    adapter: str
    elements: tuple[str, ...]
    checkpoint: str
    checkpoint_sha256: str
    trained_at: str | None
    as_of: datetime | None
    """Settings are those that stood at this time; None: as they stand now."""
    datasets: tuple[DossierDataset, ...]
    settings: tuple[Setting, ...]
    missing: tuple[str, ...]
    """What the purpose needs and nobody recorded."""
    revisions: tuple[tuple[str, str], ...] = ()
    """Repositories, with the last commit at the time."""

    @property
    def without_reason(self) -> tuple[Setting, ...]:
        """Settings for which no reason is recorded."""
        return tuple(setting for setting in self.settings if not setting.answered)


@dataclass(frozen=True)
class WrittenDecision:
    """Where a decision was written, and the name of the source that holds it."""

    SCHEMA: ClassVar[str] = "sonde.decide/1"
    path: str
    source: str
    n_passages: int
    stored: bool


@dataclass(frozen=True)
class JudgedLinks:
    """What a person said of a passage and some changes."""

    SCHEMA: ClassVar[str] = "sonde.link/1"
    passage: str
    status: Literal["confirmed", "rejected"]
    changes: tuple[Change, ...]
