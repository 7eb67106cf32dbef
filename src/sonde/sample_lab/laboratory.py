"""Records of a built laboratory, and of the truth about it, which is kept outside its folder."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from sonde.records.datasets import Op
from sonde.records.diagnosis import Intent, Verdict
from sonde.sample_lab.plan import Medium
from sonde.sample_lab.situations import Situation
from sonde.sample_lab.talk import Mark


@dataclass(frozen=True)
class Laboratory:
    """Where the parts of a laboratory stand, and what a user would know of its potential."""

    folder: Path
    raw_pool: Path
    training: Path
    failing: Path
    repository: Path
    slack: Path
    mail: Path
    notes: Path
    slides: Path
    script: str
    """Filter script, as a path in the repository at the training commit."""
    training_commit: str
    training_time: datetime
    failing_formula: str


@dataclass(frozen=True)
class TrueChange:
    """A change as the story made it: value as the configuration writes it, in `unit`."""

    name: str
    path: str
    key: str
    old: str | None
    new: str
    unit: str | None
    commit: str
    author: str
    time: datetime


@dataclass(frozen=True)
class TruePassage:
    """A planted line, verbatim, with its anchor; paths in `file:` anchors are file names."""

    about: str
    medium: Medium
    anchor: str
    text: str
    author: str
    time: datetime
    mark: Mark

    def is_quoted_by(self, text: str, anchor: str) -> bool:
        """Do a quote's words come from this line?

        The place must be the same up to the line within a file (a reader may anchor a paragraph at its first line),
        and one text must hold the other.
        """
        mine, theirs = " ".join(self.text.split()), " ".join(text.split())
        same_place = self.anchor.partition("#line=")[0] == anchor.partition("#line=")[0]
        return same_place and bool(theirs) and (mine in theirs or theirs in mine)


@dataclass(frozen=True)
class TalkCounts:
    """Lines in the archive: unrelated, planted, and per medium."""

    unrelated: int
    planted: int
    slack: int
    mail: int
    notes: int
    slides: int


@dataclass(frozen=True)
class Truth:
    """What is true of a laboratory: written outside its folder, for evaluation only."""

    SCHEMA: ClassVar[str] = "sonde.sample_lab.truth/1"
    seed: int
    situation: Situation
    verdicts: tuple[Verdict, ...]
    intent: Intent | None
    feature: str
    op: Op
    threshold: float
    unit: str | None
    change: TrueChange | None
    """The commit that set the threshold; None where the repository has none."""
    reasons: tuple[TruePassage, ...]
    """Lines that give the reason of `change`; empty: none is recorded."""
    discussion: tuple[TruePassage, ...]
    """The lines around them: question, value, rejected alternative."""
    superseded: tuple[TruePassage, ...]
    decoys: tuple[TruePassage, ...]
    values: tuple[TruePassage, ...]
    left_out: tuple[TruePassage, ...]
    confided: tuple[TruePassage, ...]
    """Why `unexplained` was done, in talk that only some can read."""
    disputes: tuple[TruePassage, ...]
    """Words that take back the reason of another setting: `about` = "dispute of " and its name."""
    unexplained: TrueChange
    """The change that has no reason anywhere."""
    reasoned: tuple[TrueChange, ...]
    """The other changes …"""
    reasons_of_others: tuple[TruePassage, ...]
    """… and their reasons, by `about` = name of the change."""
    training_commit: str
    training_time: datetime
    n_pool: int
    n_training: int
    n_commits: int
    dropped: tuple[int, ...]
    """Ordinals in the raw pool of the frames that the training dataset lacks."""
    failing_formula: str
    failing_ids: tuple[str, ...]
    talk: TalkCounts
