"""The header of a mail, read as loosely as mail programs write it (RFC 5322, words encoded by RFC 2047)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.utils import parseaddr, parsedate_to_datetime

from sonde.decisions.sources.readable import decoded, one_line
from sonde.records.decisions import Identity

END = re.compile(rb"\r?\n\r?\n|\r\r")
FIELD = re.compile(r"^([!-9;-~]{1,70}):[ \t]*(.*(?:\r?\n[ \t].*)*)", re.MULTILINE)
FOLD = re.compile(r"\r?\n[ \t]+")
MESSAGE_ID = re.compile(r"<\s*([^<>\s]+)\s*>")
LONGEST_HEADER = 1024**2


def headers_of(payload: bytes) -> Mapping[str, str]:
    """Return the first value of every field by its name in lower case; folded lines are joined."""
    fields: dict[str, str] = {}
    for name, value in FIELD.findall(decoded(split_header(payload)[0])):
        fields.setdefault(name.lower(), (FOLD.sub(" ", value) if "\n" in value else value).strip())
    return fields


def split_header(payload: bytes) -> tuple[bytes, bytes]:
    """Part a mail at its first empty line."""
    if payload.startswith((b"\n", b"\r\n")):
        return b"", payload.lstrip(b"\r\n")
    end = END.search(payload, 0, LONGEST_HEADER)
    return (payload[: end.start()], payload[end.end() :]) if end else (payload[:LONGEST_HEADER], b"")


def words(value: str | None) -> str | None:
    """A header as it is shown: encoded words decoded, on one line."""
    if value is None or "=?" not in value:
        return one_line(value)
    try:
        parts = decode_header(value)
    except (HeaderParseError, ValueError):  # base64 that is none
        return one_line(value)
    return one_line("".join(_part(text, charset) for text, charset in parts))


def _part(text: bytes | str, charset: str | None) -> str:
    return text if isinstance(text, str) else decoded(text, charset)


def author(value: str | None) -> str | None:
    """The name in a From field, else the address. The address is parted off first: a name may hold a comma."""
    name, address = parseaddr(value or "")
    return words(name) or words(address)


def sender(value: str | None) -> Identity | None:
    """Name and address of a From field that holds both."""
    name, address = parseaddr(value or "")
    shown = words(name)
    return Identity(shown, address) if shown and "@" in address else None


def time(value: str | None) -> datetime | None:
    """Read a Date header as UTC; `-0000` means UTC from an unknown zone (RFC 5322, 3.3)."""
    try:
        when = parsedate_to_datetime(value or "")
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def ids(value: str | None) -> list[str]:
    """All Message-IDs in a field."""
    return MESSAGE_ID.findall(value or "")


def first_id(value: str | None) -> str | None:
    """Return a Message-ID without its angle brackets, which some programs leave out."""
    found = ids(value)
    bare = (value or "").strip()
    return found[0] if found else bare if "@" in bare and not re.search(r"[\s<>]", bare) else None
