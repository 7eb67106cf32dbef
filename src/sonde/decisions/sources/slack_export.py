"""What a Slack export says besides the messages: who is who, and which file belongs to which conversation.

Read are the zip that Slack makes (slack.com/help 220556107), the same unpacked, the folders and zips that slackdump
writes as an export (the same files), and those that it writes as a dump (one file per conversation, named by its id,
with the replies inside the message they answer).
"""

import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sonde.decisions.sources.archives import Bounds
from sonde.decisions.sources.members import Members, content, parsed
from sonde.decisions.sources.readable import one_line, readable
from sonde.errors import BadInput
from sonde.records.decisions import Identity, Visibility

log = logging.getLogger(__name__)

LISTINGS: tuple[tuple[str, Visibility], ...] = (
    ("channels", "public"),
    ("groups", "private"),
    ("mpims", "direct"),
    ("dms", "direct"),
)
DAY = re.compile(r"\d{4}-\d\d-\d\d\.json")
DUMP = re.compile(r"(?P<id>[CDG][A-Z0-9]{6,})(?:-\d+\.\d+)?\.json")
MEND = "Download the export again from Slack (Settings → Import/export data) and give the zip as it came."
BOUNDS = Bounds()
Message = Mapping[str, Any]


@dataclass(frozen=True)
class Conversation:
    """A channel, group or direct conversation: the name that anchors carry, and who can read it."""

    name: str
    visibility: Visibility
    title: str
    pins: frozenset[str] = frozenset()
    """Time stamps of the messages that are pinned to it."""


class Export:
    """One export, of which one file of messages is in memory at a time."""

    def __init__(self, members: Members) -> None:
        self.members = members
        self.path = members.path
        self._names_of_files = frozenset(members.names())
        self.root = self._root()
        below = [name for name in self._names_of_files if name.startswith(self.root) and name.endswith(".json")]
        members.require_bounds(below)
        self.names = self._names()
        self._known = self._conversations()

    def _root(self) -> str:
        """Folder inside the export that holds the listings: some people pack an unpacked export again."""
        listing = {f"{name}.json" for name, _ in LISTINGS}
        bare = [name for name in self._names_of_files if not name.startswith("__MACOSX")]
        roots = {name.rpartition("/")[0] for name in bare if name.rpartition("/")[2] in listing}
        roots = roots or {name.rpartition("/")[0] for name in bare if DUMP.fullmatch(name.rpartition("/")[2])}
        if not roots:
            raise BadInput(self.path, None, "holds none of channels.json, groups.json, mpims.json, dms.json", MEND)
        shallowest = min(roots, key=lambda root: (root.count("/"), len(root), root))
        return f"{shallowest}/" if shallowest else ""

    def raw(self, name: str) -> bytes:
        """Return the bytes of a file of messages, for a first look at what it holds."""
        return content(self.members, name, MEND)

    def messages(self, name: str) -> list[Any]:
        """Parse a file of messages; of a dump, replies follow the message they answer."""
        items = parsed(self.members, name, self.raw(name), MEND)
        if isinstance(items, Mapping) and isinstance(items.get("messages"), list):
            return [message for item in items["messages"] for message in _with_replies(item)]
        if not isinstance(items, list):
            raise BadInput(self.path, f"member {name!r}", f"is a {type(items).__name__}, not a list", MEND)
        return items

    def conversations(self) -> Iterator[tuple[Conversation, list[str]]]:
        """Yield each conversation with its files of messages, in order of time."""
        files: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self._names_of_files):
            folder, _, file = name.removeprefix(self.root).rpartition("/")
            if not name.startswith(self.root):
                continue
            if folder and "/" not in folder and DAY.fullmatch(file):
                files[folder].append(name)
            elif not folder and (dump := DUMP.fullmatch(file)):
                files[dump["id"]].append(name)
        for folder in sorted(files):
            yield self._conversation(folder, files[folder]), files[folder]

    def _conversation(self, folder: str, files: list[str]) -> Conversation:
        if folder in self._known:
            return self._known[folder]
        log.warning("%s: no listing names the folder %r; it counts as private", self.path, folder)
        visibility: Visibility = "direct" if folder.startswith("D") and DUMP.fullmatch(f"{folder}.json") else "private"
        name = _in_anchor(self._stated_name(files[0]) or folder)
        return Conversation(name, visibility, name)

    def _stated_name(self, name: str) -> str | None:
        """The channel's name as a dump gives it beside the messages."""
        if not DUMP.fullmatch(name.rpartition("/")[2]):
            return None
        items = parsed(self.members, name, self.raw(name), MEND)
        stated = items.get("name") if isinstance(items, Mapping) else None
        return stated if isinstance(stated, str) else None

    def _listing(self, name: str) -> list[Mapping[str, Any]]:
        member = f"{self.root}{name}.json"
        if member not in self._names_of_files:
            return []
        items = parsed(self.members, member, content(self.members, member, MEND), MEND)
        if not isinstance(items, list):
            raise BadInput(self.path, f"member {member!r}", f"is a {type(items).__name__}, not a list", MEND)
        return [item for item in items if isinstance(item, Mapping)]

    def people(self) -> Iterator[Identity]:
        """Yield the accounts: the name that is shown, the address, the user name."""
        for user in self._users():
            handle = one_line(user.get("name")) or one_line(user.get("id"))
            yield Identity(_user_name(user), one_line(_profile(user).get("email")), handle)
            if shown := one_line(_profile(user).get("display_name")):
                yield Identity(shown, one_line(_profile(user).get("email")), handle)

    def _users(self) -> list[Mapping[str, Any]]:
        return [*self._listing("org_users"), *self._listing("users")]

    def _names(self) -> dict[str, str]:
        users = self._users()
        names = {str(user["id"]): _user_name(user) for user in users if user.get("id")}
        bots = {str(_profile(user)["bot_id"]): _user_name(user) for user in users if _profile(user).get("bot_id")}
        channels = {
            str(item.get("id")): _in_anchor(str(item["name"])) for item in self._listing("channels") if item.get("name")
        }
        return {**bots, **names, **channels}

    def _conversations(self) -> dict[str, Conversation]:
        """Conversations by the name of their folder and by their id."""
        found = {}
        for listing, visibility in LISTINGS:
            for item in self._listing(listing):
                folder = str(item.get("name") or item.get("id"))
                name = _in_anchor(folder)
                who = _visibility(item, visibility)
                members = [self.names.get(str(member), str(member)) for member in _items(item.get("members"))]
                title = ", ".join(members) if who == "direct" and members else name
                pins = frozenset(str(pin.get("id")) for pin in _items(item.get("pins")) if isinstance(pin, Mapping))
                conversation = Conversation(name, who, title, pins)
                found.update({str(key): conversation for key in (item.get("id"), folder) if key})
        return found


def _visibility(item: Mapping[str, Any], listed_as: Visibility) -> Visibility:
    """What the listing says, unless the conversation itself says that fewer people read it."""
    if item.get("is_im") is True or item.get("is_mpim") is True:
        return "direct"
    return "private" if item.get("is_private") is True and listed_as == "public" else listed_as


def _in_anchor(name: str) -> str:
    """A name as it may stand in an anchor: those that Slack gives stay as they are."""
    return re.sub(r"[/\s]+", "-", readable(name)) or "unnamed"


def _with_replies(message: Any) -> Iterator[Any]:
    yield message
    if isinstance(message, Mapping):
        yield from _items(message.get("slackdump_thread_replies"))


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _profile(user: Mapping[str, Any]) -> Mapping[str, Any]:
    profile = user.get("profile")
    return profile if isinstance(profile, Mapping) else {}


def _user_name(user: Mapping[str, Any]) -> str:
    profile = _profile(user)
    candidates = (profile.get("real_name"), user.get("real_name"), profile.get("display_name"), user.get("name"))
    return next(filter(None, map(one_line, filter(None, candidates))), None) or one_line(user.get("id")) or "unnamed"
