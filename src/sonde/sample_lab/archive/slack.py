"""A Slack export: one zip with users, channels, and one JSON file per channel and day."""

import html
import json
import random
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sonde.sample_lab.people import Person
from sonde.sample_lab.plan import LabPlan
from sonde.sample_lab.talk import Conversation, Placed

STAMP = (2024, 1, 1, 0, 0, 0)
"""Time of every member of the zip, so that the same talk gives the same bytes."""


def write_slack(plan: LabPlan, talk: Sequence[Conversation], path: Path) -> tuple[Placed, ...]:
    """Write the export and return where the planted lines stand."""
    rng, days, placed = plan.rng("slack"), defaultdict[tuple[str, str], list[dict[str, Any]]](list), []
    taken: set[str] = set()
    for conversation in talk:
        stamps = [_timestamp(line.time, taken, rng) for line in conversation.lines]
        for line, ts in zip(conversation.lines, stamps, strict=True):
            message = _message(line.speaker, line.text, ts) | _thread(stamps, ts, conversation)
            days[conversation.place, line.time.strftime("%Y-%m-%d")].append(message)
            if conversation.about:
                placed.append(Placed(conversation.about, line, "slack", f"slack:{conversation.place}/{ts}"))
    with zipfile.ZipFile(path, "w") as export:
        _add(export, "users.json", [_user(person) for person in plan.people])
        for listing, channels in _listings(plan, talk).items():
            _add(export, listing, channels)
        for (channel, day), messages in sorted(days.items()):
            _add(export, f"{channel}/{day}.json", sorted(messages, key=lambda message: message["ts"]))
    return tuple(placed)


def _listings(plan: LabPlan, talk: Sequence[Conversation]) -> dict[str, list[dict[str, Any]]]:
    """Conversations by the file that lists them: public channels always, the others where there are any."""
    places = sorted({(conversation.place, conversation.visibility) for conversation in talk})
    public = [_channel(plan, place) for place, who in places if who == "public"]
    private = [_channel(plan, place) | {"is_private": True} for place, who in places if who == "private"]
    pair = [person.slack_id for person in plan.people[:2]]
    direct = [{"id": place, "members": pair} for place, who in places if who == "direct"]
    listings = {"channels.json": public, "groups.json": private, "dms.json": direct}
    return {name: listed for name, listed in listings.items() if listed or name == "channels.json"}


def _add(export: zipfile.ZipFile, name: str, record: object) -> None:
    member = zipfile.ZipInfo(name, STAMP)
    member.compress_type = zipfile.ZIP_DEFLATED
    export.writestr(member, json.dumps(record, ensure_ascii=False))


def _timestamp(time: datetime, taken: set[str], rng: random.Random) -> str:
    while True:
        ts = f"{int(time.timestamp())}.{rng.randrange(1_000_000):06d}"
        if ts not in taken:
            taken.add(ts)
            return ts


def _message(speaker: Person, text: str, ts: str) -> dict[str, Any]:
    """Slack escapes &, < and > in its exports."""
    profile = {"real_name": speaker.name, "display_name": speaker.handle}
    return {
        "type": "message",
        "user": speaker.slack_id,
        "text": html.escape(text, quote=False),
        "ts": ts,
        "user_profile": profile,
    }


def _thread(stamps: Sequence[str], ts: str, conversation: Conversation) -> dict[str, Any]:
    """Long conversations are threads; two lines stand in the channel one after the other."""
    if len(stamps) < 3:
        return {}
    root = {"reply_count": len(stamps) - 1, "reply_users_count": len({line.speaker for line in conversation.lines[1:]})}
    return {"thread_ts": stamps[0]} | (root if ts == stamps[0] else {})


def _user(person: Person) -> dict[str, Any]:
    profile = {"real_name": person.name, "display_name": person.handle, "email": person.email}
    return {
        "id": person.slack_id,
        "name": person.handle,
        "real_name": person.name,
        "deleted": False,
        "profile": profile,
    }


def _channel(plan: LabPlan, name: str) -> dict[str, Any]:
    ident = "C" + "".join(random.Random(f"{plan.seed} {name}").choices("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", k=10))
    return {
        "id": ident,
        "name": name,
        "created": int(datetime.combine(plan.calendar.start, datetime.min.time()).timestamp()),
        "creator": plan.people[0].slack_id,
        "is_archived": False,
        "is_general": name == "general",
        "members": [person.slack_id for person in plan.people],
        "topic": {"value": ""},
        "purpose": {"value": ""},
    }
