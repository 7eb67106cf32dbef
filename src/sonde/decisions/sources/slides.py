"""PowerPoint files → one passage per slide: its text, tables and speaker notes."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sonde.decisions.dates import find_date
from sonde.decisions.sources.archives import Bounds, check_sizes, guarded_zip
from sonde.decisions.sources.notes import files_of
from sonde.decisions.sources.protocol import Source
from sonde.decisions.sources.readable import readable
from sonde.errors import BadInput
from sonde.optional_imports import require
from sonde.records.decisions import Passage

SUFFIXES = (".pptx", ".pptm", ".potx")
MEND = "Open it in a presentation program and save it again as .pptx, without a password."
BOUNDS = Bounds(members=50_000, total_bytes=4 * 1024**3)


def read(path: Path) -> Iterator[Passage]:
    """Yield the slides of a file, or of all presentations in a folder, one presentation in memory at a time.

    The time is when the presentation was last saved, else made, else a date in its file name, else None; the author
    is who the presentation names. Slides without a word are left out, and so are words in pictures.

    Raises
    ------
    BadInput
        Where there is no presentation, or one is damaged, locked by a password or made to harm.
    MissingPackage
        Where python-pptx is not installed.
    """
    path = Path(path)
    pptx = require("pptx")
    for file in files_of(path, SUFFIXES, "slides"):
        name = file.name if path.is_file() else file.relative_to(path).as_posix()
        yield from _presentation(_opened(pptx, file), name)


def _opened(pptx: Any, file: Path) -> Any:
    """Open a presentation, after its container has been looked at."""
    with guarded_zip(file, BOUNDS, MEND) as archive:
        check_sizes(file, archive.infolist(), BOUNDS, MEND)
    try:
        return pptx.Presentation(str(file))
    except (KeyError, ValueError, AttributeError, TypeError, pptx.exc.PythonPptxError, SyntaxError) as broken:
        raise BadInput(file, None, f"is no presentation that can be read ({broken})", MEND) from broken


def _presentation(presentation: Any, name: str) -> Iterator[Passage]:
    properties = presentation.core_properties
    time = _utc(properties.modified) or _utc(properties.created) or find_date(name)
    for number, slide in enumerate(presentation.slides, start=1):
        text = _slide_text(slide)
        if not text:
            continue
        title = slide.shapes.title
        yield Passage(
            anchor=f"file:{name}#slide={number}",
            text=text,
            kind="slides",
            author=properties.author or properties.last_modified_by or None,
            time=time,
            thread=f"file:{name}",
            title=(readable(title.text_frame.text) if title is not None else "") or name,
        )


def _slide_text(slide: Any) -> str:
    parts = list(_shape_texts(slide.shapes))
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        parts.append(slide.notes_slide.notes_text_frame.text)
    return readable("\n\n".join(part for part in map(readable, parts) if part))


def _shape_texts(shapes: Iterable[Any]) -> Iterator[str]:
    """Yield the words of shapes in their order on the slide; groups are entered."""
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _shape_texts(shape.shapes)
        elif shape.has_text_frame:
            yield shape.text_frame.text.replace("\v", "\n")
        elif getattr(shape, "has_chart", False):
            yield _chart_title(shape)
        elif getattr(shape, "has_table", False):
            for row in shape.table.rows:
                yield " | ".join(cell.text for cell in row.cells)


def _chart_title(shape: Any) -> str:
    chart = shape.chart
    return str(chart.chart_title.text_frame.text) if chart.has_title and chart.chart_title.has_text_frame else ""


def _utc(time: datetime | None) -> datetime | None:
    """Core properties are in UTC and come without saying so."""
    if time is None:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


SOURCE = Source("slides", read, complete=True)
