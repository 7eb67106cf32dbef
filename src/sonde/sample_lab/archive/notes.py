"""Minutes of the group meetings: one Markdown file per meeting."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from sonde.sample_lab.plan import LabPlan
from sonde.sample_lab.talk import Conversation, Placed


def write_notes(plan: LabPlan, talk: Sequence[Conversation], folder: Path) -> tuple[Placed, ...]:
    """Write the minutes and return where the planted lines stand."""
    folder.mkdir(parents=True)
    meetings = defaultdict[date, list[Conversation]](list)
    for conversation in talk:
        meetings[conversation.lines[0].time.date()].append(conversation)
    placed: list[Placed] = []
    for day, items in sorted(meetings.items()):
        placed += _write_minutes(plan, day, items, folder / f"{day}_group_meeting.md")
    return tuple(placed)


def _write_minutes(plan: LabPlan, day: date, items: Sequence[Conversation], path: Path) -> list[Placed]:
    present = plan.rng(f"present {day}").sample(plan.people, 7)
    lines = [f"# Group meeting {day:%d %B %Y}", "", "Date: " + day.isoformat()]
    lines += ["Present: " + ", ".join(person.first_name for person in present)]
    placed = []
    for conversation in items:
        lines += ["", f"## {conversation.place}", ""]
        for line in conversation.lines:
            said = line.text.replace("\n", " ")
            lines.append(f"- {line.speaker.first_name}: {said}" if conversation.about else f"- {said}")
            if conversation.about:
                placed.append(Placed(conversation.about, line, "notes", f"file:{path.name}#line={len(lines)}"))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return placed
