"""Mail → one passage per message: its writer's own words, threaded by References and In-Reply-To."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from sonde.decisions.sources import mail_headers
from sonde.decisions.sources.mail_text import body_text, own_words
from sonde.decisions.sources.mail_threads import Threads
from sonde.decisions.sources.mailboxes import MEND, RawMail, raw_mails
from sonde.decisions.sources.once import Once
from sonde.decisions.sources.protocol import Source
from sonde.decisions.sources.readable import readable
from sonde.errors import BadInput
from sonde.records.decisions import Identity, Passage


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
    seen = Once()
    for raw in raw_mails(path):
        passage = _passage(path, raw, threads)
        if passage is not None and seen.is_new(passage.anchor):  # a copy in a second folder is the same mail
            yield passage


def people(path: Path) -> Iterator[Identity]:
    """Yield every sender once."""
    fields = {mail_headers.headers_of(raw.payload).get("from") for raw in raw_mails(Path(path))}
    yield from filter(None, map(mail_headers.sender, sorted(field for field in fields if field)))


def _threads(path: Path) -> Threads:
    threads = Threads()
    for raw in raw_mails(path):
        header = mail_headers.headers_of(raw.payload)
        message_id = _message_id(header)
        threads.add(message_id, _answered(header, message_id))
    return threads


def _passage(path: Path, raw: RawMail, threads: Threads) -> Passage | None:
    """Return one mail as a passage, or None where its writer added no word."""
    header = mail_headers.headers_of(raw.payload)
    if not header.keys() & {"from", "subject", "date"}:
        raise BadInput(path, f"message {raw.number} ({raw.file})", "has neither From, Subject nor Date", MEND)
    text = body_text(header, raw.payload)
    message_id = _message_id(header)
    before = _answered(header, message_id)
    if before and before[-1] in threads:
        text = own_words(text)
    if not text:
        return None
    first = message_id or (before[-1] if before else None)
    return Passage(
        anchor=f"mail:{message_id}" if message_id else f"file:{_in_anchor(raw.file)}#line={raw.line}",
        text=text,
        kind="mail",
        author=mail_headers.author(header.get("from")),
        time=mail_headers.time(header.get("date")),
        thread=f"mail:{threads.root(first)}" if first else None,
        title=mail_headers.words(header.get("subject")),
        visibility="public" if header.keys() & {"list-id", "list-post"} else "private",
    )


def _message_id(header: Mapping[str, str]) -> str | None:
    return mail_headers.first_id(header.get("message-id"))


def _answered(header: Mapping[str, str], message_id: str | None) -> list[str]:
    """Ids of the mails before this one in its thread, the one that it answers last."""
    known = mail_headers.ids(header.get("references")) or mail_headers.ids(header.get("in-reply-to"))[:1]
    return [other for other in known if other != message_id]


def _in_anchor(name: str) -> str:
    return readable(name).replace("#", "_").replace("\n", "_")


SOURCE = Source("mail", read, people=people)
