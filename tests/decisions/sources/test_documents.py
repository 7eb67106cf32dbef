"""Notes and slides: paragraphs with line, heading and date; slides with tables and speaker notes."""

import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.decisions import build

from sonde.decisions.dates import find_date
from sonde.decisions.sources import notes, slides
from sonde.decisions.sources.paragraphs import document_facts, paragraphs
from sonde.errors import BadInput
from sonde.testing.sources import check_source

OCTOBER = datetime(2024, 10, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Meeting 2024-10-08",
        "8 Oct 2024",
        "8th of what? 8 October 2024",
        "October 8, 2024",
        "08.10.2024",
        "x_20241008.md",
    ],
)
def test_dates_are_found(text: str) -> None:
    assert find_date(text) == OCTOBER


@pytest.mark.parametrize("text", ["10/08/2024", "2024-13-40", "version 1.2.2024.5x1", "energy 20249999", "8 Oct"])
def test_what_is_no_certain_date_is_not_read(text: str) -> None:
    assert find_date(text) is None


MARKDOWN = """---
title: Group meetings
author: Mira Halvorsen
---
Before all.

# 2024-10-08 Cutoff

We keep 520 eV:
- Li needs it
- cost is fine

```
ENCUT = 520

EDIFF = 1e-6
```
## Forces
15 eV/Å.

Functional
----------

PBEsol.
"""


def test_paragraphs_know_their_line_heading_and_date() -> None:
    found = list(paragraphs(MARKDOWN, document_facts(MARKDOWN)))
    lines = MARKDOWN.split("\n")
    assert [(p.heading, p.time) for p in found] == [
        ("Group meetings", None),
        ("2024-10-08 Cutoff", OCTOBER),
        ("2024-10-08 Cutoff", OCTOBER),
        ("Forces", OCTOBER),
        ("Functional", OCTOBER),
    ]
    assert all(lines[p.line - 1] == p.text.split("\n")[0] for p in found)
    assert found[2].text == "```\nENCUT = 520\n\nEDIFF = 1e-6\n```"
    assert document_facts(MARKDOWN).author == "Mira Halvorsen"


def test_headings_of_restructured_text() -> None:
    text = (
        "=====\nTitle\n=====\n\nIntro.\n\nWhy 520 eV\n==========\n\nBecause.\n\nDetail\n~~~~~~\nMore.\n\n==========\n"
    )
    assert [(p.heading, p.text, p.line) for p in paragraphs(text)] == [
        ("Title", "Intro.", 5),
        ("Why 520 eV", "Because.", 10),
        ("Detail", "More.", 14),
    ]


def test_a_long_list_is_split_at_its_items() -> None:
    items = [f"- item {number}: " + "word " * 60 + "\n  and more" for number in range(6)]
    found = list(paragraphs("Decided:\n" + "\n".join(items)))
    assert [p.line for p in found] == [1, 2, 4, 6, 8, 10, 12]


def test_the_date_of_a_file_is_in_its_head_or_name(tmp_path: Path) -> None:
    texts = {"2024-10-08.md": "a\n", "pep.rst": "PEP: 1\nAuthor: Mira\nCreated: 08-Oct-2024\n\na\n", "c.txt": "a\n"}
    found = {p.anchor: p for p in notes.read(build.notes(tmp_path, texts))}
    assert found["file:2024-10-08.md#line=1"].time == OCTOBER
    assert (found["file:pep.rst#line=5"].time, found["file:pep.rst#line=5"].author) == (OCTOBER, "Mira")
    assert found["file:c.txt#line=1"].time is None


def test_notes_stay_inside_their_folder(tmp_path: Path) -> None:
    build.notes(tmp_path, {"secret.md": "outside\n", "notes/a.md": "inside\n", "notes/.hidden/b.md": "hidden\n"})
    (tmp_path / "notes" / "link.md").symlink_to(tmp_path / "secret.md")
    assert [p.text for p in notes.read(tmp_path / "notes")] == ["inside"]


def test_notes_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes("ok\n15 eV/Å\n".encode("latin-1"))
    with pytest.raises(BadInput, match=r"a\.md, line 2: is not UTF-8"):
        list(notes.read(tmp_path))
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    with pytest.raises(BadInput, match="is no file of notes"):
        list(notes.read(tmp_path / "a.pdf"))
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInput, match="holds no notes"):
        list(notes.read(tmp_path / "none"))


def test_real_proposals_keep_every_law_and_every_line(shared_data: Path, tmp_path: Path) -> None:
    with tarfile.open(shared_data / "rationale_text" / "peps" / "peps.tar.gz") as archive:
        names = sorted(archive.getnames())[20:60]
        archive.extractall(tmp_path, members=[archive.getmember(name) for name in names], filter="data")
    check_source(notes.read, tmp_path)
    found = list(notes.read(tmp_path))
    assert sum(p.title == "Rationale" for p in found) > 20
    assert all(p.time is not None and 1996 <= p.time.year <= 2026 for p in found)
    for passage in found[::17]:
        name, _, line = passage.anchor.removeprefix("file:").partition("#line=")
        lines = (tmp_path / name).read_text().split("\n")
        assert lines[int(line) - 1].strip() == passage.text.split("\n")[0].strip()


def deck(path: Path) -> Path:
    return build.presentation(path, [("Cutoff", "520 eV", "Mira: Li"), ("", "", "")], author="Mira", time=build.BEGIN)


def test_slides_become_passages(tmp_path: Path) -> None:
    [found] = slides.read(deck(tmp_path / "october.pptx"))
    assert (found.anchor, found.text, found.title) == (
        "file:october.pptx#slide=1",
        "Cutoff\n\n520 eV\n\nMira: Li",
        "Cutoff",
    )
    assert (found.author, found.time, found.thread) == ("Mira", build.BEGIN, "file:october.pptx")


def test_tables_and_groups_are_read(tmp_path: Path) -> None:
    import pptx
    from pptx.util import Inches

    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[6])
    table = slide.shapes.add_table(2, 2, *[Inches(1)] * 4).table
    for row, column, text in [(0, 0, "ENCUT"), (0, 1, "ΔE"), (1, 0, "520"), (1, 1, "0.4 meV")]:
        table.cell(row, column).text = text
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(*[Inches(1)] * 4).text_frame.text = "converged"
    show.save(str(tmp_path / "a.pptx"))
    [found] = slides.read(tmp_path)
    assert found.text == "ENCUT | ΔE\n\n520 | 0.4 meV\n\nconverged"


def test_what_is_no_presentation_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pptx").write_bytes(b"\xd0\xcf\x11\xe0 a locked file")
    with pytest.raises(BadInput, match=r"a\.pptx: is not a zip.*\n.*without a password"):
        list(slides.read(tmp_path))
    with zipfile.ZipFile(tmp_path / "a.pptx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(BadInput, match="is no presentation"):
        list(slides.read(tmp_path))
    with zipfile.ZipFile(deck(tmp_path / "a.pptx"), "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ppt/media/bomb.png", b"\0" * 30_000_000)
    with pytest.raises(BadInput, match=r"bomb\.png': swells \d+-fold"):
        list(slides.read(tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        "# Group meeting\n\nDate: 2024-10-08\nAuthor: Mira\n\nWords.\n",
        "# Group meeting\n\n**Date:** 8 Oct 2024\n**Author:** Mira\n\nWords.\n",
        "# Group meeting\n\n- Date: 8 Oct 2024\n- Author: Mira\n\nWords.\n",
        "Group meeting\n=============\n\n:Author: Mira\n:Date: 2024-10-08\n\nWords.\n",
        "#+TITLE: Group meeting\n#+AUTHOR: Mira\n#+DATE: <2024-10-08 Tue>\n\n* Words.\n",
        "= Group meeting\n:author: Mira\n:date: 2024-10-08\n\nWords.\n",
        "---\nauthors: [Mira]\ndate: 2024-10-08\n---\n",
    ],
)
def test_the_head_tells_author_and_day(text: str) -> None:
    facts = document_facts(text)
    assert (facts.author, facts.time) == ("Mira", OCTOBER)


def test_words_below_a_heading_are_no_facts() -> None:
    assert document_facts("# Plan\n\nDate: 2024-10-08\nwas when we met.\n").time is None
    assert document_facts("# Plan\n\nWords.\n\nDate: 2024-10-08\n").time is None


def test_text_that_says_it_is_utf_16_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Für Li: 520 eV\n".encode("utf-16"))
    assert [p.text for p in notes.read(tmp_path)] == ["Für Li: 520 eV"]


def test_the_title_of_a_chart_is_words_of_its_slide(tmp_path: Path) -> None:
    import pptx
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE

    deck = pptx.Presentation()
    shapes = deck.slides.add_slide(deck.slide_layouts[6]).shapes
    for title in ("RMSE against cutoff", None):
        data = CategoryChartData()
        data.categories, _ = ["400", "520"], data.add_series("RMSE", (3.0, 2.0))
        chart = shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, 10**6, 10**6, data).chart
        chart.has_title = title is not None
        if title:
            chart.chart_title.text_frame.text = title
    deck.save(str(tmp_path / "a.pptx"))
    assert [p.text for p in slides.read(tmp_path)] == ["RMSE against cutoff"]
