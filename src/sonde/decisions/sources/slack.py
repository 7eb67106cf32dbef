"""Slack export zip → passages (format: slack.com/help 220556107; fields as mattermost/mmetl and zulip read them)."""

import json
import logging
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sonde.decisions.sources.archives import Bounds, check_sizes, guarded_zip
from sonde.decisions.sources.slack_text import message_text
from sonde.errors import BadInput
from sonde.records.decisions import Passage

log = logging.getLogger(__name__)

Visibility = Literal["public", "private", "direct"]
LISTINGS: tuple[tuple[str, Visibility], ...] = (
    ("channels", "public"),
    ("groups", "private"),
    ("mpims", "direct"),
    ("dms", "direct"),
)
# Topic and purpose changes say what a channel decided; joins, renames and pins are nobody's words.
KEPT_SUBTYPES = frozenset(
    [
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
        "message_changed",
    ]
) | {""}
DAY = re.compile(r"\d{4}-\d\d-\d\d\.json")
TS = re.compile(r"\d{1,11}\.\d{1,9}")
MEND = "Download the export again from Slack (Settings → Import/export data) and give the zip as it came."
BOUNDS = Bounds()


@dataclass(frozen=True)
class Conversation:
    """A channel, group or direct conversation: the name that anchors carry, and who can read it."""

    name: str
    visibility: Visibility
    title: str


def read(path: Path) -> Iterator[Passage]:
    """Yield the messages of an export, conversation by conversation, day by day; one day file is in memory at a time.

    The visibility is the conversation's: public channel, private group, direct message; a folder that no listing
    names counts as private. Joins, renames, pins and deleted messages are left out.

    Raises
    ------
    BadInput
        Where the zip is damaged, made to harm, no export, or holds a day file that is not a list of messages.
    """
    path = Path(path)
    with guarded_zip(path, BOUNDS, MEND) as archive:
        export = _Export(path, archive)
        for folder, days in export.days():
            yield from _conversation(export, export.conversation(folder), days)


class _Export:
    """Listings of one export: who is who, which folder is which conversation."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path, self.archive = path, archive
        self.members = {member.filename: member for member in archive.infolist() if not member.is_dir()}
        self.root = self._root()
        read_members = [m for name, m in self.members.items() if name.startswith(self.root) and name.endswith(".json")]
        check_sizes(path, read_members, BOUNDS, MEND)
        self.names = self._names()
        self.conversations = self._conversations()

    def _root(self) -> str:
        """Folder inside the zip that holds the listings: some people pack an unpacked export again."""
        listing = {f"{name}.json" for name, _ in LISTINGS}
        roots = {name.rpartition("/")[0] for name in self.members if name.rpartition("/")[2] in listing}
        roots = {root for root in roots if not root.startswith("__MACOSX")}
        if not roots:
            raise BadInput(self.path, None, "holds none of channels.json, groups.json, mpims.json, dms.json", MEND)
        shallowest = min(roots, key=lambda root: (root.count("/"), len(root), root))
        return f"{shallowest}/" if shallowest else ""

    def load(self, name: str) -> list[Any]:
        """Parse one member that must be a JSON list."""
        try:
            items = json.loads(self.archive.read(self.members[name]))
        except (ValueError, RecursionError) as broken:
            raise BadInput(self.path, f"member {name!r}", f"is not JSON ({broken})", MEND) from broken
        except (zipfile.BadZipFile, EOFError, OSError) as broken:
            raise BadInput(self.path, f"member {name!r}", f"is damaged ({broken})", MEND) from broken
        if not isinstance(items, list):
            raise BadInput(self.path, f"member {name!r}", f"is a {type(items).__name__}, not a list", MEND)
        return items

    def listing(self, name: str) -> list[Mapping[str, Any]]:
        member = f"{self.root}{name}.json"
        items = self.load(member) if member in self.members else []
        return [item for item in items if isinstance(item, Mapping)]

    def _names(self) -> dict[str, str]:
        users = [*self.listing("org_users"), *self.listing("users")]
        names = {str(user["id"]): _user_name(user) for user in users if user.get("id")}
        bots = {str(_profile(user)["bot_id"]): _user_name(user) for user in users if _profile(user).get("bot_id")}
        channels = {str(item["id"]): str(item["name"]) for item in self.listing("channels") if item.get("name")}
        return {**bots, **names, **channels}

    def _conversations(self) -> dict[str, Conversation]:
        found = {}
        for listing, visibility in LISTINGS:
            for item in self.listing(listing):
                folder = str(item.get("name") or item.get("id"))
                members = [self.names.get(str(member), str(member)) for member in item.get("members") or ()]
                title = ", ".join(members) if visibility == "direct" and members else folder
                found[folder] = Conversation(folder, visibility, title)
        return found

    def conversation(self, folder: str) -> Conversation:
        if folder not in self.conversations:
            log.warning("%s: no listing names the folder %r; it counts as private", self.path, folder)
        return self.conversations.get(folder, Conversation(folder, "private", folder))

    def days(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each conversation's folder with its day files in order of time."""
        folders: dict[str, list[str]] = defaultdict(list)
        for name in self.members:
            folder, _, day = name.removeprefix(self.root).rpartition("/")
            if name.startswith(self.root) and folder and "/" not in folder and DAY.fullmatch(day):
                folders[folder].append(name)
        for folder in sorted(folders):
            yield folder, sorted(folders[folder])


def _profile(user: Mapping[str, Any]) -> Mapping[str, Any]:
    profile = user.get("profile")
    return profile if isinstance(profile, Mapping) else {}


def _user_name(user: Mapping[str, Any]) -> str:
    profile = _profile(user)
    candidates = (profile.get("real_name"), user.get("real_name"), profile.get("display_name"), user.get("name"))
    return next((str(name) for name in candidates if name), str(user.get("id")))


def _conversation(export: _Export, conversation: Conversation, days: list[str]) -> Iterator[Passage]:
    seen: set[str] = set()  # the same message may stand in two day files, where a broadcast repeats a reply
    for day in days:
        for ordinal, message in enumerate(export.load(day), start=1):
            if not isinstance(message, Mapping):
                raise BadInput(export.path, f"member {day!r}, message {ordinal}", "is not a JSON object", MEND)
            ts = _ts(export.path, day, ordinal, message)
            passage = _passage(message, ts, conversation, export.names)
            if passage is not None and ts not in seen:
                seen.add(ts)
                yield passage


def _ts(path: Path, day: str, ordinal: int, message: Mapping[str, Any]) -> str:
    ts = str(message.get("ts"))
    if not TS.fullmatch(ts):
        place = f"member {day!r}, message {ordinal}"
        raise BadInput(path, place, f"has no time stamp of the form 1728400000.000100, but {ts!r}", MEND)
    return ts


def _passage(
    message: Mapping[str, Any], ts: str, conversation: Conversation, names: Mapping[str, str]
) -> Passage | None:
    """Return the message as a passage, or None where nobody wrote anything."""
    subtype = message.get("subtype") or ""
    if subtype not in KEPT_SUBTYPES:
        return None
    inner = message.get("message")
    written = inner if subtype == "message_changed" and isinstance(inner, Mapping) else message
    text = message_text(written, names)
    if not text:
        return None
    thread = written.get("thread_ts")
    return Passage(
        anchor=f"slack:{conversation.name}/{ts}",
        text=text,
        kind="slack",
        author=_author(written, names),
        time=datetime.fromtimestamp(float(ts), UTC),
        thread=f"{conversation.name}/{thread}" if thread else None,
        title=conversation.title,
        visibility=conversation.visibility,
    )


def _author(message: Mapping[str, Any], names: Mapping[str, str]) -> str | None:
    comment = message.get("comment")
    user = message.get("user") or (comment.get("user") if isinstance(comment, Mapping) else None)
    if user in names:
        return names[str(user)]
    for name in _given_names(message):
        if name:
            return str(name)
    return names.get(str(message.get("bot_id")))


def _given_names(message: Mapping[str, Any]) -> Iterator[object]:
    """Names that the message itself carries, for users and bots that users.json lacks."""
    for key in ("user_profile", "bot_profile"):
        profile = message.get(key)
        if isinstance(profile, Mapping):
            yield profile.get("real_name") or profile.get("name")
    yield message.get("username")
