"""Who could read a passage, and whether the project takes it in."""

import re
from typing import Literal
from urllib.parse import unquote

from sonde.records.decisions import Access, Passage

CHAT = re.compile(r"(?:slack|mattermost|zulip):(?P<channel>.+)/[^/]+")
Entry = Literal["in", "private", "excluded"]


def entry(passage: Passage, access: Access) -> Entry:
    """Tell whether a passage comes in, is held back as private or direct, or stands in an excluded channel."""
    if access.excluded_channels and channel_names(passage) & set(access.excluded_channels):
        return "excluded"
    if passage.visibility != "public" and not access.include_private:
        return "private"
    return "in"


def channel_of(passage: Passage) -> str | None:
    """The conversation that an anchor names, else None."""
    match = CHAT.fullmatch(passage.anchor)
    return match["channel"] if match else None


def channel_names(passage: Passage) -> set[str]:
    """Every name by which a person may call a passage's channel, in the form of `plain_name`."""
    channel = channel_of(passage) or ""
    names = {channel, unquote(channel), channel.rpartition(".")[2], passage.title or ""}
    return {plain_name(name) for name in names if name}


def plain_name(channel: str) -> str:
    """A channel's name as it is compared: `#Random` and `~random` are `random`."""
    return channel.strip().lstrip("#~").casefold()
