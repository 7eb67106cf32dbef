"""The body of a mail as its writer typed it: HTML as text, and what is quoted from the mail before told apart."""

import re
from collections.abc import Iterator
from email.message import EmailMessage, Message
from html.parser import HTMLParser

from sonde.decisions.sources.readable import decoded, readable

QUOTED = re.compile(r"\s{0,3}>")
WROTE = re.compile(r"(On|Am|Le|El|Il)\b.{5,200}(wrote|schrieb|a écrit|escribió|ha scritto)\s*:\s*$", re.DOTALL)
ORIGINAL = re.compile(
    r"\s*(-{3,}\s*(Original Message|Ursprüngliche Nachricht|Forwarded message)\s*-{3,}|_{20,})\s*$", re.I
)
BLOCKS = frozenset(
    ["p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "pre", "blockquote", "hr"]
)
HIDDEN = frozenset(["script", "style", "head", "title", "template"])
VOID = frozenset(["br", "hr", "img", "meta", "link", "input"])


def body_text(message: EmailMessage) -> str:
    """Return the plain body, else the HTML body as text; attachments are no body."""
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    text = _payload(part)
    return html_text(text) if part.get_content_type() == "text/html" else readable(text)


def _payload(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return decoded(payload, part.get_content_charset()) if isinstance(payload, bytes) else str(part.get_payload())


def own_words(text: str) -> str:
    """Drop quoted lines, the line that introduces them, everything below an `Original Message`, and the signature."""
    kept: list[str] = []
    for line in text.split("\n"):
        if ORIGINAL.match(line) or line in ("--", "-- "):
            break
        if QUOTED.match(line):
            _drop_introduction(kept)
        else:
            kept.append(line)
    return readable(re.sub(r"\n{3,}", "\n\n", "\n".join(kept)))


def _drop_introduction(kept: list[str]) -> None:
    """Remove `On … wrote:`, which may be broken over up to three lines, from the end."""
    last = len(kept)
    while last and not kept[last - 1].strip():
        last -= 1
    for first in range(last - 1, max(last - 4, -1), -1):
        if WROTE.match(" ".join(kept[first:last]).strip()):
            del kept[first:]
            return


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
