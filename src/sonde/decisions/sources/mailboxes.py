"""Where mails lie: mbox files, Maildirs, .eml files → numbered raw messages, one in memory at a time."""

import mailbox
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sonde.errors import BadInput

MEND = "Give an mbox file, a Maildir, an .eml file or a folder of them, as the mail program exports it."
ESCAPED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
HEADER = re.compile(rb"[!-9;-~]{1,70}:[ \t\r\n]")


@dataclass(frozen=True)
class RawMail:
    """The bytes of one mail, and its place: a file name and a line where it begins."""

    number: int
    """In the mailbox, from 1."""
    file: str
    line: int | None
    """None: to be counted, see `line_of`."""
    payload: bytes


def raw_mails(path: Path) -> Iterator[RawMail]:
    """Yield the mails of a mailbox in its order.

    Raises
    ------
    BadInput
        Where no mail is there.
    """
    path = Path(path)
    if not path.exists():
        raise BadInput(path, None, "does not exist", MEND)
    if path.is_dir():
        return _folder(path)
    with path.open("rb") as stream:
        head = stream.read(4096)
    if head.startswith(b"From "):
        return _mbox(path)
    if HEADER.match(head.removeprefix(b"\xef\xbb\xbf")):
        return iter([RawMail(1, path.name, 1, path.read_bytes().removeprefix(b"\xef\xbb\xbf"))])
    raise BadInput(path, None, "is neither an mbox (it does not begin with 'From ') nor a mail with headers", MEND)


def _mbox(path: Path) -> Iterator[RawMail]:
    box = mailbox.mbox(path, create=False)
    try:
        for number, key in enumerate(box.iterkeys(), start=1):
            yield RawMail(number, path.name, None, ESCAPED_FROM.sub(rb"\1", box.get_bytes(key)))
    finally:
        box.close()


def _folder(path: Path) -> Iterator[RawMail]:
    if (path / "cur").is_dir():
        files = [file for part in ("cur", "new") for file in sorted((path / part).glob("*")) if file.is_file()]
    else:
        files = sorted(file for file in path.rglob("*.eml") if file.is_file() and not file.is_symlink())
    if not files:
        raise BadInput(path, None, "holds no mail", MEND)
    for number, file in enumerate(files, start=1):
        yield RawMail(number, file.relative_to(path).as_posix(), 1, file.read_bytes())


def line_of(path: Path, mail: RawMail) -> int:
    """Line of the mailbox file where a mail begins (mbox: its `From ` line)."""
    if mail.line is not None:
        return mail.line
    begun = 0
    with Path(path).open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            begun += line.startswith(b"From ")
            if begun == mail.number:
                return number
    raise BadInput(path, f"message {mail.number}", "has gone while it was read", MEND)
