"""Conversations: the unit of context. Unthreaded chat is cut into bursts at pauses."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from zlib import crc32

from sonde.records.decisions import Passage

PAUSE = timedelta(minutes=20)
LONGEST_BURST = 25
CHATS = frozenset({"slack", "mattermost", "zulip"})
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Thread:
    """Passages of one conversation, in order of time as far as it is known."""

    name: str
    passages: tuple[Passage, ...]

    @property
    def authors(self) -> frozenset[str]:
        """Everybody who wrote in it."""
        return frozenset(passage.author for passage in self.passages if passage.author)


class PassageRows(Protocol):
    """What it takes to find the conversation of a passage without a look at all others."""

    def in_thread(self, source: str, thread: str) -> list[Passage]:
        """Return the passages of a source that state a thread, in the order they were added."""
        ...

    def beginning(self, anchor: str) -> list[Passage]:
        """Return the passages whose anchors begin so, in the order they were added."""
        ...

    def loose(
        self, source: str, title: str | None, since: datetime, until: datetime, most: int | None
    ) -> list[Passage]:
        """Return the chat of a channel that states no thread, from one time to another, in order of time."""
        ...


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
        for burst in _bursts(sorted(chat, key=_when)):
            groups[burst[0].anchor] = burst
    by_anchor: dict[str, Thread] = {}
    for name, members in groups.items():
        thread = Thread(name, tuple(sorted(members, key=_when)))
        by_anchor.update({passage.anchor: thread for passage in members})
    return by_anchor


def thread_of(passage: Passage, rows: PassageRows) -> Thread:
    """Return the conversation of one passage, the same as `threads_of` finds among all."""
    name = _name(passage)
    if name is None:
        burst = _burst_of(passage, rows)
        return Thread(burst[0].anchor, tuple(burst))
    if passage.kind == "slides":
        members = [other for other in rows.beginning(name) if _name(other) == name]
    elif passage.thread:
        members = [other for other in rows.in_thread(passage.source, passage.thread) if _name(other) == name]
    else:
        members = [passage]
    return Thread(name, tuple(sorted(members, key=_when)))


def conversation_key(passage: Passage) -> int:
    """A number that the passages of a conversation share; in loose chat, that of a channel's next day is one more."""
    name = _name(passage)
    loose = name is None
    digest = crc32(repr((passage.source, passage.title) if loose else name).encode("utf-8", "surrogatepass"))
    day = (passage.time - datetime(1970, 1, 1, tzinfo=UTC)).days if loose and passage.time else 0
    return (2 * digest + loose << 24) + day


def is_loose(passage: Passage) -> bool:
    """Whether a passage is chat that states no thread."""
    return _name(passage) is None


def _name(passage: Passage) -> str | None:
    """The thread a passage states, a slide or a commit by itself, or None for loose chat."""
    if passage.kind == "slides":
        return re.split(r"&|shape", passage.anchor)[0]
    if passage.kind in CHATS:
        return f"{passage.source}|{passage.thread}" if passage.thread else None
    return f"{passage.source}|{passage.thread}" if passage.thread else passage.anchor


def _bursts(chat: Sequence[Passage], paused: datetime | None = None) -> Iterator[list[Passage]]:
    """Cut chat, in order of time, at pauses, and after so many messages.

    Where a whole day (in UTC) had no pause, as in a channel that a program writes to, midnight is one: so the burst of
    a message is found from the messages of two days. `paused` is when the last pause was, where it was before all this.
    """
    burst: list[Passage] = []
    for passage in chat:
        before = burst[-1].time if burst else None
        if _follows_pause(passage.time, before, paused):
            paused, ends = passage.time, True
        else:
            ends = before is not None and _is_cut_off(passage.time, before, paused)
        if burst and (ends or len(burst) >= LONGEST_BURST):
            yield burst
            burst = []
        burst.append(passage)
    if burst:
        yield burst


def _follows_pause(when: datetime | None, before: datetime | None, paused: datetime | None) -> bool:
    if when is None or before is None:
        return when is None or paused is None
    return when - before > PAUSE


def _is_cut_off(when: datetime | None, before: datetime, paused: datetime | None) -> bool:
    """Whether midnight lies between two messages, and no pause in the day before it."""
    if when is None or paused is None:
        return False
    return _midnight(before) < _midnight(when) and _midnight(when) - _midnight(paused) > DAY


def _burst_of(passage: Passage, rows: PassageRows) -> list[Passage]:
    if passage.time is None:
        return [passage]
    channel, longest = (passage.source, passage.title), LONGEST_BURST * PAUSE
    after = rows.loose(*channel, passage.time + timedelta(microseconds=1), passage.time + longest, LONGEST_BURST)
    for since in (passage.time - PAUSE * 4, _midnight(passage.time) - DAY - PAUSE):
        chat = rows.loose(*channel, since, passage.time, None)
        pauses = [place for place in range(1, len(chat)) if _gap(chat, place) > PAUSE]
        if pauses:
            break
    begins, paused = (pauses[-1], None) if pauses else _begins_without_pause(chat, _midnight(passage.time))
    bursts = _bursts([*chat[begins:], *after], paused)
    return next((burst for burst in bursts if any(other.anchor == passage.anchor for other in burst)), [passage])


def _begins_without_pause(chat: Sequence[Passage], today: datetime) -> tuple[int, datetime | None]:
    """Place of the message that bursts are counted from where none but the first of two days may follow a pause."""
    if chat[0].time is not None and chat[0].time >= today - DAY:
        return 0, None
    return next(place for place, other in enumerate(chat) if other.time and other.time >= today), today - 2 * DAY


def _gap(chat: Sequence[Passage], place: int) -> timedelta:
    before, after = chat[place - 1].time, chat[place].time
    return after - before if before and after else timedelta()


def _midnight(when: datetime) -> datetime:
    return datetime.combine(when.astimezone(UTC).date(), time(), UTC)


def _when(passage: Passage) -> tuple[bool, float]:
    # Passages without a time keep their order, after the dated ones.
    return (passage.time is None, passage.time.timestamp() if isinstance(passage.time, datetime) else 0.0)
