"""`sonde decide` and `sonde hook`: reasons are written down while somebody still knows them."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from sonde.cli.answers import HERE, AsJson, DryRun, ProjectFolder, open_project, say, show
from sonde.cli.progress_bar import progress_for_terminal

hook_app = typer.Typer(help="Ask for a reason when a commit changes a watched setting.", no_args_is_help=True)
Repository = Annotated[Path, typer.Argument(help="A folder inside a git working copy.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("decide")(decide)
    app.add_typer(hook_app, name="hook")


def decide(
    title: Annotated[str, typer.Argument(help="What was decided on, in a line.")],
    chosen: Annotated[str, typer.Option(help="What was chosen.")],
    because: Annotated[str, typer.Option(help="Why.")],
    rejected: Annotated[list[str] | None, typer.Option(help="What was not chosen, and why; may be repeated.")] = None,
    about: Annotated[list[str] | None, typer.Option(help="Key, path or commit it settles; may be repeated.")] = None,
    scope: Annotated[str | None, typer.Option(help="How far it reaches.")] = None,
    author: Annotated[str | None, typer.Option(help="Who decided.")] = None,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When; today if absent.")] = None,
    project: ProjectFolder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write a decision down as a Markdown record in the project, where `why` finds it."""
    from sonde.operations.decide import NewDecision
    from sonde.operations.decide import decide as run
    from sonde.views.decisions import show_written

    day = None if on is None else on.date()
    decision = NewDecision(title, chosen, because, tuple(rejected or ()), tuple(about or ()), scope, author, day)
    written = run(open_project(project), decision, dry_run=dry_run, progress=progress_for_terminal())
    show(written, show_written, as_json)


@hook_app.command("install")
def install(repository: Repository = HERE) -> None:
    """Install a git hook that asks one line, and writes it into the message as `Why:`; it never stops a commit."""
    from sonde.operations.hook import install as run

    say(f"installed: {run(repository)}")


@hook_app.command("uninstall")
def uninstall(repository: Repository = HERE) -> None:
    """Take the hook out again, and put back the one that was there before."""
    from sonde.operations.hook import uninstall as run

    say(f"taken out: {run(repository)}")
