"""Exports as the programs of a lab write them: small builders with fixed authors and dates, for tests."""

import json
import os
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

BEGIN = datetime(2024, 10, 8, 9, 0, tzinfo=UTC)
USERS = [
    {"id": "U1", "name": "mira", "profile": {"real_name": "Mira Halvorsen", "email": "mira@lab.example"}},
    {"id": "U2", "name": "jonas", "profile": {"display_name": "jonas"}},
    {"id": "U3", "name": "jobbot", "is_bot": True, "profile": {"real_name": "Job Bot", "bot_id": "B1"}},
]


def slack_ts(hours: float, microseconds: int = 100) -> str:
    """Time stamp of a message, hours after BEGIN."""
    return f"{(BEGIN + timedelta(hours=hours)).timestamp():.0f}.{microseconds:06d}"


def said(user: str, text: str, hours: float, **facts: Any) -> dict[str, Any]:
    """One message of a Slack export."""
    return {"type": "message", "user": user, "text": text, "ts": slack_ts(hours), **facts}


def slack_zip(
    path: Path,
    messages: Mapping[str, Sequence[Mapping[str, Any]]],
    listings: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> Path:
    """Write a Slack export: messages by folder, cut into day files by their time stamps.

    Without listings every folder is a public channel.
    """
    public = [{"id": f"C{number}", "name": name} for number, name in enumerate(messages)]
    listed = {"channels": public} if listings is None else listings
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, items in {"users": USERS, **listed}.items():
            archive.writestr(f"{name}.json", json.dumps(items))
        for folder, of_folder in messages.items():
            days: dict[str, list[Mapping[str, Any]]] = {}
            for message in of_folder:
                day = datetime.fromtimestamp(float(message["ts"]), UTC).date().isoformat()
                days.setdefault(day, []).append(message)
            for day, of_day in days.items():
                archive.writestr(f"{folder}/{day}.json", json.dumps(of_day))
    return path


def mail(author: str, subject: str, text: str, hours: float, **headers: str) -> EmailMessage:
    """One mail; further headers by keyword, underscores for hyphens: message_id, in_reply_to, references."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = author, "group@lab.example", subject
    message["Date"] = format_datetime(BEGIN + timedelta(hours=hours))
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def mbox(path: Path, mails: Sequence[EmailMessage | bytes]) -> Path:
    """Write an mbox (mboxrd: `From ` at the start of a line is escaped)."""
    with path.open("wb") as stream:
        for message in mails:
            payload = message if isinstance(message, bytes) else message.as_bytes()
            lines = [b">" + row if row.lstrip(b">").startswith(b"From ") else row for row in payload.split(b"\n")]
            stream.write(b"From someone@lab.example Tue Oct  8 09:00:00 2024\n" + b"\n".join(lines) + b"\n\n")
    return path


def presentation(path: Path, slides: Sequence[tuple[str, str, str]], *, author: str, time: datetime) -> Path:
    """Write slides given as title, body and speaker notes."""
    import pptx

    deck = pptx.Presentation()
    for title, body, notes in slides:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text, slide.placeholders[1].text = title, body
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
    deck.core_properties.author = author
    deck.core_properties.created = deck.core_properties.modified = time.replace(tzinfo=None)
    deck.save(str(path))
    return path


def notes(folder: Path, documents: Mapping[str, str]) -> Path:
    """Write text files by relative path."""
    for name, text in documents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def git(path: Path, *arguments: str, when: datetime = BEGIN, author: str = "Mira Halvorsen") -> str:
    """Run git in a folder with fixed author, date and no settings of this machine."""
    signed = {"NAME": author, "EMAIL": f"{author.split()[0].lower()}@lab.example", "DATE": when.isoformat()}
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in signed.items()},
    }
    done = subprocess.run(["git", *arguments], cwd=path, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def repository(path: Path) -> Path:
    """Make an empty repository."""
    path.mkdir(parents=True, exist_ok=True)
    git(path, "init", "--quiet", "--initial-branch=main")
    return path


def commit(
    path: Path,
    files: Mapping[str, str | bytes | None],
    message: str,
    *,
    hours: float = 0.0,
    author: str = "Mira Halvorsen",
) -> str:
    """Write files (None: remove), commit them, and return the commit's id."""
    for name, content in files.items():
        file = path / name
        if content is None:
            file.unlink()
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    when = BEGIN + timedelta(hours=hours)
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--allow-empty", "--message", message, when=when, author=author)
    return git(path, "rev-parse", "HEAD")
