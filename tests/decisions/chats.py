"""Mattermost and Zulip exports as their servers write them: small builders with fixed people and dates, for tests."""

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.decisions.build import BEGIN

Line = dict[str, Any]


def mattermost_ms(hours: float) -> int:
    """Time of a post, hours after BEGIN."""
    return int((BEGIN + timedelta(hours=hours)).timestamp() * 1000)


def wrote(user: str, message: str, hours: float, **facts: Any) -> Line:
    """A reply, or the part of a post that both have."""
    return {"user": user, "type": "", "message": message, "create_at": mattermost_ms(hours), "edit_at": 0, **facts}


def post(user: str, message: str, hours: float, channel: str = "curation", **facts: Any) -> Line:
    """A post of a channel."""
    told = {"team": "lab", "channel": channel, "props": {}, "replies": [], "is_pinned": False}
    return {"type": "post", "post": {**told, **wrote(user, message, hours), **facts}}


def direct_post(user: str, message: str, hours: float, members: Sequence[str] = ("mira", "jonas")) -> Line:
    """A post of a direct conversation."""
    return {"type": "direct_post", "direct_post": {"channel_members": list(members), **wrote(user, message, hours)}}


def mattermost_lines(posts: Sequence[Line]) -> list[Line]:
    """Lines of an export: a team with an open and a closed channel, three people, and posts."""
    channels = [("curation", "O", "Curation of data"), ("steering", "P", "Steering")]
    people = [("mira", "Mira", "Halvorsen"), ("jonas", "", ""), ("ci", "", "")]
    return [
        {"type": "version", "version": 1, "info": {"generator": "mattermost-server", "version": "9.11.0"}},
        {"type": "role", "role": {"name": "channel_user", "permissions": ["read_channel"]}},
        {"type": "team", "team": {"name": "lab", "display_name": "Lab", "type": "I", "allow_open_invite": False}},
        *[
            {"type": "channel", "channel": {"team": "lab", "name": name, "display_name": shown, "type": kind}}
            for name, kind, shown in channels
        ],
        *[
            {
                "type": "user",
                "user": {"username": name, "email": f"{name}@lab.example", "first_name": first, "last_name": last},
            }
            for name, first, last in people
        ],
        *posts,
    ]


def mattermost_file(path: Path, posts: Sequence[Line]) -> Path:
    """Write an export as one file of lines, or as the zip that `mmctl export` gives."""
    text = "".join(json.dumps(line) + "\n" for line in mattermost_lines(posts))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("import.jsonl", text)
            archive.writestr("data/20241008/teams/lab/plot.png", b"\x89PNG")
        return path
    path.write_text(text, encoding="utf-8")
    return path


REALM: dict[str, Any] = {
    "zerver_realm": [{"id": 2, "string_id": "lab", "name": "Lab"}],
    "zerver_userprofile": [
        {"id": 11, "full_name": "Mira Halvorsen", "delivery_email": "mira@lab.example", "is_bot": False},
        {"id": 12, "full_name": "Jonas", "delivery_email": "jonas@lab.example", "is_bot": False},
        {"id": 13, "full_name": "Ada", "delivery_email": "ada@lab.example", "is_bot": False},
    ],
    "zerver_userprofile_crossrealm": [
        {"id": 5, "full_name": "Notification Bot", "email": "notification-bot@zulip.com"}
    ],
    "zerver_stream": [
        {"id": 21, "name": "ml potential/data", "invite_only": False, "is_web_public": False},
        {"id": 22, "name": "steering", "invite_only": True},
    ],
    "zerver_recipient": [
        {"id": 31, "type": 2, "type_id": 21},
        {"id": 32, "type": 2, "type_id": 22},
        {"id": 33, "type": 1, "type_id": 12},
        {"id": 34, "type": 3, "type_id": 77},
    ],
    "zerver_subscription": [{"id": n, "user_profile": n - 30, "recipient": 34, "active": True} for n in (41, 42, 43)],
}
OPEN, CLOSED, TO_JONAS, TO_THREE = 31, 32, 33, 34


def zulip_message(number: int, content: str, hours: float, **facts: Any) -> Line:
    """A row of zerver_message."""
    told = {"sender": 11, "recipient": OPEN, "subject": "force cutoff", "rendered_content": f"<p>{content}</p>"}
    when = {"date_sent": (BEGIN + timedelta(hours=hours)).timestamp(), "last_edit_time": None, "edit_history": None}
    return {"id": number, "content": content, **told, **when, **facts}


def zulip_files(messages: Sequence[Line], per_file: int = 2) -> dict[str, str]:
    """Files of an export by name."""
    files = {"lab-export/realm.json": json.dumps(REALM), "lab-export/attachment.json": "{}"}
    for start in range(0, len(messages), per_file):
        rows = {"zerver_message": messages[start : start + per_file], "zerver_usermessage": []}
        files[f"lab-export/messages-{start // per_file + 1:06d}.json"] = json.dumps(rows)
    return files


def zulip_export(path: Path, files: Mapping[str, str]) -> Path:
    """Write an export as a .tar.gz, a zip or a folder, as the name of the path says."""
    if path.name.endswith(".tar.gz"):
        with tarfile.open(path, "w:gz") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, text in files.items():
                packed.writestr(name, text)
    else:
        for name, text in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text, encoding="utf-8")
    return path
