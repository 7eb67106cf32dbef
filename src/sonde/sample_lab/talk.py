"""Talk of a laboratory before it is written into an archive: lines, conversations, and where a line ended up."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sonde.records.decisions import Visibility
from sonde.sample_lab.people import Person
from sonde.sample_lab.plan import Medium

Mark = Literal["context", "reason", "value", "rejected"]
MARKS: Mapping[str, Mark] = {"!": "reason", "=": "value", "-": "rejected"}
SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Line:
    """What one person says at one moment."""

    speaker: Person
    time: datetime
    text: str
    mark: Mark = "context"


@dataclass(frozen=True)
class Conversation:
    """Lines that belong together: a thread in a channel, a mail thread, a heading of minutes, a slide.

    place: channel, mail subject, heading or slide title. about: what the story calls it; None is unrelated talk.
    """

    medium: Medium
    place: str
    lines: tuple[Line, ...]
    about: str | None = None
    visibility: Visibility = "public"


@dataclass(frozen=True)
class Placed:
    """A planted line with the anchor under which the archive holds it (CONTRACTS, anchors)."""

    about: str
    line: Line
    medium: Medium
    anchor: str


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values into the slots of a sentence; a slot without a value is an error."""
    return SLOT.sub(lambda slot: values[slot.group(1)], template).replace("\\n", "\n")


def parse(block: str) -> tuple[tuple[str, Mark, str], ...]:
    """Split lines `A! text` into speaker letter, mark and text."""
    parsed = []
    for line in block.strip().splitlines():
        head, _, text = line.strip().partition(" ")
        parsed.append((head[0], MARKS.get(head[1:], "context"), text))
    return tuple(parsed)


def draw(options: Sequence[str], rng: random.Random) -> str:
    """Choose one of several wordings."""
    return options[rng.randrange(len(options))]
