"""`sonde why`: in four forms."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sonde.errors import SondeError, WrongUse
from sonde.records.decisions import Why

if TYPE_CHECKING:
    from sonde.decisions.archive import Archive
    from sonde.store import Project


@dataclass(frozen=True)
class Asked:
    """Exactly one of the four forms of the question, with its limits."""

    question: str | None = None
    at: str | None = None
    """PATH or PATH:LINE"""
    key: str | None = None
    commit: str | None = None
    as_of: datetime | None = None
    source: str | None = None


def why(project: "Project", asked: Asked) -> Why:
    """Answer why something was done with verbatim quotes and their anchors, or say that no reason is recorded.

    Ask in words, or of a place in a repository, a key, or a commit.
    """
    from sonde.decisions import answers

    forms = [form for form in (asked.question, asked.at, asked.key, asked.commit) if form]
    if len(forms) != 1:
        raise WrongUse('Ask one thing: sonde why "QUESTION", or --at PATH[:LINE], or --key KEY, or --commit COMMIT.')
    if asked.source is not None:
        project.sources.row(asked.source)
    archive = open_archive(project)
    if asked.question:
        return answers.why_question(archive, asked.question, as_of=asked.as_of, source=asked.source)
    archive = archive.at(asked.as_of, asked.source)
    if asked.key:
        return answers.why_key(archive, asked.key)
    if asked.commit:
        _require_commit(archive, asked.commit)
        return answers.why_commit(archive, asked.commit)
    path, line = _place(asked.at or "")
    return answers.why_at(archive, path, line, _line_as_it_is(project, path, line), _earlier_names(project, path))


def summarise(answer: Why, address: str, model: str = "default") -> Why:
    """Add to an answer a summary by the language model at an address; without a reason there is nothing to sum up.

    Every sentence cites quotes of the answer; what cites none is left out.
    """
    from sonde.decisions.summary import LanguageModel, summarised

    quotes = answer.quotes if answer.answered else ()
    return replace(answer, summary=summarised(answer.question, quotes, LanguageModel(address, model)))


def leaves_this_machine(address: str) -> bool:
    """Whether quotes given to a language model at an address would go to another machine."""
    from sonde.decisions.summary import LanguageModel

    return not LanguageModel(address).is_local


def open_archive(project: "Project") -> "Archive":
    """Everything that people wrote and every value they changed, as the project holds it."""
    return project.remembered("archive", lambda: _archive(project))


def _archive(project: "Project") -> "Archive":
    from sonde.decisions.archive import Archive
    from sonde.decisions.talk import Stored
    from sonde.operations.links import link_again
    from sonde.operations.semantic import meaning_of

    changes = project.changes.all()
    if changes and not project.mentions.begun():
        link_again(project)
    told = Stored(project.passages, project.mentions)
    return Archive(project.passages, changes, project.links, told, meaning_of(project))


def _require_commit(archive: "Archive", commit: str) -> None:
    """Tell a commit that nobody gave a reason for from one that is not there at all, and from several."""
    from sonde.decisions.answers import talked_of
    from sonde.operations.links import ambiguous

    named = [one for one in archive.talk.beginning(f"commit:{commit.lower()}") if one.kind == "commit"]
    ids = {change.commit for change in archive.changes_of_commit(commit)}
    ids |= {passage.anchor.removeprefix("commit:") for passage in named}
    if len(ids) > 1:
        raise ambiguous(commit, ids)
    if not archive.changes_of_commit(commit) and not talked_of(archive, commit.lower()):
        raise SondeError(
            f"No repository of the project holds a commit whose id begins with {commit!r}: give at least its first "
            "seven digits, or add the repository (sonde add git PATH)."
        )


def _line_as_it_is(project: "Project", path: str, line: int | None) -> str | None:
    """The line's text in the registered repository's working copy, where there is one: lines move as files grow."""
    if line is None:
        return None
    for name in project.sources.names():
        row = project.sources.row(name)
        file = Path(row.path) / path
        if row.kind == "git" and file.is_file() and file.resolve().is_relative_to(Path(row.path).resolve()):
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            return lines[line - 1] if 0 < line <= len(lines) else None
    return None


def _earlier_names(project: "Project", path: str) -> list[str]:
    """Names that a file had before in the registered repositories that are still there."""
    from sonde.decisions.changes.file_names import names_of

    rows = [row for name in project.sources.names() if (row := project.sources.row(name)).kind == "git"]
    found: list[str] = []
    for row in rows:
        with suppress(SondeError):  # moved or gone since, or git is not installed
            found += names_of(Path(row.path), path)[1:]
    return found


def _place(text: str) -> tuple[str, int | None]:
    path, _, line = text.rpartition(":")
    if path and line.isdecimal():
        return path, int(line)
    return text, None
