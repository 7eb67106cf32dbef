"""Slack exports → passages (format: slack.com/help 220556107; fields as mattermost/mmetl and zulip read them)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sonde.decisions.sources.members import members_of
from sonde.decisions.sources.once import Once
from sonde.decisions.sources.protocol import Source
from sonde.decisions.sources.readable import one_line
from sonde.decisions.sources.slack_export import BOUNDS, MEND, Conversation, Export, Message
from sonde.decisions.sources.slack_text import message_text
from sonde.errors import BadInput
from sonde.records.decisions import Identity, Passage

# Topic and purpose changes say what a channel decided; joins, renames and pins are nobody's words.
KEPT_SUBTYPES = frozenset(
    [
        "",
        "file_share",
        "thread_broadcast",
        "reply_broadcast",
        "me_message",
        "bot_message",
        "file_comment",
        "channel_topic",
        "channel_purpose",
        "group_topic",
        "group_purpose",
        "huddle_thread",
    ]
)
TS = re.compile(r"\d{1,11}\.\d{1,9}")
REVISING = (b"message_changed", b"message_deleted", b"message_replied", b"tombstone")


@dataclass
class Revisions:
    """What later events of a conversation say of earlier messages."""

    latest: dict[str, Message] = field(default_factory=dict)
    """By time stamp of the message that was edited."""
    deleted: set[str] = field(default_factory=set)


def read(path: Path) -> Iterator[Passage]:
    """Yield the messages of an export, conversation by conversation, file by file; one file is in memory at a time.

    A message that was edited has its last wording, at the place and time of the first. The visibility is the
    conversation's: public channel, private group, direct message; a folder that no listing names counts as private.
    Joins, renames, pins and deleted messages are left out.

    Raises
    ------
    BadInput
        Where the export is damaged, made to harm, none at all, or holds a file that is not a list of messages.
    """
    with members_of(Path(path), BOUNDS, MEND) as members:
        export = Export(members)
        for conversation, files in export.conversations():
            yield from _conversation(export, conversation, files)


def deleted(path: Path) -> Iterator[str]:
    """Yield the anchors of messages of which the export says that they were deleted."""
    with members_of(Path(path), BOUNDS, MEND) as members:
        export = Export(members)
        for conversation, files in export.conversations():
            yield from (f"slack:{conversation.name}/{ts}" for ts in sorted(_revisions(export, files).deleted))


def people(path: Path) -> Iterator[Identity]:
    """Yield who is who in an export."""
    with members_of(Path(path), BOUNDS, MEND) as members:
        yield from Export(members).people()


def _conversation(export: Export, conversation: Conversation, files: list[str]) -> Iterator[Passage]:
    revisions = _revisions(export, files)
    seen = Once(revisions.deleted)  # the same message may stand in two files, where a broadcast repeats a reply
    for ts, message in _messages(export, files):
        if ts not in seen and str(message.get("subtype") or "") in KEPT_SUBTYPES:
            passage = _passage(_revised(message, revisions.latest.get(ts)), ts, conversation, export.names)
            if passage is not None and seen.is_new(ts):
                yield passage
    for ts, edit in revisions.latest.items():  # of messages from before the export begins
        passage = _passage(edit, ts, conversation, export.names) if ts not in seen else None
        if passage is not None:
            yield passage


def _revisions(export: Export, files: list[str]) -> Revisions:
    """Look through the files for edits and deletions; only those that hold such an event are parsed."""
    found = Revisions()
    for name in files:
        payload = export.raw(name)
        if any(mark in payload for mark in REVISING):
            for ts, message in _messages(export, [name]):
                _take_event(found, ts, message)
    return found


def _take_event(found: Revisions, ts: str, message: Message) -> None:
    subtype, inner = message.get("subtype"), message.get("message")
    if subtype == "tombstone":
        found.deleted.add(ts)
    elif subtype == "message_deleted":
        found.deleted.add(str(message.get("deleted_ts")))
    elif subtype == "message_changed" and isinstance(inner, Mapping):
        of = str(inner.get("ts") or ts)
        if TS.fullmatch(of):
            (found.deleted.add(of) if inner.get("subtype") == "tombstone" else found.latest.update({of: inner}))


def _revised(message: Message, edit: Message | None) -> Message:
    return message if edit is None else {**message, **edit, "edited": edit.get("edited") or True}


def _messages(export: Export, files: list[str]) -> Iterator[tuple[str, Message]]:
    for name in files:
        for ordinal, message in enumerate(export.messages(name), start=1):
            ts = str(message.get("ts")) if isinstance(message, dict) else ""
            if not TS.fullmatch(ts):
                raise _unstamped(export.path, f"member {name!r}, message {ordinal}", message)
            yield ts, message


def _unstamped(path: Path, place: str, message: object) -> BadInput:
    if not isinstance(message, Mapping):
        return BadInput(path, place, "is not a JSON object", MEND)
    stamp = str(message.get("ts"))
    return BadInput(path, place, f"has no time stamp of the form 1728400000.000100, but {stamp!r}", MEND)


def _passage(message: Message, ts: str, conversation: Conversation, names: Mapping[str, str]) -> Passage | None:
    """Return the message as a passage, or None where nobody wrote anything."""
    text = message_text(message, names)
    if not text:
        return None
    thread = str(message.get("thread_ts") or "")
    if not thread and (message.get("replies") or message.get("reply_count")):
        thread = ts
    return Passage(
        anchor=f"slack:{conversation.name}/{ts}",
        text=text,
        kind="slack",
        author=_author(message, names),
        time=datetime.fromtimestamp(float(ts), UTC),
        thread=f"{conversation.name}/{thread}" if thread and TS.fullmatch(thread) else None,
        title=conversation.title,
        visibility=conversation.visibility,
        edited=bool(message.get("edited")),
        pinned=ts in conversation.pins or bool(message.get("pinned_to")),
    )


def _author(message: Mapping[str, Any], names: Mapping[str, str]) -> str | None:
    user = message.get("user")
    if user is None and isinstance(comment := message.get("comment"), Mapping):
        user = comment.get("user")
    if isinstance(user, str) and user in names:
        return names[user]
    given = (one_line(name) for name in _given_names(message) if name)
    return next(filter(None, given), None) or names.get(str(message.get("bot_id")))


def _given_names(message: Mapping[str, Any]) -> Iterator[object]:
    """Names that the message itself carries, for users and bots that users.json lacks."""
    for key in ("user_profile", "bot_profile"):
        profile = message.get(key)
        if isinstance(profile, Mapping):
            yield profile.get("real_name") or profile.get("name")
    yield message.get("username")


SOURCE = Source("slack", read, deleted=deleted, people=people, states_access=True)
