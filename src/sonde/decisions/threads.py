"""Conversations: the unit of context. Unthreaded chat is cut into bursts at pauses."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sonde.records.decisions import Passage

PAUSE = timedelta(minutes=20)
LONGEST_BURST = 25
CHATS = frozenset({"slack", "mattermost", "zulip"})


@dataclass(frozen=True)
class Thread:
    """Passages of one conversation, in order of time as far as it is known."""

    name: str
    passages: tuple[Passage, ...]

    @property
    def authors(self) -> frozenset[str]:
        """Everybody who wrote in it."""
        return frozenset(passage.author for passage in self.passages if passage.author)


def threads_of(passages: Iterable[Passage]) -> Mapping[str, Thread]:
    """Group passages into conversations; the result is keyed by anchor."""
    groups: dict[str, list[Passage]] = {}
    loose: dict[tuple[str, str | None], list[Passage]] = {}
    for passage in passages:
        name = _name(passage)
        if name is None:
            loose.setdefault((passage.source, passage.title), []).append(passage)
        else:
            groups.setdefault(name, []).append(passage)
    for chat in loose.values():
        for burst in _bursts(chat):
            groups[burst[0].anchor] = burst
    by_anchor: dict[str, Thread] = {}
    for name, members in groups.items():
        thread = Thread(name, tuple(sorted(members, key=_when)))
        by_anchor.update({passage.anchor: thread for passage in members})
    return by_anchor


def _name(passage: Passage) -> str | None:
    """The thread a passage states, a slide or a commit by itself, or None for loose chat."""
    if passage.kind == "slides":
        return re.split(r"&|shape", passage.anchor)[0]
    if passage.kind in CHATS:
        return f"{passage.source}|{passage.thread}" if passage.thread else None
    return f"{passage.source}|{passage.thread}" if passage.thread else passage.anchor


def _bursts(chat: list[Passage]) -> Iterable[list[Passage]]:
    burst: list[Passage] = []
    for passage in sorted(chat, key=_when):
        before = burst[-1].time if burst else None
        pause = before is None or passage.time is None or passage.time - before > PAUSE
        if burst and (pause or len(burst) >= LONGEST_BURST):
            yield burst
            burst = []
        burst.append(passage)
    if burst:
        yield burst


def _when(passage: Passage) -> tuple[bool, float]:
    # Passages without a time keep their order, after the dated ones.
    return (passage.time is None, passage.time.timestamp() if isinstance(passage.time, datetime) else 0.0)
