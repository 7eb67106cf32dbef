"""Where mails lie: mbox files, Maildirs, .eml files → numbered raw messages, one in memory at a time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sonde.decisions.sources.archives import MIB
from sonde.errors import BadInput

MEND = "Give an mbox file, a Maildir, an .eml file or a folder of them, as the mail program exports it."
LONGEST_MAIL = 256 * MIB
LONGEST_LINE = MIB
ESCAPED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
HEADER = re.compile(rb"[!-9;-~]{1,70}:(?:[ \t\r\n]|$)")
SEPARATOR = re.compile(rb"From \S.*\b(?:19|20)\d\d\b")
DATED = re.compile(rb"From \S.*\b[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]?\d \d\d:\d\d.*\b(?:19|20)\d\d\s*$")
"""`From mira@lab.example Tue Oct  8 09:00:00 2024` is always one; what only bears a year must stand above a header, for
sentences begin with `From`, too."""
BOM = b"\xef\xbb\xbf"
GONE = re.compile(r":2,[A-Z]*[DT]")
"""A mail in a Maildir that is a draft, or was thrown away."""
WASTE = re.compile(r"\b(trash|junk|spam|drafts?|papierkorb|entw[uü]rfe|deleted)\b", re.IGNORECASE)


@dataclass(frozen=True)
class RawMail:
    """The bytes of one mail, and its place: a file name and the line where it begins (mbox: its `From ` line)."""

    number: int
    """In the mailbox, from 1."""
    file: str
    line: int
    payload: bytes


def raw_mails(path: Path) -> Iterator[RawMail]:
    """Yield the mails of a mailbox in its order.

    Raises
    ------
    BadInput
        Where no mail is there, or one is larger than an honest one.
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
    if HEADER.match(head.removeprefix(BOM)):
        return iter([_single(path, path.name, 1)])
    raise BadInput(path, None, "is neither an mbox (it does not begin with 'From ') nor a mail with headers", MEND)


def _mbox(path: Path) -> Iterator[RawMail]:
    """A mail begins at a separator that stands first or after an empty line, and before a header."""
    with path.open("rb") as stream:
        number, begun, lines, size = 0, 0, list[bytes](), 0
        before, at, line = b"", 1, stream.readline(LONGEST_LINE)
        while line:
            follows = stream.readline(LONGEST_LINE)
            if line.startswith(b"From ") and (at == 1 or _begins(before, line, follows)):
                if number:
                    yield _mail(path, number, begun, lines)
                number, begun, lines, size = number + 1, at, [], 0
            else:
                lines.append(line)
                size += len(line)
                if size > LONGEST_MAIL:
                    raise _too_large(path, f"message {number}")
            before, line, at = line, follows, at + line.endswith(b"\n")
        yield _mail(path, number, begun, lines)


def _begins(before: bytes, line: bytes, follows: bytes) -> bool:
    if before.strip() or not SEPARATOR.match(line):
        return False
    return bool(DATED.match(line) or HEADER.match(follows))


def _mail(path: Path, number: int, begun: int, lines: list[bytes]) -> RawMail:
    payload = b"".join(lines)
    return RawMail(number, path.name, begun, ESCAPED_FROM.sub(rb"\1", payload))


def _folder(path: Path) -> Iterator[RawMail]:
    boxes = [box for box in (path, *sorted(path.iterdir())) if (box / "cur").is_dir() and not _is_waste(box)]
    if boxes:
        files = [file for box in boxes for part in ("cur", "new") for file in sorted((box / part).glob("*"))]
    else:
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() == ".eml")
    files = [file for file in files if file.is_file() and not file.is_symlink() and not GONE.search(file.name)]
    if not files:
        raise BadInput(path, None, "holds no mail", MEND)
    for number, file in enumerate(files, start=1):
        yield _single(file, file.relative_to(path).as_posix(), number)


def _is_waste(box: Path) -> bool:
    """Whether a folder of a Maildir holds what was thrown away, not asked for, or not sent."""
    return box.is_symlink() or WASTE.search(box.name) is not None


def _single(file: Path, name: str, number: int) -> RawMail:
    if file.stat().st_size > LONGEST_MAIL:
        raise _too_large(file, None)
    return RawMail(number, name, 1, file.read_bytes().removeprefix(BOM))


def _too_large(path: Path, place: str | None) -> BadInput:
    return BadInput(path, place, f"is a mail of more than {LONGEST_MAIL / MIB:.0f} MiB", MEND)
