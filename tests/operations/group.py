"""A small group's files, and a project to take them in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.decisions import chats, papers
from tests.decisions.build import commit, mail, mbox, notes, presentation, repository, said, slack_zip

from sonde.operations.initialise import initialise
from sonde.potentials.linear import LinearSettings, fit_linear
from sonde.records.frames import Frame
from sonde.sample_lab.extxyz import extxyz_text
from sonde.sample_lab.frames import sample_frames
from sonde.store import Project

TALK = [
    said("U1", "I lowered force_cutoff from 50 to 20 eV/Å because unconverged SCF frames sit above 25", 1),
    said("U2", "fine with me", 1.1),
]


def project_in(folder: Path) -> Project:
    return initialise(folder / "project")


def chat(folder: Path, messages: Sequence[dict[str, Any]] = TALK) -> Path:
    return slack_zip(folder / "chat.zip", {"curation": messages})


def history(folder: Path) -> Path:
    """A repository in which one value changed once."""
    path = repository(folder / "lab")
    commit(path, {"filters.yaml": "force_cutoff: 50.0  # eV/Å\n"}, "first filters")
    commit(path, {"filters.yaml": "force_cutoff: 20.0  # eV/Å\n"}, "lower force_cutoff", hours=2)
    return path


def sources(folder: Path) -> dict[str, Path]:
    """One of each kind."""
    letter = mail("Mira <mira@lab.example>", "cutoff", "force_cutoff is 20 eV/Å now.", 3, message_id="<1@lab.example>")
    deck = [("Filters", "force_cutoff 20 eV/Å", "")]
    return {
        "git": history(folder),
        "slack": chat(folder),
        "mail": mbox(folder / "group.mbox", [letter]),
        "notes": notes(folder / "minutes", {"2024-10-08.md": "# Meeting\n\nforce_cutoff goes to 20 eV/Å.\n"}),
        "slides": presentation(folder / "talk.pptx", deck, author="Mira", time=letter["Date"].datetime),
    }


def every_source(folder: Path) -> dict[str, Path]:
    """One of every kind that there is, each with a word on force_cutoff."""
    said_so = "force_cutoff goes from 50 to 20 eV/Å because of unconverged frames."
    record = f"# Cutoff\n\n* Status: accepted\n\n## Decision\n\n{said_so}\n"
    tracked = {"1/meta.yaml": "experiment_id: '1'\nname: alloy\n", "1/tags/mlflow.note.content": said_so}
    results = {"fit_v1/a.yaml": "force_cutoff: 50.0\n", "fit_v2/a.yaml": "force_cutoff: 20.0\n"}
    return sources(folder) | {
        "mattermost": chats.mattermost_file(folder / "matter.zip", [chats.post("mira", said_so, 1)]),
        "zulip": chats.zulip_export(folder / "zulip.tar.gz", chats.zulip_files([chats.zulip_message(1, said_so, 1)])),
        "documents": papers.word_file(folder / "paper.docx", [("", said_so)], {1: "Agreed, force_cutoff is right."}),
        "adr": notes(folder / "records", {"0001-cutoff.md": record}),
        "mlflow": notes(folder / "mlruns", tracked),
        "folder": notes(folder / "results", {**results, "fit_v2/notes.md": f"{said_so}\n"}),
    }


def frames_file(path: Path, first: int = 0, n: int = 12) -> Path:
    path.write_text(extxyz_text(sample_frames()[first : first + n]), encoding="utf-8")
    return path


def checkpoint(path: Path, frames: Sequence[Frame] = (), seed: int = 0) -> Path:
    """A pair potential that knows Al, Li and Mg, fitted in a moment."""
    settings = LinearSettings(n_radial=4, n_product=0)
    return fit_linear(frames or sample_frames()[::6], settings=settings, seed=seed).save(path)
