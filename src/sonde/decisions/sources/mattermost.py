"""Mattermost bulk exports → passages (docs.mattermost.com, bulk loading data format: one JSON object a line)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from sonde.decisions.sources.archives import MIB, Bounds
from sonde.decisions.sources.json_lines import json_lines
from sonde.decisions.sources.protocol import Source
from sonde.decisions.sources.readable import one_line, readable
from sonde.errors import BadInput
from sonde.records.decisions import Identity, Passage, Visibility

MEND = "Make the export again (mmctl export create, or mattermost export bulk) and give the zip or its .jsonl."
BOUNDS = Bounds(member_bytes=64 * 1024 * MIB, total_bytes=64 * 1024 * MIB)
KEPT_TYPES = frozenset(["", "me", "slack_attachment", "system_header_change", "system_purpose_change", "custom_reply"])
"""Header and purpose changes say what a channel decided; joins, renames and calls are nobody's words."""
LATEST_MS = 4_102_444_800_000
"""The year 2100 in milliseconds: what lies beyond is no time of a post."""


@dataclass(frozen=True)
class Channel:
    """A conversation: its name in anchors, and who can read it."""

    name: str
    title: str
    visibility: Visibility


@dataclass
class Directory:
    """Who is who and which channel is what, as the lines before the posts say."""

    channels: dict[tuple[str, str], Channel] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    taken: dict[str, dict[int, int]] = field(default_factory=dict)
    """How often each time was given away, by channel: two posts of one millisecond have two anchors."""

    def take(self, line: Mapping[str, Any]) -> None:
        """Learn from a line about a channel or a user; others say nothing here."""
        about = line.get(str(line.get("type")))
        if not isinstance(about, Mapping):
            return
        if line["type"] == "channel":
            team, name = str(about.get("team")), str(about.get("name"))
            visibility: Visibility = "public" if about.get("type") == "O" else "private"
            self.channels[team, name] = Channel(_in_anchor(f"{team}.{name}"), one_line(name) or "unnamed", visibility)
        elif line["type"] == "user":
            self.users[str(about.get("username"))] = _person(about)

    def channel(self, post: Mapping[str, Any]) -> Channel:
        """The conversation of a post; a channel that no line describes counts as private."""
        members = post.get("channel_members")
        if isinstance(members, list):
            names = sorted(str(member) for member in members)
            title = one_line(", ".join(self.users.get(name, name) for name in names))
            return Channel(_in_anchor("@" + ",".join(names)), title or "unnamed", "direct")
        team, name = str(post.get("team")), str(post.get("channel"))
        stranger = Channel(_in_anchor(f"{team}.{name}"), one_line(name) or "unnamed", "private")
        return self.channels.get((team, name), stranger)

    def anchor(self, channel: Channel, created_ms: int) -> str:
        """Anchor of the next post of a channel at a time."""
        taken = self.taken.setdefault(channel.name, {})
        taken[created_ms] = taken.get(created_ms, 0) + 1
        more = f"-{taken[created_ms]}" if taken[created_ms] > 1 else ""
        return f"mattermost:{channel.name}/{created_ms}{more}"


def read(path: Path) -> Iterator[Passage]:
    """Yield posts and replies in the order of the export, a line at a time; a thread is a post with its replies.

    Open channels are public, closed ones private, direct and group messages direct. Joins, renames and deleted posts
    are left out.

    Raises
    ------
    BadInput
        Where there is no bulk export, or one of its lines cannot be read: it is named by its number.
    """
    for _, passage in _posts(Path(path)):
        if passage is not None:
            yield passage


def deleted(path: Path) -> Iterator[str]:
    """Yield the anchors of posts of which the export says that they were deleted."""
    for anchor, passage in _posts(Path(path)):
        if passage is None:
            yield anchor


def people(path: Path) -> Iterator[Identity]:
    """Yield who is who; users stand before the posts."""
    for _, line in json_lines(Path(path), "import.jsonl", BOUNDS, MEND):
        if line.get("type") in ("post", "direct_post"):
            return
        user = line.get("user")
        if line.get("type") == "user" and isinstance(user, Mapping):
            handle = one_line(user.get("username"))
            yield Identity(_person(user), one_line(user.get("email")), handle)


def _posts(path: Path) -> Iterator[tuple[str, Passage | None]]:
    """Yield every post with words and its anchor; None in the place of one that was deleted."""
    directory, number = Directory(), 0
    for number, line in json_lines(path, "import.jsonl", BOUNDS, MEND):
        if number == 1 and line.get("type") != "version":
            raise BadInput(path, "line 1", "is no bulk export: its first line must state the version", MEND)
        kind = line.get("type")
        if kind not in ("post", "direct_post"):
            directory.take(line)
            continue
        post = line.get(str(kind))
        if not isinstance(post, Mapping):
            raise BadInput(path, f"line {number}", f"has no object {kind!r}", MEND)
        yield from _thread(path, number, post, directory)
    if not number:
        raise BadInput(path, None, "is no bulk export: it holds no line", MEND)


def _thread(
    path: Path, number: int, post: Mapping[str, Any], directory: Directory
) -> Iterator[tuple[str, Passage | None]]:
    channel = directory.channel(post)
    replies = [reply for reply in _items(post.get("replies")) if isinstance(reply, Mapping)]
    begun = _created_ms(path, number, post)
    thread = f"{channel.name}/{begun}" if replies else None
    for message in [post, *replies]:
        created_ms = _created_ms(path, number, message)
        anchor = directory.anchor(channel, created_ms)
        if message.get("delete_at"):
            yield anchor, None
        elif str(message.get("type") or "") in KEPT_TYPES and (text := _text(message)):
            yield (
                anchor,
                Passage(
                    anchor=anchor,
                    text=text,
                    kind="mattermost",
                    author=_author(message, directory),
                    time=datetime.fromtimestamp(created_ms / 1000, UTC),
                    thread=thread,
                    title=channel.title,
                    visibility=channel.visibility,
                    edited=bool(message.get("edit_at")),
                    pinned=message.get("is_pinned") is True,
                ),
            )


def _created_ms(path: Path, number: int, message: Mapping[str, Any]) -> int:
    created = message.get("create_at")
    if not isinstance(created, int) or not 0 < created < LATEST_MS:
        raise BadInput(path, f"line {number}", f"has a post whose create_at is {created!r}, not milliseconds", MEND)
    return created


def _text(message: Mapping[str, Any]) -> str:
    """The words of a post, else of its attachments, and the names of its files."""
    parts = [str(message.get("message") or "")]
    if not parts[0].strip():
        parts = [_attachment(attachment) for attachment in _items(_props(message).get("attachments"))]
    for file in _items(message.get("attachments")):
        if isinstance(file, Mapping) and file.get("path"):
            parts.append(PurePosixPath(str(file["path"])).name)
    return readable("\n".join(part for part in parts if part.strip()))


def _attachment(attachment: object) -> str:
    """What integrations put beside the message."""
    if not isinstance(attachment, Mapping):
        return ""
    said = [attachment.get(key) for key in ("pretext", "title", "text")]
    said = [part for part in said if isinstance(part, str)]
    for row in _items(attachment.get("fields")):
        if isinstance(row, Mapping):
            said.append(f"{row.get('title') or ''} {row.get('value') or ''}".strip())
    return "\n".join(filter(None, said)) or str(attachment.get("fallback") or "")


def _author(message: Mapping[str, Any], directory: Directory) -> str | None:
    user = message.get("user")
    shown = _props(message).get("override_username")  # an integration that speaks under a name of its own
    if isinstance(shown, str) and one_line(shown):
        return one_line(shown)
    return directory.users.get(str(user)) or one_line(user)


def _props(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Properties of a post; some exports write them as JSON in a string."""
    props = message.get("props")
    if isinstance(props, str):
        try:
            props = json.loads(props)
        except (ValueError, RecursionError):
            return {}
    return props if isinstance(props, Mapping) else {}


def _person(user: Mapping[str, Any]) -> str:
    full = one_line(f"{user.get('first_name') or ''} {user.get('last_name') or ''}")
    return full or one_line(user.get("nickname") or None) or one_line(user.get("username")) or "unnamed"


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _in_anchor(name: str) -> str:
    return "-".join(readable(name).replace("/", " ").split()) or "unnamed"


SOURCE = Source("mattermost", read, deleted=deleted, states_access=True)
