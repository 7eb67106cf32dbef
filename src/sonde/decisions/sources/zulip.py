"""Zulip exports → passages (format: zulip.readthedocs.io, realm export: realm.json and messages-000001.json, …)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sonde.decisions.sources.archives import Bounds
from sonde.decisions.sources.members import Members, content, members_of, parsed
from sonde.decisions.sources.protocol import Source
from sonde.decisions.sources.readable import one_line
from sonde.decisions.sources.zulip_text import message_text
from sonde.errors import BadInput
from sonde.records.decisions import Passage, Visibility

MEND = "Export the organisation again (Organisation settings → Data exports) and give the .tar.gz as it came."
BOUNDS = Bounds()
MESSAGES = re.compile(r"messages-\d+\.json")
PEOPLE = ("zerver_userprofile", "zerver_userprofile_mirrordummy", "zerver_userprofile_crossrealm")
PERSONAL, STREAM, GROUP = 1, 2, 3
"""Types of a recipient (zerver/models: Recipient)."""
TELLS_OF_EVENTS = re.compile(r"(notification|welcome)-bot@")
RESOLVED = "✔ "


@dataclass(frozen=True)
class Channel:
    """A stream or a direct conversation."""

    name: str
    title: str
    visibility: Visibility
    has_topics: bool = True


class Realm:
    """Who is who and which recipient is which conversation."""

    def __init__(self, realm: Mapping[str, Any]) -> None:
        people = [person for table in PEOPLE for person in _rows(realm, table)]
        self.people = {person.get("id"): one_line(person.get("full_name")) for person in people if _has_id(person)}
        self.bots = {person.get("id") for person in people if _has_id(person) and _tells_of_events(person)}
        self._streams = {row.get("id"): row for row in _rows(realm, "zerver_stream") if _has_id(row)}
        self._recipients = {row.get("id"): row for row in _rows(realm, "zerver_recipient") if _has_id(row)}
        self._members: dict[int, set[int]] = {}
        for row in _rows(realm, "zerver_subscription"):
            recipient, person = row.get("recipient"), row.get("user_profile")
            if isinstance(recipient, int) and isinstance(person, int):
                self._members.setdefault(recipient, set()).add(person)

    def channel(self, recipient_id: object, sender: object) -> Channel:
        """The conversation that a message went to; one that the export does not describe counts as private."""
        recipient = self._recipients.get(recipient_id) if isinstance(recipient_id, int) else None
        kind, of = (recipient.get("type"), recipient.get("type_id")) if recipient else (None, None)
        if kind == STREAM:
            stream = self._streams.get(of, {}) if isinstance(of, int) else {}
            name = one_line(stream.get("name")) or f"stream-{of if isinstance(of, int) else 'unnamed'}"
            is_open = bool(stream) and not stream.get("invite_only")
            return Channel(quote(name, safe=""), name, "public" if is_open else "private")
        if kind in (PERSONAL, GROUP):
            listed = self._members.get(recipient_id, set()) if isinstance(recipient_id, int) else set()
            among = [sender, of] if kind == PERSONAL else [sender, *listed]
            ids = sorted({person for person in among if isinstance(person, int)})
            names = ", ".join(self.people.get(person) or str(person) for person in ids)
            return Channel("@" + ",".join(map(str, ids)), names or "unnamed", "direct", has_topics=False)
        return Channel("unknown", "unknown", "private")


def read(path: Path) -> Iterator[Passage]:
    """Yield the messages of an export, one of its message files in memory at a time; a topic is a thread.

    Open streams are public, those by invitation private. Words quoted from a message of the export are left out of
    the message that quotes them; the bot that tells of events is nobody.

    Raises
    ------
    BadInput
        Where there is no export, it is damaged or made to harm, or a message has neither id nor time.
    """
    with members_of(Path(path), BOUNDS, MEND) as members:
        root = _root(members)
        realm = Realm(_table(members, f"{root}realm.json"))
        ids: set[int] = set()
        for name in _message_files(members, root):
            for place, message in enumerate(_rows(_table(members, name), "zerver_message"), start=1):
                where = f"member {name!r}, message {place}"
                passage = _passage(members.path, where, message, realm, ids)
                if passage is not None:
                    yield passage


def deleted(path: Path) -> Iterator[str]:
    """Yield the anchors of messages whose words were deleted; those that went whole are not in an export."""
    with members_of(Path(path), BOUNDS, MEND) as members:
        root = _root(members)
        realm = Realm(_table(members, f"{root}realm.json"))
        for name in _message_files(members, root):
            for message in _rows(_table(members, name), "zerver_message"):
                number = _id(message.get("id"))
                if number is not None and _is_deleted(message):
                    channel = realm.channel(message.get("recipient"), _id(message.get("sender")))
                    yield f"zulip:{channel.name}/{number}"


def _root(members: Members) -> str:
    """Folder inside the export that holds realm.json."""
    found = [name for name in members.names() if name.rpartition("/")[2] == "realm.json"]
    if not found:
        raise BadInput(members.path, None, "holds no realm.json", MEND)
    shallowest = min(found, key=lambda name: (name.count("/"), name))
    return shallowest.removesuffix("realm.json")


def _message_files(members: Members, root: str) -> list[str]:
    files = [name for name in members.names() if name.startswith(root) and MESSAGES.fullmatch(name.removeprefix(root))]
    if not files:
        raise BadInput(members.path, None, "holds no messages-000001.json", MEND)
    members.require_bounds([f"{root}realm.json", *files])
    return files


def _table(members: Members, name: str) -> Mapping[str, Any]:
    found = parsed(members, name, content(members, name, MEND), MEND)
    if not isinstance(found, Mapping):
        raise BadInput(members.path, f"member {name!r}", f"is a {type(found).__name__}, not an object", MEND)
    return found


def _passage(path: Path, where: str, message: Mapping[str, Any], realm: Realm, ids: set[int]) -> Passage | None:
    number, sent, sender = _id(message.get("id")), message.get("date_sent"), _id(message.get("sender"))
    if number is None or not isinstance(sent, int | float) or not 0 < sent < 4_102_444_800:
        raise BadInput(path, where, "has no id, or no date_sent in seconds", MEND)
    text = "" if _is_deleted(message) else message_text(str(message.get("content") or ""), ids)
    is_first = number not in ids  # a message stands twice where files of two exports were put together
    ids.add(number)
    if not text or not is_first or sender in realm.bots:
        return None
    channel = realm.channel(message.get("recipient"), sender)
    topic = one_line(str(message.get("subject") or "").removeprefix(RESOLVED)) if channel.has_topics else None
    return Passage(
        anchor=f"zulip:{channel.name}/{number}",
        text=text,
        kind="zulip",
        author=realm.people.get(sender),
        time=datetime.fromtimestamp(sent, UTC),
        thread=f"{channel.name}>{topic}" if topic else None,
        title=f"{channel.title} > {topic}" if topic else channel.title,
        visibility=channel.visibility,
        edited=_edited(message),
    )


def _is_deleted(message: Mapping[str, Any]) -> bool:
    """Zulip writes this where a writer left no word of a message."""
    return str(message.get("content")).strip() == "(deleted)"


def _edited(message: Mapping[str, Any]) -> bool:
    """Whether the words changed; a message that was only moved to another topic was not edited."""
    history = message.get("edit_history")
    if history:
        return "prev_content" in str(history)
    return message.get("last_edit_time") is not None


def _rows(table: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = table.get(name)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _has_id(row: Mapping[str, Any]) -> bool:
    return _id(row.get("id")) is not None


def _id(value: object) -> int | None:
    """A number as databases give them, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _tells_of_events(person: Mapping[str, Any]) -> bool:
    return any(TELLS_OF_EVENTS.match(str(person.get(key))) for key in ("email", "delivery_email"))


SOURCE = Source("zulip", read, deleted=deleted, states_access=True)
