"""`sonde decide`: write a decision down while it is made, as a Markdown record that people and `why` can read."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from sonde.errors import WrongUse
from sonde.operations.add_source import SourceOptions, add_source
from sonde.progress import SILENT, Progress
from sonde.records.decisions import WrittenDecision

if TYPE_CHECKING:
    from sonde.store import Project

FOLDER = "decisions"
NUMBERED = re.compile(r"(\d{4})-.*\.md")


@dataclass(frozen=True)
class NewDecision:
    """What was decided; `about` are keys, paths or commits it settles, `rejected` alternatives with their reason."""

    title: str
    chosen: str
    because: str
    rejected: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    scope: str | None = None
    author: str | None = None
    day: date | None = None
    """None: today."""


def decide(
    project: "Project", decision: NewDecision, *, dry_run: bool = False, progress: Progress = SILENT
) -> WrittenDecision:
    """Write a decision as a numbered record into the project's folder `decisions`, and take it into the project.

    The record follows MADR (adr.github.io/madr). Raises WrongUse where title, choice or reason are empty.
    """
    for name, value in (("title", decision.title), ("choice", decision.chosen), ("reason", decision.because)):
        if not value.strip():
            raise WrongUse(f"A decision needs a {name}: it is empty.")
    folder = project.root / FOLDER
    path = folder / f"{_next_number(folder):04d}-{_slug(decision.title)}.md"
    if dry_run:
        return WrittenDecision(str(path), FOLDER, 0, stored=False)
    folder.mkdir(exist_ok=True)
    _write_new(path, record_text(decision))
    added = add_source(project, "notes", folder, options=SourceOptions(name=FOLDER), progress=progress)
    return WrittenDecision(str(path), FOLDER, added.n_new_passages, stored=True)


def record_text(decision: NewDecision) -> str:
    """Write the record: status, date, who; then the outcome with its reason, the alternatives, what it is about."""
    day = decision.day or date.today()
    front = ["---", "status: accepted", f"date: {day.isoformat()}"]
    if decision.author:
        front.append(f"author: {_one_line(decision.author)}")
    about = [f"`{_one_line(item)}`" for item in decision.about]
    lines = [*front, "---", "", f"# {_one_line(decision.title)}", ""]
    lines += [f"Settles {', '.join(about)}.", ""] if about else []
    lines += ["## Decision Outcome", "", _outcome(decision), ""]
    if decision.rejected:
        # Under the outcome, so that what was rejected is read together with what was chosen.
        lines += [*(f"* Rejected: {_one_line(item)}" for item in decision.rejected), ""]
    return "\n".join(lines)


def _outcome(decision: NewDecision) -> str:
    """One paragraph that names what it is about, so that the reason stands beside the setting."""
    about = f"{', '.join(decision.about)}: " if decision.about else ""
    scope = f" This holds for {_one_line(decision.scope)}." if decision.scope else ""
    because = _one_line(decision.because).rstrip(".")
    return f"{about}{_one_line(decision.chosen)}, because {because}.{scope}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _slug(title: str) -> str:
    words = re.findall(r"[a-z0-9]+", title.lower())
    return "-".join(words)[:60].strip("-") or "decision"


def _next_number(folder: Path) -> int:
    numbers = [int(match[1]) for path in _listed(folder) if (match := NUMBERED.fullmatch(path.name))]
    return max(numbers, default=0) + 1


def _listed(folder: Path) -> Sequence[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _write_new(path: Path, text: str) -> None:
    """Write a file that must not be there; it appears whole."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        fresh.write_text(text, encoding="utf-8")
        os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
