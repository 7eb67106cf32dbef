"""The text of a Slack message as its readers saw it: names for ids, addresses for links, blocks where text is empty."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sonde.decisions.sources.readable import readable

MARK = re.compile(r"<([^<>\n]+)>")
DEEPEST = 20
"""Elements inside one another; Slack's editor makes four."""
TEXT_KEYS = ("pretext", "title", "text", "fallback")


def message_text(message: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Return what a reader sees: the text, else its blocks, else its attachments; and its files, by title and link."""
    text = message.get("text")
    if not (isinstance(text, str) and text.strip()):
        text = _joined(_blocks(message)) or _joined(_attachments(message))
    shown = decode(text, names)
    if message.get("files") or message.get("file"):
        shown = "\n".join(filter(None, (shown, _joined(_files(message)))))
    return readable(shown)


def _joined(parts: Iterator[str]) -> str:
    return "\n".join(part for part in parts if part.strip())


def decode(text: str, names: Mapping[str, str]) -> str:
    """Replace `<@U…>`, `<#C…|name>`, `<!here>`, `<address|label>` and the three entities; marks like *bold* stay."""
    if "<" in text:
        text = MARK.sub(lambda match: _shown(match[1], names), text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") if "&" in text else text


def _shown(mark: str, names: Mapping[str, str]) -> str:
    target, _, label = mark.partition("|")
    if target.startswith("@"):
        return "@" + names.get(target[1:], label or target[1:])
    if target.startswith("#"):
        return "#" + (label or names.get(target[1:], target[1:]))
    if target.startswith("!"):
        return label or "@" + target[1:].partition("^")[0]
    if re.match(r"(https?|ftp|mailto|tel|file|slack):", target):
        address = target.removeprefix("mailto:")
        return address if label in ("", address) else f"{label} ({address})"
    return f"<{mark}>"


def _blocks(message: Mapping[str, Any]) -> Iterator[str]:
    for block in _mappings(message.get("blocks")):
        yield _block_text(block)


def _block_text(block: Mapping[str, Any]) -> str:
    """Text of one block: rich text by its elements, the other kinds by their text and fields."""
    if block.get("type") == "rich_text":
        return "\n".join(_rich(element) for element in _mappings(block.get("elements")))
    if block.get("type") == "table":
        rows = block.get("rows")
        return "\n".join(map(_row, rows)) if isinstance(rows, list) else ""
    parts = [block.get("text"), *_mappings(block.get("fields"))]
    if block.get("type") == "context":
        parts += _mappings(block.get("elements"))
    return "\n".join(filter(None, map(_plain, parts)))


def _row(cells: object) -> str:
    """A row of a table: each cell is plain or rich text."""
    said = (_rich(cell) if cell.get("type") == "rich_text" else _leaf("", cell) for cell in _mappings(cells))
    return " | ".join(" ".join(text.split()) for text in said)


def _plain(part: object) -> str:
    text = part.get("text") if isinstance(part, Mapping) else part
    return text if isinstance(text, str) else ""


def _rich(element: Mapping[str, Any], depth: int = 0) -> str:
    """Text of one element of rich text, written in the marks that `decode` reads."""
    kind = element.get("type")
    nested = _mappings(element.get("elements")) if depth < DEEPEST else []
    inner = [_rich(child, depth + 1) for child in nested]
    if kind == "rich_text_list":
        return "\n".join(f"• {item}" for item in inner)
    if kind == "rich_text_quote":
        return "\n".join(f"&gt; {line}" for line in "".join(inner).split("\n"))
    if inner:
        return "".join(inner)
    return _leaf(str(kind), element)


def _leaf(kind: str, element: Mapping[str, Any]) -> str:
    if kind == "user":
        return f"<@{element.get('user_id')}>"
    if kind == "channel":
        return f"<#{element.get('channel_id')}>"
    if kind == "broadcast":
        return f"<!{element.get('range')}>"
    if kind == "emoji":
        return f":{element.get('name')}:"
    if kind == "link":
        label = element.get("text")
        return f"<{element.get('url')}|{label}>" if label else f"<{element.get('url')}>"
    # Rich text holds bare characters where mrkdwn holds entities: write them as entities, `decode` turns them back.
    return _plain(element).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _attachments(message: Mapping[str, Any]) -> Iterator[str]:
    for attachment in _mappings(message.get("attachments")):
        parts = [_plain(attachment.get(key)) for key in TEXT_KEYS[:3]]
        fields = _mappings(attachment.get("fields"))
        parts += [f"{_plain(field.get('title'))} {_plain(field.get('value'))}".strip() for field in fields]
        parts += list(_blocks(attachment))
        yield "\n".join(part for part in parts if part) or _plain(attachment.get("fallback"))


def _files(message: Mapping[str, Any]) -> Iterator[str]:
    """Title and address of each file. What follows `?` is left out: exports put a token there."""
    for file in _mappings(message.get("files")) or _mappings([message.get("file")]):
        title = str(file.get("title") or file.get("name") or "")
        address = str(file.get("permalink") or file.get("url_private") or "").partition("?")[0]
        has_gone = file.get("mode") in ("tombstone", "hidden_by_limit")
        yield f"{title} ({address})" if title and address and not has_gone else title or ("" if has_gone else address)


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
