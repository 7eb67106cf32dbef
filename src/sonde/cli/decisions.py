"""`sonde why`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from sonde.cli.answers import HERE, NO_ANSWER, AsJson, ProjectFolder, open_project, show


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("why")(why)


def why(
    question: Annotated[str | None, typer.Argument(help="A question in words.")] = None,
    at: Annotated[str | None, typer.Option(help="PATH or PATH:LINE in a registered repository.")] = None,
    key: Annotated[str | None, typer.Option(help="A key, such as max_force or ENCUT.")] = None,
    commit: Annotated[str | None, typer.Option(help="A commit, or the beginning of its id.")] = None,
    as_of: Annotated[datetime | None, typer.Option(help="Only what was written until then.")] = None,
    source: Annotated[str | None, typer.Option("--in", help="Only this source.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Say why something was done, in the words of those who did it; exit code 3 where no reason is recorded."""
    from sonde.operations.why import Asked
    from sonde.operations.why import why as run
    from sonde.views.decisions import show_why

    when = as_of.replace(tzinfo=as_of.tzinfo or UTC) if as_of else None
    answer = run(open_project(project), Asked(question, at, key, commit, when, source))
    show(answer, show_why, as_json)
    if not answer.answered:
        raise typer.Exit(NO_ANSWER)
