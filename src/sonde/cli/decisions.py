"""`sonde why`, `gaps`, `timeline` and `dossier`."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sonde.cli.answers import HERE, NO_ANSWER, AsJson, ProjectFolder, open_project, say, show
from sonde.cli.progress_bar import progress_for_terminal
from sonde.errors import BadInput, SondeError, WrongUse

if TYPE_CHECKING:
    from sonde.records.decisions import Dossier

AsOf = Annotated[datetime | None, typer.Option(help="Only what was written until then; a day counts whole.")]
Source = Annotated[str | None, typer.Option("--in", help="Only this source.")]
Repository = Annotated[str | None, typer.Option("--in", help="Only changes of this repository.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (why, gaps, timeline, dossier, semantic):
        app.command(command.__name__)(command)


def why(
    question: Annotated[str | None, typer.Argument(help="A question in words.")] = None,
    at: Annotated[str | None, typer.Option(help="PATH or PATH:LINE in a registered repository.")] = None,
    key: Annotated[str | None, typer.Option(help="A key, such as max_force or ENCUT.")] = None,
    commit: Annotated[str | None, typer.Option(help="A commit, or the beginning of its id.")] = None,
    as_of: AsOf = None,
    source: Source = None,
    summary: Annotated[
        str | None, typer.Option(help="Sum up by the language model at this address, such as http://127.0.0.1:8080/v1.")
    ] = None,
    model: Annotated[str, typer.Option(help="Name by which that address knows its model.")] = "default",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Say why something was done, in the words of those who did it; exit code 3 where no reason is recorded."""
    from sonde.operations.why import Asked, leaves_this_machine, summarise
    from sonde.operations.why import why as run
    from sonde.views.decisions import show_why

    answer = run(open_project(project), Asked(question, at, key, commit, _aware(as_of), source))
    failed: SondeError | None = None
    if summary is not None:
        if answer.answered and leaves_this_machine(summary):
            say(f"The quotes are sent to {summary}, which is not on this machine.")
        try:
            answer = summarise(answer, summary, model)
        except WrongUse:
            raise
        except SondeError as error:
            failed = error  # the answer needs no summary: it is given, and then what failed is told
    show(answer, show_why, as_json)
    if failed is not None:
        raise failed
    if not answer.answered:
        raise typer.Exit(NO_ANSWER)


def gaps(
    by_frames: Annotated[bool, typer.Option(help="Rank by the frames a change cost, which takes lineages.")] = True,
    as_of: AsOf = None,
    source: Repository = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """List the changes that nobody gave a reason for, those that matter most first, with whom to ask."""
    from sonde.operations.gaps import gaps as run
    from sonde.views.decisions import show_gaps

    progress = progress_for_terminal()
    found = run(open_project(project), source=source, as_of=_aware(as_of), by_frames=by_frames, progress=progress)
    show(found, show_gaps, as_json)


def timeline(
    key: Annotated[str | None, typer.Option(help="Only this key, such as max_force or ENCUT.")] = None,
    as_of: AsOf = None,
    source: Repository = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """List what was changed, and what was said about it, in order of time."""
    from sonde.operations.gaps import timeline as run
    from sonde.views.decisions import show_timeline

    progress = progress_for_terminal()
    found = run(open_project(project), key=key, source=source, as_of=_aware(as_of), progress=progress)
    show(found, show_timeline, as_json)
    if not found.events:
        raise typer.Exit(NO_ANSWER)


def dossier(
    potential: Annotated[str, typer.Argument(help="Name of a registered potential.")],
    purpose: Annotated[str, typer.Option("--for", help="extend, retrain or reproduce.")] = "extend",
    out: Annotated[
        Path | None, typer.Option(help="Write it here: .md, .html, or a new folder for an RO-Crate.")
    ] = None,
    as_of: AsOf = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Collect every decision behind a potential, with who made it and why, or that no reason is recorded."""
    from sonde.operations.dossier import dossier as run
    from sonde.views.decisions import show_dossier

    if out is not None and not out.absolute().parent.is_dir():
        raise BadInput(out, None, "nothing can be written here", "Name a file in a folder that exists.")
    progress = progress_for_terminal()
    found = run(open_project(project), potential, purpose, as_of=_aware(as_of), progress=progress)  # type: ignore[arg-type]
    if out is None or as_json:
        show(found, show_dossier, as_json)
    if out is not None:
        say(f"dossier: {_written(found, out)}")


def semantic(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of a sentence model of the BERT family; else the installed one.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Rank by words alone.")] = False,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Read what every passage means, once, with a sentence model on this machine; nothing is sent anywhere.

    Where one is installed, `why` compares what a question's words found by meaning; after this, it also searches so.
    """
    from sonde.operations.semantic import use_model, use_no_model
    from sonde.views.decisions import show_semantic

    if folder is not None and off:
        raise WrongUse("Give the folder of a model, or --off.")
    opened = open_project(project)
    used = use_no_model(opened) if off else use_model(opened, folder, progress=progress_for_terminal())
    show(used, show_semantic, as_json)


def _written(record: "Dossier", out: Path) -> Path:
    from sonde.records.jsonable import to_json
    from sonde.views.dossier import dossier_markdown, dossier_page, write_crate

    if out.suffix == ".md":
        out.write_text(dossier_markdown(record), encoding="utf-8")
    elif out.suffix in (".html", ".htm"):
        out.write_text(dossier_page(record), encoding="utf-8")
    else:
        write_crate(record, out, to_json(record))
    return out


def _aware(when: datetime | None) -> datetime | None:
    """Take a time without a zone as UTC, and a day as all of it: what was written on it is part of it."""
    if when is None:
        return None
    until = when if when.time() != time() else when + timedelta(days=1, microseconds=-1)
    return until.replace(tzinfo=when.tzinfo or UTC)
