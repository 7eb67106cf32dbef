"""Mail → one passage per message: its writer's own words, threaded by References and In-Reply-To."""

import email.errors
import email.policy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path

from sonde.decisions.sources.mail_text import body_text, own_words
from sonde.decisions.sources.mailboxes import MEND, RawMail, line_of, raw_mails
from sonde.decisions.sources.protocol import Source
from sonde.decisions.sources.readable import readable
from sonde.errors import BadInput
from sonde.records.decisions import Passage

MESSAGE_ID = re.compile(r"<\s*([^<>\s]+)\s*>")
# What Python's header parser is known to raise on headers that no standard allows.
HEADER_FAULTS = (ValueError, IndexError, AttributeError, LookupError, TypeError, email.errors.MessageError)


@dataclass(frozen=True)
class Threads:
    """Which mail answers which, as the headers say."""

    here: Mapping[str, str | None]
    """Parent of every mail in the mailbox."""
    mentioned: Mapping[str, str]
    """Parents that References gives to mails which may be missing."""

    def root(self, message_id: str) -> str:
        """Follow parents to the first mail that is known of; a circle ends where it closes."""
        seen = {message_id}
        while (parent := self.here.get(message_id) or self.mentioned.get(message_id)) and parent not in seen:
            seen.add(parent)
            message_id = parent
        return message_id

    def parent_is_here(self, message_id: str) -> bool:
        """Tell whether the mail that this one answers is in the mailbox itself."""
        return self.here.get(message_id) in self.here


def read(path: Path) -> Iterator[Passage]:
    """Yield the mails of an mbox, a Maildir, an .eml file or a folder of them; the headers are read first, for threads.

    Lines quoted from a mail that is in the mailbox are left out; where it is not, they are all that is left of it and
    stay. A mail that came through a list is public, another private. One without Message-ID is anchored by its line.

    Raises
    ------
    BadInput
        Where no mail is there, or one cannot be read: it is named by its number.
    """
    path = Path(path)
    threads = _threads(path)
    seen: set[str] = set()
    for raw in raw_mails(path):
        passage = _passage(path, raw, threads)
        if passage is not None and passage.anchor not in seen:  # a copy in a second folder is the same mail
            seen.add(passage.anchor)
            yield passage


def _threads(path: Path) -> Threads:
    parser = BytesHeaderParser(policy=email.policy.compat32)
    here: dict[str, str | None] = {}
    mentioned: dict[str, str] = {}
    for raw in raw_mails(path):
        header = parser.parsebytes(raw.payload)
        message_id = _first_id(header["Message-ID"])
        ids = _ids(header["References"]) or _ids(header["In-Reply-To"])[:1]
        ids = [known for known in ids if known != message_id]
        mentioned.update(zip(ids[1:], ids, strict=False))
        if message_id:
            here[message_id] = ids[-1] if ids else None
    return Threads(here, mentioned)


def _passage(path: Path, raw: RawMail, threads: Threads) -> Passage | None:
    """Return one mail as a passage, or None where its writer added no word."""
    try:
        message = message_from_bytes(raw.payload, policy=email.policy.default)
        text = body_text(message)
        author, subject = _author(message), _header(message, "Subject")
    except HEADER_FAULTS as broken:
        raise BadInput(path, _place(raw), f"cannot be read ({broken!r})", MEND) from broken
    raw_headers = {key.lower(): str(value) for key, value in reversed(list(message.raw_items()))}
    if not author and not subject and "date" not in raw_headers:
        raise BadInput(path, _place(raw), "has neither From, Subject nor Date", MEND)
    message_id = _first_id(raw_headers.get("message-id"))
    if message_id is None or threads.parent_is_here(message_id):
        text = own_words(text)
    if not text:
        return None
    return Passage(
        anchor=f"mail:{message_id}" if message_id else f"file:{raw.file}#line={line_of(path, raw)}",
        text=text,
        kind="mail",
        author=author,
        time=_time(raw_headers.get("date")),
        thread=f"mail:{threads.root(message_id)}" if message_id else None,
        title=subject,
        visibility="public" if "list-id" in raw_headers or "list-post" in raw_headers else "private",
    )


def _place(raw: RawMail) -> str:
    return f"message {raw.number} ({raw.file})"


def _author(message: EmailMessage) -> str | None:
    name, address = parseaddr(_header(message, "From") or "")
    return name or address or None


def _header(message: EmailMessage, name: str) -> str | None:
    value = message[name]
    return " ".join(readable(str(value)).split()) or None if value is not None else None


def _time(date: str | None) -> datetime | None:
    """Read a Date header as UTC; `-0000` means UTC from an unknown zone (RFC 5322, 3.3)."""
    try:
        time = parsedate_to_datetime(date or "")
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _ids(header: object) -> list[str]:
    return MESSAGE_ID.findall(str(header or ""))


def _first_id(header: object) -> str | None:
    """Return a Message-ID without its angle brackets, which some programs leave out."""
    ids = _ids(header)
    bare = str(header or "").strip()
    return ids[0] if ids else bare if "@" in bare and not re.search(r"[\s<>]", bare) else None


SOURCE = Source("mail", read)
