"""Word files → paragraphs and tables, with remarks at the margin and footnotes as pieces of their own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sonde.decisions.dates import find_date
from sonde.decisions.sources.archives import Bounds, check_sizes, guarded_zip
from sonde.decisions.sources.pieces import Piece, utc
from sonde.decisions.sources.readable import one_line, readable
from sonde.errors import BadInput
from sonde.optional_imports import require

MEND = "Open it in a word processor and save it again as .docx, without a password."
BOUNDS = Bounds(members=50_000, total_bytes=4 * 1024**3)
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
MARKS = {f"{W}tab": "\t", f"{W}br": "\n", f"{W}cr": "\n", f"{W}noBreakHyphen": "-"}
DELETED = frozenset([f"{W}del", f"{W}moveFrom", FALLBACK])
"""What tracked changes took away, and second copies for old programs. What they put in counts."""
HEADING = re.compile(r"heading\s*\d|title$", re.IGNORECASE)
NOTES = (("comments", f"{W}commentReference", "comment"), ("footnotes", f"{W}footnoteReference", "footnote"))


@dataclass(frozen=True)
class Remark:
    """A remark at the margin, or a footnote."""

    text: str
    author: str | None
    time: datetime | None


def pieces(file: Path, name: str) -> Iterator[Piece]:
    """Yield paragraphs and tables with their ordinal as line, each followed by the remarks on it.

    Word knows no lines: `line=7` is the seventh paragraph or table of the body. A remark has its own author and time;
    those of the body are whom the file names, and when it was last saved.
    """
    docx = require("docx")
    with guarded_zip(file, BOUNDS, MEND) as archive:
        check_sizes(file, archive.infolist(), BOUNDS, MEND)
    try:
        found = list(_pieces(docx.Document(str(file)), name))
    except Exception as broken:
        # Another project's parser, fed with anything.
        raise BadInput(file, None, f"is no Word file that can be read ({one_line(broken)})", MEND) from broken
    yield from found


def _pieces(document: Any, name: str) -> Iterator[Piece]:
    properties = document.core_properties
    body = Piece(
        "",
        "",
        section="line=1",
        author=one_line(properties.author or properties.last_modified_by or None),
        time=utc(properties.modified) or utc(properties.created) or find_date(name),
    )
    headings = {style.style_id for style in document.styles if HEADING.match(style.name or "")}
    remarks = {what: _remarks(document, part) for part, _, what in NOTES}
    for number, block in enumerate(_body(document.element.body), start=1):
        text = readable(_text(block))
        if text and _style(block) in headings:
            time = find_date(text) or body.time
            body = replace(body, heading=one_line(text), section=f"line={number}", time=time)
        if any(character.isalnum() for character in text):
            yield replace(body, place=f"line={number}", text=text)
        for which, remark in _remarks_on(block, remarks):
            author = remark.author if which.startswith("comment") else body.author
            place, time = f"line={number}-{which}", remark.time or body.time
            yield replace(body, place=place, text=remark.text, author=author, time=time)


def _body(element: Any) -> Iterator[Any]:
    """Yield paragraphs and tables in their order; controls that hold some are entered."""
    for child in element:
        if child.tag in (f"{W}p", f"{W}tbl"):
            yield child
        elif child.tag in (f"{W}sdt", f"{W}sdtContent", f"{W}customXml", f"{W}ins", f"{W}moveTo"):
            yield from _body(child)


def _text(block: Any) -> str:
    """Words of a paragraph, or of a table with one line a row."""
    if block.tag == f"{W}p":
        return "".join(_runs(block))
    rows = (
        " | ".join(one_line("".join(_runs(cell))) or "" for cell in row.findall(f"{W}tc"))
        for row in block.iter(f"{W}tr")
    )
    return "\n".join(row for row in rows if row.strip(" |"))


def _runs(element: Any) -> Iterator[str]:
    for child in element:
        if child.tag in DELETED:
            continue
        if child.tag == f"{W}t":
            yield child.text or ""
        elif child.tag in MARKS:
            yield MARKS[child.tag]
        else:
            yield from _runs(child)
            if child.tag == f"{W}p":
                yield "\n"


def _style(block: Any) -> str | None:
    style = block.find(f"{W}pPr/{W}pStyle")
    return None if style is None else style.get(f"{W}val")


def _remarks(document: Any, part: str) -> dict[str, Remark]:
    """Remarks by their id, of the part of the file that holds them."""
    from docx.oxml import parse_xml

    for relation in document.part.rels.values():
        if not relation.is_external and relation.reltype.endswith(f"/{part}"):
            root = parse_xml(relation.target_part.blob)
            return {str(item.get(f"{W}id")): _remark(item) for item in root}
    return {}


def _remark(item: Any) -> Remark:
    lines = ("".join(_runs(paragraph)) for paragraph in item.iter(f"{W}p"))
    return Remark(readable("\n".join(lines)), one_line(item.get(f"{W}author")), _time(item.get(f"{W}date")))


def _remarks_on(block: Any, remarks: dict[str, dict[str, Remark]]) -> Iterator[tuple[str, Remark]]:
    """Yield what refers to a paragraph, once, as `comment-1` or `footnote-2`, the number being the file's own."""
    for _, reference, what in NOTES:
        for mark in block.iter(reference):
            key = str(mark.get(f"{W}id"))
            found = remarks[what].pop(key, None)
            if found is not None and found.text:
                yield f"{what}-{re.sub(r'[^0-9A-Za-z]', '', key)}", found


def _time(stated: str | None) -> datetime | None:
    try:
        return utc(datetime.fromisoformat(stated)) if stated else None
    except (ValueError, OverflowError):
        return None
