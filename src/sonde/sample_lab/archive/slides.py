"""Slides of a progress report (pptx), with speaker notes."""

import zipfile
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from sonde.optional_imports import require
from sonde.sample_lab.archive.slack import STAMP
from sonde.sample_lab.plan import LabPlan
from sonde.sample_lab.talk import Conversation, Placed

TITLE_LAYOUT, BULLET_LAYOUT = 0, 1


def write_slides(plan: LabPlan, talk: Sequence[Conversation], path: Path) -> tuple[Placed, ...]:
    """Write the deck and return where the planted lines stand: values as bullets, reasons in the speaker notes."""
    deck = require("pptx").Presentation()
    day = min(conversation.lines[0].time for conversation in talk)
    _title_slide(plan, deck, day)
    placed = []
    for number, conversation in enumerate(talk, start=2):
        _slide(deck, conversation)
        if conversation.about:
            anchor = f"file:{path.name}#slide={number}"
            placed += [Placed(conversation.about, line, "slides", anchor) for line in conversation.lines]
    _write(deck, path)
    return tuple(placed)


def _title_slide(plan: LabPlan, deck: Any, day: datetime) -> None:
    slide = deck.slides.add_slide(deck.slide_layouts[TITLE_LAYOUT])
    slide.shapes.title.text = "Al-Li-Mg potential: progress"
    slide.placeholders[1].text = f"{plan.people[2].name}\n{day:%d %B %Y}"
    properties = deck.core_properties
    properties.author = properties.last_modified_by = plan.people[2].name
    properties.title = "Al-Li-Mg potential: progress"
    properties.created = properties.modified = day.replace(tzinfo=None)


def _slide(deck: Any, conversation: Conversation) -> None:
    slide = deck.slides.add_slide(deck.slide_layouts[BULLET_LAYOUT])
    slide.shapes.title.text = conversation.place
    spoken = [line.text for line in conversation.lines if line.mark in ("reason", "rejected")]
    shown = [line.text for line in conversation.lines if line.mark in ("context", "value")]
    slide.placeholders[1].text = "\n".join(shown)
    if spoken:
        slide.notes_slide.notes_text_frame.text = "\n".join(spoken)


def _write(deck: Any, path: Path) -> None:
    """Pack the deck anew with fixed times: python-pptx stamps its members with the clock."""
    packed = BytesIO()
    deck.save(packed)
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(path, "w") as target:
        for name in sorted(source.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            member = zipfile.ZipInfo(name, STAMP)
            member.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(member, source.read(name))
