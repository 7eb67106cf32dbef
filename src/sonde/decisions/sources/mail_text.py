"""The body of a mail as its writer typed it: HTML as text, and what is quoted from the mail before told apart."""

import base64
import quopri
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email import message_from_bytes
from email.message import Message
from html.parser import HTMLParser

from sonde.decisions.sources.mail_headers import split_header
from sonde.decisions.sources.readable import decoded, readable

QUOTED = re.compile(r"\s{0,3}>")
WROTE = re.compile(
    r"(On|Am|Le|El|Il|Op)\b.{5,200}(wrote|schrieb|a écrit|escribió|ha scritto|schreef)\b.{0,100}:\s*$", re.DOTALL
)
WROTE_UNDATED = re.compile(r"\S.{0,120} (wrote|writes|schrieb)( (on|at|am|um) .{1,60})?\s*:\s*$")
ORIGINAL = re.compile(
    r"\s*(-{3,}\s*(Original Message|Ursprüngliche Nachricht|Forwarded message)\s*-{3,}|_{20,})\s*$", re.I
)
OUTLOOK = re.compile(
    r"^\W{0,3}(From|Von|De)\W{0,3}:.*\n\W{0,3}(Sent|Date|Gesendet|Datum|Envoyé)\W{0,3}:.*\n", re.MULTILINE
)
CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:+-]{1,40})", re.IGNORECASE)
BLOCKS = frozenset(
    ["p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "pre", "blockquote", "hr"]
)
HIDDEN = frozenset(["script", "style", "head", "title", "template"])
VOID = frozenset(["br", "hr", "img", "meta", "link", "input"])


def body_text(header: Mapping[str, str], payload: bytes) -> str:
    """Return the plain body, else the HTML body as text; attachments are no body.

    header: its fields by name in lower case.
    """
    kind = header.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith(("multipart/", "message/")):
        parts = list(_parts(message_from_bytes(payload)))
        plain = [text for is_html, text in parts if not is_html and text]
        return plain[0] if plain else next((text for _, text in parts if text), "")
    if kind and not kind.startswith("text/"):
        return ""
    body = split_header(payload)[1]
    text = _decoded(body, header.get("content-transfer-encoding", ""), header.get("content-type", ""))
    return html_text(text) if kind == "text/html" else readable(text)


def _parts(message: Message) -> Iterator[tuple[bool, str]]:
    """Yield the texts of a mail of several parts: whether each is HTML, and its words."""
    if (
        message.get_content_type() == "message/rfc822"
        or "attachment" in str(message.get("Content-Disposition")).lower()
    ):
        return
    if message.is_multipart():
        for part in message.get_payload():
            if isinstance(part, Message):
                yield from _parts(part)
    elif message.get_content_maintype() == "text":
        payload = message.get_payload(decode=True)
        is_html = message.get_content_type() == "text/html"
        text = decoded(payload if isinstance(payload, bytes) else b"", _charset(str(message.get("Content-Type"))))
        yield is_html, html_text(text) if is_html else readable(text)


def _decoded(body: bytes, encoding: str, content_type: str) -> str:
    """Undo the transfer encoding; what does not fit it stays as it is, as mail programs show it."""
    encoding = encoding.strip().lower()
    if encoding == "quoted-printable":
        body = quopri.decodestring(body)
    elif encoding == "base64":
        with suppress(ValueError):
            body = base64.b64decode(re.sub(rb"[^A-Za-z0-9+/=]", b"", body))
    return decoded(body, _charset(content_type))


def _charset(content_type: str) -> str | None:
    """The charset that a Content-Type declares. Codecs of Python that are no charsets do not count."""
    stated = CHARSET.search(content_type)
    return stated[1] if stated else None


def own_words(text: str) -> str:
    """Drop quoted lines, the line that introduces them, everything below an `Original Message`, and the signature."""
    header = OUTLOOK.search(text)
    kept: list[str] = []
    for line in (text[: header.start()] if header else text).split("\n"):
        if ORIGINAL.match(line) or line in ("--", "-- "):
            break
        if QUOTED.match(line):
            _drop_introduction(kept)
        else:
            kept.append(line)
    return readable(re.sub(r"\n{3,}", "\n\n", "\n".join(kept)))


def _drop_introduction(kept: list[str]) -> None:
    """Remove `On … wrote:`, which may be broken over up to three lines, or `Mira wrote:` from the end."""
    last = len(kept)
    while last and not kept[last - 1].strip():
        last -= 1
    for first in range(last - 1, max(last - 4, -1), -1):
        if WROTE.match(" ".join(kept[first:last]).strip()):
            del kept[first:]
            return
    if last and WROTE_UNDATED.match(kept[last - 1]):
        del kept[last - 1 :]


class _Text(HTMLParser):
    """Collects text; block elements break lines, block quotes become `> `."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[tuple[int, str]] = [(0, "")]
        self.quotes = self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's
        self.hidden += tag in HIDDEN
        self.quotes += tag == "blockquote"
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in HIDDEN and self.hidden > 0
        self.quotes -= tag == "blockquote" and self.quotes > 0
        if tag not in VOID:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            depth, line = self.lines[-1]
            self.lines[-1] = (depth, line + re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> None:
        if tag in BLOCKS:
            self.lines.append((self.quotes, ""))
        elif tag in ("td", "th"):
            self.handle_data(" ")

    def shown(self) -> Iterator[str]:
        for depth, line in self.lines:
            yield "> " * depth + line.strip() if line.strip() else ""


def html_text(html: str) -> str:
    """Return what HTML shows, one line per block."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    return readable(re.sub(r"\n{3,}", "\n\n", "\n".join(parser.shown())))
