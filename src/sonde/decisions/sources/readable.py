"""Text as a reader sees it: one kind of line end, no control characters, nothing that UTF-8 cannot hold."""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path

from sonde.errors import BadInput

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
NO_CHARSETS = frozenset(["unicode_escape", "unicodeescape", "raw_unicode_escape", "idna", "punycode", "undefined"])
"""Codecs of Python that no mail program knows: the first would make other words of those that were written."""
SURROGATE = re.compile("[\ud800-\udfff]")


def readable(text: str) -> str:
    """Return the text without what no reader sees; words and layout stay as they were written."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = SURROGATE.sub("\ufffd", text)
    # Most texts are of printable characters only, which is told in a fraction of the time.
    return (text if text.isprintable() else CONTROL.sub("", text)).strip()


def one_line(text: object) -> str | None:
    """Return a name or title without line ends and blanks around it; None where nothing is left."""
    return None if text is None else " ".join(readable(str(text)).split()) or None


def decoded(payload: bytes, charset: str | None = None) -> str:
    """Decode by the declared charset, else UTF-8, else Windows-1252: the first that fits without loss.

    A declared charset that does not fit, or that nobody knows, is common in old mail; Latin-1 takes every byte.
    """
    for candidate in (charset, "utf-8-sig", "cp1252"):
        if candidate and candidate.lower().replace("-", "_") not in NO_CHARSETS:
            try:
                return payload.decode(candidate)
            except (ValueError, LookupError):
                continue
    return payload.decode("latin-1")


def read_utf8(path: Path) -> str:
    """Read a text file written by hand; one that says by its first bytes that it is UTF-16 is read as such.

    Raises
    ------
    BadInput
        Where the file is not UTF-8; the line is named.
    """
    payload = path.read_bytes()
    if payload.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return payload.decode("utf-16", "replace")
    try:
        return payload.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        line = payload.count(b"\n", 0, broken.start) + 1
        raise BadInput(
            path, f"line {line}", "is not UTF-8 text", f"Convert it: iconv -f latin1 -t utf-8 {path.name} > converted"
        ) from broken
