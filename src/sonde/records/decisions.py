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
    kind: Literal["slack", "mattermost", "zulip", "mail", "notes", "slides", "documents", "commit", "file"]
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
class Access:
    """What a project takes in of an export that says who can read what."""

    include_private: bool = False
    """Also what is private or direct."""
    excluded_channels: tuple[str, ...] = ()
    """Names of channels that stay out whoever can read them, sorted."""


PUBLIC = Access()
"""What everybody could read, and no more."""


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
class Why:
    """Answer to a why-question: quotes, or the nearest evidence where no reason is recorded."""

    SCHEMA: ClassVar[str] = "sonde.why/1"
    question: str
    answered: bool
    quotes: tuple[Quote, ...]
    changes: tuple[Change, ...]
    decision: Decision | None
    nearest: tuple[Quote, ...]
