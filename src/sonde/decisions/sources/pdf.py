"""PDF → one piece per page: the words as they are laid out; pictures of words hold none."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from sonde.decisions.dates import find_date
from sonde.decisions.sources.pieces import Piece, bounded, utc
from sonde.decisions.sources.readable import one_line, readable
from sonde.errors import BadInput
from sonde.optional_imports import require

MEND = "Open it in a PDF viewer and print it to a new PDF, without a password."
log = logging.getLogger(__name__)


def pieces(file: Path, name: str) -> Iterator[Piece]:
    """Yield the pages with words.

    The time is when the file was last saved, else made, else a date in its name; the author is whom it names.
    """
    pypdf = require("pypdf")
    bounded(file, MEND)
    n_pages, found = 0, False
    with file.open("rb") as stream:
        document = _opened(pypdf, file, stream)
        facts = _facts(document)
        author, title = one_line(facts.get("/Author")), one_line(facts.get("/Title"))
        time = _time(document, "modification_date") or _time(document, "creation_date") or find_date(name)
        for n_pages, page in enumerate(_pages(file, document), start=1):
            text = readable(page.replace("\xad", ""))
            if text:
                found = True
                yield Piece(f"page={n_pages}", text, title, None, author, time)
    if not found:
        log.warning("%s: none of its %d pages holds words; a scan needs character recognition first", file, n_pages)


def _opened(pypdf: Any, file: Path, stream: Any) -> Any:
    try:
        document = pypdf.PdfReader(stream)
        locked = document.is_encrypted and not document.decrypt("")
    except Exception as broken:
        # Another project's parser, fed with anything.
        raise BadInput(file, None, f"is no PDF that can be read ({_said(broken)})", MEND) from broken
    if locked:
        raise BadInput(file, None, "is locked by a password", MEND)
    return document


def _pages(file: Path, document: Any) -> Iterator[str]:
    number = 1
    try:
        for page in document.pages:
            yield page.extract_text()
            number += 1
    except Exception as broken:
        raise BadInput(file, f"page {number}", f"cannot be read ({_said(broken)})", MEND) from broken


def _facts(document: Any) -> dict[str, str]:
    with suppress(Exception):  # what a damaged document says of itself is not needed
        return {str(key): str(value) for key, value in (document.metadata or {}).items()}
    return {}


def _time(document: Any, which: str) -> datetime | None:
    with suppress(Exception):
        return utc(getattr(document.metadata, which))
    return None


def _said(broken: Exception) -> str:
    return one_line(broken) or type(broken).__name__
